"""Regret: picks are proven, equal to the argmax over rows; a made-up table has known answers."""

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from mathdesign.cli.main import app
from mathdesign.evidence.regret import limits, objectives, pick, regrets
from mathdesign.programs.slots import SlotObjective, SlotProblem
from mathdesign.search.proposing import every_point
from mathdesign.spaces.lists.named import nats_size


@pytest.fixture(scope="module")
def table():
    space = nats_size()
    first = next(iter(objectives(space).values()))
    problem = SlotProblem("x", space.slots, SlotObjective(first), space.metrics)
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
