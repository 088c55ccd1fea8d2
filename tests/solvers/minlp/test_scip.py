"""SCIP on the plain integer nonlinear program: exact, bounded, and stoppable."""

import math

import numpy as np
import pytest

from mathdesign.programs.base import Budget
from mathdesign.programs.evaluate import Evaluator
from mathdesign.solvers import backend
from mathdesign.solvers.base import Clock, SolveOptions, Status, Termination
from mathdesign.solvers.scan.chain import enumerate_points
from tests.small import two_stage_problem
from tests.strategies import random_problem

pytest.importorskip("pyscipopt")
EXACT = SolveOptions(gap=0.0, time_limit_s=60.0)


@pytest.mark.parametrize("seed", range(24))
def test_agrees_with_enumeration_on_random_problems(seed):
    problem = random_problem(np.random.default_rng(seed), largest=1500)
    best = backend("brute").solve(problem, EXACT)
    solution = backend("scip").solve(problem, EXACT)
    assert solution.status is best.status
    if best.objective is not None:
        assert solution.objective == pytest.approx(best.objective, rel=1e-6)
        assert solution.bound >= best.objective


# 7016: bounds of defined variables that were exact let SCIP 10.0 round the optimum away.
@pytest.mark.parametrize("seed", [7016, *range(50, 73)])
def test_integer_positions_are_as_exact_as_one_hots(seed, monkeypatch):
    from mathdesign.solvers.minlp import symbols as minlp_symbols

    monkeypatch.setattr(minlp_symbols, "LARGEST_ONE_HOT", 1)
    problem = random_problem(np.random.default_rng(seed))
    best = backend("brute").solve(problem, EXACT)
    solution = backend("scip").solve(problem, EXACT)
    assert solution.status is best.status
    if best.objective is not None:
        assert solution.objective == pytest.approx(best.objective, rel=1e-6)
        assert solution.bound >= best.objective


@pytest.mark.parametrize("one_hot", [1, 24])
def test_excluding_designs_lists_them_in_order(one_hot, monkeypatch):
    from mathdesign.solvers.minlp import symbols as minlp_symbols
    from mathdesign.solvers.minlp.scip import _Scip
    from mathdesign.solvers.minlp.search import MinlpSearch

    monkeypatch.setattr(minlp_symbols, "LARGEST_ONE_HOT", one_hot)
    problem = two_stage_problem("basic")
    scores = Evaluator(problem)(np.concatenate(list(enumerate_points(problem))))
    ranked = np.sort(scores.objective[scores.feasible])[::-1]
    solver = _Scip(problem, EXACT)
    for expected in ranked[:3]:
        search = MinlpSearch("scip", problem, EXACT, Clock(EXACT))
        answer = solver.run(search)
        assert search.best.accept(answer.points[0]) == pytest.approx(expected, rel=1e-6)
        solver.exclude(answer.points[0])


def test_a_caller_can_stop_it_and_keeps_a_valid_bound():
    problem = two_stage_problem()
    best = backend("brute").solve(problem, EXACT)
    heard = []
    options = SolveOptions(
        gap=0.0, on_progress=heard.append, should_stop=lambda: len(heard) > 1, time_limit_s=60.0
    )
    solution = backend("scip").solve(problem, options)
    assert solution.termination is Termination.INTERRUPTED
    assert solution.status is not Status.OPTIMAL
    assert solution.bound >= best.objective


def test_a_warm_start_is_kept_when_time_is_up_at_once():
    problem = two_stage_problem()
    start = backend("evolution").solve(problem, SolveOptions(evaluations=500))
    options = SolveOptions(gap=0.0, time_limit_s=0.0, warm_start=start.point)
    solution = backend("scip").solve(problem, options)
    assert solution.termination is Termination.TIME_LIMIT
    assert solution.objective >= start.objective
    assert solution.bound == math.inf or solution.bound >= start.objective


def test_depths_far_apart_do_not_overflow_the_penalty():
    """One stage is pinned deep, the others shallow: exp(variance) exceeds any double."""
    from dataclasses import replace

    from mathdesign.programs.stages import Decision, DepthPenalty

    base = two_stage_problem("basic", budgets=(Budget("blocks", None, 60),), effectiveness=None)
    stages = list(base.stages)
    kept = [d for d in stages[2].decisions if d.name != "depth"]
    stages[2] = replace(stages[2], decisions=(*kept, Decision("depth", (58, 60))))
    objective = replace(base.objective, depth_penalty=DepthPenalty(10.0, "variance", (1, 2)))
    problem = replace(base, stages=tuple(stages), objective=objective)
    solution = backend("scip").solve(problem, SolveOptions(gap=0.0, time_limit_s=1.0))
    assert solution.status in (Status.FEASIBLE, Status.UNKNOWN)
