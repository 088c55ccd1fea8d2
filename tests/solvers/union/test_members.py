"""``members``: the best of all members, proven by the bounds of all of them."""

import math
from dataclasses import replace

import numpy as np
import pytest

from mathdesign.programs.base import Budget
from mathdesign.programs.union import Member, Union
from mathdesign.solvers import (
    Solution,
    SolveOptions,
    Status,
    Termination,
    UnsupportedProblem,
    backend,
    choose,
    solve,
)
from mathdesign.solvers.base import Ability, Backend, Clock, Incumbent
from mathdesign.solvers.union.members import Members
from tests import points
from tests.gallery import CHAINS, MIXES, SLOTS, _chain, _sizes, _two_forms
from tests.slot_problems import random_slot_problem

EXACTLY = SolveOptions(gap=0.0)


class Scripted(Backend):
    """Answers as it is told, and remembers what it was asked."""

    name, summary, accepts = "scripted", "for tests", (type(_chain()),)
    abilities = frozenset({Ability.PROVES, Ability.WARM_START})

    def __init__(self, answers) -> None:
        self.answers, self.asked = dict(answers), []

    def solve(self, problem, options):
        self.asked.append((problem.name, options))
        return self.answers[problem.name].pop(0)


class Choice:
    def __init__(self, chosen):
        self.backend, self.reason = chosen, "for tests"


def scripted(answers) -> tuple[Members, Scripted]:
    """``members`` whose inner backend answers as it is told; no heuristic starts."""
    inner = Scripted(answers)

    def chosen(program, name):
        if name == "evolution":
            raise UnsupportedProblem("none here")
        return Choice(inner)

    return Members(choose=chosen, backend=backend), inner


def named(*names: str) -> Union:
    """The same chain under several names, worth 52 at most."""
    return Union.of("named", [({"size": i}, _chain()._with(name=n)) for i, n in enumerate(names)])


def answer(bound: float, point=None, objective=None, termination=Termination.COMPLETED) -> Solution:
    status = Status.UNKNOWN if point is None else Status.FEASIBLE
    if point is None and bound == -math.inf:
        status = Status.INFEASIBLE
    return Solution("scripted", status, termination, point, objective, bound)


LEAST, BEST = (2, 1, 3, 1), (4, 3, 5, 2)


@pytest.mark.parametrize("name", ["auto", "exact", "brute", "highs", "paths", "scip"])
def test_a_backend_that_knows_no_unions_solves_each_member(name):
    union = _sizes(2, 1, 3).with_budgets([Budget("m", 51)])
    solution = solve(union, EXACTLY, name)
    assert solution.status is Status.OPTIMAL
    assert solution.objective == points.best(union) == 48.0
    assert union.feasible(solution.point)
    assert solution.backend == ("members" if name == "auto" else f"members:{name}")


@pytest.mark.parametrize("name", ["auto", "brute", "highs", "scipy"])
def test_members_of_several_forms_need_a_backend_that_treats_all(name):
    solution = solve(_two_forms(), EXACTLY, name)
    assert (solution.status, solution.objective) == (Status.OPTIMAL, 12.5)
    with pytest.raises(UnsupportedProblem, match=r"member 1: .* form slots"):
        choose(_two_forms(), "branch")


def test_a_heuristic_proves_nothing_of_a_union():
    solution = solve(_sizes(1, 2), SolveOptions(evaluations=50), "evolution")
    assert solution.status is Status.FEASIBLE and solution.bound == math.inf
    assert not backend("members:evolution").abilities & {Ability.PROVES}


def test_the_reason_names_members_and_their_backends():
    reason = choose(_two_forms()).reason
    assert reason.startswith("2 members: scan for each (9 designs are quickest enumerated)")
    assert choose(_sizes(1, 2)).reason.startswith("2 members: brute for each")
    mixed = Union.of("mixed", [({"size": 1}, CHAINS[0].make()), ({"size": 2}, _chain())])
    assert "brute for each" in choose(mixed).reason


def test_all_members_are_asked_for_bounds_and_the_greatest_counts():
    members, _ = scripted({"a": [answer(40.0, LEAST, 8.0)], "b": [answer(60.0, BEST, 52.0)]})
    solution = members.solve(named("a", "b"), SolveOptions(gap=0.5))
    assert solution.point == (1, *BEST) and solution.bound == 60.0
    assert solution.status is Status.WITHIN_GAP


def test_the_best_so_far_is_the_floor_of_those_that_follow():
    members, inner = scripted({"a": [answer(52.0, BEST, 52.0)], "b": [answer(52.0)]})
    solution = members.solve(named("a", "b"), EXACTLY)
    assert [(name, o.floor) for name, o in inner.asked] == [("a", -math.inf), ("b", 52.0)]
    assert solution.status is Status.OPTIMAL and solution.point == (0, *BEST)


def test_a_member_whose_bound_is_known_to_be_below_is_not_begun_again():
    stopped = answer(60.0, BEST, 52.0, Termination.TIME_LIMIT)
    members, inner = scripted(
        {"a": [stopped, answer(52.0, BEST, 52.0)], "b": [answer(30.0, termination=Termination.TIME_LIMIT)]}
    )  # fmt: skip
    solution = members.solve(named("a", "b"), EXACTLY)
    assert [name for name, _ in inner.asked] == ["a", "b", "a"]
    assert inner.asked[2][1].warm_start == BEST
    assert solution.status is Status.OPTIMAL


