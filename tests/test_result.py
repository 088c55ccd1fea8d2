"""A design file is data: it loads whatever version wrote it, to the same bytes, and nothing else loads."""

import dataclasses
from pathlib import Path

import pytest

import mathdesign
from mathdesign.certificate import BudgetUse, Certificate, finite_numbers
from mathdesign.checking import checks, each_check
from mathdesign.result import Design, DesignError
from mathdesign.spaces.kind import CannotBuild
from tests.places import ROOT

SAVED = sorted((ROOT / "tests/saved").glob("*.yaml"))
every_saved = pytest.mark.parametrize("path", SAVED, ids=lambda path: path.stem)


def test_designs_of_every_kind_are_saved():
    assert {Design.load(path).kind.name for path in SAVED} == {"convnet", "lists", "transformers"}


@every_saved
def test_a_saved_design_loads_and_is_written_to_the_same_bytes(path: Path):
    design = Design.load(path)
    assert design.to_yaml() == path.read_text()
    assert Design.from_json(design.to_json()) == Design.from_yaml(design.to_yaml()) == design


@every_saved
def test_a_saved_design_is_still_what_it_claims(path: Path):
    design = Design.load(path)
    if design.figures.get("predictor"):
        pytest.skip("its predictor was not saved beside it")
    found = checks(design)
    assert [c.check for c in found][:2] == ["request hash", "bound"]
    assert all(c.ok for c in found), found


@every_saved
@pytest.mark.parametrize("change", ["objective", "bound", "metrics"])
def test_a_changed_claim_is_found_out(path: Path, change: str):
    design = Design.load(path)
    if design.figures.get("predictor"):
        pytest.skip("its predictor was not saved beside it")
    proof = design.certificate
    if change == "metrics":
        first = next(iter(design.metrics))
        design = dataclasses.replace(
            design, metrics={**design.metrics, first: design.metrics[first] + 1}
        )
    elif change == "bound":
        lower = dataclasses.replace(proof, bound=proof.objective * 0.5)
        design = dataclasses.replace(design, certificate=lower)
    else:
        higher = dataclasses.replace(
            proof, objective=proof.objective * 1.01, bound=proof.objective * 1.02
        )
        design = dataclasses.replace(design, certificate=higher)
    assert not all(c.ok for c in each_check(design))  # stops at the first that fails


@every_saved
@pytest.mark.parametrize(
    "damage",
    [
        {"format": 2},
        {"certificate": {"objective": float("nan")}},
        {"budgets": [{"metric": "macs", "used": "many"}]},
        {"metrics": None},
        {"request": 3},
        {"network": {"name": 1}, "options": 7},
    ],
    ids=lambda damage: next(iter(damage)),
)
def test_a_damaged_file_is_refused_by_name(path: Path, damage):
    with pytest.raises(DesignError):
        Design.from_dict({**Design.load(path).to_dict(), **damage})


@pytest.mark.parametrize(
    "text", ["", "[1, 2]", "a: [", "format: 1", "!!python/object:os.system {}"]
)
def test_text_that_is_no_design_is_refused(text: str):
    with pytest.raises(DesignError):
        Design.from_yaml(text)


def test_a_list_of_options_builds_nothing_and_says_so():
    slot = "{name: a, options: [x, y], costs: {macs: [1, 2]}}"
    text = f"space: {{family: slots, slots: [{slot}]}}\nobjective: {{metric: macs}}\n"
    design = mathdesign.design(mathdesign.loads(text))
    for way in (design.build, design.source):
        with pytest.raises(CannotBuild, match="no module is built"):
            way()


def test_slack_is_the_distance_to_the_nearer_limit():
    use = BudgetUse("macs", 95.0, upper=100.0, lower=10.0)
    assert (use.slack, use.binding) == (5.0, False)
    assert BudgetUse("macs", 99.5, upper=100.0).binding
    assert BudgetUse("macs", 3.0).slack == float("inf")


def test_numbers_in_files_are_finite():
    assert finite_numbers({"a": 1, "b": "text"}, ("a",)) == {"a": 1, "b": "text"}
    for value in (True, "1", float("inf")):
        with pytest.raises(ValueError, match="accepted: a finite number"):
            finite_numbers({"a": value}, ("a",))


def test_a_certificate_is_proven_by_its_status_alone():
    proof = Design.load(ROOT / "tests/saved/chain.yaml").certificate
    assert proof.proven
    assert not dataclasses.replace(proof, status="feasible").proven
    assert Certificate.read(dataclasses.asdict(proof)) == proof
