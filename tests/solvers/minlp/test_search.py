"""What a nonlinear solver claims: believed where it says so twice, and then no more than it said."""

import math
from dataclasses import replace

import pytest

from mathdesign.solvers import SolveOptions, Status, Termination, backend
from mathdesign.solvers.base import Clock
from mathdesign.solvers.minlp.foreign import ForeignFailure
from mathdesign.solvers.minlp.search import MinlpAnswer, MinlpSearch
from tests.small import two_stage_problem

EXACT = SolveOptions(gap=0.0, time_limit_s=30)
PROBLEM = two_stage_problem("basic")
BEST = backend("brute").solve(PROBLEM, EXACT)
RIGHT = MinlpAnswer((BEST.point,), BEST.objective, BEST.objective, False, True, False, 1)
NOTHING = MinlpAnswer((), -math.inf, math.inf, True, False, False, 1)


def worse() -> MinlpAnswer:
    """A claim that some design short of the best is optimal."""
    evolution = backend("evolution").solve(PROBLEM, SolveOptions(evaluations=40, seed=3))
    assert evolution.objective < BEST.objective - 1.0
    return replace(
        RIGHT, points=(evolution.point,), claimed=evolution.objective, bound=evolution.objective
    )


class Says:
    """A solver that gives prepared answers, and an exception where there is one among them."""

    def __init__(self, *answers, another_way=True):
        self.answers, self.another_way = list(answers), another_way

    def run(self, search):
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def exclude(self, point):
        pass


def solved(*answers, another_way=True):
    search = MinlpSearch("says", PROBLEM, EXACT, Clock(EXACT))
    return search.solve(Says(*answers, another_way=another_way))


def test_two_claims_that_agree_are_believed():
    found = solved(RIGHT, RIGHT)
    assert (found.status, found.point) == (Status.OPTIMAL, BEST.point)


@pytest.mark.parametrize("wrong", [worse(), NOTHING], ids=["an optimum", "infeasible"])
@pytest.mark.parametrize("first", [True, False])
def test_one_wrong_claim_of_two_is_harmless(wrong, first):
    found = solved(*((wrong, RIGHT) if first else (RIGHT, wrong)))
    assert found.point == BEST.point and found.bound >= BEST.objective


@pytest.mark.parametrize("after", [ForeignFailure("died"), KeyboardInterrupt()])
def test_a_claim_that_is_made_once_only_proves_nothing(after):
    found = solved(worse(), after)
    assert found.status is Status.FEASIBLE and found.bound == math.inf
    interrupted = isinstance(after, KeyboardInterrupt)
    assert (found.termination is Termination.INTERRUPTED) == interrupted


def test_a_claim_made_while_ctrl_c_came_proves_nothing():
    found = solved(replace(worse(), interrupted=True))
    assert found.status is Status.FEASIBLE and found.bound == math.inf
    assert found.termination is Termination.INTERRUPTED


def test_a_bound_of_a_run_that_time_ended_is_no_claim():
    found = solved(replace(RIGHT, completed=False))
    assert found.status is Status.FEASIBLE and found.bound == math.inf


def test_a_solver_with_one_way_is_asked_once():
    assert solved(RIGHT, another_way=False).status is Status.OPTIMAL
