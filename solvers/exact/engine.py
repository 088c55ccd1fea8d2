"""``exact``: spatial branch and bound in log-space, with a certificate valid at any iterate.

Model, algorithm and validity argument: :mod:`mathdesign.solvers.exact.model`,
:mod:`mathdesign.solvers.exact.kernels`, :mod:`mathdesign.solvers.exact.search`. This module serves
limits, Ctrl-C and progress between nodes, and confirms every incumbent with the program
itself, whose word on feasibility is final.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from types import ModuleType

import numpy as np

from mathdesign.programs.base import IntArray
from mathdesign.programs.chain import DesignProblem
from mathdesign.solvers.base import (
    LEAST_GAP,
    Ability,
    Backend,
    Clock,
    Incumbent,
    Solution,
    SolveOptions,
    Termination,
    relative_gap,
)
from mathdesign.solvers.exact import tables
from mathdesign.solvers.exact.model import Lowered, lower
from mathdesign.solvers.exact.search import SearchTree

#: Seconds between two progress reports.
REPORT_EVERY_S = 0.1
ANNEALING_RESTARTS = 4
#: Moves of one restart, and of one call of the compiled loop between two looks at the clock.
ANNEALING_MOVES = 60_000
#: ... but not more than this for each point of a small space.
MOVES_A_POINT = 20


class Exact(Backend[DesignProblem]):
    """Branch and bound over boxes of choices; proves optimality and infeasibility."""

    name = "exact"
    summary = "branch and bound with a log-convex relaxation"
    accepts = (DesignProblem,)
    needs = "numba"
    abilities = frozenset(
        {Ability.PROVES, Ability.WARM_START, Ability.INTERRUPTIBLE, Ability.COMPILES}
    )

    def refuses(self, problem: DesignProblem) -> str | None:
        """Objectives whose relaxation would not be an upper bound."""
        objective = problem.objective
        numbers = [s.weight for s in objective.scales] + [w for _, w in objective.metric_weights]
        penalty = objective.depth_penalty
        numbers += [objective.log_factor, penalty.weight if penalty else 0.0]
        if not all(math.isfinite(x) for x in numbers):
            return "the objective has a weight that is not a finite number"
        if objective.log_factor < 0 or any(s.weight < 0 for s in objective.scales):
            return "it bounds entropies with positive weights only"
        if any(s.area < 1 for s in objective.scales):
            return "it needs output areas of at least one pixel"
        if penalty and penalty.weight < 0:
            return "a negative depth penalty is not convex"
        return tables.refuses(problem)

    def prepare(self, options: SolveOptions) -> None:
        """Compile the kernels where this process has not loaded them yet."""
        if not compiled():
            Clock(options).report(None, None, 0, "compiling, once per machine")
            from mathdesign.solvers.exact.compile import compile_kernels

            compile_kernels()

    def solve(self, problem: DesignProblem, options: SolveOptions) -> Solution:
        """Anneal, then branch until the gap, a limit or the caller says stop."""
        self.prepare(options)
        clock = Clock(options)  # compilation does not count against the time limit
        run = _Run(problem, options, clock)
        try:
            reason = run.to_the_end()
        except KeyboardInterrupt:
            reason = Termination.INTERRUPTED
        finally:
            run.tree.close()
        return run.solution(reason)


def compiled() -> bool:
    """Whether this process has compiled (or loaded from disk) the kernels already."""
    import sys

    module = sys.modules.get("mathdesign.solvers.exact.kernels")
    return module is not None and bool(module.branching.signatures)


@dataclass(slots=True)
class _Run:
    """One run: the lowered problem, the tree, and the confirmed incumbent."""

    problem: DesignProblem
    options: SolveOptions
    clock: Clock
    kernels: ModuleType = field(init=False)
    lowered: Lowered = field(init=False)
    best: Incumbent = field(init=False)
    tree: SearchTree = field(init=False)
    reported_s: float = -math.inf

    def __post_init__(self) -> None:
        self.clock.report(None, None, 0, "loading")
        from mathdesign.solvers.exact import kernels as exact_kernels

        self.kernels = exact_kernels
        self.lowered = lower(self.problem)
        self.best = Incumbent(self.problem, floor=self.options.floor)
        self.tree = SearchTree(exact_kernels, self.lowered.model, LEAST_GAP, self.options.threads)
        if self.best.level is not None:
            self.tree.incumbent = self.best.cutoff

    @property
    def done(self) -> bool:
        """Whether nothing is left above the cut, or the bound is as close as was asked for.

        Boxes are never dropped for the gap that was asked for, only left: so the bound is the
        greatest of what is open, and the gap that is told the one that was reached.
        """
        tree = self.tree
        return tree.done or relative_gap(self.best.level, tree.top) <= self.options.gap

    def to_the_end(self) -> Termination:
        """Search until done; returns why it stopped. ``bound`` is valid at any time."""
        if reason := self.anneal():
            return reason
        limit = self.options.memory_limit_bytes
        while not self.done:
            if reason := self.clock.stop():
                return reason
            if limit is not None and self.tree.bytes > limit:
                return Termination.MEMORY_LIMIT
            self.step()
        self._report(self.tree.top, last=True)
        return Termination.COMPLETED

    def step(self) -> None:
        """Branch once, and take in what was found on the way."""
        top = self.tree.top
        try:
            candidates = self.tree.step()
        except KeyboardInterrupt:
            self._report(top)  # the popped node is lost; its bound is not
            raise
        for index in candidates:
            self._accept(index)
        self._report(self.tree.top)

    def solution(self, reason: Termination) -> Solution:
        """The answer so far."""
        self.best.nodes = self.tree.nodes
        if reason is Termination.COMPLETED and self.best.level is None:
            self.best.bound = -math.inf
        return self.best.solution(Exact.name, reason, self.clock, self.options.gap)

    def _report(self, top: float, last: bool = False) -> None:
        """Refresh the bound (the best open node, at least the cut below which nodes went)."""
        bound = max(top, self.tree.cut)
        if abs(bound) < -self.kernels.NEVER:
            self.best.bound = bound
        if last or self.clock.elapsed_s - self.reported_s >= REPORT_EVERY_S:
            self.reported_s = self.clock.elapsed_s
            self.clock.report(self.best.objective, self.best.bound, self.tree.nodes, "searching")

    def anneal(self) -> Termination | None:
        """The caller's point if it is feasible, then seeded annealing restarts."""
        kernels, model, size = self.kernels, self.tree.model, self.lowered.model.size
        moves = min(ANNEALING_MOVES, MOVES_A_POINT * self.problem.size)
        if self.options.warm_start is not None:
            self._accept(self._indices(self.options.warm_start))
        seed = (self.options.seed * 2654435761 + 1013904223) % (1 << 48)
        state = np.array([seed], dtype=np.int64)
        for restart in range(ANNEALING_RESTARTS):
            if reason := self.clock.stop():
                return reason
            if restart and self.tree.done:
                break
            start = (size - 1) * restart // (2 * ANNEALING_RESTARTS)
            kernels.follow_sources(model, start)
            best = start.copy()
            if kernels.anneal(model, start, best, moves, state) > kernels.NEVER:
                self._accept(best)
            if restart == 0 and not self.done:
                self.step()  # a first bound, for whoever stops early
            self.clock.report(self.best.objective, self.best.bound, self.tree.nodes, "annealing")
        return None

    def _indices(self, point: tuple[int, ...]) -> IntArray | None:
        """A point of the problem as indices of variables; ``None`` if it leaves the space."""
        index = self.lowered.index(point)
        if index is not None:
            self.kernels.follow_sources(self.tree.model, index)
        return index

    def _accept(self, index: IntArray | None) -> None:
        """Make a point the incumbent if the evaluator finds it feasible and better."""
        if index is not None and self.best.offer(self.lowered.point(index)):
            self.tree.incumbent = self.best.cutoff
