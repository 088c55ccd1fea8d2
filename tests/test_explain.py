"""What an explanation proposes is tried: every "this works" works, to the last unit."""

from dataclasses import replace

import numpy as np
import pytest

from mathdesign.explain import BudgetReach, explain
from mathdesign.programs.base import Budget, rounded_up
from mathdesign.programs.slots import Slot, SlotObjective, SlotProblem, TableSum
from mathdesign.solvers import SolveOptions, Status
from mathdesign.solvers.portfolio import solve
from mathdesign.spaces.kind import Lifted
from tests.hard import hard_program
from tests.small import two_stage_problem

EXACT = SolveOptions(gap=0.0)


def cured(program, explanation):
    for limit in explanation.cure:
        program = program.relimited(limit)
    return program


@pytest.mark.parametrize("start", range(0, 240, 40))
def test_what_is_said_to_work_works(start):
    seen = 0
    for seed in range(start, start + 40):
        program = hard_program(seed)
        if solve(program, EXACT).status is not Status.INFEASIBLE:
            continue
        seen += 1
        explanation = explain(Lifted(program), time_limit_s=20)
        if not explanation.budgets:
            assert solve(program.unlimited(), EXACT).status is Status.INFEASIBLE
            continue
        assert explanation.cure, (seed, explanation.lines())
        assert solve(cured(program, explanation), EXACT).point is not None, seed
        for reach in explanation.budgets:
            if reach.impossible_alone and reach.metric in program.metric_names:
                sides = {"upper" if reach.side == "max" else "lower": reach.limit}
                alone = program.with_budgets([Budget(reach.metric, **sides)])
                alone = replace(alone, effectiveness=None) if alone.form == "chain" else alone
                assert solve(alone, EXACT).status is Status.INFEASIBLE, seed
    assert seen > 5


def test_limits_that_contradict_each_other_have_a_cure():
    """Two lower limits, each possible alone: either option has one of the metrics."""
    slot = Slot("s", ("a", "b"))
    first, second = np.array([5, 1]), np.array([1, 5])
    metrics = {"first": TableSum(0, (first,)), "second": TableSum(0, (second,))}
    problem = SlotProblem("two", (slot,), SlotObjective(TableSum(0.0, (np.zeros(2),))), metrics)
    problem = problem.with_budgets([Budget("first", lower=4), Budget("second", lower=4)])
    found = explain(Lifted(problem))
    assert not any(b.impossible_alone for b in found.budgets)
    assert [(x.metric, x.side, x.bound) for x in found.cure] == [("second", "min", 1)]
    assert solve(cured(problem, found), EXACT).point == (0,)


def test_one_unit_of_thousands_of_millions_is_seen():
    reach = BudgetReach("macs", "max", 6_633_818_758, 6_633_818_759, 6_633_818_759)
    assert reach.impossible_alone and reach.cure.bound == 6_633_818_759
    large = BudgetReach("macs", "min", 2**60 + 1, 2**60, None)
    assert large.impossible_alone


def test_a_printed_effectiveness_is_a_limit_that_its_design_keeps():
    program = two_stage_problem()
    best = solve(program, EXACT, "brute").point
    value = program.measured(best)["effectiveness"]
    printed = float(rounded_up(value, 6))
    assert value <= printed <= value * 1.0001
    kept = replace(program, effectiveness=replace(program.effectiveness, limit=printed))
    assert kept.feasible(best)
