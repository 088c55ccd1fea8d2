"""Random points are feasible, of a seed, and none where there is none: of every form that is trained."""

import itertools
from random import Random
from types import SimpleNamespace

import numpy as np
import pytest

from mathdesign.programs.base import Budget
from mathdesign.programs.mixes import Frame, Group, MixProblem
from mathdesign.programs.slots import PairTable, Slot, SlotObjective, SlotProblem, TableSum
from mathdesign.programs.union import Union
from mathdesign.solvers.base import UnsupportedProblem
from mathdesign.solvers.heuristic.draws import draws
from tests.slot_problems import random_slot_problem
from tests.small import two_stage_problem


def mixes(*budgets: Budget) -> MixProblem:
    """Two frames, narrow and wide, of 1 to 6 layers of three options; and a part taken once."""

    def frame(width: int) -> Frame:
        layers = Group(np.array([[1], [2], [5]]) * width, np.zeros(3), 1, 6)
        once = Group(np.array([[0], [width]]), np.zeros(2), 1, 1)
        return Frame(np.array([10 * width]), 0.0, (layers, once))

    return MixProblem("mixes", ("params",), (frame(1), frame(4)), budgets)


def taken(program, count=40):
    draw = draws(program)
    return [draw(Random(f"{seed}")) for seed in range(count)]


@pytest.mark.parametrize(
    "program",
    [mixes(Budget("params", upper=60, lower=55)), mixes(Budget("params", upper=30)),
     two_stage_problem(budgets=(Budget("params", 30_000, 27_000),)),
     Union.of("union", [({"k": k}, mixes(Budget("params", upper=30))) for k in range(2)])],
    ids=["narrow band", "one side", "chain", "union"],
)  # fmt: skip
def test_points_keep_every_budget_and_follow_from_the_seed(program):
    points = [point for point in taken(program) if point is not None]
    assert len(points) > 20 and all(program.feasible(point) for point in points)
    assert len(set(points)) > 5
    assert taken(program) == taken(program)


def test_frames_that_cannot_keep_a_budget_are_not_begun_in():
    assert {point[0] for point in taken(mixes(Budget("params", upper=40)))} == {0}
    assert {point[0] for point in taken(mixes(Budget("params", lower=50)))} == {1}
    assert {point[0] for point in taken(mixes())} == {0, 1}


def test_every_number_of_layers_is_drawn():
    depths = {sum(point[1:4]) for point in taken(mixes(), 200)}
    assert depths == {1, 2, 3, 4, 5, 6}
    assert {sum(point[4:]) for point in taken(mixes())} == {1}


def test_where_nothing_is_feasible_nothing_is_drawn():
    assert set(taken(mixes(Budget("params", upper=9)), 5)) == {None}
    fours = mixes(Budget("params", lower=57, upper=59))  # within reach of the wide frame's fours
    assert draws(fours).frames == [1] and set(taken(fours, 2)) == {None}
    assert None not in taken(mixes(Budget("params", upper=11)))  # one mix, and it is found


def test_slots_keep_rules_and_a_band_of_a_budget():
    """Three slots of four options, neighbours differ: 36 of 64 points, nine of them in the band."""
    differ = np.ones((4, 4), dtype=np.int64) - np.eye(4, dtype=np.int64)
    costs = TableSum(0, tuple(np.array([1, 2, 4, 8]) for _ in range(3)))
    program = SlotProblem(
        "slots", tuple(Slot(f"s{i}", ("a", "b", "c", "d")) for i in range(3)),
        SlotObjective(TableSum(0.0, tuple(np.zeros(4) for _ in range(3)))), {"cost": costs},
        (Budget("cost", upper=12, lower=8),),
        (PairTable(0, 1, differ), PairTable(1, 2, differ)),
    )  # fmt: skip
    feasible = {p for p in itertools.product(range(4), repeat=3) if program.feasible(p)}
    points = taken(program, 200)
    assert set(points) - {None} == feasible
    assert points == taken(program, 200)


def test_unions_draw_from_all_members_that_have_points():
    few = mixes(Budget("params", upper=60))
    narrow = MixProblem("narrow", few.metrics, (few.frames[0],), few.budgets)
    wide = MixProblem("wide", few.metrics, (few.frames[1],), few.budgets)
    heavy = Frame(np.array([1000]), 0.0, few.frames[0].groups)
    never = MixProblem("never", few.metrics, (heavy,), few.budgets)
    members = [({"size": 1}, narrow), ({"size": 2}, never), ({"size": 3}, wide)]
    union = Union.of("union", members)
    points = taken(union)
    assert {point[0] for point in points} == {0, 2} and points == taken(union)
    assert all(union.feasible(point) for point in points)
    assert set(taken(Union.of("union", members[1:2]), 3)) == {None}


def test_forms_without_draws_are_refused():
    with pytest.raises(UnsupportedProblem, match="of form other"):
        draws(SimpleNamespace(form="other"))


def test_random_slot_programs_have_points_drawn():
    program = random_slot_problem(np.random.default_rng(0)).unlimited()
    assert program.feasible(draws(program)(Random(0)))
