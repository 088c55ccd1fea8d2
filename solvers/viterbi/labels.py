r"""Labels: the partial paths that may still become the best, from one end of the slots to the other.

A label is a path up to a node with its exact sums. It is dropped where

* the least or greatest that may follow, both in exact integers, shows that no completion ends within
  a budget: nothing that follows is feasible;
* what one of the completions of :mod:`.bound` says of all that may follow is at most the cut; the
  greatest such bound is remembered;
* another label at the same node *dominates* it: its value is no less, and each sum is equal, or less
  while no lower side needs more (the sum has reached ``lower - least rest``), or greater while no upper
  side can break any more (the sum is at most ``upper - greatest rest``). Then every feasible
  completion of the one is feasible for the other, since either the sums' difference is on the right
  side of each bound or the bound holds whatever follows; and it is worth no less;
* too many are held: the best bounded stay, and the greatest bound that goes is remembered.

So after the last layer the best label is the best point, but for what was dropped at the cut or for
want of room; the greatest bound among those is the bound of the whole. Which labels are compared
with which is a matter of speed alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from mathdesign.programs.base import BoolArray, FloatArray, IntArray
from mathdesign.solvers.viterbi.bound import Completion
from mathdesign.solvers.viterbi.graph import Graph
from mathdesign.solvers.viterbi.kernels.walk import counted, followed, undominated
from mathdesign.solvers.viterbi.plan import FREE

#: Labels before dominance, in units of those that stay.
CROWD = 4


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels at one boundary, arrays of one length."""

    node: IntArray
    value: FloatArray
    priced: FloatArray
    """(labels, completions): constants and room included."""
    costs: IntArray
    """(labels, rows)"""
    bound: FloatArray
    """Nothing that follows is worth more."""

    def taken(self, which: BoolArray | IntArray) -> Labels:
        """Only the labels named."""
        return Labels(
            self.node[which], self.value[which], self.priced[which], self.costs[which], self.bound[which]
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Sorted:
    """A graph whose arcs leave each node in falling order of the first completion."""

    graph: Graph
    weight: FloatArray
    """(arcs, completions)"""
    after: FloatArray

    @classmethod
    def of(cls, graph: Graph, completions: Sequence[Completion]) -> Sorted:
        """The same graph, its arcs in another order."""
        order = np.lexsort((-completions[0].after, graph.tail))
        ordered = replace(
            graph, head=graph.head[order], option=graph.option[order], gain=graph.gain[order],
            costs=np.ascontiguousarray(graph.costs[order]),
        )  # fmt: skip
        weight = np.stack([c.weight[order] for c in completions], axis=1)
        after = np.stack([c.after[order] for c in completions], axis=1)
        return cls(ordered, weight, after)


@dataclass
class Pass:
    """One walk along the slots with room for ``most`` labels at a boundary.

    ``cut``: what a point must exceed to matter. Afterwards ``left`` is the greatest bound of what
    was dropped at the cut or for want of room, ``whole`` whether nothing was for want of room.
    """

    graph: Graph
    completions: Sequence[Completion]
    cut: float
    most: int
    stop: Callable[[], bool]
    left: float = -math.inf
    whole: bool = True
    seen: int = 0
    trail: list[tuple[IntArray, IntArray]] = field(default_factory=list)
    sorted: Sorted = field(init=False)

    def __post_init__(self) -> None:
        self.sorted = Sorted.of(self.graph, self.completions)
        self.graph = self.sorted.graph
        least, most = self.graph.rest
        self._ease = np.where(self.graph.upper < FREE, self.graph.upper - most, FREE)
        self._need = np.where(self.graph.lower > 0, self.graph.lower - least, 0)

    @property
    def room(self) -> float:
        """Room for the rounding of sums along a path, and so of dominance."""
        return max(completion.room for completion in self.completions)

    def run(self) -> Labels | None:
        """The labels at the end, ``None`` if it was stopped; what was open then is in ``left``."""
        labels = self._first()
        for _ in self.graph.slots:
            if self.stop():
                self.left = max(self.left, float(labels.bound.max(initial=-math.inf)))
                self.whole = False
                return None
            labels = self._next(labels)
            self.seen += len(labels.node)
        return labels

    def point(self, label: int) -> tuple[int, ...]:
        """The point whose path ends in a label."""
        arcs = []
        for parent, arc in reversed(self.trail):
            arcs.append(int(arc[label]))
            label = int(parent[label])
        return self.graph.point(arcs[::-1])

    def _first(self) -> Labels:
        starts = np.array([[c.start + c.room for c in self.completions]])
        rows = self.graph.costs.shape[1]
        return Labels(
            np.zeros(1, dtype=np.int64), np.array([self.graph.constant]), starts,
            np.zeros((1, rows), dtype=np.int64), np.array([min(c.bound for c in self.completions)]),
        )  # fmt: skip

    def _next(self, labels: Labels) -> Labels:
        graph, own = self.graph, self.sorted
        low, high = graph.windows
        top = float(labels.bound.max(initial=-math.inf))
        floor = self.cut if math.isfinite(self.cut) else float(labels.bound.min(initial=math.inf))
        if not math.isfinite(self.cut):  # without an incumbent: a spread of bounds below these
            floor -= max(top - floor, 1e-3 * abs(top))
        width = (top - floor) / 4000 if top > floor else 0.0
        count, left = counted(
            labels.node, labels.priced, labels.costs, graph.first, graph.head, graph.costs, own.after,
            low, high, self.cut, floor, width,
        )  # fmt: skip
        self.left = max(self.left, left)
        least, held = self._chosen(count)
        node, value, priced, costs, bound, parent, arc, left = followed(
            labels.node, labels.value, labels.priced, labels.costs, graph.first, graph.head, graph.gain,
            graph.costs, own.weight, own.after, low, high, self.cut, floor, width, least, held,
        )  # fmt: skip
        self.left = max(self.left, left)
        found = Labels(node, value, priced, costs, bound)
        keep = self._thinned(found)
        self.trail.append((parent[keep].astype(np.int32), arc[keep].astype(np.int32)))
        return found.taken(keep)

    def _chosen(self, count: IntArray) -> tuple[int, int]:
        """The least class of bounds that there is room for, and how many labels it and more make.

        Of a class that is too large by itself there is room for the first.
        """
        from_top = np.cumsum(count[::-1])
        crowd = CROWD * self.most
        fits = int(np.searchsorted(from_top, crowd, side="right"))
        if fits == len(count):
            return 0, int(from_top[-1])
        self.whole = False
        fits = max(fits, 1)
        return len(count) - fits, min(int(from_top[fits - 1]), crowd)

    def _thinned(self, labels: Labels) -> IntArray:
        keep = np.arange(len(labels.node))
        if len(keep) > 1:
            order = np.lexsort((-labels.priced[:, 0], -labels.value, labels.node))
            stays = undominated(order, labels.node, labels.costs, self._ease, self._need)
            keep = keep[stays]
        if len(keep) > self.most:
            order = np.argsort(-labels.bound[keep], kind="stable")
            self.left = max(self.left, float(labels.bound[keep[order[self.most]]]))
            self.whole = False
            keep = np.sort(keep[order[: self.most]])
        return keep
