"""What holds for every heuristic: feasible, deterministic, within limits, never above the optimum."""

import numpy as np
import pytest

from mathdesign.programs.base import Budget
from mathdesign.programs.evaluate import Evaluator
from mathdesign.solvers import backend
from mathdesign.solvers.base import SolveOptions, Status, Termination
from mathdesign.spaces.convnet.space import WidthRules
from tests.small import two_stage_problem

HEURISTICS = ("evolution", "anneal", "differential")
OPTIONS = SolveOptions(seed=3, evaluations=4000, time_limit_s=30.0)


@pytest.fixture(scope="module", params=["bottleneck", "basic", "inverted_residual"])
def solved(request):
    """A small problem and its enumerated optimum."""
    problem = two_stage_problem(request.param, WidthRules(monotone=True))
    return problem, backend("brute").solve(problem, OPTIONS)


@pytest.mark.parametrize("name", HEURISTICS)
def test_points_are_feasible_and_near_the_enumerated_optimum(name, solved):
    problem, best = solved
    solution = backend(name).solve(problem, OPTIONS)
    scores = Evaluator(problem)(np.array(solution.point))
    assert solution.status is Status.FEASIBLE
    assert solution.bound == np.inf
    assert scores.feasible[0]
    assert scores.objective[0] == solution.objective
    assert best.objective * 0.98 <= solution.objective <= best.objective + 1e-9


@pytest.mark.parametrize("name", HEURISTICS)
def test_a_seed_fixes_the_answer(name):
    problem = two_stage_problem()
    first, second = (backend(name).solve(problem, OPTIONS) for _ in range(2))
    assert (first.point, first.nodes) == (second.point, second.nodes)


@pytest.mark.parametrize("name", HEURISTICS)
def test_evaluations_are_counted_and_limited(name):
    solution = backend(name).solve(two_stage_problem(), SolveOptions(evaluations=1500))
    assert 0 < solution.nodes <= 1500


@pytest.mark.parametrize("name", HEURISTICS)
def test_a_caller_can_stop_it_and_hears_progress(name):
    heard = []
    solution = backend(name).solve(
        two_stage_problem(),
        SolveOptions(
            evaluations=10**9,
            on_progress=heard.append,
            should_stop=lambda: any(p.objective is not None for p in heard),
        ),
    )
    assert solution.termination is Termination.INTERRUPTED
    assert solution.status is Status.FEASIBLE
    assert heard[-1].objective is not None


@pytest.mark.parametrize("name", HEURISTICS)
def test_a_time_limit_ends_it(name):
    solution = backend(name).solve(
        two_stage_problem(), SolveOptions(evaluations=10**9, time_limit_s=0.3)
    )
    assert solution.termination is Termination.TIME_LIMIT
    assert solution.seconds < 3.0


@pytest.mark.parametrize("name", HEURISTICS)
def test_impossible_budgets_end_unknown_never_infeasible(name):
    problem = two_stage_problem(budgets=(Budget("params", 10),))
    solution = backend(name).solve(problem, SolveOptions(evaluations=3000))
    assert solution.status is Status.UNKNOWN
    assert solution.point is None
