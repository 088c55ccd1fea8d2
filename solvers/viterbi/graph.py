r"""SlotProblem -> layered graph: a layer a slot, a path a point, sums along the path.

Slots are decided one after the other. What later slots may still look at is the *state*: the options
of those decided slots that share a table or a rule with one not yet decided. So a node is a slot
boundary and a state, an arc is the option of the next slot, and an arc's share of a sum are the
tables whose last slot is decided by it. Without pairs there is one node a boundary; with pairs of
slots :math:`|i-j|\le b` there are at most the products of the options of :math:`b` slots.

**Validity.** Every table of the objective and of the budgets has a slot that is decided last; the
others are in the state then, so that each table counts once on every path and paths are exactly the
points that keep the rules. A rule whose table is an outer product is one of two single options; a
distance to a point :math:`p` is the row :math:`|\{i: x_i=p_i\}| \le n - \text{at least}`. Costs are
shifted by the least of each layer, in the budgets as well, so that no cost is negative; all are
integers, at most :data:`~.plan.LARGEST` in sum, so that int64 holds every sum and difference.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from mathdesign.programs.base import BoolArray, FloatArray, IntArray
from mathdesign.programs.slots import SlotProblem
from mathdesign.solvers.milp.possible import Pair, Sums, Table, oriented
from mathdesign.solvers.viterbi.kernels.sweeps import (
    from_start,
    to_end,
    whole_ends,
    whole_starts,
)
from mathdesign.solvers.viterbi.plan import FREE, Plan, outer, plan_of, rows_of


@dataclass(frozen=True, eq=False)
class Graph:
    """Arcs by the node that they leave; see :mod:`.kernels.sweeps`."""

    slots: tuple[int, ...]
    """The slot that each layer decides."""
    fixed: tuple[int, ...]
    """(all slots,) the option of each slot that no layer decides any more, 0 for the others."""
    layer: IntArray
    """(nodes,) how many layers lie before."""
    first: IntArray
    head: IntArray
    option: IntArray
    gain: FloatArray
    constant: float
    size: float
    """Sum of the absolute values that the constant was summed from."""
    costs: IntArray
    """(arcs, rows)"""
    lower: IntArray
    """(rows,) 0 where absent."""
    upper: IntArray
    """(rows,) ``FREE`` where absent."""

    @property
    def empty(self) -> bool:
        """Whether no path is left."""
        return not len(self.head)

    @property
    def bytes(self) -> int:
        """Memory of the arcs, and of what bounds make of them."""
        return 4 * (self.costs.nbytes + self.gain.nbytes + self.head.nbytes + self.option.nbytes)

    @cached_property
    def tail(self) -> IntArray:
        """The node that each arc leaves."""
        return np.repeat(np.arange(len(self.first) - 1), np.diff(self.first))

    @cached_property
    def rest(self) -> tuple[IntArray, IntArray]:
        """For each node the least and greatest costs that may follow: ``(nodes, rows)``, exact."""
        least, most = whole_ends(self.first, self.head, self.costs)
        return least, most

    @cached_property
    def windows(self) -> tuple[IntArray, IntArray]:
        """For each node the least and greatest costs so far that may end within the budgets."""
        least, most = self.rest
        low = np.where(self.lower > 0, self.lower - most, 0)
        high = np.where(self.upper < FREE, self.upper - least, FREE)
        none = most < 0
        return np.where(none, FREE, low), np.where(none, -1, high)

    def point(self, arcs: Sequence[int] | IntArray) -> tuple[int, ...]:
        """The point of a path."""
        point = list(self.fixed)
        for slot, arc in zip(self.slots, arcs):
            point[slot] = int(self.option[arc])
        return tuple(point)

    def keeps(self, paths: IntArray) -> BoolArray:
        """Which paths, shape ``(paths, layers)``, keep the budgets, in exact integers."""
        sums = self.costs[paths].sum(axis=1)
        found: BoolArray = ((sums >= self.lower) & (sums <= self.upper)).all(axis=1)
        return found

    def kept(self, which: BoolArray) -> Graph:
        """Only the arcs named, and of these only what lies on whole paths."""
        if which.all():
            return self
        found = self
        while not which.all():
            found = found._taken(np.flatnonzero(which))
            nothing = np.zeros(len(found.head))
            before = from_start(found.first, found.head, nothing)
            after = to_end(found.first, found.head, nothing)
            which = np.isfinite(before[found.tail] + after[found.head])
        return found if found.empty else found._compact()

    def within(self) -> Graph:
        """Without arcs on which no path keeps a budget, and without sides that every path keeps."""
        found = self
        while not found.empty:
            least, most = whole_starts(found.first, found.head, found.costs)
            low, high = found.windows
            keeps = least[found.tail] + found.costs <= high[found.head]
            keeps &= most[found.tail] + found.costs >= low[found.head]
            which: BoolArray = np.all(keeps, axis=1)
            if which.all():
                return found._eased()
            found = found.kept(which)
        return found

    def bound(self) -> Graph:
        """Without rows of which no side is left."""
        bound = (self.lower > 0) | (self.upper < FREE)
        costs = np.ascontiguousarray(self.costs[:, bound])
        return replace(self, costs=costs, lower=self.lower[bound], upper=self.upper[bound])

    @property
    def free(self) -> bool:
        """Whether nothing couples two layers, so that they may come in any order."""
        return len(self.first) == len(self.slots) + 1

    def ordered(self, layers: IntArray) -> Graph:
        """The same with the layers in another order, of a graph that is :attr:`free`."""
        arcs = np.concatenate([np.arange(self.first[k], self.first[k + 1]) for k in layers])
        count = np.diff(self.first)[layers]
        return replace(
            self, slots=tuple(self.slots[k] for k in layers),
            first=np.concatenate([[0], np.cumsum(count)]),
            head=np.repeat(np.arange(1, len(layers) + 1), count), option=self.option[arcs],
            gain=self.gain[arcs], costs=self.costs[arcs],
        )  # fmt: skip

    def _eased(self) -> Graph:
        least, most = (ends[0] for ends in self.rest)
        lower = np.where(least >= self.lower, 0, self.lower)
        upper = np.where(most <= self.upper, FREE, self.upper)
        if (lower == self.lower).all() and (upper == self.upper).all():
            return self
        return replace(self, lower=lower, upper=upper)

    def _taken(self, arcs: IntArray) -> Graph:
        count = np.bincount(self.tail[arcs], minlength=len(self.first) - 1)
        return replace(
            self, first=np.concatenate([[0], np.cumsum(count)]), head=self.head[arcs],
            option=self.option[arcs], gain=self.gain[arcs], costs=self.costs[arcs],
        )  # fmt: skip

    def _compact(self) -> Graph:
        """Without nodes that no path meets, and without layers of a single arc.

        Such an arc is on every path: its gain is a constant, its costs are taken off the budgets,
        and the nodes at its ends are one.
        """
        out = np.diff(self.first)
        nodes = np.append(out > 0, True)
        single = np.flatnonzero(np.bincount(self.layer[self.tail]) == 1)
        if len(single) == len(self.slots):
            single = single[:-1]
        arcs = np.flatnonzero(np.isin(self.layer[self.tail], single))
        nodes[self.head[arcs]] = False
        number = np.cumsum(nodes) - 1
        rest = np.ones(len(self.head), dtype=np.bool_)
        rest[arcs] = False
        fixed = list(self.fixed)
        for arc in arcs:
            fixed[self.slots[self.layer[self.tail[arc]]]] = int(self.option[arc])
        paid = self.costs[arcs].sum(axis=0)
        count = np.bincount(number[self.tail[rest]], minlength=int(nodes.sum()) - 1)
        gone = np.zeros(len(self.slots) + 1, dtype=np.int64)
        gone[single + 1] = 1
        layer = self.layer - np.cumsum(gone)[self.layer]
        return Graph(
            tuple(s for k, s in enumerate(self.slots) if not gone[k + 1]), tuple(fixed), layer[nodes],
            np.concatenate([[0], np.cumsum(count)]), number[self.head[rest]], self.option[rest],
            self.gain[rest], self.constant + float(self.gain[arcs].sum()),
            self.size + float(np.abs(self.gain[arcs]).sum()), self.costs[rest],
            np.where(self.lower > 0, np.maximum(self.lower - paid, 0), 0),
            np.where(self.upper < FREE, np.maximum(self.upper - paid, -1), FREE),
        )  # fmt: skip


def graph_of(problem: SlotProblem) -> Graph:
    """The graph of the program. Whether it may be built is asked before: :func:`plan_of`."""
    return _Build(problem, plan_of(problem)).run()


@dataclass(frozen=True, eq=False)
class _Layer:
    """The arcs of one slot, rules kept: state before, state after, option, gain, costs."""

    before: IntArray
    after: IntArray
    option: IntArray
    gain: FloatArray
    costs: list[IntArray]


class _Build:
    """All layers, then the graph."""

    def __init__(self, problem: SlotProblem, plan: Plan) -> None:
        self.plan, self.rows = plan, rows_of(problem)
        self.objective = Sums.of(problem.objective.tables)
        treeless = [weight * e.offset for weight, e in problem.objective.ensembles if weight]
        self.constants = [float(self.objective.constant), *treeless]
        self.masks: list[BoolArray] = [np.ones(n, dtype=np.bool_) for n in plan.sizes]
        self.allowed: dict[Pair, BoolArray] = {}
        for rule in problem.rules:
            self._rule(*oriented(rule))

    def run(self) -> Graph:
        layers = [self._layer(position) for position in range(len(self.plan.order))]
        counts = [math.prod(self.plan.sizes[i] for i in state) for state in self.plan.states]
        starts = np.concatenate([[0], np.cumsum(counts)])
        tail = np.concatenate([layer.before + s for layer, s in zip(layers, starts)])
        head = np.concatenate([layer.after + s for layer, s in zip(layers, starts[1:])])
        costs = np.empty((len(tail), len(self.rows)), dtype=np.int64)
        lower, upper = [], []
        for r, row in enumerate(self.rows):
            shift = int(row.sums.constant)
            parts = []
            for layer in layers:
                least = int(layer.costs[r].min()) if len(layer.costs[r]) else 0
                parts.append(layer.costs[r] - least)
                shift += least
            costs[:, r] = np.concatenate(parts)
            lower.append(min(max(row.lower - shift, 0), FREE))
            upper.append(min(max(row.upper - shift, -1), FREE))
        first = np.concatenate([[0], np.cumsum(np.bincount(tail, minlength=int(starts[-2])))])
        layer_of = np.repeat(np.arange(len(counts)), counts)
        graph = Graph(
            self.plan.order, (0,) * len(self.plan.order), layer_of, first, head, np.concatenate([y.option for y in layers]),
            np.concatenate([layer.gain for layer in layers]), sum(self.constants), sum(map(abs, self.constants)),
            costs,
            np.array(lower, dtype=np.int64), np.array(upper, dtype=np.int64),
        )  # fmt: skip
        nothing = np.zeros(len(head))
        before, after = from_start(first, head, nothing), to_end(first, head, nothing)
        return graph.kept(np.isfinite(before[graph.tail] + after[head]))

    def _rule(self, key: Pair, table: Table) -> None:
        allowed = table.astype(bool)
        if key[0] == key[1]:
            self.masks[key[0]] &= np.diagonal(allowed)
        elif outer(allowed):
            self.masks[key[0]] &= allowed.any(axis=1)
            self.masks[key[1]] &= allowed.any(axis=0)
        else:
            self.allowed[key] = self.allowed.get(key, np.True_) & allowed

    def _layer(self, position: int) -> _Layer:
        slot, state = self.plan.order[position], self.plan.states[position]
        options = self._digits(state, slot)
        good = self.masks[slot][options[slot]]
        for i in state:
            if (key := (min(i, slot), max(i, slot))) in self.allowed:
                good = good & self.allowed[key][options[key[0]], options[key[1]]]
        arcs = np.flatnonzero(good)
        options = {i: digit[arcs] for i, digit in options.items()}
        after = np.zeros(len(arcs), dtype=np.int64)
        for i in self.plan.states[position + 1]:
            after = after * self.plan.sizes[i] + options[i]
        before = arcs // self.plan.sizes[slot]
        gain = self._sum(self.objective, slot, state, options).astype(np.float64)
        costs = [self._sum(row.sums, slot, state, options) for row in self.rows]
        return _Layer(before, after, options[slot], gain, costs)

    def _digits(self, state: tuple[int, ...], slot: int) -> dict[int, IntArray]:
        """The option of each slot, over all states and options of the next slot."""
        found = {}
        rest = np.arange(math.prod(self.plan.sizes[i] for i in (*state, slot)))
        for i in (slot, *reversed(state)):
            rest, found[i] = np.divmod(rest, self.plan.sizes[i])
        return found

    def _sum(
        self, sums: Sums, slot: int, state: tuple[int, ...], options: dict[int, IntArray]
    ) -> Any:
        total = sums.unary[slot][options[slot]]
        for i in state:
            if (key := (min(i, slot), max(i, slot))) in sums.pairs:
                total = total + sums.pairs[key][options[key[0]], options[key[1]]]
        return total
