"""The slot problem evaluates its tables, features and trees as written."""

from dataclasses import replace

import numpy as np
import pytest

from mathdesign.programs.base import Budget, Distance, Reach
from mathdesign.programs.slots import (
    Ensemble,
    Feature,
    PairTable,
    Slot,
    SlotObjective,
    SlotProblem,
    TableSum,
    Tree,
    random_points,
)

SLOTS = (Slot("width", ("8", "16"), (8.0, 16.0)), Slot("op", ("none", "conv", "pool")))
POINTS = np.array([[a, b] for a in range(2) for b in range(3)])
WIDTH = Feature("width", (0,), (np.array([8.0, 16.0]),))
IS_CONV = Feature("op=conv", (1,), (np.array([0.0, 1.0, 0.0]),))
#: width <= 8 ? (is conv ? 2 : 1) : 3
TREE = Tree(
    np.array([0, 1]),
    np.array([8.0, 0.5]),
    np.array([1, ~0]),
    np.array([~2, ~1]),
    np.array([1.0, 2.0, 3.0]),
)
RULE = np.array([[True, True, True], [True, False, True]])


def problem(**changes):
    zero = TableSum(0.0, (np.zeros(2), np.zeros(3)))
    macs = TableSum(
        5, (np.array([1, 2]), np.array([0, 30, 10])), (PairTable(0, 1, np.arange(6).reshape(2, 3)),)
    )
    fields = {
        "slots": SLOTS,
        "objective": SlotObjective(zero, ((2.0, Ensemble((WIDTH, IS_CONV), (TREE,), 1.0)),)),
    }
    return SlotProblem("small", **(fields | {"metrics": {"macs": macs}} | changes))


def test_metrics_are_sums_of_unary_and_pair_tables():
    assert problem().metrics["macs"].at(POINTS).tolist() == [6, 37, 18, 10, 41, 22]


def test_a_tree_goes_left_at_and_below_its_threshold():
    assert Ensemble((WIDTH, IS_CONV), (TREE,), 1.0).at(POINTS).tolist() == [2, 3, 2, 4, 4, 4]
    assert problem().objective.at(POINTS).tolist() == [4, 6, 4, 8, 8, 8]


def test_a_tree_of_one_leaf_is_a_constant():
    none = np.array([], dtype=np.int64)
    leaf = Tree(none, np.array([]), none, none, np.array([7.0]))
    assert Ensemble((), (leaf,)).at(POINTS).tolist() == [7.0] * 6


def test_budgets_and_rules_decide_feasibility():
    rule = PairTable(0, 1, RULE)
    budgets = (Budget("macs", upper=22, lower=10),)
    good = problem(budgets=budgets, rules=(rule,)).feasible_rows(POINTS)
    assert good.tolist() == [False, False, True, True, False, True]


def test_the_spread_is_the_population_deviation_of_the_members():
    members = (Ensemble((WIDTH,), (), 1.0), Ensemble((WIDTH,), (), 3.0))
    zero = TableSum(0.0, (np.zeros(2), np.zeros(3)))
    assert SlotObjective(zero, (), members, 0.5).at(POINTS).tolist() == [0.5] * 6


def test_one_real_makes_a_sum_real():
    tables = (np.array([1, 2]), np.array([0, 30, 10]))
    assert TableSum(5, tables).at(POINTS).dtype == np.int64
    assert TableSum(0.5, tables).at(POINTS).tolist() == [1.5, 31.5, 11.5, 2.5, 32.5, 12.5]
    assert TableSum(0, (tables[0], tables[1] / 4)).at(POINTS)[1] == 8.5
    pair = PairTable(0, 1, np.full((2, 3), 0.25))
    assert TableSum(0, tables, (pair,)).at(POINTS)[0] == 1.25


def test_small_integers_do_not_wrap():
    tables = (np.array([100, 2], dtype=np.int8), np.array([100, 0, 1], dtype=np.uint8))
    assert TableSum(100, tables).at(POINTS)[0] == 300


def test_the_objective_is_real_whatever_it_is_given():
    tables = TableSum(1, (np.array([1, 2]), np.array([0, 30, 10])))
    assert SlotObjective(tables).at(POINTS).dtype == np.float64


@pytest.mark.parametrize(
    ("point", "message"),
    [
        ((), "one position of an option for each slot"),
        ((0,), "one position"),
        ((0, 0, 0), "one position"),
        ((0, 3), "one position"),
        ((-1, 0), "one position"),
        ((0.5, 0), "holds integers"),
    ],
)
def test_what_is_no_point_says_what_is_one(point, message):
    assert not problem().feasible(point)
    for ask in (problem().costs, problem().value):
        with pytest.raises(ValueError, match=message):
            ask(point)


def test_a_metric_may_reach_2_to_the_62_and_no_more():
    def of(constant, unary, pair):
        tables = (np.array([unary, 0]), np.zeros(3, dtype=int))
        pairs = (PairTable(0, 1, np.array([[pair, 0, 0], [0, 0, 0]])),)
        return problem(metrics={"m": TableSum(constant, tables, pairs)})

    assert of(2**60, 2**61, 2**60).costs((0, 0)) == {"m": 2**62}
    for constant, unary, pair in (
        (2**60 + 1, 2**61, 2**60),
        (2**70, 0, 0),
        (-(2**61), -(2**61) - 1, 0),
    ):
        with pytest.raises(ValueError, match="m can exceed 2\\^62 in this space"):
            of(constant, unary, pair)


