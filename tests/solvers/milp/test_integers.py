"""Rows in exact integers and what a solver gets of them: no integer point is lost."""

import itertools

import numpy as np
import pytest

from mathdesign.solvers.milp.integers import LARGEST, conditioned, divided


def test_a_row_is_divided_by_its_common_divisor_and_its_sides_tightened():
    assert divided([6, -9, 15], 4, 17) == ([2, -3, 5], 2, 5)
    assert divided([6, -9, 15], None, -4) == ([2, -3, 5], None, -2)
    assert divided([], 0, 0) == ([], 0, 0)


def test_a_small_row_stays_what_it_is():
    row = conditioned([2, 4, 6], [1, 1, 1], 3, 9)
    assert (row.coefficients.tolist(), row.least, row.most, row.room) == ([1, 2, 3], 2, 4, 0)


def test_sides_that_no_multiple_lies_between_are_empty():
    assert conditioned([10, 20], [1, 1], 11, 19).empty
    assert not conditioned([10, 20], [1, 1], 11, 20).empty


@pytest.mark.parametrize("seed", range(60))
def test_every_integer_point_of_a_row_is_one_of_its_scaled_form(seed):
    rng = np.random.default_rng(seed)
    n, size = int(rng.integers(1, 6)), int(10 ** rng.integers(1, 18))
    costs = [int(c) for c in rng.integers(-size, size, n)]
    costs = [c if rng.random() < 0.8 else int(rng.integers(-9, 9)) for c in costs]
    uppers = [int(u) for u in rng.integers(1, 3, n)]
    points = list(itertools.product(*(range(u + 1) for u in uppers)))
    totals = [sum(c * x for c, x in zip(costs, point)) for point in points]
    low = high = totals[int(rng.integers(len(points)))]
    high += int(rng.integers(0, 3))
    row = conditioned(costs, uppers, low, high)
    assert np.abs(row.coefficients).max() <= 2 * LARGEST
    for point, total in zip(points, totals):
        if low <= total <= high:
            assert row.least <= row.coefficients @ np.array(point) <= row.most
