"""The JSON Schema says of every document what loading it says, as far as a schema can."""

import pytest

from mathdesign.kinds.load import json_schema
from mathdesign.spaces.transformer.presets import SPACES
from tests.kinds.test_kinds import document, every_family
from tests.places import ROOT

jsonschema = pytest.importorskip("jsonschema")
yaml = pytest.importorskip("ruamel.yaml")


@pytest.fixture(scope="module")
def check():
    return jsonschema.Draft202012Validator(json_schema())


def read(text: str):
    return yaml.YAML(typ="safe", pure=True).load(text)


@every_family
def test_a_document_of_each_family_is_valid(family, check):
    assert check.is_valid(read(document(family)))


@every_family
def test_a_misspelt_key_is_not(family, check):
    assert not check.is_valid({**read(document(family)), "bugdets": {}})
    space = read(document(family))["space"]
    assert not check.is_valid({"space": {**space, "clases": 3}})


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("examples/*/design.yaml")), ids=lambda p: p.parent.name
)
def test_the_examples_are_valid(path, check):
    assert list(check.iter_errors(read(path.read_text()))) == []


@pytest.mark.parametrize("name", SPACES)
def test_presets_are_words_of_the_schema(name, check):
    assert check.is_valid({"space": {"family": SPACES[name]["family"], "preset": name}})
    assert not check.is_valid({"space": {"family": SPACES[name]["family"], "preset": "nosuch"}})


def test_without_a_family_the_first_kind_is_meant(check):
    errors = [e.message for e in check.iter_errors({"space": {}})]
    assert errors and all("family" in message for message in errors)


def test_devices_stand_among_budgets_and_misspelt_metrics_do_not(check):
    def valid(**budgets):
        space = {"family": "basic"}
        return check.is_valid(
            {"space": space, "devices": {"phone": {"table": "t.csv"}}, "budgets": budgets}
        )

    assert valid(macs="300M", phone="20 ms", latency={"max": "25 ms", "table": "pixel.csv"})
    assert valid(energy={"max": "3 mJ", "per_mac": "4.6 pJ", "per_byte": "20 pJ"})
    assert not valid(mac="300M") and not valid(mac=300) and not valid(latency={"tabel": "t.csv"})
    assert not check.is_valid(
        {"space": {"family": "basic"}, "devices": {"phone": {"tabel": "t.csv"}}}
    )
