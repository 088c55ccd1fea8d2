"""One shot: lower bounds and measured rows together, against enumeration of both by hand."""

import itertools
import json
import shutil

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import mathdesign
from mathdesign.alternatives import alternatives
from mathdesign.checking import checks
from mathdesign.cli.main import app
from mathdesign.result import Design, DesignError
from mathdesign.surrogate.booster import ModelError
from mathdesign.surrogate.fit import fitted, sample_of
from mathdesign.surrogate.learned import LearnedSpace
from mathdesign.surrogate.measured import Measured, margin_of
from mathdesign.surrogate.predictor import Predictor, Quality
from mathdesign.tables.request import Keys

OPTIONS = ("1", "2", "3")
TABLES = ((0.0, 1.0, 2.0), (0.0, 0.5, 1.0), (0.0, 0.1, 0.7))
TEXT = """
space:
  family: slots
  slots:
    - {name: a, options: [1, 2, 3], costs: {macs: [1, 2, 3]}}
    - {name: b, options: [1, 2, 3], costs: {macs: [1, 2, 3]}}
    - {name: c, options: [1, 2, 3], costs: {macs: [1, 2, 3]}}
objective: {predictor: model}
solve: {gap: 0}
"""
POINTS = list(itertools.product(range(3), repeat=3))


def predicted(point):
    return sum(table[k] for table, k in zip(TABLES, point))


def saved(folder, rows, margin):
    """A predictor whose score is the target, and rows: point -> score."""
    quality = Quality(20, 0.9, 0.95, 0.1)
    learned = LearnedSpace.of(mathdesign.loads(TEXT).table_space())
    levels = ((-9.0, -9.0), (9.0, 9.0))
    Predictor(learned, "acc", "tables", levels, quality, (), TABLES).save(folder)
    options = tuple(tuple(OPTIONS[k] for k in point) for point in rows)
    scores = tuple(map(float, rows.values()))
    Measured(("a", "b", "c"), options, scores, scores, margin).save(folder)


def worth(point, rows, margin):
    return rows.get(point, predicted(point) - margin)


def macs(point):
    return sum(point) + 3


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("limit", [9, 6, 4, 3])
@pytest.mark.parametrize("margin", [0.0, 0.4, 2.0])
def test_the_answer_is_the_best_of_bounds_and_rows(here, limit, margin):
    rng = np.random.default_rng(limit)
    for _ in range(4):
        chosen = [POINTS[i] for i in rng.permutation(27)[: rng.integers(1, 20)]]
        rows = {p: predicted(p) + rng.normal(0, 0.8) for p in chosen}
        saved(here / "model", rows, margin)
        design = mathdesign.design(mathdesign.loads(TEXT + f"budgets: {{macs: {limit}}}\n"))
        kept = [p for p in POINTS if macs(p) <= limit]
        best = max(worth(p, rows, margin) for p in kept)
        assert design.certificate.objective == pytest.approx(best, abs=1e-9)
        assert design.certificate.bound == pytest.approx(best, abs=1e-9)
        assert design.certificate.status == "optimal"
        about, measured = design.figures["predictor"], [p for p in kept if p in rows]
        if measured:
            shown = about["best_measured"]
            assert shown["value"] == pytest.approx(max(rows[p] for p in measured))
            assert shown["rows"] == len(measured)
            assert design.certificate.objective >= shown["value"] - 1e-12
        else:
            assert about["best_measured"] is None
        assert all(check.ok for check in checks(design))
        assert Design.from_json(design.to_json()) == design
        point = tuple(OPTIONS.index(o) for o in design.network.options.values())
        for i, found in enumerate(alternatives(design)):
            others = [worth(p, rows, margin) for p in kept if p[i] != point[i]]
            if others:
                assert found.loss == pytest.approx(best - max(others), abs=1e-9) and found.proven
            else:
                assert found.loss is None


def test_a_greedy_pick_shows_the_row_that_beats_it(here):
    saved(here / "model", {(2, 2, 2): 0.1, (0, 1, 0): 3.0}, 0.2)
    (here / "spec.yaml").write_text(TEXT.replace("model}", "model, pick: predicted}"))
    found = CliRunner().invoke(app, ["design", "spec.yaml"], env={"COLUMNS": "250"})
    assert found.exit_code == 0, found.output
    assert "best measured  acc 3.0000, of 2 within the budgets: a=1 b=2 c=1" in found.output
    design = Design.load(here / "runs/design/design.yaml")
    assert design.certificate.objective == pytest.approx(3.7)
    (here / "spec.yaml").write_text(TEXT)
    found = CliRunner().invoke(app, ["design", "spec.yaml"], env={"COLUMNS": "250"})
    assert "this design was measured: acc 3.0000" in found.output
    assert Design.load(here / "runs/design/design.yaml").network.options["b"] == "2"
    found = CliRunner().invoke(app, ["validate", "runs/design/design.yaml", "--no-train"])
    assert found.exit_code == 0, found.output


def test_a_claim_that_no_row_has_is_found(here):
    saved(here / "model", {(0, 0, 0): 5.0}, 0.2)
    design = mathdesign.design(mathdesign.loads(TEXT))
    saved(here / "model", {(0, 0, 0): 4.9}, 0.2)
    assert not all(check.ok for check in checks(design))


