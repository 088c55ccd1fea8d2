"""What a good specification means, and that it survives being written and read again."""

import json
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mathdesign.kinds import KINDS, families
from mathdesign.kinds.load import json_schema, load, loads
from mathdesign.programs.reach import count
from mathdesign.spaces.convnet.pose import to_program
from mathdesign.spec.quantities import count as quantity
from mathdesign.spec.quantities import seconds, share, size_bytes
from mathdesign.spec.values import choices, compact, interval, ratios
from tests.places import ROOT

ISSUE = """\
version: 1
name: resnet18-budget
space:
  family: bottleneck                 # `mathdesign families` lists them
  input: {channels: 3, size: 224}
  classes: 1000
  stages:                            # omitted: the family's preset
    - {stride: 2, width: 32..512/8, bottleneck: 8..128/8, kernel_size: [3, 5], depth: 1..3}
    - {stride: 2, width: [64, 96, 128, 192, 256], bottleneck: [16, 32]}
objective:
  entropy: {variant: tinynas, weights: [1, 1, 8], depth_penalty: 10}
budgets: {macs: 1.82G, params: 11.69M, effectiveness: 0.3}
counting: macs                       # or tinynas
solve: {backend: auto, gap: 0.1%, time_limit: 60 s, seed: 0}
validate: {data: digits, size: 32, epochs: 5}
"""


def test_the_documented_example_means_what_it_says():
    spec = loads(ISSUE)
    program = to_program(spec)
    stem, first, second, classifier = program.space.stages
    assert stem.shape.stride == 2 and stem.choices["width"] == (32,)
    assert first.choices["width"] == tuple(range(32, 513, 8))
    assert first.choices["depth"] == (1, 2, 3)
    assert second.choices["kernel_size"] == (3,) and second.shape.resolution_out == 28
    assert classifier.choices["width"] == (1000,)
    assert {b.metric: b.upper for b in program.budgets} == {
        "macs": 1_820_000_000,
        "params": 11_690_000,
    }
    assert program.effectiveness == 0.3
    assert spec.solve.gap == pytest.approx(1e-3) and spec.solve.time_limit == 60
    assert [s.weight for s in program.program.objective.scales] == [1, 1, 8]


def test_omitted_stages_are_the_family_preset():
    for family, stages in (
        ("bottleneck", 5),
        ("inverted_residual", 5),
        ("basic", 4),
        ("convnext", 4),
    ):
        spec = load({"space": {"family": family}, "budgets": {"macs": "1.8G"}})
        assert len(spec.space.stages) == stages
        assert count(to_program(spec).program) > 1e9


def test_expansion_gives_pairs_of_widths():
    text = ISSUE.replace("family: bottleneck ", "family: inverted_residual ")
    text = text.replace("bottleneck: 8..128/8", "expansion: 1.5..3/0.5")
    program = to_program(loads(text))
    stage = program.space.stages[1]
    assert stage.ratios == {"bottleneck": (Fraction(3, 2), 2, Fraction(5, 2), 3)}
    (rule,) = [r for r in program.program.rules if r.reason == "expansion"]
    width = stage.choices["width"].index(64)
    allowed = [b for b, ok in zip(stage.choices["bottleneck"], rule.allowed[width]) if ok]
    assert allowed == [96, 128, 160, 192]


def test_the_schema_has_the_words_of_every_kind_and_is_json():
    schema = json_schema()
    json.dumps(schema)
    branches = [branch["then"]["$ref"].split("/")[-1] for branch in schema["allOf"]]
    assert branches == [*(kind.spec.__name__ for kind in KINDS), KINDS[0].spec.__name__]
    for name in branches:
        properties = schema["$defs"][name]["properties"]
        assert set(properties) >= {"space", "objective", "budgets", "solve"}
    assert "stages" not in schema["$defs"]["SpaceSpec"]["required"]
    assert set(schema["properties"]["space"]["properties"]["family"]["enum"]) == set(families())


@pytest.mark.parametrize("path", sorted(ROOT.glob("examples/*/design.yaml")))
def test_every_example_survives_its_canonical_form(path: Path):
    spec = load(path)
    text = spec.to_yaml()
    again = loads(text)
    assert again == spec and again.to_yaml() == text
    assert again.content_hash() == spec.content_hash()


def test_writing_does_not_change_the_hash_but_meaning_does():
    spec = loads(ISSUE)
    rewritten = ISSUE.replace("1.82G", "1820000000").replace("0.1%", "0.001")
    assert loads(rewritten).content_hash() == spec.content_hash()
    assert loads(ISSUE.replace("1.82G", "1.83G")).content_hash() != spec.content_hash()


@settings(deadline=None, derandomize=True)
@given(st.lists(st.integers(1, 65536), min_size=1, max_size=50))
def test_choices_survive_their_shortest_writing(values: list[int]):
    parsed = choices(values)
    assert parsed == tuple(sorted(set(values)))
    assert choices(compact(parsed)) == parsed


@settings(deadline=None, derandomize=True)
@given(st.integers(0, 10**9), st.sampled_from(["", "k", "M", "G"]))
def test_quantities_are_exact(number: int, prefix: str):
    scale = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}[prefix]
    assert quantity(f"{number}{prefix}") == number * scale


@pytest.mark.parametrize(
    "parse, text, value",
    [
        (quantity, "11.69M", 11_690_000),
        (quantity, "1.82G", 1_820_000_000),
        (quantity, "0.3 G", 300_000_000),
        (seconds, "2 min", 120),
        (seconds, "1 h", 3600),
        (seconds, "500 ms", 0.5),
        (seconds, 20, 20),
        (size_bytes, "64 MiB", 64 << 20),
        (size_bytes, "2 GB", 2_000_000_000),
        (share, "0.1%", 0.001),
        (share, 0, 0),
        (interval, "0.1..1", (Fraction(1, 10), Fraction(1))),
        (ratios, [6, 3], (Fraction(3), Fraction(6))),
    ],
)
def test_values(parse, text, value):
    assert parse(text) == value
