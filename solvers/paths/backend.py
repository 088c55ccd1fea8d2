"""``paths``: labels along a long chain of few choices, below the bounds of a dynamic program.

Bounds and their validity are in :mod:`.bound`, their prices in :mod:`.prices`, labels and what drops
them in :mod:`.labels`. This module walks along the chain with ever more room until nothing is
dropped for want of it, and confirms every incumbent with the program itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from mathdesign.programs.base import LARGEST_OBJECTIVE
from mathdesign.programs.chain import DesignProblem
from mathdesign.programs.counts import rough
from mathdesign.programs.stages import DEPTH
from mathdesign.solvers.base import (
    LEAST_GAP,
    Ability,
    Backend,
    Clock,
    Incumbent,
    Solution,
    SolveOptions,
    Termination,
    rooms,
)
from mathdesign.solvers.paths.bound import Completion
from mathdesign.solvers.paths.labels import Labels, Pass
from mathdesign.solvers.paths.prices import Pricing
from mathdesign.solvers.paths.steps import Graph, arcs

#: Stages from which ``auto`` prefers it to boxes of choices.
LONG = 12
#: Arcs beyond which it is not tried: each is looked at in every round.
MOST_ARCS = 100_000
#: Room of the first walk, and how it grows.
FIRST_ROOM, GROWTH = 400, 8
#: Labels between two stages at most, and what one takes with what is made of it.
MOST_LABELS, LABEL_BYTES = 1_000_000, 1_000
#: Sums of squares of depths must not wrap.
MOST_DEPTH = 1_000_000
#: Points of a walk's end that are shown to the program, best first.
SHOWN = 64
#: Share of the time that may go into prices.
PRICING = 0.3


class Paths(Backend[DesignProblem]):
    """Label setting with Lagrangian bounds; proves optimality and infeasibility."""

    name = "paths"
    summary = "labels along the chain below the bounds of a dynamic program"
    accepts = (DesignProblem,)
    abilities = frozenset({Ability.PROVES, Ability.WARM_START, Ability.INTERRUPTIBLE})

    def refuses(self, problem: DesignProblem) -> str | None:
        """Objectives for which neither bounds nor dominance hold, and chains of too many arcs."""
        objective = problem.objective
        if objective.log_factor < 0 or any(s.weight < 0 for s in objective.scales):
            return "it bounds entropies with positive weights only"
        if any(s.area < 1 for s in objective.scales):
            return "it needs output areas of at least one pixel"
        penalty = objective.depth_penalty
        if penalty and penalty.weight < 0:
            return "a negative depth penalty is not convex"
        if penalty and len(set(penalty.stages)) < len(penalty.stages):
            return "a stage counts twice in the depth penalty"
        if any(stage.domain(DEPTH)[-1] > MOST_DEPTH for stage in problem.stages):
            return f"a stage may have more than {MOST_DEPTH:,} blocks"
        count = arcs(problem, 100 * MOST_ARCS)
        if count > MOST_ARCS:
            return f"{rough(count)} pairs of a width and a choice; it takes at most {MOST_ARCS:,}"
        return None

    def suits(self, problem: DesignProblem) -> bool:
        """Short chains are left to boxes of choices, which need no list of them."""
        return len(problem.stages) >= LONG

    def because(self, problem: DesignProblem) -> str:
        """The number of stages."""
        return f"{len(problem.stages)} stages of few choices: {self.summary}; proves its answer"

    def solve(self, problem: DesignProblem, options: SolveOptions) -> Solution:
        """Price, then walk with ever more room, until the gap, a limit or the caller says stop."""
        run = _Run(problem, options, Clock(options))
        try:
            reason = run.to_the_end()
        except KeyboardInterrupt:
            reason = Termination.INTERRUPTED
        return run.best.solution(self.name, reason, run.clock, options.gap)


@dataclass
class _Run:
    problem: DesignProblem
    options: SolveOptions
    clock: Clock
    best: Incumbent = field(init=False)

    def __post_init__(self) -> None:
        self.best = Incumbent(self.problem)

    @property
    def _gap(self) -> float:
        return max(self.options.gap, LEAST_GAP)

    @property
    def _cut(self) -> float:
        best = self.best.objective
        return -math.inf if best is None else best + self._gap * max(abs(best), 1.0)

    def to_the_end(self) -> Termination:
        """Search until done; returns why it stopped. ``best.bound`` is valid at any time."""
        self.best.offer(self.options.warm_start)
        graph = Graph.of(self.problem)
        pricing = Pricing(graph, self.best.offer, self._priced_enough)
        completion = pricing.run()
        self._bound(completion.bound)
        self._report("pricing")
        completions = list(_completions(graph, completion))
        for room in self._rooms(graph):
            if reason := self.clock.stop():
                return reason
            if self.best.bound <= self._cut:
                return Termination.COMPLETED
            walk = Pass(graph, completions, self._cut, room, self._stopped)
            ends = walk.run()
            self._taken(walk, ends)
            self._report("walking")
            if walk.whole:
                return Termination.COMPLETED
            if ends is None:
                return self.clock.stop() or Termination.TIME_LIMIT
        return Termination.MEMORY_LIMIT

    def _rooms(self, graph: Graph) -> Iterator[int]:
        """Labels that each walk may hold between two stages."""
        limit = self.options.memory_limit_bytes
        most = MOST_LABELS if limit is None else (limit - graph.bytes) // LABEL_BYTES
        return rooms(FIRST_ROOM, GROWTH, min(most, MOST_LABELS))

    def _taken(self, walk: Pass, ends: Labels | None) -> None:
        """The incumbents at the end of a walk, and the bound that it proves."""
        self.best.nodes += walk.seen
        left = walk.left
        if ends is not None and len(ends.width):
            order = np.argsort(-ends.bound, kind="stable")
            confirmed = False
            for label in order[:SHOWN]:
                confirmed = self.best.accept(walk.point(int(label))) is not None
                if confirmed:
                    break
            # What the program does not confirm (an effectiveness at its limit) stays open.
            if not confirmed or order[0] != label:
                left = max(left, float(ends.bound[order[0]]))
        if left > -math.inf:
            self._bound(max(left, self.best.cutoff))
        elif walk.whole and self.best.objective is None:
            self._bound(-math.inf)
        elif walk.whole:
            self._bound(self.best.cutoff + walk.room)

    def _bound(self, bound: float) -> None:
        if bound > -math.inf:  # objectives saturate, bounds do not
            bound = max(bound, -LARGEST_OBJECTIVE)
        self.best.bound = min(self.best.bound, bound)

    def _priced_enough(self) -> bool:
        spent = self.clock.elapsed_s > PRICING * self.options.time_limit_s
        return spent or self._stopped()

    def _stopped(self) -> bool:
        return self.clock.stop() is not None

    def _report(self, phase: str) -> None:
        self.clock.report(self.best.objective, self.best.bound, self.best.nodes, phase)


def _completions(graph: Graph, found: Completion) -> Iterator[Completion]:
    """The completion, and the same without the tangents of the penalty: what that loses is made
    up for by the spread of the depths so far.
    """
    yield found
    if found.prices.bent:
        yield Completion(graph, found.prices.unbent())
