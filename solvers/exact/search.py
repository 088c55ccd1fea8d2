"""Best-first search of the exact engine: which box next, what its children's bounds are.

The arithmetic of a box is compiled (:mod:`mathdesign.solvers.exact.kernels`); a few thousand boxes
settle the programs at hand, so the tree itself can be plain Python. With several threads a step
branches on as many nodes as there are threads (the kernels release the interpreter's lock); what
they find is taken in afterwards, in order, so that a run repeats exactly for a number of threads.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np

from mathdesign.programs.base import IntArray
from mathdesign.solvers.exact.model import BoxModel

#: Interior-point iterations per box, at most; any number gives a valid bound.
ITERATIONS = 40
#: Bounds below the worst design of a box by this much, relative, leave nothing in it.
BEYOND = 1e-6
#: Penalties above this share of the greatest may be cut off there.
SATURATES = 1e-3
#: Boxes of at most this many points are enumerated (never more than the kernels have room for).
LEAF_POINTS = 32
#: Memory of one open node: three small arrays and their headers.
NODE_OVERHEAD_BYTES = 700


@dataclass(slots=True)
class Node:
    """An open box. ``most`` limits the sum of entropy products of improving designs in it."""

    bound: float
    most: float
    lo: IntArray
    hi: IntArray
    start: np.ndarray
    variable: int = -1
    split: int = -1

    def children(self) -> Iterator[tuple[IntArray, IntArray]]:
        """The boxes on either side of the split; the box itself for an unbranched root."""
        if self.variable < 0:
            yield self.lo, self.hi
            return
        left, right = self.hi.copy(), self.lo.copy()
        left[self.variable] = self.split
        right[self.variable] = self.split + 1
        yield self.lo, left
        yield right, self.hi


@dataclass(frozen=True, slots=True)
class Situation:
    """What the tree knows when a step begins; the same for all nodes that the step branches on."""

    cut: float
    incumbent: float
    rest_most: float
    """No design's metric terms exceed this."""


@dataclass(slots=True)
class Branched:
    """What came of branching on one node. ``found`` are better points, not yet confirmed."""

    children: list[Node] = field(default_factory=list)
    found: list[IntArray] = field(default_factory=list)
    rest_most: float = math.inf
    nodes: int = 0
    iterations: int = 0


@dataclass(slots=True)
class Bounder:
    """Bounds boxes with scratch space of its own: one for each thread."""

    kernels: ModuleType
    arrays: BoxModel
    model: Any
    work: Any = field(init=False)
    scratch: Any = field(init=False)
    out: Branched = field(default_factory=Branched)

    def __post_init__(self) -> None:
        self.scratch = self.kernels.workspace(self.arrays)
        self.work = self.kernels.work_ref(*self.scratch)

    def branch(self, node: Node, known: Situation) -> Branched:
        """Bound the children of ``node``."""
        self.out = Branched()
        for lo, hi in node.children():
            child = self._bounded(node, lo, hi, known)
            if child is not None:
                self.out.children.append(child)
        return self.out

    def _bounded(self, parent: Node, lo: IntArray, hi: IntArray, known: Situation) -> Node | None:
        """Bound one box; ``None`` if it holds nothing above the cut, or was enumerated."""
        k, m, w, scratch = self.kernels, self.model, self.work, self.scratch
        scratch.ilo[:], scratch.ihi[:] = lo, hi
        cut, bound, most = known.cut, parent.bound, parent.most
        if not k.tighten(m, w, most + known.rest_most - cut):
            return None
        if k.points_in(m, w) <= LEAF_POINTS:
            self._keep_candidates(k.visit_all(m, w, known.incumbent))
            return None
        self.out.nodes += 1
        limits = k.relax(m, w)
        if not limits.possible:
            return None
        np.clip(parent.start, scratch.lo, scratch.hi, out=scratch.start)
        rest_most, penalty = limits.rest_most, limits.penalty_least
        if parent.variable < 0:
            self.out.rest_most = rest_most
        # No design of the box is worse than this: a bound below it says that none is feasible.
        worst = limits.rest_least - limits.penalty_most
        cut = max(cut, worst - BEYOND * (1.0 + abs(worst)))
        most = min(most, limits.products_most, bound + limits.penalty_most - limits.rest_least)
        bound = min(bound, most + rest_most - penalty)
        least = max(cut + penalty - rest_most, 0.0)
        if bound <= cut or not k.build_spans(m, w, least, most):
            return None
        scale = 1.0 / max(abs(cut) if known.incumbent > k.NEVER else abs(bound), 1.0)
        # Where the box leaves the penalty wide, the bound on the objective says little about the
        # products alone: bound them first, until that stops helping.
        unpenalised = limits.penalty_most == penalty and rest_most == limits.rest_least
        for _ in range(0 if unpenalised or not limits.products_most else 3):
            if most <= 1.05 * max(bound + penalty, cut):
                break
            value = self._maximised(scale, 0.0, False, least * scale)
            if value < least:
                return None
            before, most = most, min(most, value * (1 + 1e-9) + 1e-9)
            bound = min(bound, most + rest_most - penalty)
            if bound <= cut or not k.build_spans(m, w, least, most):
                return None
            if most > 0.9 * before:
                break
        # Penalties that saturate are not convex: then the products alone are bounded.
        full = limits.penalty_most < SATURATES * k.MOST_PENALTY
        beyond = 0.0 if full else rest_most - penalty
        floor = (cut if full else least - BEYOND * (1.0 + least)) * scale
        value = self._maximised(scale, most + rest_most - cut, full, floor)
        bound = min(bound, value + beyond)
        if bound <= cut or value * scale <= floor:
            return None
        if k.round_off(m, w, known.incumbent):
            self._keep_candidates(1)
        if k.conclude(m, w, scale, value * scale - floor + 1e-9) <= LEAF_POINTS:
            self._keep_candidates(k.visit_all(m, w, known.incumbent))
            return None
        variable, split = k.branching(m, w)
        box = scratch.ilo.copy(), scratch.ihi.copy()
        return Node(bound, most, *box, scratch.y[: len(lo)].copy(), variable, split)

    def _maximised(self, scale: float, room: float, full: bool, cut: float) -> float:
        """A bound from the interior-point method, in the unit of the objective."""
        value, iterations = self.kernels.maximise(
            self.model, self.work, scale, room, full, cut, ITERATIONS
        )
        self.out.iterations += iterations
        return float(value / scale)

    def _keep_candidates(self, count: int) -> None:
        self.out.found += [point.copy() for point in self.scratch.found[:count]]