def test_a_reach_goes_slot_by_slot():
    macs = TableSum(5, (np.array([1, 2]), np.array([0, 30, 10])))
    free = problem(metrics={"macs": macs})
    assert free.reach("macs") == Reach(6, (0, 0))
    assert free.reach("macs", largest=True) == Reach(37, (1, 1))
    assert problem().reach("macs") is None  # a pair table couples the slots
    ruled = problem(metrics={"macs": macs}, rules=(PairTable(0, 1, RULE),))
    assert ruled.reach("macs", largest=True) is None  # its point breaks the rule
    assert ruled.reach("macs") == Reach(6, (0, 0))
    assert free.apart_from((0, 0)).reach("macs") is None


def test_barred_options_are_left_out():
    left = problem().barring({0: {1}, 1: {0, 2}})
    assert POINTS[left.feasible_rows(POINTS)].tolist() == [[0, 1]]
    assert problem().barring({0: ()}).rules == ()


def test_a_single_slot_bars_by_a_budget_of_a_name_that_is_free():
    zero, taken = TableSum(0.0, (np.zeros(3),)), TableSum(0, (np.arange(3),))
    one = SlotProblem("one", (SLOTS[1],), SlotObjective(zero), {"barred": taken})
    left = one.barring({0: {0}}).barring({0: {2}})
    assert [left.feasible((k,)) for k in range(3)] == [False, True, False]
    assert left.metric_names == ("barred", "barred 2", "barred 3")
    assert left.limits == ()


def test_pins_are_positions_of_options():
    assert problem().decisions == {"width": (0, 1), "op": (0, 1, 2)}
    assert POINTS[problem().pinned({"op": 1}).feasible_rows(POINTS)].tolist() == [[0, 1], [1, 1]]
    with pytest.raises(ValueError, match="op: found 3, accepted: 0 to 2"):
        problem().pinned({"op": 3})


def test_random_points_are_points():
    drawn = random_points(SLOTS, 50, np.random.default_rng(0))
    assert drawn.shape == (50, 2)
    assert {tuple(p) for p in drawn.tolist()} == {tuple(p) for p in POINTS.tolist()}


@pytest.mark.parametrize("options", [(), ("a", "a")])
def test_a_slot_has_distinct_options(options):
    with pytest.raises(ValueError, match="slot 's' needs at least one option, all distinct"):
        Slot("s", options)


def test_a_slot_has_a_value_for_each_option_or_none():
    with pytest.raises(ValueError, match="one value an option"):
        Slot("s", ("a", "b"), (1.0,))


ZERO = (np.zeros(2), np.zeros(3))
WHOLE = (np.zeros(2, dtype=int), np.zeros(3, dtype=int))
BAD_TREE = replace(TREE, leaf_values=np.array([1.0, np.nan, 0.0]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"budgets": (Budget("params", 1),)}, "unknown metric 'params'"),
        ({"rules": (PairTable(0, 1, np.ones((2, 2))),)}, "slots 0, 1: wrong shape"),
        ({"rules": (PairTable(0, 2, np.ones((2, 3))),)}, "slots 0, 2: wrong shape"),
        ({"rules": (PairTable(0, -1, np.ones((2, 3))),)}, "slots 0, -1: wrong shape"),
        ({"distances": (Distance((0, 3)),)}, "no point of the space"),
        ({"slots": ()}, "at least one slot"),
        ({"slots": (SLOTS[0], replace(SLOTS[1], name="width"))}, "distinct names"),
        ({"metrics": {"m": TableSum(0, WHOLE[:1])}}, "m: one table a slot"),
        ({"metrics": {"m": TableSum(0, ZERO)}}, "m: a metric is a sum of integers"),
        (
            {
                "objective": lambda: SlotObjective(
                    TableSum(0.0, ZERO, (PairTable(0, 1, np.eye(2)),))
                )
            },
            "slots 0, 1: wrong shape",
        ),
    ],
)
def test_malformed_problems_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        problem(**{k: v() if callable(v) else v for k, v in changes.items()})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"tables": TableSum(np.inf, ZERO)}, "constant of the objective: found inf"),
        ({"tables": TableSum(0.0, (ZERO[0], ZERO[1] + np.nan))}, "objective of slot 1: found nan"),
        (
            {"tables": TableSum(0.0, ZERO, (PairTable(0, 1, np.full((2, 3), -np.inf)),))},
            "objective of slots 0, 1: found -inf",
        ),
        ({"ensembles": ((np.nan, Ensemble((), ())),)}, "weight of ensemble 0: found nan"),
        ({"ensembles": ((1.0, Ensemble((), (), np.inf)),)}, "leaves of ensemble 0: found inf"),
        ({"spread": (Ensemble((WIDTH,), (BAD_TREE,)),)}, "leaves of ensemble 0: found nan"),
        ({"spread_weight": np.nan}, "weight of the spread: found nan"),
    ],
)
def test_objectives_are_finite(fields, message):
    with pytest.raises(ValueError, match=message):
        SlotObjective(**({"tables": TableSum(0.0, ZERO)} | fields))
