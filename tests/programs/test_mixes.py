"""Mixes: what is a point, how many there are, what groups and frames refuse."""

import math

import numpy as np
import pytest

from mathdesign.programs.base import Budget, Distance, Reach
from mathdesign.programs.mixes import (
    OTHER_FRAME,
    Frame,
    Frames,
    Group,
    MixProblem,
    differing,
    option_name,
    stacked,
)
from tests.points import every_point

COSTS = np.array([[1, 10], [3, 0]])


def group(least=1, most=2, costs=COSTS, values=(1.0, 4.0)) -> Group:
    return Group(costs, np.array(values), least, most)


def problem(*frames, **more) -> MixProblem:
    """By default a frame of two groups and one of a single group, metrics ``a`` and ``b``."""
    both = Frame(np.array([5, 7]), 0.5, (group(), group(0, 1)))
    one = Frame(np.array([0, 0]), 0.0, (group(),))
    return MixProblem("m", ("a", "b"), frames or (both, one), **more)


def test_designs_and_points_are_counted():
    layers = group(12, 12, np.ones((12, 2), dtype=np.int64), np.ones(12))
    assert (layers.lists, layers.mixes) == (12**12, math.comb(23, 12))
    assert (group().lists, group().mixes) == (2 + 4, 2 + 3)
    found = problem()
    assert (found.size, found.points) == (6 * 3 + 6, 5 * 3 + 5)


def test_decisions_are_the_frame_and_how_often_any_frame_takes_an_option():
    assert option_name(1, 0) == "group1.option0"
    assert problem().decisions == {
        "frame": (0, 1),
        "group0.option0": (0, 1, 2),
        "group0.option1": (0, 1, 2),
        "group1.option0": (0, 1),
        "group1.option1": (0, 1),
    }


def test_costs_and_values_are_those_of_the_frame_and_its_layers():
    assert problem().costs((0, 1, 1, 0, 1)) == {"a": 5 + 1 + 3 + 3, "b": 7 + 10}
    assert problem().value((0, 1, 1, 0, 1)) == 0.5 + 1 + 4 + 4
    assert problem().counts((0, 1, 1, 0, 1)) == ((1, 1), (0, 1))


def test_values_are_summed_exactly_and_rounded_once():
    frame = Frame(
        np.array([0, 0]), 1e16, (group(1, 1, values=(1.0, 1.0)), group(1, 1, values=(1.0, 1.0)))
    )
    assert problem(frame).value((0, 1, 0, 1, 0)) == 1e16 + 2


@pytest.mark.parametrize(
    ("point", "message"),
    [
        ((), "no frame"),
        ((2, 1, 0), "no frame 2"),
        ((-1, 1, 0), "no frame -1"),
        ((1, 0, 0), "0 layers in a group of 1 to 2"),
        ((1, 2, 1), "3 layers in a group of 1 to 2"),
        ((1, -1, 2), "one count, 0 or more"),
        ((1, 1), "one count, 0 or more"),
        ((1, 1, 0, 0), "more counts than options"),
        ((1, 0.5, 0.5), "holds integers"),
    ],
)
def test_what_is_no_point_says_why(point, message):
    assert not problem().feasible(point)
    for ask in (problem().counts, problem().costs, problem().value):
        with pytest.raises(ValueError, match=message):
            ask(point)
    with pytest.raises(ValueError, match=message):
        problem(distances=(Distance(point),))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"least": 2, "most": 1}, "2 to 1 layers"),
        ({"least": -1}, "-1 to 2 layers"),
        ({"values": (1.0,)}, "one row of costs for each"),
        ({"costs": np.zeros((0, 2), dtype=int), "values": ()}, "at least one option"),
        ({"costs": COSTS[0]}, "one row of costs for each"),
        ({"costs": COSTS + 0.5}, "found numbers of type float64"),
        ({"costs": [[2**70, 0], [0, 0]]}, "costs of a group can exceed"),
    ],
)
def test_malformed_groups_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        group(**changes)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (lambda: Frame(np.array([1]), 0.0, (group(),)), "one for each metric"),
        (lambda: Frame(np.array([1, 2]), 0.0, (group(costs=COSTS[:, :1]),)), "one for each metric"),
        (lambda: Frame(np.array([0.5, 2]), 0.0, ()), "costs of a frame: found numbers"),
        (lambda: Frame(np.array([1, 2]), math.nan, ()), "value of frame 0: found nan"),
        (
            lambda: Frame(np.array([1, 2]), 0.0, (group(), group(values=(0.0, -math.inf)))),
            "values of frame 0, group 1: found -inf",
        ),
    ],
)
def test_malformed_frames_are_refused(frame, message):
    with pytest.raises(ValueError, match=message):
        problem(frame())


