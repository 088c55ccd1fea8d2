"""Regret: picks are proven, equal to the argmax over rows; a made-up table has known answers."""

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import mathdesign
from mathdesign.cli.main import app
from mathdesign.evidence.regret import CELLS, limits, objectives, pick, regrets
from mathdesign.programs.base import Budget
from mathdesign.programs.slots import SlotProblem, random_points
from mathdesign.search.proposing import every_point
from mathdesign.spaces.lists.named import nasbench101, nasbench201, nats_size
from mathdesign.validators.lists.recheck import cell_variance


@pytest.fixture(scope="module")
def table():
    space = nats_size()
    first = next(iter(objectives(space).values()))
    problem = SlotProblem("x", space.slots, first, space.metrics)
    points = every_point(problem)
    labels = first.at(points) + np.random.default_rng(0).normal(0, 0.05, len(points))
    return space, points, labels


def test_every_pick_is_the_argmax_over_the_rows_that_keep_the_budget(table):
    space, points, _ = table
    costs = space.metrics["macs"].at(points)
    for objective in objectives(space).values():
        values = objective.at(points)
        for limit in limits(costs, 0.1, 0.95, 4):
            at = np.array(pick(space, objective, "macs", limit))[None]
            assert space.metrics["macs"].at(at)[0] <= limit
            assert objective.at(at)[0] == pytest.approx(values[costs <= limit].max(), abs=1e-9)


def test_the_objective_that_made_the_labels_has_hardly_any_regret(table):
    space, points, labels = table
    costs = space.metrics["macs"].at(points)
    found = {
        r.objective: r for r in regrets(space, points, labels, "macs", limits(costs, 0.2, 0.9, 3))
    }
    assert 0 <= found["log widths"].denoised < 0.05
    assert found["random"].denoised > 10 * found["log widths"].denoised
    assert found["log widths"].kendall[0] > 0.9
    assert found["log widths"].kendall[1] <= found["log widths"].kendall[0] + 0.02


def test_from_the_command_line(table, tmp_path):
    space, points, labels = table
    frame = pd.DataFrame([space.words(p) for p in points]).assign(acc=labels)
    frame.to_csv(tmp_path / "t.csv", index=False)
    words = [
        "evidence",
        "--table",
        str(tmp_path / "t.csv"),
        "--space",
        "nats_size",
        "--target",
        "acc",
    ]
    words_and_place = [*words, "--quantiles", "2", "--out", str(tmp_path)]
    result = CliRunner().invoke(app, words_and_place, env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    assert "log widths (default)" in result.output and (tmp_path / "evidence.json").is_file()
    for bad in (["--budget", "speed=1%..2%"], ["--budget", "macs=90%..10%"]):
        assert CliRunner().invoke(app, [*words, *bad]).exit_code == 2


@pytest.fixture(scope="module")
def cells():
    """A part of the cells; what makes a label is their variance."""
    space = nasbench201()
    points = np.unique(random_points(space.slots, 200, np.random.default_rng(1)), axis=0)
    labels = np.log1p(space.untrained.at(points))
    return space, points, labels + np.random.default_rng(0).normal(0, 0.01, len(points))


def test_of_a_part_of_a_space_the_best_rows_are_the_picks(cells):
    space, points, labels = cells
    costs = space.metrics["macs"].at(points)
    budgets = limits(costs, 0.3, 0.9, 2)
    found = {r.objective: r for r in regrets(space, points, labels, "macs", budgets)}
    assert list(found) == [CELLS, "macs", "params", "random"]
    rows = {tuple(map(int, p)) for p in points}
    assert all(p in rows for r in found.values() for p in r.picks)
    assert found[CELLS].raw < 0.05 < found["params"].raw < found["random"].raw
    for number, limit in enumerate(budgets):
        kept = np.flatnonzero(costs <= limit)
        most = kept[costs[kept] == costs[kept].max()]
        assert found["macs"].labels[number] == pytest.approx(labels[most].mean())
        assert len(most) > 1, "what ties, counts on average"


def test_evidence_of_cells_from_the_command_line(cells, tmp_path):
    space, points, labels = cells
    frame = pd.DataFrame([space.words(p) for p in points]).assign(acc=labels)
    frame.to_csv(tmp_path / "t.csv", index=False)
    words = ["evidence", "--table", str(tmp_path / "t.csv"), "--space", "nasbench201"]
    words += ["--target", "acc", "--quantiles", "2"]
    result = CliRunner().invoke(app, words, env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    assert "cell entropy (default)" in result.output
    assert f"{len(points)} of 15625 networks: picks are the best of these rows" in result.output


def test_a_space_without_an_entropy_compares_its_metrics():
    assert next(iter(objectives(nasbench101()))) == "edges"


def test_the_entropy_of_every_cell_is_proven_and_recounted():
    space = nasbench201()
    problem = SlotProblem("x", space.slots, space.untrained, space.metrics)
    points = every_point(problem)
    values, costs = space.untrained.at(points), space.metrics["macs"].at(points)
    for limit in (9_000_000, 40_000_000, 200_000_000):
        spec = {"space": {"family": "nasbench201"}, "objective": {"entropy": True}}
        budgets = {"budgets": {"macs": limit}, "solve": {"gap": 0}}
        design = mathdesign.design(mathdesign.load({**spec, **budgets}))
        best = values[costs <= limit].max()
        assert design.certificate.objective == pytest.approx(best, rel=1e-12)
        found = pick(space, space.untrained, "macs", limit)
        assert space.untrained.at(np.array([found]))[0] == pytest.approx(best, rel=1e-12)
        one = problem.with_budgets((Budget("macs", limit),))
        assert one.feasible(found)
    for point in points[:: len(points) // 200]:
        found = float(space.untrained.at(point[None])[0])
        assert cell_variance(space.words(point)) == pytest.approx(found, rel=1e-12)


def test_only_cells_have_an_entropy():
    with pytest.raises(mathdesign.SpecError, match="family nasbench201"):
        mathdesign.load({"space": {"family": "nats_size"}, "objective": {"entropy": True}})


def test_a_recipe_beside_cells_leaves_their_entropy():
    words = {"family": "nasbench201", "recipe": [{"name": "rate", "options": [1, 2]}]}
    found = mathdesign.design(mathdesign.load({"space": words, "objective": {"entropy": True}}))
    assert len(found.network.options) == 7 and found.certificate.status == "optimal"
