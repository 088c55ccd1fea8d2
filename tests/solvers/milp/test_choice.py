"""The choice MILP: exact on every feasible design, and the proving backends agree with brute force."""

import math

import numpy as np
import pytest
from hypothesis import given, settings

from mathdesign.programs.chain import DesignProblem
from mathdesign.programs.evaluate import Evaluator
from mathdesign.solvers import SolveOptions, Status, backend
from mathdesign.solvers.milp.choice import build, columns_needed
from mathdesign.solvers.scan.chain import enumerate_points
from tests.small import two_stage_problem
from tests.strategies import problems, random_problem

SPACES = 500


@settings(deadline=None, derandomize=True, max_examples=60)
@given(problems())
def test_designs_embed_as_they_are(problem: DesignProblem):
    """Feasible design <-> feasible assignment, with the same objective: no solver involved."""
    model = build(problem)
    points = np.concatenate(list(enumerate_points(problem)))
    scores = Evaluator(problem)(points)
    if model is None:
        assert not scores.feasible.any()
        return
    milp, rng = model.milp, np.random.default_rng(0)
    for i in rng.choice(len(points), min(40, len(points)), replace=False):
        point = tuple(int(v) for v in points[i])
        try:
            x = model.embed(point)
        except ValueError:
            assert not scores.feasible[i]
            continue
        assert model.invert(x) == point
        assert milp.objective @ x + milp.offset == pytest.approx(scores.objective[i], rel=1e-9)
        activity = milp.matrix @ x
        scale = 1e-8 * np.maximum(1.0, abs(milp.matrix) @ np.abs(x))
        held = (activity >= milp.row_low - scale).all() and (
            activity <= milp.row_high + scale
        ).all()
        held &= bool((x >= milp.low - 1e-9).all() and (x <= milp.high * (1 + 1e-9) + 1e-9).all())
        assert held == scores.feasible[i]


def test_one_tiny_program_is_what_the_formula_says():
    problem = two_stage_problem()
    model = build(problem)
    assert model is not None
    assert [len(s.x) for s in model.stages] == [2, 54, 72, 1]
    assert [len(s.y) for s in model.stages] == [2, 3, 3, 1]
    assert not any(s.split for s in model.stages)
    assert model.milp.integer.sum() == 2 + 54 + 72 + 1
    assert columns_needed(problem) == 129


@settings(deadline=None, derandomize=True, max_examples=60)
@given(problems())
def test_penalty_tangents_never_exceed_the_penalty(problem: DesignProblem):
    model = build(problem)
    penalty = problem.objective.depth_penalty
    if model is None or penalty is None or model.penalty is None:
        return
    points = np.concatenate(list(enumerate_points(problem)))
    scores = Evaluator(problem)(points)
    rng = np.random.default_rng(1)
    for i in rng.choice(len(points), min(6, len(points)), replace=False):
        columns = [problem.columns[s, "depth"] for s in penalty.stages]
        cut, right = model.penalty_cut(points[i, columns].astype(np.float64))
        for j in rng.choice(len(points), min(20, len(points)), replace=False):
            try:
                x = model.embed(tuple(int(v) for v in points[j]))
            except ValueError:
                continue
            x[model.penalty] = scores.penalty[j]
            assert cut.value(x) >= right - 1e-7 * max(abs(right), 1.0)


@pytest.mark.parametrize("part", range(5))
def test_highs_scipy_and_brute_agree(part: int):
    """Same optimum, same verdict, on 500 random spaces over all families."""
    verdicts = {"optimal": 0, "infeasible": 0}
    for seed in range(part * SPACES // 5, (part + 1) * SPACES // 5):
        problem = random_problem(np.random.default_rng(seed), largest=1500)
        oracle = backend("brute").solve(problem, SolveOptions())
        for name in ("highs", "scipy"):
            found = backend(name).solve(problem, SolveOptions(gap=0.0, time_limit_s=120))
            if oracle.objective is None:
                assert found.status is Status.INFEASIBLE, (seed, name, found)
                continue
            assert found.status is Status.OPTIMAL, (seed, name, found)
            assert found.objective == pytest.approx(oracle.objective, rel=1e-6), (seed, name)
            assert found.bound >= oracle.objective - 1e-12 * abs(oracle.objective), (seed, name)
        verdicts["infeasible" if oracle.objective is None else "optimal"] += 1
    assert min(verdicts.values()) >= SPACES // 5 // 10, verdicts


def test_distances_are_kept():
    """A best design is left out, and what is next to it: as enumeration has it."""
    for seed in range(40):
        rng = np.random.default_rng(seed)
        problem = random_problem(rng, largest=600)
        best = backend("brute").solve(problem, SolveOptions())
        if best.point is None:
            continue
        apart = problem.apart_from(best.point, at_least=int(rng.integers(1, 4)))
        oracle = backend("brute").solve(apart, SolveOptions())
        for name in ("highs", "scipy"):
            found = backend(name).solve(apart, SolveOptions(gap=0.0, time_limit_s=120))
            assert found.status is oracle.status, (seed, name, found)
            if oracle.objective is not None:
                assert found.objective == pytest.approx(oracle.objective, rel=1e-6), (seed, name)


def test_a_distance_is_one_row_over_what_options_share():
    problem = two_stage_problem()
    free, best = build(problem), backend("brute").solve(problem, SolveOptions())
    assert free is not None and best.point is not None
    apart = build(problem.apart_from(best.point, at_least=3))
    assert apart is not None
    assert apart.milp.matrix.shape[0] == free.milp.matrix.shape[0] + 1
    decisions = len(problem.variables)
    assert apart.milp.row_high[-1] == decisions - 3
    rng = np.random.default_rng(0)
    points = np.concatenate(list(enumerate_points(problem)))
    for i in rng.choice(len(points), 40, replace=False):
        point = tuple(int(v) for v in points[i])
        shared = float((apart.milp.matrix[-1] @ apart.embed(point))[0])
        assert shared == sum(a == b for a, b in zip(point, best.point))


def test_a_stopped_search_claims_nothing_false():
    problem = two_stage_problem(budgets=())
    best = backend("brute").solve(problem, SolveOptions())
    for limit_s in (1e-3, 0.02, 0.05, 0.1):
        found = backend("highs").solve(problem, SolveOptions(gap=0.0, time_limit_s=limit_s))
        assert best.objective is not None
        assert found.bound >= best.objective
        if found.objective is None:
            assert found.status in (Status.UNKNOWN, Status.INFEASIBLE) and found.point is None
            assert found.status is Status.UNKNOWN
        else:
            assert found.objective <= best.objective and math.isfinite(found.objective)


def test_the_same_seed_gives_the_same_answer():
    problem = random_problem(np.random.default_rng(7))
    first, second = (backend("highs").solve(problem, SolveOptions(seed=3)) for _ in range(2))
    assert (first.point, first.objective, first.nodes) == (
        second.point,
        second.objective,
        second.nodes,
    )
