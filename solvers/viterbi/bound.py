r"""Bounds of everything that may follow a node, by dynamic programming under prices.

**The relaxation.** A point is a path of :class:`~.graph.Graph` and all its sums are sums of arcs: the
objective :math:`f`, and the rows :math:`l_r \le c_r \le u_r`. For *any* reals :math:`y_r` every
feasible point keeps :math:`0 \le y_r^+ (u_r - c_r) + y_r^- (c_r - l_r)`, so that

.. math:: f \le \sum_r (y_r^+ u_r - y_r^- l_r) + \sum_a \bigl(g_a - \sum_r y_r c_{ra}\bigr)

holds for it (weak duality). The right side is a sum along the path again. With :math:`V(i)` its
greatest sum from node :math:`i` to the end, found by one sweep,

* no completion of a path so far of priced value :math:`v` at node :math:`i` is worth more than
  :math:`v + V(i)`; at the start, where :math:`v` are the constants, no point at all;
* no point through an arc :math:`a` from :math:`i` to :math:`j` is worth more than
  :math:`v(i) + q_a + V(j)`, with :math:`v(i)` the greatest priced value of a path to :math:`i`. An arc
  whose bound is at most a cut can be left out: points through it are worth no more than that.

:math:`y` with a positive part where there is no upper side, or a negative one where there is no
lower, are set to 0 there. No other property of the prices is used: they may come from anywhere.

**Without an incumbent** the cut is :func:`floor_of`, less than the objective of every path, feasible or
not. A bound at or below it is a proof that nothing it bounds is feasible: a feasible point would be
worth more than the floor and no more than the bound.

**Rounding.** Sums of doubles of :math:`n` terms err by at most :math:`n 2^{-53}` of the sum of absolute
values; :attr:`Completion.room` is :data:`ROOM` times that sum at its greatest, and is part of every
bound that is used. Budgets are not decided here: labels count in exact integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mathdesign.programs.base import FloatArray
from mathdesign.solvers.viterbi.graph import Graph
from mathdesign.solvers.viterbi.kernels.sweeps import from_start, to_end
from mathdesign.solvers.viterbi.plan import FREE

#: Room for the rounding of sums, relative to the sum of absolute values.
ROOM = 1e-12


@dataclass(frozen=True, eq=False)
class Completion:
    """``V`` of every node under some prices."""

    prices: FloatArray
    """(rows,)"""
    weight: FloatArray
    """(arcs,) the gain less what the costs are priced at."""
    after: FloatArray
    """(arcs,) that and the best that follows."""
    start: float
    room: float
    bound: float
    """Of all points; room is in it."""

    @classmethod
    def of(cls, graph: Graph, prices: FloatArray) -> Completion:
        """Under any prices."""
        prices = np.where(graph.upper < FREE, prices, np.minimum(prices, 0.0))
        prices = np.where(graph.lower > 0, prices, np.maximum(prices, 0.0))
        bound = np.where(prices > 0, graph.upper, graph.lower).astype(np.float64)
        paid = graph.costs @ prices
        weight = graph.gain - paid
        best = to_end(graph.first, graph.head, weight)
        start = graph.constant + float(prices @ bound)
        size: FloatArray = np.abs(graph.gain) + graph.costs @ np.abs(prices)
        sizes = float(to_end(graph.first, graph.head, size)[0])
        room = ROOM * (graph.size + float(np.abs(prices) @ bound) + sizes)
        after = weight + best[graph.head]
        return cls(prices, weight, after, start, room, start + float(best[0]) + room)

    def through(self, graph: Graph) -> FloatArray:
        """The bound of each arc, room included."""
        before = from_start(graph.first, graph.head, self.weight)
        found: FloatArray = before[graph.tail] + self.after + (self.start + self.room)
        return found


def floor_of(graph: Graph) -> float:
    """Less than the objective of every point, by more than rounding."""
    if graph.empty:
        return -np.inf
    least = -float(to_end(graph.first, graph.head, -graph.gain)[0])
    size = graph.size + float(to_end(graph.first, graph.head, np.abs(graph.gain))[0])
    return graph.constant + least - 2 * ROOM * size - 1e-300


def without_hopeless(
    graph: Graph, completions: Sequence[Completion], cut: float
) -> tuple[Graph, float]:
    """The graph without arcs whose bound is at most ``cut``, and the greatest bound left out."""
    bound = np.full(len(graph.head), np.inf)
    for completion in completions:
        np.minimum(bound, completion.through(graph), out=bound)
    stays = bound > cut
    return graph.kept(stays), float(bound[~stays].max(initial=-np.inf))


def fewest_first(graph: Graph, completion: Completion, cut: float) -> Graph:
    """Layers on which little is open first, where any order will do: a path is cut off sooner.

    What is open on a layer is counted in arcs, one whose bound is near the cut as next to nothing.
    """
    over = completion.bound - cut
    if not graph.free or not 0.0 < over < np.inf:
        return graph
    share = (completion.through(graph) - cut) / over
    open_arcs = np.add.reduceat(np.maximum(share, 0.0), graph.first[:-1])
    return graph.ordered(np.argsort(open_arcs, kind="stable"))
