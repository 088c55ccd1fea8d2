r"""Branch and bound over parts of a graph, each with prices of its own.

A part is what one or the other half of a layer's arcs leaves: every path of the graph lies in one of
the two. Prices are found anew for each, so that its bound is its own Lagrangian dual; arcs that no
better point takes go, and what is small enough is looked through path by path. The greatest bound
of what was dropped, and of the parts still open, bounds the whole.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from mathdesign.programs.base import FloatArray, IntArray
from mathdesign.solvers.viterbi.bound import Completion, fewest_first, without_hopeless
from mathdesign.solvers.viterbi.graph import Graph
from mathdesign.solvers.viterbi.prices import Priced, best_of, prices
from mathdesign.solvers.viterbi.search import Depth

#: Completions that paths are held to, rounds of prices of a part.
COMPLETIONS, ROUNDS = 8, 60
#: Steps of a search through a part before it is split, and what finding its prices counts as.
STEPS, PRICING = 100_000, 20_000


@dataclass(frozen=True, eq=False)
class Part:
    """Arcs that are left, and a bound of their points."""

    graph: Graph
    bound: float


@dataclass
class Boxes:
    """The parts of a graph that are open. ``offer``, ``cut`` and ``stop`` as in :class:`.Depth`."""

    cut: Callable[[], float]
    offer: Callable[[tuple[int, ...]], object]
    stop: Callable[[], bool]
    closed: float = -math.inf
    """The greatest bound of what was dropped."""
    seen: int = 0
    bytes: int = 0
    """Memory of the open parts."""
    heap: list[tuple[float, int, Part]] = field(default_factory=list)
    number: itertools.count[int] = field(default_factory=itertools.count)

    def add(self, graph: Graph, bound: float) -> None:
        """Open a part."""
        self.bytes += graph.bytes
        heapq.heappush(self.heap, (-bound, next(self.number), Part(graph, bound)))

    @property
    def bound(self) -> float:
        """Of all that is open or was dropped."""
        return max(self.closed, -self.heap[0][0]) if self.heap else self.closed

    def run(self, steps: int) -> None:
        """Go on for about so many steps."""
        end = self.seen + steps
        while self.heap and self.seen < end and not self.stop():
            part = self.heap[0][2]
            if part.bound <= self.cut():
                self.closed = max(self.closed, part.bound)
                self.heap.clear()
                return
            halves = self._halves(part)
            heapq.heappop(self.heap)  # only now: until then it is open
            self.bytes -= part.graph.bytes
            for half, bound in halves:
                self.add(half, bound)

    def _halves(self, part: Part) -> list[tuple[Graph, float]]:
        graph = part.graph
        found = prices(graph, COMPLETIONS, ROUNDS)
        bound = min(part.bound, found.completions[0].bound)
        if (point := best_of(graph, found.paths, self.cut())) is not None:
            self.offer(point)
        self.seen += PRICING
        if bound <= self.cut():
            self.closed = max(self.closed, bound)
            return []
        small, left = without_hopeless(graph, found.completions, self.cut())
        small = small.within() if not small.empty else small
        self.closed = max(self.closed, left)
        if small.empty:
            return []
        if len(small.head) < 0.8 * len(graph.head):
            return [(small, bound)]
        small = fewest_first(small, Completion.of(small, found.completions[0].prices), self.cut())
        completions = tuple(Completion.of(small, c.prices) for c in found.completions)
        search = Depth(small, completions, self.cut, self.offer, self.stop)
        done = search.run(STEPS)
        self.seen += search.seen
        if done:
            self.closed = max(self.closed, search.left)
            return []
        bound = min(bound, max(search.left, self.cut()))
        return [(half, bound) for half in _split(small, graph, found)]


def _split(small: Graph, graph: Graph, found: Priced) -> list[Graph]:
    """What the option most mixed with others leaves of its slot, and what the others leave."""
    layer, option = _mixed(small, graph, found)
    here = small.layer[small.tail] == layer
    taken = small.option == option
    halves = (small.kept(~here | taken), small.kept(~here | ~taken))
    return [half for half in halves if not half.empty]


def _mixed(small: Graph, graph: Graph, found: Priced) -> tuple[int, int]:
    """The layer of ``small`` whose options the best mix of paths shares most evenly, and its first.

    Where it mixes nothing, the layer of most arcs.
    """
    share: dict[int, FloatArray] = {}
    for k, slot in enumerate(graph.slots):
        share[slot] = np.bincount(graph.option[found.paths[:, k]], found.mix).astype(np.float64)
    layers = small.layer[small.tail]
    best: tuple[float, int, int, int] | None = None
    for k, slot in enumerate(small.slots):
        options: IntArray = np.unique(small.option[layers == k])
        if len(options) < 2:
            continue
        held = np.zeros(int(options[-1]) + 1)
        held[: len(share[slot])] = share[slot][: len(held)]
        top = int(options[np.argmax(held[options])])
        key = (-round(float(held[top]), 9), int((layers == k).sum()), -k, top)
        best = key if best is None or key > best else best
    assert best is not None  # a path alone has no second
    return -best[2], best[3]
