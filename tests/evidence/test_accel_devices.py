"""The study of three devices: costs are written as they were fitted, ceilings and counts are right."""

import runpy
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from mathdesign.devices.prices import option_costs
from mathdesign.devices.table import read_table
from mathdesign.programs.slot_space import TableSpace
from mathdesign.programs.slots import Feature, Slot
from mathdesign.surrogate.features import features_of, matrix
from mathdesign.surrogate.latency import fit_latency, option_columns
from tests.places import ROOT

STUDY = SimpleNamespace(**runpy.run_path(str(ROOT / "benchmarks" / "accel_devices.py")))
SPACE = TableSpace("two", (Slot("a", ("x", "y")), Slot("b", ("u", "v", "w"))))
POINTS = np.array([(i, j) for i in range(2) for j in range(3)] * 5)
SAID = (
    Feature("a", (0,), (np.array([1.0, 2.0]),)),
    Feature("b", (1,), (np.array([3.0, 5.0, 7.0]),)),
)
TIMES = np.array([1000.0, 1400.0])[POINTS[:, 0]] + np.array([0.0, 50.0, 300.0])[POINTS[:, 1]]


def test_a_fitted_latency_is_read_as_whole_nanoseconds(tmp_path):
    fit = fit_latency(option_columns(SPACE, POINTS), TIMES)
    path = tmp_path / "device.csv"
    path.write_text(STUDY.costs_text(fit, SPACE, POINTS, "device"))
    table = read_table(path)
    assert table.base == 1000
    assert table.header.device == "device"
    wanted = [(slot.name, option) for slot in SPACE.slots for option in slot.options]
    costs, missing = option_costs(table, wanted)
    assert list(costs.values()) == [0, 400, 0, 50, 300] and not missing


def test_what_equal_designs_leave_is_the_variance_within_them():
    points = np.array([[0], [0], [1], [2]])
    times = np.array([1.0, 3.0, 10.0, 4.0])
    assert STUDY.repeatable(points, times) == pytest.approx(1 - 2.0 / times.var())
    assert np.isnan(STUDY.repeatable(points[1:], times[1:]))


def test_features_of_a_design_are_the_sum_of_its_options():
    features = features_of(replace(SPACE, counted=("u",), described=SAID))
    tables = STUDY.seen_by(SPACE, features)
    summed = sum(table[POINTS[:, i]] for i, table in enumerate(tables))
    assert np.array_equal(summed, matrix(features, POINTS))


def test_the_second_judge_knows_pairs_and_not_the_row_that_it_judges():
    labels = (POINTS[:, 0] * POINTS[:, 1]).astype(float)
    many = np.tile(POINTS, (40, 1))
    judge = STUDY.Pairs(SAID, many, np.tile(labels, 40))
    assert judge.at(POINTS) == pytest.approx(labels, abs=0.1)
    changed = np.tile(labels, 40)
    changed[0] += 100
    assert STUDY.Pairs(SAID, many, changed).rows[0] == judge.rows[0]


def test_designs_within_half_a_point_are_counted_over_seeds_and_alone():
    def row(seed, design, limit=10**6):
        return STUDY.Row(
            "a100", limit, seed, 66.0, design, 0.0, 65.0, {"random": 1.0, "evolution": 2.0}, 1.0, True
        )  # fmt: skip

    lines = STUDY.shown([row(0, 66.0), row(1, 65.2), row(0, 64.0, 2 * 10**6)])
    assert len(lines) == 5
    assert "1 of 2 budgets" in lines[-1] and "1 of 3 designs; 0 not proven" in lines[-1]
    assert "+0.80" in lines[1] and "+2.00" in lines[3]