@dataclass(slots=True)
class SearchTree:
    """Open nodes, best bound first; ties go to the older node, so that runs repeat exactly."""

    kernels: ModuleType
    arrays: BoxModel
    gap: float
    threads: int = 1
    model: Any = field(init=False)
    bounders: list[Bounder] = field(init=False)
    pool: ThreadPoolExecutor | None = None
    heap: list[tuple[float, int, Node]] = field(default_factory=list)
    incumbent: float = field(init=False)
    rest_most: float = math.inf
    serial: int = 0
    nodes: int = 0
    iterations: int = 0

    def __post_init__(self) -> None:
        kernels, arrays = self.kernels, self.arrays
        self.incumbent = kernels.NEVER
        self.model = kernels.model_ref(*arrays)
        self.bounders = [Bounder(kernels, arrays, self.model) for _ in range(self.threads)]
        if self.threads > 1:
            self.pool = ThreadPoolExecutor(self.threads)
        lo, hi = np.zeros_like(arrays.size), arrays.size - 1
        corners = arrays.at[np.arange(len(hi)), hi]
        start = 0.5 * (arrays.at[:, 0] + corners)
        self._push(Node(-kernels.NEVER, -kernels.NEVER, lo, hi, start))

    @property
    def cut(self) -> float:
        """Nodes at or below this are dropped; it is also the least bound that can be claimed."""
        if self.incumbent <= self.kernels.NEVER:
            return float(self.kernels.NEVER)
        return self.incumbent + self.gap * max(abs(self.incumbent), 1.0)

    @property
    def top(self) -> float:
        """The largest bound among open nodes."""
        return -self.heap[0][0] if self.heap else -math.inf

    @property
    def done(self) -> bool:
        """Whether no open node can hold a design above the cut."""
        return self.top <= self.cut

    @property
    def bytes(self) -> int:
        """Estimated memory of the open nodes."""
        return len(self.heap) * (3 * self.arrays.size.nbytes + NODE_OVERHEAD_BYTES)

    def step(self) -> list[IntArray]:
        """Branch on the best nodes, one a thread; returns points better than the incumbent."""
        known = Situation(self.cut, self.incumbent, self.rest_most)
        nodes: list[Node] = []
        while len(nodes) < self.threads and not self.done:
            nodes.append(heapq.heappop(self.heap)[2])
        work = (self.pool.map if self.pool else map)(
            Bounder.branch, self.bounders, nodes, [known] * len(nodes)
        )
        found: list[IntArray] = []
        for branched in work:
            for child in branched.children:
                self._push(child)
            found += branched.found
            self.rest_most = min(self.rest_most, branched.rest_most)
            self.nodes += branched.nodes
            self.iterations += branched.iterations
        return found

    def close(self) -> None:
        """End the threads."""
        if self.pool is not None:
            self.pool.shutdown(wait=False, cancel_futures=True)

    def _push(self, node: Node) -> None:
        heapq.heappush(self.heap, (-node.bound, self.serial, node))
        self.serial += 1
