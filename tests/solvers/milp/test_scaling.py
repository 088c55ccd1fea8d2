"""Units that a solver can hold: the same program, point by point."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from mathdesign.solvers import SolveOptions, backend
from mathdesign.solvers.milp.arrays import Milp
from mathdesign.solvers.milp.choice import build
from mathdesign.solvers.milp.scaling import LARGE_ROW, scaled, thinned
from tests.small import two_stage_problem


def program(objective, matrix, high, integer) -> Milp:
    rows = np.array(matrix, dtype=float)
    n = len(high)
    return Milp(
        np.array(objective, dtype=float), 3.0, sp.csr_matrix(rows), np.full(len(rows), -np.inf),
        np.full(len(rows), 4096.0), np.zeros(n), np.array(high, dtype=float), np.array(integer),
    )  # fmt: skip


def test_a_reasonable_program_is_left_alone():
    milp = program([2.0**17, 2], [[1, 1000]], [1, 64], [1, 0])
    assert scaled(milp).milp is milp


def test_large_continuous_columns_rows_and_objectives_are_scaled_by_powers_of_two():
    milp = program([0, 2.0**30], [[4096, 1], [1, 0]], [1, 1000], [1, 0])
    seen = scaled(milp)
    assert seen.columns.tolist() == [1, 1024]
    assert seen.milp.high.tolist() == [1, 1000 / 1024]
    assert seen.milp.matrix.toarray().tolist() == [[0.5, 0.125], [1, 0]]
    assert seen.milp.row_high.tolist() == [0.5, 4096]
    assert seen.unit == 2.0**21
    assert seen.milp.objective.tolist() == [0, 2.0**19]
    assert seen.milp.offset * seen.unit == 3.0


def test_integers_keep_their_units():
    assert scaled(program([1, 1], [[1, 1]], [10**6, 1], [1, 1])).columns.tolist() == [1, 1]


def test_the_point_of_a_design_is_feasible_in_either_units():
    problem = two_stage_problem()
    model, best = build(problem), backend("brute").solve(problem, SolveOptions())
    assert model is not None and best.point is not None
    milp, x = model.milp, model.embed(best.point)
    seen = scaled(milp)
    assert (seen.columns != 1).any() and abs(seen.milp.matrix).max() <= LARGE_ROW
    y = x / seen.columns
    assert (
        seen.unit * (seen.milp.objective @ y + seen.milp.offset) == milp.objective @ x + milp.offset
    )
    activity = seen.milp.matrix @ y
    assert (activity >= seen.milp.row_low - 1e-9).all()
    assert (activity <= seen.milp.row_high + 1e-9).all()


def test_terms_that_cannot_be_seen_go_and_leave_their_range():
    milp = program([1, 1, 1], [[1, -1e-11, 2], [0, 1e-11, 0]], [1, 5, 2], [1, 0, 1])
    seen = thinned(replace(milp, row_low=np.array([1.0, -np.inf])))
    assert seen.matrix.toarray().tolist() == [[1, 0, 2], [0, 1e-11, 0]]
    assert seen.row_low.tolist() == [1.0, -np.inf]  # at most 0 was taken away
    assert seen.row_high.tolist() == [4096 + 5e-11, 4096.0]
    endless = replace(milp, high=np.array([1, np.inf, 2]))
    assert thinned(endless).matrix.toarray().tolist() == milp.matrix.toarray().tolist()


@pytest.mark.parametrize("seed", range(20))
def test_no_point_is_lost_with_the_terms(seed):
    rng = np.random.default_rng(seed)
    rows = rng.choice([0, 1, -1], (4, 6)) * 10.0 ** rng.integers(-14, 1, (4, 6))
    milp = program(np.ones(6), rows, rng.integers(0, 9, 6), np.ones(6, dtype=int))
    points = rng.integers(0, milp.high.astype(int) + 1, (200, 6))
    held = rows @ points[0]
    milp = replace(milp, row_low=held - rng.choice([0, 1e-12]), row_high=held)
    seen = thinned(milp)
    assert seen.matrix.nnz < milp.matrix.nnz
    for point in points:
        at = rows @ point
        if (at >= milp.row_low).all() and (at <= milp.row_high).all():
            now = seen.matrix @ point
            assert (now >= seen.row_low - 1e-15).all() and (now <= seen.row_high + 1e-15).all()
