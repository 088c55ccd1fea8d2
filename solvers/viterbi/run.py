"""Prices, walks with ever more room, and what each of them leaves of the graph."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from mathdesign.programs.slots import SlotProblem
from mathdesign.solvers.base import (
    LEAST_GAP,
    Clock,
    Incumbent,
    SolveOptions,
    Termination,
    rooms,
)
from mathdesign.solvers.viterbi.bound import Completion, fewest_first, floor_of, without_hopeless
from mathdesign.solvers.viterbi.boxes import Boxes
from mathdesign.solvers.viterbi.graph import Graph, graph_of
from mathdesign.solvers.viterbi.labels import Labels, Pass
from mathdesign.solvers.viterbi.prices import best_of, prices

#: Room of the first walk, and how it grows.
FIRST_ROOM, GROWTH = 100, 8
#: Labels between two slots at most, and bytes for all of them where nobody says how many.
MOST_LABELS, MEMORY_BYTES = 500_000, 2**31
#: Bytes of a label: its way back, a slot, and all else, before and after dominance.
WAY_BYTES, LABEL_BYTES = 8, 500
#: Steps of branch and bound for each label that a walk had room for, and between two reports.
STEPS, SLICE = 10_000, 1_000_000
#: Completions that labels are held to.
COMPLETIONS = 2
#: Share of the arcs that must be gone for prices to be found anew.
SHRUNK = 0.9


@dataclass
class Run:
    """One solve. ``best.bound`` is valid at any time."""

    problem: SlotProblem
    options: SolveOptions
    clock: Clock
    best: Incumbent = field(init=False)
    graph: Graph = field(init=False)
    completions: tuple[Completion, ...] = ()
    closed: float = -math.inf
    """The greatest bound of the arcs left out so far."""
    priced_arcs: int = 0
    floor: float = -math.inf
    """Below the objective of every point: what is bounded by it holds no feasible point."""
    boxes: Boxes | None = None

    @property
    def room(self) -> float:
        """Room for the rounding of the objective along a path."""
        return max((completion.room for completion in self.completions), default=0.0)

    def __post_init__(self) -> None:
        self.best = Incumbent(self.problem)

    def to_the_end(self) -> Termination:
        """Search until done; returns why it stopped."""
        self.best.offer(self.options.warm_start)
        if reason := self.clock.stop():
            return reason
        graph = graph_of(self.problem)
        self.floor = floor_of(graph)
        self.graph = graph.within().bound()
        for room in self._rooms():
            self._tighten()
            if self._done():
                return Termination.COMPLETED
            if reason := self._why_stop():
                return reason
            self._order()
            walk = Pass(self.graph, self.completions, self._cut, room, self._stopped)
            ends = walk.run()
            self._taken(walk, ends)
            self._report("walking")
            if walk.whole or self._done():
                return Termination.COMPLETED
            self._split(STEPS * room)
        while not self._done():
            if reason := self._why_stop():
                return reason
            self._split(SLICE)
        return Termination.COMPLETED

    def _why_stop(self) -> Termination | None:
        full = self.boxes is not None and self.boxes.bytes > self._memory
        return Termination.MEMORY_LIMIT if full else self.clock.stop()

    @property
    def _memory(self) -> int:
        return self.options.memory_limit_bytes or MEMORY_BYTES

    def _split(self, steps: int) -> None:
        """Go on with parts of the graph for so many steps."""
        if self.boxes is None:
            self.boxes = Boxes(lambda: self._cut, self._offer, self._stopped)
            self.boxes.closed = self.closed
            self.boxes.add(self.graph, self.best.bound)
        end = self.boxes.seen + steps
        while self.boxes.heap and self.boxes.seen < end and self._why_stop() is None:
            before = self.boxes.seen
            self.boxes.run(min(SLICE, end - before))
            self.best.nodes += self.boxes.seen - before
            self._bound(self.boxes.bound if self.boxes.heap else self._ended(self.boxes.closed))
            self._report("splitting")

    def _ended(self, left: float) -> float:
        """The bound of all, when nothing is open and no more than ``left`` was dropped."""
        found = self.best.objective
        return left if found is None else max(left, found + self.room)

    def _offer(self, point: tuple[int, ...]) -> bool:
        return self.best.offer(point)

    @property
    def _cut(self) -> float:
        best = self.best.objective
        gap = max(self.options.gap, LEAST_GAP)
        return self.floor if best is None else best + gap * max(abs(best), 1.0)

    def _done(self) -> bool:
        infeasible = self.best.objective is None and self.best.bound == -math.inf
        return infeasible or self.best.bound <= self._cut

    def _rooms(self) -> Iterator[int]:
        """Labels that each walk may hold between two slots."""
        each = LABEL_BYTES + WAY_BYTES * len(self.problem.slots) + 64 * self.graph.costs.shape[1]
        most = (self._memory - self.graph.bytes) // each
        return rooms(FIRST_ROOM, GROWTH, min(most, MOST_LABELS))

    def _tighten(self) -> None:
        """Leave out arcs that no better point takes, and find prices anew while that helps."""
        while True:
            if self.completions:
                self.graph, left = without_hopeless(self.graph, self.completions, self._cut)
                self.graph = self.graph.within()
                self.closed = max(self.closed, left)
            if self.graph.empty:
                self.completions = ()
                self._bound(self.closed)
                return
            if self.completions and len(self.graph.head) > SHRUNK * self.priced_arcs:
                self.completions = tuple(
                    Completion.of(self.graph, c.prices) for c in self.completions
                )
                return
            self._price()
            if self._done() or self._stopped():
                return

    def _order(self) -> None:
        """Layers in the order in which labels are fewest."""
        graph = fewest_first(self.graph, self.completions[0], self._cut)
        if graph is not self.graph:
            self.graph = graph
            self.completions = tuple(Completion.of(graph, c.prices) for c in self.completions)

    def _price(self) -> None:
        found = prices(self.graph, COMPLETIONS)
        self.completions, self.priced_arcs = found.completions, len(self.graph.head)
        self.best.offer(best_of(self.graph, found.paths, self.best.cutoff))
        self._bound(max(self.closed, min(c.bound for c in self.completions)))
        self._report("pricing")

    def _taken(self, walk: Pass, ends: Labels | None) -> None:
        """The incumbents at the end of a walk, and the bound that it proves."""
        self.best.nodes += walk.seen
        left = max(walk.left, self.closed)
        if ends is not None and len(ends.node):
            order = np.argsort(-ends.value, kind="stable")
            self.best.offer(walk.point(int(order[0])))
            if self.best.objective is None:  # what the program does not confirm stays open
                left = max(left, float(ends.value[order[0]]) + walk.room)
        if walk.whole:
            left = self._ended(left)
        self._bound(max(left, self.best.cutoff))

    def _bound(self, bound: float) -> None:
        if bound <= self.floor:
            bound = -math.inf
        self.best.bound = min(self.best.bound, bound)

    def _stopped(self) -> bool:
        return self.clock.stop() is not None

    def _report(self, phase: str) -> None:
        self.clock.report(self.best.objective, self.best.bound, self.best.nodes, phase)
