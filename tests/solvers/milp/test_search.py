"""The outer loop believes no solver more than it must."""

import json
from dataclasses import replace

import numpy as np
import pytest

from mathdesign.kinds.load import loads
from mathdesign.programs.base import Budget
from mathdesign.programs.slots import Slot, SlotObjective, SlotProblem, TableSum
from mathdesign.solvers.base import SolveOptions, Status
from mathdesign.solvers.milp.confirm import out_of_reach
from mathdesign.solvers.milp.highs import solve_arrays
from mathdesign.solvers.milp.search import UNCONFIRMED, MilpAnswer, MilpSearch
from mathdesign.solvers.portfolio import solve
from mathdesign.spaces.convnet.pose import to_program
from tests.small import two_stage_problem

EXACT = SolveOptions(gap=0.0, time_limit_s=60.0)

#: Solvers have called both infeasible: budgets of thousands of millions, from both sides.
WIDE = """
space:
  family: basic
  input: {channels: 3, size: 31}
  classes: 2
  stem: {width: [195], kernel_size: [3]}
  stages:
    - {stride: 2, width: [671, 728, 729], kernel_size: [1, 3], depth: [2, 14, 18]}
    - {stride: 2, width: [671, 728, 729], kernel_size: [3], depth: [3]}
  rules: {monotone_width: true}
counting: tinynas
objective: {entropy: {variant: mae_det, weights: [0.37, 1.0e-6, 1], depth_penalty: 0}}
budgets: {macs: {min: 14975115502, max: 59900462010}, params: 135534235, blocks: {max: 17}}
"""
EQUAL = """
space:
  family: basic
  input: {channels: 3, size: 7}
  classes: 1
  stem: {width: 3, kernel_size: 7}
  stages:
    - {width: [9, 11, 12], kernel_size: [1, 5], depth: 10}
  head: {width: [2, 4]}
objective: {entropy: {}}
budgets: {macs: {min: 3420251, max: 3420251}}
"""


@pytest.mark.parametrize("backend", ["highs", "scipy"])
@pytest.mark.parametrize(("text", "optimum"), [(WIDE, 158.101566), (EQUAL, 2193.8)])
def test_large_budgets_from_both_sides_are_not_called_infeasible(text, optimum, backend):
    problem = to_program(loads(text)).program
    assert solve(problem, EXACT, "brute").objective == pytest.approx(optimum, rel=1e-5)
    found = solve(problem, EXACT, backend)
    assert found.status in (Status.OPTIMAL, Status.UNKNOWN)
    if found.status is Status.OPTIMAL:
        assert found.objective == pytest.approx(optimum, rel=1e-5)


def wide_budgets(seed):
    """A wide chain whose budgets have two sides, or are met by one design alone."""
    rng = np.random.default_rng(seed)

    def drawn(low, high, n):
        return sorted(int(v) for v in rng.choice(np.arange(low, high), n, replace=False))

    width, stages = int(rng.choice([10, 100, 700])), []
    for _ in range(rng.integers(1, 4)):
        words = {
            "stride": int(rng.integers(1, 3)),
            "width": drawn(width, width + 60, int(rng.integers(1, 4))),
            "kernel_size": [[1, 3], [3], [1, 5]][rng.integers(3)],
            "depth": drawn(1, 20, int(rng.integers(1, 3))),
        }
        stages.append(words)
    space = {
        "family": "basic", "classes": 2, "stages": stages,
        "input": {"channels": 3, "size": int(rng.choice([7, 31, 64]))},
        "stem": {"width": [width], "kernel_size": [3]},
    }  # fmt: skip
    variant = ["mae_det", "tinynas"][rng.integers(2)]
    entropy = {"variant": variant, "depth_penalty": int(rng.integers(2))}
    problem = to_program(
        loads(json.dumps({"space": space, "objective": {"entropy": entropy}}))
    ).program
    point = [domain[rng.integers(len(domain))] for domain in problem.decisions.values()]
    budgets = []
    for metric, value in problem.costs(point).items():
        upper = [value, 4 * value, value + int(rng.integers(3)), None][rng.integers(4)]
        lower = [value, int(0.9 * value), None][rng.integers(3)]
        if upper is not None or lower is not None:
            budgets.append(Budget(metric, upper, lower))
    return problem.with_budgets(budgets)


