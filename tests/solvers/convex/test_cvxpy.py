"""The log-convex relaxation: its bound holds on every problem, and rounding stays feasible."""

import math

import numpy as np
import pytest

from mathdesign.programs.evaluate import Evaluator
from mathdesign.programs.stages import DEPTH
from mathdesign.solvers import backend
from mathdesign.solvers.base import SolveOptions, Status
from mathdesign.solvers.convex.hull import hull
from mathdesign.solvers.scan.chain import enumerate_points
from tests.small import two_stage_problem
from tests.strategies import random_problem

pytest.importorskip("cvxpy")
OPTIONS = SolveOptions(gap=0.0, time_limit_s=60.0, evaluations=500)


@pytest.mark.parametrize("seed", range(60))
def test_the_bound_is_never_below_the_enumerated_optimum(seed):
    problem = random_problem(np.random.default_rng(1000 + seed))
    best = backend("brute").solve(problem, OPTIONS)
    solution = backend("cvxpy").solve(problem, OPTIONS)
    if best.objective is None:
        assert solution.status is Status.UNKNOWN
        return
    assert solution.bound >= best.objective
    assert "infeasible" not in solution.message
    if solution.point is not None:
        scores = Evaluator(problem)(np.array(solution.point))
        assert scores.feasible[0]
        assert solution.objective <= best.objective + 1e-9


@pytest.mark.parametrize("family", ["bottleneck", "basic", "inverted_residual"])
def test_every_feasible_design_is_a_point_of_the_relaxation(family):
    """Fix the coordinates to a design: feasible, with an objective at least its own."""
    from mathdesign.solvers.convex.cvxpy_backend import solve_relaxation
    from mathdesign.solvers.convex.relaxation import to_cvxpy

    problem = two_stage_problem(family)
    points = np.concatenate(list(enumerate_points(problem)))
    scores = Evaluator(problem)(points)
    feasible = np.flatnonzero(scores.feasible)
    for i in feasible[:: max(len(feasible) // 4, 1)]:
        fixed = {
            key: (float(v - 1),) * 2 if key[1] == DEPTH else (math.log(v),) * 2
            for key, v in zip(problem.variables, points[i])
        }
        _, bound = solve_relaxation(to_cvxpy(problem, fixed), 10.0)
        assert bound >= scores.objective[i]
        assert bound <= scores.objective[i] * 1.001


def test_the_bound_beats_plain_intervals_and_the_gap_is_told():
    from mathdesign.solvers.convex.cvxpy_backend import interval_bound

    problem = two_stage_problem()
    solution = backend("cvxpy").solve(problem, OPTIONS)
    assert solution.bound < 0.8 * interval_bound(problem)
    assert solution.status is Status.FEASIBLE
    assert solution.gap == pytest.approx(solution.bound / solution.objective - 1)


def test_hull_rows_hold_at_every_point_and_cut_off_the_outside():
    rng = np.random.default_rng(0)
    for n in (1, 2, 3, 30):
        points = [(float(x), float(y)) for x, y in rng.integers(0, 9, size=(n, 2))]
        rows = hull(points)
        assert all(a * x + b * y <= c + 1e-12 for a, b, c in rows for x, y in points)
        assert any(a * 20 + b * 20 > c for a, b, c in rows)
