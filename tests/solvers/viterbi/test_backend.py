"""``viterbi`` on small programs against enumeration, on large ones against what must hold of any answer."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("numba")

from mathdesign.programs.base import Budget
from mathdesign.programs.slots import (
    Ensemble,
    PairTable,
    Slot,
    SlotObjective,
    SlotProblem,
    TableSum,
    Tree,
)
from mathdesign.solvers import SolveOptions, Status, Termination, choose
from mathdesign.solvers.trees.backend import Branch
from mathdesign.solvers.viterbi import boxes, run
from mathdesign.solvers.viterbi.backend import Viterbi
from tests.additive import drawn
from tests.slot_problems import best_by_enumeration, random_slot_problem

EXACT = SolveOptions(gap=0.0, time_limit_s=60.0)


def additive(seed: int) -> SlotProblem:
    """A random small program without its trees: pairs, rules, distances, negative entries, ties."""
    problem = random_slot_problem(np.random.default_rng(seed), largest=600)
    return replace(problem, objective=SlotObjective(problem.objective.tables))


def agrees(problem: SlotProblem, found) -> bool:
    best, point = best_by_enumeration(problem)
    if point is None:
        return found.status is Status.INFEASIBLE
    near = 1e-6 * max(1.0, abs(best))
    right = found.status is Status.OPTIMAL and abs(found.objective - best) <= near
    return right and found.bound >= best - 1e-9 * abs(best) and problem.feasible(found.point)


@pytest.mark.parametrize("first", range(0, 600, 100))
def test_small_programs_against_enumeration(first):
    for seed in range(first, first + 100):
        problem = additive(seed)
        assert agrees(problem, Viterbi().solve(problem, EXACT)), seed


@pytest.mark.parametrize("first", range(1000, 1200, 50))
def test_small_programs_with_little_room_and_few_steps(first, monkeypatch):
    """Walks of one label, searches of three steps: each bound on the way holds, the last is proven."""
    monkeypatch.setattr(run, "FIRST_ROOM", 1)
    monkeypatch.setattr(run, "GROWTH", 2)
    monkeypatch.setattr(run, "STEPS", 1)
    monkeypatch.setattr(boxes, "STEPS", 3)
    monkeypatch.setattr(boxes, "PRICING", 1)
    for seed in range(first, first + 50):
        problem, bounds = additive(seed), []
        options = replace(
            EXACT,
            on_progress=lambda p, b=bounds: b.append(math.inf if p.bound is None else p.bound),
        )
        assert agrees(problem, Viterbi().solve(problem, options)), seed
        best, _ = best_by_enumeration(problem)
        assert min(bounds, default=math.inf) >= best - 1e-9 * abs(best), seed


@pytest.mark.parametrize("seed", range(4))
def test_wider_budgets_are_worth_no_less(seed):
    problem = drawn(seed, 8, 4, 2, pairs=seed % 2 == 1)
    worth = []
    for share in (0.7, 0.8, 0.9, 1.0, 1.1):
        limits = [Budget(b.metric, int(b.upper * share)) for b in problem.budgets]
        found = Viterbi().solve(problem.with_budgets(limits), EXACT)
        assert found.status in (Status.OPTIMAL, Status.INFEASIBLE)
        worth.append(-math.inf if found.objective is None else found.objective)
    assert all(a <= b + 1e-6 for a, b in itertools.pairwise(worth))
    wide = Viterbi().solve(problem.unlimited(), EXACT)
    assert wide.objective >= worth[-1] - 1e-6


def test_a_dynamic_program_over_costs_agrees():
    """One budget of small integers: the textbook's table."""
    problem = drawn(5, 30, 6, 1)
    small = tuple(table // 50 for table in problem.metrics["m0"].unary)
    limit = 200
    problem = replace(problem, metrics={"m0": TableSum(0, small)}).with_budgets(
        [Budget("m0", limit)]
    )
    best = np.zeros(limit + 1)
    for costs, values in zip(small, problem.objective.tables.unary):
        after = np.full(limit + 1, -np.inf)
        for cost, value in zip(costs, values):
            after[cost:] = np.maximum(after[cost:], best[: limit + 1 - cost] + value)
        best = after
    found = Viterbi().solve(problem, EXACT)
    assert found.status is Status.OPTIMAL and found.objective == pytest.approx(best[-1], rel=1e-6)


def test_equal_budgets_and_the_answer_left_out():
    problem = drawn(3, 14, 5, 2)
    point = tuple(i % 5 for i in range(14))
    costs = problem.costs(point)
    problem = problem.with_budgets([Budget(m, costs[m], costs[m]) for m in costs])
    first = Viterbi().solve(problem, EXACT)
    assert first.status is Status.OPTIMAL and problem.costs(first.point) == costs
    second = Viterbi().solve(problem.apart_from(first.point, at_least=2), EXACT)
    assert second.objective is None or second.objective <= first.objective + 1e-6


def test_the_same_answer_twice():
    problem = drawn(1, 40, 10, 3)
    one, other = (Viterbi().solve(problem, EXACT) for _ in range(2))
    assert (one.point, one.bound, one.nodes) == (other.point, other.bound, other.nodes)


def test_stopped_it_has_a_bound_and_a_design():
    problem = drawn(0, 120, 16, 6, pairs=True, alike=True)
    found = Viterbi().solve(problem, replace(EXACT, time_limit_s=1.0))
    assert found.termination is Termination.TIME_LIMIT and found.seconds < 3
    assert problem.feasible(found.point) and found.objective <= found.bound < math.inf
    asked = iter([False] * 20)
    again = Viterbi().solve(problem, replace(EXACT, should_stop=lambda: next(asked, True)))
    assert again.termination is Termination.INTERRUPTED
    assert Viterbi().solve(problem, replace(EXACT, time_limit_s=0.0)).bound == math.inf


def test_a_start_is_kept_and_memory_is_too():
    problem = drawn(2, 60, 8, 3, alike=True)
    start = tuple(int(np.argmin(table)) for table in problem.metrics["m0"].unary)
    limits = replace(EXACT, warm_start=start, memory_limit_bytes=10_000_000, time_limit_s=1.0)
    found = Viterbi().solve(problem, limits)
    assert found.objective >= (problem.worth(start) or -math.inf) and problem.feasible(found.point)


def test_what_it_refuses_it_names():
    problem = drawn(0, 12, 8, 1)
    clique = tuple(PairTable(i, j, np.arange(64).reshape(8, 8) % (3 + i + j) > 0)
                   for j in range(12) for i in range(j))  # fmt: skip
    assert "states" in str(Viterbi().refuses(replace(problem, rules=clique)))
    large = TableSum(0, tuple(np.full(8, 2**57) * (np.arange(8) > i) for i in range(12)))
    over = replace(problem, metrics={"m0": large})
    assert "2^58" in str(Viterbi().refuses(over))
    leaf = np.zeros(0, dtype=np.int64)
    tree = Ensemble((), (Tree(leaf, np.zeros(0), leaf, leaf, np.array([1.0])),))
    with_tree = replace(problem, objective=replace(problem.objective, ensembles=((1.0, tree),)))
    assert "trees" in str(Viterbi().refuses(with_tree)) and not Viterbi().suits(with_tree)


def test_pairs_far_apart_are_put_in_another_order():
    """A star, and a ring of two halves: in their own order the state would hold half of the slots."""
    rng = np.random.default_rng(0)
    slots = tuple(Slot(f"s{i}", ("a", "b", "c")) for i in range(24))
    pairs = tuple(PairTable(i, i + 12, rng.random((3, 3))) for i in range(12))
    values = TableSum(0.0, tuple(rng.random(3) for _ in slots), pairs)
    problem = SlotProblem("far", slots, SlotObjective(values))
    best = sum(
        float((values.unary[i][:, None] + values.unary[i + 12] + pairs[i].table).max())
        for i in range(12)
    )
    assert Viterbi().refuses(problem) is None
    assert Viterbi().solve(problem, EXACT).objective == pytest.approx(best)


def test_auto_takes_it_for_sums_and_leaves_what_it_refuses_to_the_milp():
    problem = drawn(0, 30, 8, 2)
    assert choose(problem).backend.name == "viterbi" and "sums" in choose(problem).reason
    large = TableSum(0, tuple(np.full(8, 2**56) * (np.arange(8) > i) for i in range(30)))
    over = replace(problem, metrics={"m0": large}, budgets=(Budget("m0", 2**57),))
    assert choose(over).backend.name == "highs" and Branch().passes(over)