def test_budgets_are_on_known_metrics_of_distinct_names():
    with pytest.raises(ValueError, match="unknown metric 'c'"):
        problem(budgets=(Budget("c", 1),))
    with pytest.raises(ValueError, match="distinct names"):
        MixProblem("m", ("a", "a"), (Frame(np.array([1, 2]), 0.0, ()),))


def test_a_cost_times_its_count_may_reach_2_to_the_62_and_no_more():
    def of(constant, cost):
        layers = group(4, 4, np.array([[cost, 0]]), (1.0,))
        return problem(Frame(np.array([constant, 0]), 0.0, (layers,)))

    assert of(0, 2**60).costs((0, 4))["a"] == 2**62
    assert of(0, 2**60).reach("a").value == 2**62
    for constant, cost in ((1, 2**60), (0, 2**60 + 1), (0, -(2**60) - 1)):
        with pytest.raises(ValueError, match="a can exceed 2\\^62 in this space"):
            of(constant, cost)


def test_points_of_two_frames_share_no_layer():
    assert differing((0, 1, 2), (0, 2, 0)) == 3
    assert differing((0, 1, 2), (1, 1, 2)) == OTHER_FRAME


def test_a_reach_takes_the_extreme_option_as_often_as_helps():
    assert problem().reach("a") == Reach(1, (1, 1, 0))
    assert problem().reach("a", largest=True) == Reach(5 + 6 + 3, (0, 0, 2, 0, 1))
    negative = Frame(np.array([0, 0]), 0.0, (group(0, 3, -COSTS),))
    assert problem(negative).reach("a") == Reach(-9, (0, 0, 3))
    assert problem(negative).reach("a", largest=True) == Reach(0, (0, 0, 0))


def test_a_reach_is_an_answer_where_its_point_keeps_what_is_inherent():
    assert problem().apart_from((1, 1, 0)).reach("a") is None
    assert problem().apart_from((1, 1, 0)).reach("a", largest=True).value == 14
    assert problem().pinned({"frame": 1}).reach("a") == Reach(1, (1, 1, 0))
    assert problem().pinned({"frame": 0}).reach("a") is None


def test_pins_are_metrics_of_their_own_each_with_its_budget():
    pinned = problem().pinned({"frame": 0}).pinned({"frame": 1, "group0.option1": 2})
    assert pinned.metrics == ("a", "b", "pin frame", "pin frame 2", "pin group0.option1")
    assert pinned.limits == ()
    assert not pinned.feasible((1, 0, 2))
    assert problem().pinned({"frame": 1, "group0.option1": 2}).feasible((1, 0, 2))


def test_an_option_that_a_frame_lacks_is_taken_never():
    assert problem().pinned({"group1.option0": 0}).feasible((1, 1, 0))
    assert not problem().pinned({"group1.option0": 1}).feasible((1, 1, 0))


def test_budgets_as_rows_that_bound_from_above():
    budgets = (Budget("b", 9, 3), Budget("a", 4), Budget("a"))
    assert problem(budgets=budgets).sides() == ((1, 1, 9), (1, -1, -3), (0, 1, 4))


def test_groups_stack_into_one_table():
    costs, values = stacked(problem().frames[0])
    assert costs.tolist() == [*COSTS.tolist(), *COSTS.tolist()]
    assert values.tolist() == [1.0, 4.0, 1.0, 4.0]


def test_frames_are_looked_at_once_for_all_programs():
    """A budget, a distance or a lifted limit makes no work for each frame again."""
    program = problem(budgets=(Budget("a", 9),))
    for other in (program.unlimited(), program.with_budgets([]), program.apart_from((1, 1, 0))):
        assert other.frames is program.frames
    assert isinstance(program.frames, Frames)


def test_the_least_over_all_frames_is_that_of_each():
    rng = np.random.default_rng(0)
    for _ in range(60):
        frames = []
        for _ in range(int(rng.integers(1, 5))):
            groups = []
            for _ in range(int(rng.integers(0, 4))):
                least, options = int(rng.integers(0, 3)), int(rng.integers(1, 4))
                most = least + int(rng.integers(0, 3))
                groups.append(
                    Group(rng.integers(-5, 6, (options, 2)), np.ones(options), least, most)
                )
            frames.append(Frame(rng.integers(-5, 6, 2), 0.0, tuple(groups)))
        program = problem(*frames)
        every = [program.costs(point) for point in every_point(program)]
        for metric in ("a", "b"):
            assert program.reach(metric).value == min(costs[metric] for costs in every)
            assert program.reach(metric, largest=True).value == max(c[metric] for c in every)