@pytest.mark.parametrize("reason", [Termination.TIME_LIMIT, Termination.MEMORY_LIMIT])
def test_a_member_that_a_limit_stopped_leaves_the_answer_open(reason):
    members, _ = scripted({
        "a": [answer(52.0, BEST, 52.0)],
        "b": [answer(99.0, termination=reason), answer(99.0, termination=reason)],
    })  # fmt: skip
    solution = members.solve(named("a", "b"), EXACTLY)
    assert solution.status is Status.FEASIBLE and solution.bound == 99.0
    assert solution.termination is reason


def test_a_member_that_was_never_begun_has_no_bound():
    stop = iter([False, True, True, True, True])
    members, inner = scripted({"a": [answer(52.0, BEST, 52.0)], "b": []})
    options = replace(EXACTLY, should_stop=lambda: next(stop))
    solution = members.solve(named("a", "b"), options)
    assert [name for name, _ in inner.asked] == ["a"]
    assert solution.termination is Termination.INTERRUPTED
    assert solution.status is Status.FEASIBLE and solution.bound == math.inf
    assert "size 1: not begun" in solution.message


def test_infeasible_is_what_all_members_are():
    nothing = answer(-math.inf)
    members, _ = scripted({"a": [nothing], "b": [nothing]})
    assert members.solve(named("a", "b"), EXACTLY).status is Status.INFEASIBLE
    members, _ = scripted({"a": [nothing], "b": [answer(9.0), answer(9.0)]})
    assert members.solve(named("a", "b"), EXACTLY).status is Status.UNKNOWN


def test_no_time_is_no_proof():
    solution = solve(_sizes(1, 2, 3), SolveOptions(gap=0.0, time_limit_s=0.0))
    assert solution.status in (Status.UNKNOWN, Status.FEASIBLE)
    assert solution.termination is Termination.TIME_LIMIT


def test_each_member_leaves_time_for_those_behind_it():
    members, inner = scripted({n: [answer(52.0, BEST, 52.0)] for n in "abcd"})
    members.solve(named(*"abcd"), SolveOptions(gap=0.0, time_limit_s=100.0))
    assert inner.asked[0][1].time_limit_s == pytest.approx(100 - 0.25 * 100 * 3 / 4, abs=2)


def test_progress_is_told_of_all_members_together():
    heard = []
    solve(_sizes(1, 2), replace(EXACTLY, on_progress=heard.append), "exact")
    assert any(report.phase.startswith("size 2: ") for report in heard)
    bounds = [report.bound for report in heard if report.bound is not None]
    assert all(bound >= 104.0 - 1e-9 for bound in bounds)


def test_a_warm_start_is_a_point_of_the_union():
    solution = solve(_sizes(1, 2), replace(EXACTLY, warm_start=(1, *BEST)))
    assert solution.point == (1, *BEST)
    for none in ((7, *BEST), (0,), ()):
        assert solve(_sizes(1, 2), replace(EXACTLY, warm_start=none)).objective == 104.0


def test_the_same_answer_each_time_and_ties_go_to_the_first():
    union = Union.of("ties", [({"size": i}, _chain()) for i in range(3)])
    found = [solve(union, EXACTLY, name).point for name in ("auto", "brute", "exact", "exact")]
    assert found == [(0, *BEST)] * 4


# ---- a floor: what need not be found --------------------------------------------------------------

FLOORED = {"chain": ("brute", "exact"), "slots": ("scan",), "mixes": ("scan", "frames")}


@pytest.mark.parametrize("entry", [*CHAINS, *SLOTS[:10], *MIXES], ids=lambda entry: entry.name)
def test_a_floor_hides_what_lies_below_and_nothing_else(entry):
    program = entry.make()
    if entry.optimum is None or program.distances or program.points > 10_000:
        return
    best = entry.optimum
    step = max(abs(best), 1e-3)
    for name in FLOORED[program.form]:
        for floor in (best - step, best + step):
            found = solve(program, replace(EXACTLY, floor=floor), name)
            assert found.status is not Status.INFEASIBLE
            assert found.bound >= max(best, floor) - 1e-9 * step
            if floor < best:
                assert found.objective == pytest.approx(best, rel=1e-6)
            else:
                assert found.point is None and found.bound <= floor + 1e-5 * max(1.0, step)


def test_an_incumbent_below_its_floor_is_none():
    best = Incumbent(_chain(), floor=9.0)
    assert (best.level, best.offer(LEAST), best.point) == (9.0, False, None)
    best.bound = -math.inf
    clock = Clock(SolveOptions())
    assert best.solution("x", Termination.COMPLETED, clock, 0.0).status is Status.UNKNOWN
    assert best.offer(BEST) and best.cutoff == 52.0


# ---- against enumeration --------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(12))
def test_unions_of_slots_with_trees_as_enumerated(seed):
    parts = [random_slot_problem(np.random.default_rng([seed, k])) for k in range(3)]
    common = set.intersection(*(set(p.metric_names) for p in parts))
    parts = [part.with_budgets([]) for part in parts]
    if not common:
        return
    union = Union("random", tuple(Member(3 * k, part) for k, part in enumerate(parts)))
    best = points.best(union)
    for name in ("auto", "branch"):
        found = solve(union, EXACTLY, name)
        if best is None:
            assert found.status is Status.INFEASIBLE
            continue
        assert found.status is Status.OPTIMAL
        assert found.objective == pytest.approx(best, rel=1e-6, abs=1e-6)