def test_uncertainty_asks_for_exploration_and_old_folders_predict_as_ever(here):
    saved(here / "model", {(0, 0, 0): 5.0}, 0.2)
    (here / "model" / "measured.json").unlink()
    design = mathdesign.design(mathdesign.loads(TEXT))
    assert design.certificate.objective == pytest.approx(3.7)
    assert "best_measured" not in design.figures["predictor"]
    for words in ("{metric: macs, pick: sound}", "{predictor: m, pick: sound, uncertainty: 1}"):
        with pytest.raises(mathdesign.SpecError, match="pick"):
            mathdesign.loads(TEXT.replace("{predictor: model}", words))


def test_all_that_keeps_the_budgets_was_measured(here):
    saved(here / "model", {(0, 0, 0): -4.0}, 0.0)
    design = mathdesign.design(mathdesign.loads(TEXT + "budgets: {macs: 3}\n"))
    assert design.certificate.objective == -4.0 and design.certificate.status == "optimal"
    with pytest.raises(mathdesign.Infeasible, match="macs"):
        mathdesign.design(mathdesign.loads(TEXT + "budgets: {macs: 2}\n"))


def test_the_margin_is_the_greatest_excess():
    held, scores = np.array([1.0, 2.0, 3.0]), np.array([0.5, 2.5, 1.0])
    assert margin_of(held, scores) == 2.0 and margin_of(held, held + 1) == 0.0


def test_rows_come_with_the_fit_and_come_back(here):
    spec = mathdesign.loads(TEXT)
    rng, space = np.random.default_rng(0), spec.table_space()
    frame = pd.DataFrame([space.words(p) for p in POINTS[:25]])
    frame["acc"] = [predicted(p) + rng.normal(0, 0.1) for p in POINTS[:25]]
    found = fitted(sample_of(frame, space, "acc"), space, "acc", model="tables")
    found.save(here / "model")
    back = Measured.load(here / "model")
    assert back == found.measured and back.margin > 0
    assert back.points(space).tolist() == [list(p) for p in POINTS[:25]]
    assert back.values == tuple(frame["acc"])
    best = float(frame["acc"].max())
    about = mathdesign.design(spec).figures["predictor"]
    assert about["best_measured"]["value"] == best


@pytest.mark.parametrize(("change", "message"), [
    (lambda d: "{", "not JSON"),
    (lambda d: "[" * 9999, "not JSON|nested"),
    (lambda d: {**d, "format": 2}, "format 1"),
    (lambda d: {**d, "margin": -1}, "margin"),
    (lambda d: {**d, "margin": "x"}, "rows of a predictor"),
    (lambda d: {**d, "scores": d["scores"][1:]}, "as many"),
    (lambda d: {**d, "scores": [1e999, *d["scores"][1:]]}, "finite"),
    (lambda d: {**d, "options": [["1"], *d["options"][1:]]}, "an option a slot"),
    (lambda d: {**d, "options": [["1", "1", "4"], *d["options"][1:]]}, "found '4'"),
    (lambda d: {**d, "slots": ["a", "b", "x"]}, "other slots"),
    (lambda d: {k: v for k, v in d.items() if k != "values"}, "'values' is missing"),
    (lambda d: [d], "format 1"),
])  # fmt: skip
def test_damaged_rows_are_refused_by_name(here, change, message):
    saved(here / "model", {(0, 0, 0): 1.0, (1, 1, 1): 2.0}, 0.1)
    path = here / "model" / "measured.json"
    found = change(json.loads(path.read_text()))
    path.write_text(found if isinstance(found, str) else json.dumps(found))
    with pytest.raises((ModelError, mathdesign.SpecError), match=message):
        mathdesign.design(mathdesign.loads(TEXT))


def test_rows_are_part_of_a_row_s_key(here):
    saved(here / "model", {(0, 0, 0): 1.0}, 0.1)
    shutil.copytree(here / "model", here / "other")
    first = Keys().key("0", {"objective": {"predictor": "other"}})
    saved(here / "other", {(0, 0, 0): 1.5}, 0.1)
    assert Keys().key("0", {"objective": {"predictor": "other"}}) != first


@pytest.mark.parametrize(("change", "message"), [
    ({"best_measured": "x"}, "mapping"),
    ({"best_measured": {"rows": 1, "value": "x", "options": {}}}, "value"),
    ({"best_measured": {"rows": 1, "value": 1.0, "options": [1]}}, "best_measured"),
    ({"best_measured": {"rows": 1}}, "value"),
    ({"measured_here": float("nan")}, "measured_here"),
    ({"measured_here": None, "lower_bound": None}, "lower_bound"),
])  # fmt: skip
def test_edited_figures_of_a_design_are_refused(here, change, message):
    saved(here / "model", {(0, 0, 0): 5.0}, 0.2)
    data = mathdesign.design(mathdesign.loads(TEXT)).to_dict()
    data["predictor"] |= change
    with pytest.raises(DesignError, match=message):
        Design.from_dict(data)
