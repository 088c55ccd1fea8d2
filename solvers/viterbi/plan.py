"""In which order slots are decided, and what later ones may still look at; asked before a graph is made.

Apart from the graph itself, so that asking costs no compiler.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mathdesign.programs.slots import SlotProblem
from mathdesign.solvers.milp.possible import Pair, Sums, Table, oriented

#: Whole numbers that costs may sum up to: what is made of them stays below 2^62.
LARGEST = 2**58
#: Bounds of budgets that are absent: above every sum. The kernels' ``NO_PATH``.
FREE = 2**62 + 1
#: Options of the slots in a state, and arcs of the whole graph, beyond which it is not built.
MOST_STATES, MOST_ARCS = 20_000, 1_000_000


@dataclass(frozen=True, eq=False)
class Row:
    """One budget or distance as tables."""

    name: str
    sums: Sums
    lower: int
    upper: int


@dataclass(frozen=True, eq=False)
class Plan:
    """In which order slots are decided, and the state before each: the slots that it holds."""

    order: tuple[int, ...]
    states: tuple[tuple[int, ...], ...]
    sizes: tuple[int, ...]

    @property
    def most_states(self) -> int:
        """Of one boundary, rules ignored."""
        return max(math.prod(self.sizes[i] for i in state) for state in self.states)

    @property
    def arcs(self) -> int:
        """Of all layers, rules ignored."""
        steps = zip(self.order, self.states)
        return sum(math.prod(self.sizes[i] for i in (slot, *state)) for slot, state in steps)


def rows_of(problem: SlotProblem) -> list[Row]:
    """A row for each metric with a budget, and one for each distance."""
    sides: dict[str, tuple[float, float]] = {}
    for budget in problem.budgets:
        low, high = sides.get(budget.metric, (-math.inf, math.inf))
        low = low if budget.lower is None else max(low, budget.lower)
        high = high if budget.upper is None else min(high, budget.upper)
        sides[budget.metric] = low, high
    rows = [
        Row(metric, Sums.of(problem.metrics[metric]), _whole(low, -FREE), _whole(high, FREE))
        for metric, (low, high) in sides.items()
    ]
    sizes = [len(slot.options) for slot in problem.slots]
    for d, distance in enumerate(problem.distances):
        unary = [np.zeros(n, dtype=np.int64) for n in sizes]
        for table, option in zip(unary, distance.point):
            table[option] = 1
        rows.append(Row(f"distance {d}", Sums(0, unary, {}), -FREE, len(sizes) - distance.at_least))
    return rows


def plan_of(problem: SlotProblem) -> Plan:
    """The slots in their own order, or the next that makes the least state where that is too much."""
    sizes = tuple(len(slot.options) for slot in problem.slots)
    partners = _partners(problem)
    own = _plan(range(len(sizes)), partners, sizes)
    if own.most_states <= MOST_STATES and own.arcs <= MOST_ARCS // 10:
        return own
    other = _plan(_greedy(partners, sizes), partners, sizes)
    return min(own, other, key=lambda plan: plan.arcs)


def _whole(bound: float, free: int) -> int:
    return free if math.isinf(bound) else int(bound)


def _coupled(problem: SlotProblem) -> Iterator[Pair]:
    sums = [problem.objective.tables, *(problem.metrics[b.metric] for b in problem.budgets)]
    for found in sums:
        yield from Sums.of(found).pairs
    for rule in problem.rules:
        key, table = oriented(rule)
        if key[0] != key[1] and not outer(table):
            yield key


def outer(table: Table) -> bool:
    """Whether a rule is one of two single options: all of some rows with all of some columns."""
    allowed = table.astype(bool)
    return bool((allowed == np.outer(allowed.any(axis=1), allowed.any(axis=0))).all())


def _partners(problem: SlotProblem) -> list[set[int]]:
    found: list[set[int]] = [set() for _ in problem.slots]
    for i, j in _coupled(problem):
        found[i].add(j)
        found[j].add(i)
    return found


def _plan(order: Iterable[int], partners: Sequence[set[int]], sizes: tuple[int, ...]) -> Plan:
    order = tuple(order)
    at = {slot: position for position, slot in enumerate(order)}
    last = {slot: max([at[j] for j in partners[slot]], default=-1) for slot in order}
    state: tuple[int, ...] = ()
    states = [state]
    for position, slot in enumerate(order):
        state = tuple(i for i in (*state, slot) if last[i] > position)
        states.append(state)
    return Plan(order, tuple(states), sizes)


def _greedy(partners: Sequence[set[int]], sizes: tuple[int, ...]) -> list[int]:
    left, state, order = set(range(len(sizes))), set[int](), list[int]()

    def after(slot: int) -> set[int]:
        rest = left - {slot}
        return {i for i in (*state, slot) if partners[i] & rest}

    while left:
        near = [j for i in state for j in partners[i] if j in left] or sorted(left)
        slot = min(sorted(set(near)), key=lambda s: math.prod(sizes[i] for i in after(s)))
        state = after(slot)
        left.remove(slot)
        order.append(slot)
    return order
