"""The slot problem evaluates its tables, features and trees as written."""

import numpy as np
import pytest

from mathdesign.programs.base import Budget
from mathdesign.programs.slots import (
    Ensemble,
    Feature,
    PairTable,
    Slot,
    SlotObjective,
    SlotProblem,
    TableSum,
    Tree,
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


def problem(**changes):
    zero = TableSum(0.0, (np.zeros(2), np.zeros(3)))
    macs = TableSum(
        5, (np.array([1, 2]), np.array([0, 30, 10])), (PairTable(0, 1, np.arange(6).reshape(2, 3)),)
    )
    fields = {"objective": SlotObjective(zero, ((2.0, Ensemble((WIDTH, IS_CONV), (TREE,), 1.0)),))}
    return SlotProblem("small", SLOTS, **(fields | {"metrics": {"macs": macs}} | changes))


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
    rule = PairTable(0, 1, np.array([[True, True, True], [True, False, True]]))
    budgets = (Budget("macs", upper=22, lower=10),)
    good = problem(budgets=budgets, rules=(rule,)).feasible_rows(POINTS)
    assert good.tolist() == [False, False, True, True, False, True]


def test_the_spread_is_the_population_deviation_of_the_members():
    members = (Ensemble((WIDTH,), (), 1.0), Ensemble((WIDTH,), (), 3.0))
    zero = TableSum(0.0, (np.zeros(2), np.zeros(3)))
    assert SlotObjective(zero, (), members, 0.5).at(POINTS).tolist() == [0.5] * 6


@pytest.mark.parametrize(
    "changes", [{"budgets": (Budget("params", 1),)}, {"rules": (PairTable(0, 1, np.ones((2, 2))),)}]
)
def test_malformed_problems_are_refused(changes):
    with pytest.raises(ValueError):
        problem(**changes)
