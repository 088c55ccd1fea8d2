"""What is said of an answer: asked again of what was maximised, and in the target's unit."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

import mathdesign
from mathdesign.alternatives import alternatives
from mathdesign.checking import checks
from mathdesign.cli.main import app
from mathdesign.kinds.lists import Lists
from mathdesign.programs.slot_space import TableError
from mathdesign.report.comparison import objectives_differ
from mathdesign.report.rows import figure_rows
from mathdesign.result import Design, DesignError
from mathdesign.spaces.lists.pose import pose
from mathdesign.surrogate.fit import Sample, fitted
from mathdesign.surrogate.predictor import Predictor, read_back
from mathdesign.validators.errors import ObjectiveMismatch
from tests.surrogate.quick import quick_trees

SPACE = """
space: {family: slots, slots: [
  {name: op, options: [id, conv, pool], costs: {macs: [0, 9, 1]}},
  {name: width, options: [8, 16, 32], ordered: true, costs: {macs: [1, 2, 3]}}]}
solve: {gap: 0}
objective: {OBJECTIVE}
"""
OBJECTIVES = {
    "tables": "predictor: t", "trees": "predictor: m", "unsure": "predictor: m, uncertainty: 0.7",
    "costs": "metric: macs", "logarithms": "log_values: {width: 3, op: 1}",
}  # fmt: skip


def spec_of(name: str):
    text = SPACE.replace("OBJECTIVE", OBJECTIVES[name])
    if name == "logarithms":
        text = text.replace("[id, conv, pool]", "[2, 4, 3], ordered: true")
    return mathdesign.loads(text)


@pytest.fixture(scope="module")
def models():
    space = spec_of("costs").table_space()
    points = np.array([(i, j) for i in range(3) for j in range(3)] * 5)
    labels = 90 + points @ np.array([1.0, 0.5]) + np.random.default_rng(0).normal(0, 0.1, 45)
    sample = Sample(points, labels)
    return {
        "m": quick_trees(space, points, labels),
        "t": fitted(sample, space, "acc", model="tables").predictor,
    }


@pytest.fixture
def folder(models, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, model in models.items():
        model.save(tmp_path / name)
    return tmp_path


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_is_asked_again(folder, name):
    """A solver that claims more, or less, is found out whatever is maximised."""
    spec = spec_of(name)
    posed, best = pose(spec), mathdesign.design(spec)
    found = mathdesign.solve(posed.program)
    assert Lists().recheck(posed, best.network, found).objective == best.certificate.objective
    for wrong in (found.objective + 1e-6, found.objective - 1e-6, float("nan")):
        with pytest.raises(ObjectiveMismatch):
            Lists().recheck(posed, best.network, replace(found, objective=wrong))
    told = {check.check: check for check in checks(best)}
    by = name if name in ("tables", "costs", "logarithms") else "lightgbm"
    assert told["re-scored"].found == f"by {by}" and all(check.ok for check in told.values())


def test_without_lightgbm_the_answer_says_that_nobody_was_asked(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    best = mathdesign.design(spec_of("unsure"))
    assert best.figures["predictor"]["rescored_by"] == ""
    rows = dict(figure_rows(best))
    assert rows["re-scored"].startswith("no: lightgbm") and "[predictor]" in rows["re-scored"]
    told = {check.check: check for check in checks(best)}
    assert told["re-scored"].found.startswith("no: lightgbm")
    assert "re-scored" not in dict(figure_rows(mathdesign.design(spec_of("tables"))))


def test_weights_go_by_name(folder):
    """In the order in which they are written they would choose otherwise."""
    best = mathdesign.design(spec_of("logarithms"))
    assert best.certificate.objective == pytest.approx(np.log(4) + 3 * np.log(32))
    for words, message in (
        ("{width: 3}", "no weight for op"),
        ("{width: 3, op: 1, depht: 1}", "'depht'"),
        ("{}", "log_values"),
        ("{width: -1, op: 1}", "greater than or equal"),
    ):
        text = SPACE.replace("OBJECTIVE", f"log_values: {words}")
        with pytest.raises(mathdesign.SpecError, match=message):
            mathdesign.loads(text.replace("[id, conv, pool]", "[2, 4, 3], ordered: true"))


@pytest.mark.parametrize("form", ["values", "scores"])
def test_a_prediction_goes_on_beyond_the_table(form):
    """Designs above the best row differ, keep their order, and follow a straight line exactly."""
    x = np.linspace(-2, 2, 41)
    y = 90 + 3 * x if form == "values" else 90 + x**3
    levels = tuple(zip(x.tolist(), y.tolist()))
    found = read_back(np.array([-4.0, -2.0, 0.05, 2.0, 2.5, 4.0]), levels)
    assert (np.diff(found) > 0).all() and found[1] == y[0] and found[3] == y[-1]
    if form == "values":
        assert found == pytest.approx([78, 84, 90.15, 96, 97.5, 102])
    assert read_back(np.array([5.0]), ((0.0, 1.0),)).tolist() == [1.0]
    far = read_back(np.array([1e308, -1e308]), ((0.0, 0.0), (1e-300, 1e300)))
    assert np.isfinite(far).all()


def test_designs_better_than_every_row_are_told_apart(tmp_path, monkeypatch):
    """Rows with the two best designs left out: their truth is 95.5 and 96, the best row 95."""
    monkeypatch.chdir(tmp_path)
    text = SPACE.replace("[8, 16, 32]", "[1, 2, 3, 4, 5, 6]").replace(
        "[1, 2, 3]", "[0, 0, 0, 0, 0, 0]"
    )
    space = mathdesign.loads(text.replace("OBJECTIVE", "metric: macs")).table_space()
    every = np.array([(i, j) for i in range(3) for j in range(6)])
    truth = 90 + every @ np.array([1.75, 0.5])
    rows = np.repeat(np.flatnonzero(truth < 95.25), 2)
    labels = truth[rows] + 1e-3 * (np.arange(len(rows)) % 2)
    fitted(Sample(every[rows], labels), space, "acc", model="tables").predictor.save(tmp_path / "m")
    best = mathdesign.design(mathdesign.loads(text.replace("OBJECTIVE", "predictor: m")))
    assert best.network.options == {"op": "pool", "width": "6"}
    about = best.figures["predictor"]
    assert about["predicted"] == pytest.approx(96, abs=0.3) and about["measured"][1] < 95.3
    words = dict(figure_rows(best))["predictor"]
    assert f"(extrapolated: the greatest measured is {about['measured'][1]:.4f})" in words


@pytest.mark.parametrize("name", ["tables", "trees", "unsure"])
def test_objective_and_losses_are_told_in_the_target_s_unit(folder, models, name):
    best = mathdesign.design(spec_of(name))
    levels = models["t" if name == "tables" else "m"].levels
    expected = float(read_back(np.array([best.certificate.objective]), levels)[0])
    rows = dict(figure_rows(best))
    for figure in ("objective", "bound"):
        assert rows[figure].endswith(f"(score; acc {expected:.4f})")
    if name != "unsure":
        assert f"acc {expected:.4f}" in rows["predictor"]
    posed = pose(spec_of(name))
    for found in alternatives(best):
        other = best.certificate.objective - found.loss
        assert found.target == "acc"
        assert found.loss_in_target == expected - float(read_back(np.array([other]), levels)[0])
    assert Lists().in_target(pose(spec_of("costs")), 1.0) is None
    assert Lists().in_target(posed, best.certificate.objective) == ("acc", expected)


def test_the_commands_tell_it_too(folder):
    (folder / "s.yaml").write_text(SPACE.replace("OBJECTIVE", OBJECTIVES["tables"]))
    run = CliRunner().invoke
    assert run(app, ["design", "s.yaml", "-q", "-o", "r"]).exit_code == 0
    told = run(app, ["why", "r/design.yaml"])
    assert told.exit_code == 0 and "loss (score)" in told.output and "loss (acc)" in told.output
    rows = "".join(f"{op},{w},1\n" for op in ("id", "conv", "pool") for w in (8, 16, 32))
    (folder / "t.csv").write_text("op,width,acc\n" + rows)
    told = run(app, ["prune", "s.yaml", "--table", "t.csv"])
    assert told.exit_code == 0 and "score (" in told.output and " of acc) lost" in told.output


def test_a_predictor_that_was_fitted_anew_is_another(folder, models):
    """Same folder, same space, other numbers: neither checked, explained nor compared as the same."""
    best = mathdesign.design(spec_of("tables"))
    assert objectives_differ(best, best) == ""
    tables = [list(t) for t in models["t"].tables]
    tables[0][0] += 0.25  # of an option that the answer does not take: its value is the same
    other = replace(models["t"], tables=tuple(map(tuple, tables)))
    assert best.network.options["op"] != "id"
    other.save(folder / "t")
    assert {c.check: c.ok for c in checks(best)}["predictor"] is False
    with pytest.raises(TableError, match="another one: it was fitted anew"):
        list(alternatives(best))
    again = mathdesign.design(spec_of("tables"))
    assert again.certificate.objective == best.certificate.objective
    assert "predictors differ" in objectives_differ(best, again)
    assert Predictor.load(folder / "t").digest() == other.digest() != models["t"].digest()


@pytest.mark.parametrize(
    ("name", "value"),
    [("predicted", None), ("tau", "x"), ("rows", True), ("objective", float("inf")), ("target", 3),
     ("sha256", 3), ("rescored_by", None), ("measured", [1]), ("measured", ["a", 2]),
     ("measured", [None, 2]), ("measured", 5)],
)  # fmt: skip
def test_what_is_told_of_a_predictor_is_read_with_care(folder, name, value):
    data = json.loads(mathdesign.design(spec_of("tables")).to_json())
    assert Design.from_dict(data).to_dict() == data
    data["predictor"][name] = value
    with pytest.raises(DesignError):
        Design.from_dict(data)
