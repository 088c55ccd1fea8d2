"""Pruning: the bound of every loss is the enumerated one; attributions add up."""

import math

import numpy as np
import pytest
from typer.testing import CliRunner

import mathdesign
from mathdesign.cli.main import app
from mathdesign.programs.base import Budget
from mathdesign.programs.slots import SlotProblem
from mathdesign.solvers.base import SolveOptions
from mathdesign.spaces.lists.named import nasbench201
from mathdesign.surrogate.fit import fitted, sample_of
from mathdesign.surrogate.prune import attributions, prune
from tests.surrogate.test_surrogate import every_point, measured


@pytest.fixture(scope="module", params=["trees", "tables"])
def case(request):
    space = nasbench201()
    frame = measured(space, 250)
    sample = sample_of(frame, space, "acc")
    return space, frame, sample, fitted(sample, space, "acc", model=request.param).predictor


def test_attributions_add_up_to_the_prediction(case):
    space, _, sample, predictor = case
    total = attributions(predictor, space, sample.points).sum(axis=1)
    values = predictor.objective(space).at(sample.points)
    assert np.ptp(values - total) < 1e-9


@pytest.mark.parametrize("limit", [None, 60_000_000])
def test_every_bound_of_a_loss_is_the_enumerated_loss(case, limit):
    space, _, sample, predictor = case
    budgets = (Budget("macs", limit),) if limit else ()
    objective = predictor.objective(space)
    problem = SlotProblem("cells", space.slots, objective, space.metrics, budgets)
    found = prune(predictor, space, sample.points, problem, most=9, options=SolveOptions(gap=0.0))
    points = every_point(space)
    values = np.where(problem.feasible_rows(points), objective.at(points), -math.inf)
    cut = np.zeros(len(points), dtype=bool)
    where = {}
    for c in found.cuts:
        i = [slot.name for slot in space.slots].index(c.slot)
        where[c] = points[:, i] == space.slots[i].options.index(c.option)
        cut |= where[c]
        assert c.attribution < 0 and c.designs > 0
    assert found.kept_optimum == pytest.approx(values[~cut].max(), abs=1e-9)
    assert found.kept_share == pytest.approx((~cut).mean())
    for c in found.cuts:
        lost = max(0.0, values[where[c]].max() - values[~cut].max())
        assert c.loss >= lost - 1e-12
        assert c.loss == pytest.approx(lost, abs=1e-6)
    assert all(len(options) < 5 for options in found.without.values())


def test_a_forbidden_option_is_never_taken():
    space = nasbench201()
    zero = fitted(
        sample_of(measured(space, 60), space, "acc"), space, "acc", model="tables"
    ).predictor
    problem = SlotProblem("x", space.slots, zero.objective(space), space.metrics)
    problem = problem.barring({0: {3}, 5: {0, 1}})
    points = every_point(space)
    allowed = (points[:, 0] != 3) & (points[:, 5] > 1)
    assert np.array_equal(problem.feasible_rows(points), allowed)


def test_from_the_command_line(case, tmp_path, monkeypatch):
    _, frame, _, predictor = case
    monkeypatch.chdir(tmp_path)
    predictor.save(tmp_path / "model")
    frame.to_csv("cells.csv", index=False)
    (tmp_path / "cell.yaml").write_text(
        "space: {family: nasbench201}\nobjective: {predictor: model}\nsolve: {gap: 0}\n"
    )
    words = ["prune", "cell.yaml", "--table", "cells.csv", "--most", "5", "--out", "pruned"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert "options cut" in result.output and "proven" in result.output
    spec = mathdesign.load(tmp_path / "pruned" / "pruned.yaml")
    design = mathdesign.design(spec)
    assert all(design.network.options[slot] not in cut for slot, cut in spec.space.without.items())


@pytest.mark.parametrize(("without", "message"), [
    ("{e99: [none]}", "e01, e02"),
    ("{e01: [nonee]}", "did you mean none"),
    ("{e01: [none, skip_connect, nor_conv_1x1, nor_conv_3x3, avg_pool_3x3]}", "at least one option"),
])  # fmt: skip
def test_words_that_cut_nonsense_are_refused(without, message):
    text = f"space: {{family: nasbench201, without: {without}}}\nobjective: {{metric: macs}}\n"
    with pytest.raises(mathdesign.SpecError, match=message):
        mathdesign.loads(text)