@pytest.mark.parametrize("backend", ["highs", "scipy"])
def test_wide_chains_have_the_enumerated_optimum(backend):
    """Solvers have lost the optimum of some of these, and reported another point as optimal."""
    solved = 0
    for seed in range(100):
        problem = wide_budgets(seed)
        if problem.size > 1500:
            continue
        best, found = solve(problem, EXACT, "brute"), solve(problem, EXACT, backend)
        assert best.objective is not None
        assert found.status is Status.OPTIMAL, (seed, found)
        assert found.objective == pytest.approx(best.objective, rel=1e-6), (seed, found)
        assert found.bound >= best.objective - 1e-12 * abs(best.objective), (seed, found)
        solved += 1
    assert solved >= 60


def nothing(milp, options, clock, search) -> MilpAnswer:
    """A solver that calls everything infeasible."""
    return MilpAnswer(None, np.inf, infeasible=True, completed=False, nodes=1)


def many_slots(*budgets: Budget) -> SlotProblem:
    """Far too many points to enumerate; the cost is between 0 and 30 without rules."""
    slots = tuple(Slot(f"s{i}", ("a", "b")) for i in range(30))
    ones = tuple(np.array([0, 1]) for _ in slots)
    objective = SlotObjective(TableSum(0.0, tuple(u.astype(float) for u in ones)))
    return SlotProblem("many", slots, objective, {"cost": TableSum(0, ones)}, budgets)


def test_a_false_claim_is_settled_by_enumeration_where_points_are_few():
    problem = two_stage_problem()
    best = solve(problem, EXACT, "brute")
    found = MilpSearch("liar", problem, EXACT, nothing).run()
    assert (found.status, found.objective) == (Status.OPTIMAL, best.objective)
    assert found.nodes == 2, "asked again without presolve"


def test_a_claim_that_nothing_confirms_is_no_answer():
    found = MilpSearch("liar", many_slots(Budget("cost", 20, 3)), EXACT, nothing).run()
    assert found.status is Status.UNKNOWN and found.message == UNCONFIRMED
    warm = replace(EXACT, warm_start=(0,) * 27 + (1,) * 3)
    found = MilpSearch("liar", many_slots(Budget("cost", 20, 3)), warm, nothing).run()
    assert found.status is Status.FEASIBLE and found.objective == 3.0
    assert found.bound == np.inf


def test_a_budget_out_of_reach_confirms_it_for_any_size():
    for problem in (many_slots(Budget("cost", None, 31)), many_slots(Budget("cost", -1))):
        assert out_of_reach(problem)
        found = MilpSearch("liar", problem, EXACT, nothing).run()
        assert found.status is Status.INFEASIBLE
    assert not out_of_reach(many_slots(Budget("cost", 30, 30)))
    chain = two_stage_problem().with_budgets([Budget("params", 10)])
    assert out_of_reach(chain)
    assert MilpSearch("liar", chain, EXACT, nothing).run().status is Status.INFEASIBLE


def test_the_first_claim_is_doubted_once_and_the_second_answer_taken():
    asked = []

    def presolve_lies(milp, options, clock, search) -> MilpAnswer:
        asked.append(search.careful)
        if search.careful:
            return solve_arrays(milp, options, clock, search)
        return nothing(milp, options, clock, search)

    problem = many_slots(Budget("cost", 20))
    found = MilpSearch("presolved", problem, EXACT, presolve_lies).run()
    assert (found.status, found.objective) == (Status.OPTIMAL, 20.0)
    assert asked == [False, True]


@pytest.mark.parametrize("size", [1e-9, 1.0, 1e9, 1e15])
def test_objectives_of_any_size_are_bounded(size):
    """Solvers have absolute tolerances: the arrays they see are scaled, the answer is not."""
    rng = np.random.default_rng(0)
    problem = many_slots(Budget("cost", 11))
    tables = tuple(size * rng.normal(size=2) for _ in problem.slots)
    problem = replace(problem, objective=SlotObjective(TableSum(0.0, tables)))
    gains = sorted((t[1] - t[0] for t in tables), reverse=True)
    best = sum(t[0] for t in tables) + sum(g for g in gains[:11] if g > 0)
    found = solve(problem, EXACT, "highs")
    assert found.status is Status.OPTIMAL
    assert found.objective == pytest.approx(best, rel=1e-9)
    assert found.bound >= best * (1 - 1e-12)
