"""The graph has the points of the program, and any prices bound them."""

import itertools

import numpy as np
import pytest

pytest.importorskip("numba")

from mathdesign.programs.base import Budget
from mathdesign.programs.slots import PairTable, Slot, SlotObjective, SlotProblem, TableSum
from mathdesign.solvers.viterbi.bound import Completion, floor_of, without_hopeless
from mathdesign.solvers.viterbi.graph import Graph, graph_of
from mathdesign.solvers.viterbi.kernels.sweeps import NO_PATH
from mathdesign.solvers.viterbi.plan import FREE, plan_of
from mathdesign.solvers.viterbi.prices import prices
from tests.slot_problems import every_point
from tests.solvers.viterbi.test_backend import additive


def paths(graph: Graph) -> list[tuple[int, ...]]:
    """The arcs of every path."""
    found: list[tuple[int, ...]] = [()]
    for _ in graph.slots:
        found = [
            (*path, a)
            for path in found
            for node in [graph.head[path[-1]] if path else 0]
            for a in range(graph.first[node], graph.first[node + 1])
        ]
    return found


def two_slots() -> SlotProblem:
    """Values 0 3 and 1 2 with 4 for both second options; costs -1 2 and 5 6; not both first."""
    slots = (Slot("a", ("x", "y")), Slot("b", ("x", "y")))
    values = TableSum(
        1.0,
        (np.array([0.0, 3.0]), np.array([1.0, 2.0])),
        (PairTable(0, 1, np.array([[0.0, 0.0], [0.0, 4.0]])),),
    )
    costs = TableSum(10, (np.array([-1, 2]), np.array([5, 6])))
    rules = (PairTable(0, 1, np.array([[False, True], [True, True]])),)
    return SlotProblem(
        "two", slots, SlotObjective(values), {"c": costs}, (Budget("c", 17, 15),), rules
    )


def test_a_graph_by_hand():
    """Points 01, 10, 11 cost 15, 17, 18: less 14, the least of each layer and the constant."""
    graph = graph_of(two_slots())
    assert sorted(graph.point(path) for path in paths(graph)) == [(0, 1), (1, 0), (1, 1)]
    assert (graph.lower.tolist(), graph.upper.tolist()) == ([1], [3])
    sums = {graph.point(p): int(graph.costs[list(p), 0].sum()) for p in paths(graph)}
    assert sums == {(0, 1): 1, (1, 0): 3, (1, 1): 4}
    kept = graph.within()
    assert sorted(kept.point(path) for path in paths(kept)) == [(0, 1), (1, 0)]


def test_a_completion_by_hand():
    """Without prices 1 + 3 + 2 + 4 = 10; at 2 a unit above 3: 10 + 2 * (3 - 4), or 5 of 10."""
    graph = graph_of(two_slots())
    assert Completion.of(graph, np.zeros(1)).bound == pytest.approx(10.0)
    assert Completion.of(graph, np.array([2.0])).bound == pytest.approx(8.0)
    assert Completion.of(graph, np.array([5.0])).bound == pytest.approx(5 + 0 + 13 - 5)
    assert floor_of(graph) < 3.0


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_paths_are_the_points_and_any_prices_bound_them(first):
    for seed in range(first, first + 50):
        problem = additive(seed)
        rng, graph = np.random.default_rng(seed), graph_of(problem)
        points = every_point(problem)
        allowed = np.ones(len(points), dtype=bool)
        for rule in problem.rules:
            allowed &= rule.at(points).astype(bool)
        found = {graph.point(path) for path in paths(graph)} if not graph.empty else set()
        assert found == set(map(tuple, points[allowed].tolist())), seed
        feasible = points[problem.feasible_rows(points)]
        if not len(feasible):
            continue
        best = float(problem.objective.at(feasible).max())
        graph = graph.within().bound()
        for _ in range(4):
            anything = rng.normal(size=len(graph.lower)) * rng.choice([0.01, 1.0, 100.0])
            assert Completion.of(graph, anything).bound >= best - 1e-9 * abs(best), seed
        fine = prices(graph, 4).completions
        small, left = without_hopeless(graph, fine, best - 1e-6)
        values = problem.objective.at(feasible)
        reached = {small.point(path) for path in paths(small)} if not small.empty else set()
        for point, value in zip(feasible.tolist(), values):
            assert tuple(point) in reached or value <= max(left, best - 1e-6) + 1e-9, seed


def test_prices_are_those_of_the_linear_program():
    """Two slots of 0 and 2 for 0 and 2, at most 3: the mix is worth 3."""
    slots = tuple(Slot(f"s{i}", ("a", "b")) for i in range(2))
    table = (np.array([0, 2]),) * 2
    values = SlotObjective(TableSum(0.0, tuple(t.astype(float) for t in table)))
    problem = SlotProblem("lp", slots, values, {"c": TableSum(0, table)}, (Budget("c", 3),))
    assert prices(graph_of(problem), 2).completions[0].bound == pytest.approx(3.0, rel=1e-9)


def test_single_layers_become_constants():
    problem = additive(11)
    graph = graph_of(problem)
    first = graph.layer[graph.tail] == 0
    only = np.flatnonzero(first)[0]
    part = graph.kept(~first | (np.arange(len(first)) == only))
    option = int(graph.option[only])
    whole = [p for p in map(graph.point, paths(graph)) if p[graph.slots[0]] == option]
    assert sorted(map(part.point, paths(part))) == sorted(whole)
    for path in paths(part):
        point = part.point(path)
        value = part.constant + float(part.gain[list(path)].sum())
        assert value == pytest.approx(problem.value(point))


def test_what_is_absent_is_the_same_everywhere():
    assert FREE == NO_PATH


def test_states_hold_what_later_slots_look_at():
    rules = tuple(PairTable(i, j, np.eye(2, dtype=bool)) for i, j in itertools.pairwise(range(4)))
    slots = tuple(Slot(f"s{i}", ("a", "b")) for i in range(4))
    values = SlotObjective(TableSum(0.0, (np.zeros(2),) * 4))
    plan = plan_of(SlotProblem("chain", slots, values, rules=rules))
    assert plan.states == ((), (0,), (1,), (2,), ()) and plan.most_states == 2 and plan.arcs == 14
