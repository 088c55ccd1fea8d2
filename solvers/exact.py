"""``exact``: spatial branch and bound in log-space, with a certificate that cannot be fooled.

Model, algorithm and validity argument: :mod:`mathdesign.solvers.exact_model` and
:mod:`mathdesign.solvers.exact_kernels`. This module runs the compiled search in short chunks, so
that limits, Ctrl-C and progress are served between them, and confirms every incumbent with the
:class:`~mathdesign.metrics.evaluate.Evaluator`, whose word on feasibility is final.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np

from mathdesign.formulation import DesignProblem, IntArray
from mathdesign.metrics.evaluate import Evaluator
from mathdesign.solvers.base import (
    OPTIMALITY_TOLERANCE,
    Ability,
    Backend,
    Clock,
    Solution,
    SolveOptions,
    Status,
    Termination,
    status_of,
)
from mathdesign.solvers.exact_model import Lowered, lower

#: Nodes are pruned at a relative distance of at least this from the incumbent, half of what
#: counts as optimal: leaves room for the rounding of the objective itself.
LEAST_GAP = 0.5 * OPTIMALITY_TOLERANCE
#: Seconds of search between two looks at the clock.
CHUNK_S = 0.1
FIRST_CAPACITY = 1 << 14
ANNEALING_RESTARTS = 4
ANNEALING_MOVES = 250_000


class Exact(Backend):
    """Branch and bound over boxes of choices; proves optimality and infeasibility."""

    name = "exact"
    summary = "branch and bound with a log-convex relaxation"
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
        return None

    def solve(self, problem: DesignProblem, options: SolveOptions) -> Solution:
        """Anneal, then branch until the gap, a limit or the caller says stop."""
        clock = Clock(options)
        clock.report(None, None, 0, "" if _compiled() else "compiling")
        search = _Search(problem, options, clock)
        try:
            reason = search.run()
        except KeyboardInterrupt:
            reason = Termination.INTERRUPTED
        return search.solution(reason)


def _compiled() -> bool:
    """Whether the kernels have already been used in this process."""
    import sys

    module = sys.modules.get("mathdesign.solvers.exact_kernels")
    return module is not None and bool(module.search.signatures)


@dataclass(slots=True)
class _Search:
    """One run: the lowered problem, the tree, and the confirmed incumbent."""

    problem: DesignProblem
    options: SolveOptions
    clock: Clock
    kernels: ModuleType = field(init=False)
    lowered: Lowered = field(init=False)
    evaluator: Evaluator = field(init=False)
    model: Any = field(init=False)
    work: Any = field(init=False)
    tree: Any = field(init=False)
    tree_ref: Any = field(init=False)
    point: tuple[int, ...] | None = None
    objective: float | None = None
    bound: float = math.inf
    nodes: int = 0

    def __post_init__(self) -> None:
        from mathdesign.solvers import exact_kernels

        self.kernels = exact_kernels
        self.lowered = lower(self.problem)
        self.evaluator = Evaluator(self.problem)
        self.tree = exact_kernels.new_tree(self.lowered.model, FIRST_CAPACITY)
        self.tree.state[exact_kernels.GAP] = max(0.95 * self.options.gap, LEAST_GAP)

    def run(self) -> Termination:
        """Search until done; returns why it stopped. ``bound`` is valid at any time."""
        self._warm_up()
        if reason := self._first_incumbent():
            return reason
        self.kernels.plant(self.lowered.model, self.tree)
        chunk, state = 16, self.kernels.OPEN
        while True:
            self._publish("searching")
            if self._open_nodes() == 0:
                return Termination.COMPLETED
            if reason := self.clock.stop():
                return reason
            began = time.monotonic()
            state = self.kernels.search(self.model, self.work, self.tree_ref, chunk)
            took = time.monotonic() - began
            self._confirm()
            if state == self.kernels.OPEN:
                chunk = max(4, min(2 * chunk, int(chunk * CHUNK_S / max(took, 1e-4))))
            if state == self.kernels.FULL and not self._grow():
                self._publish("searching")
                return Termination.MEMORY_LIMIT

    def solution(self, reason: Termination) -> Solution:
        """The answer so far."""
        seconds = self.clock.elapsed_s
        if reason is Termination.COMPLETED and self.point is None:
            return Solution(
                Exact.name, Status.INFEASIBLE, reason, bound=-math.inf,
                nodes=self.nodes, seconds=seconds,
            )  # fmt: skip
        status = status_of(self.objective, self.bound, self.options.gap)
        return Solution(
            Exact.name, status, reason, self.point, self.objective, self.bound,
            self.nodes, seconds,
        )  # fmt: skip

    def _warm_up(self) -> None:
        """Compile (or load) the kernels on a copy, and say so."""
        kernels, model = self.kernels, self.lowered.model
        self.model = kernels.model_ref(*model)
        self.work = kernels.work_ref(*kernels.workspace(model))
        self.tree_ref = kernels.tree_ref(*self.tree)
        if not _compiled():
            kernels.search(self.model, self.work, self.tree_ref, 1)

    def _open_nodes(self) -> int:
        """Number of open nodes above the cut."""
        kernels, tree = self.kernels, self.tree
        if tree.tally[kernels.HEAP] == 0 or self._top() <= self._cut():
            return 0
        return int(tree.tally[kernels.HEAP])

    def _top(self) -> float:
        return float(self.tree.bound[self.tree.heap[0], 0])

    def _cut(self) -> float:
        state, kernels = self.tree.state, self.kernels
        return float(kernels.cut_of(state[kernels.INCUMBENT], state[kernels.GAP]))

    def _publish(self, phase: str) -> None:
        """Refresh the bound: the best open node, at least the cut below which nodes went."""
        kernels = self.kernels
        self.nodes = int(self.tree.tally[kernels.NODES])
        top = self._top() if self.tree.tally[kernels.HEAP] else -math.inf
        bound = max(top, self._cut())
        if bound > -1e299 and bound < 1e299:
            self.bound = min(self.bound, bound) if top > self._cut() else bound
        self.clock.report(self.objective, self.bound, self.nodes, phase)

    def _grow(self) -> bool:
        """Double the tree, unless that passes the memory limit."""
        tree, kernels = self.tree, self.kernels
        size = 2 * len(tree.heap)
        limit = self.options.memory_limit_bytes
        if limit is not None and 3 * sum(a.nbytes for a in tree) > limit:
            return False
        larger = kernels.new_tree(self.lowered.model, size)
        for old, new in zip(tree, larger):
            new[: len(old)] = old
        self.tree, self.tree_ref = larger, kernels.tree_ref(*larger)
        return True

    def _first_incumbent(self) -> Termination | None:
        """The caller's point if it is feasible, then seeded annealing restarts."""
        kernels, model, size = self.kernels, self.model, self.lowered.model.size
        if self.options.warm_start is not None:
            self._accept(self._indices(self.options.warm_start))
        state = np.array([self.options.seed * 2654435761 + 1013904223], dtype=np.int64)
        for restart in range(ANNEALING_RESTARTS):
            if reason := self.clock.stop():
                return reason
            start = (size - 1) * restart // (2 * ANNEALING_RESTARTS)
            kernels.follow_sources(model, start)
            best = start.copy()
            if kernels.anneal(model, start, best, ANNEALING_MOVES, state) > kernels.NEVER:
                self._accept(best)
            self.clock.report(self.objective, None, 0, "annealing")
        return None

    def _indices(self, point: tuple[int, ...]) -> IntArray | None:
        """A point of the problem as indices of variables; ``None`` if it leaves the space."""
        model = self.lowered.model
        index = np.zeros(len(model.size), dtype=np.int64)
        for (s, name), j, value in zip(self.problem.variables, self.lowered.column_variable, point):
            domain = self.problem.stages[s].domain(name)
            if value not in domain:
                return None
            index[j] = domain.index(value)
        self.kernels.follow_sources(self.model, index)
        return index

    def _confirm(self) -> None:
        """Put every candidate of the last chunk before the evaluator."""
        kernels, tree = self.kernels, self.tree
        for i in range(int(tree.tally[kernels.FOUND])):
            self._accept(tree.candidate[i])
        tree.tally[kernels.FOUND] = 0
        expected = self.objective if self.objective is not None else kernels.NEVER
        if tree.state[kernels.INCUMBENT] > expected + 1e-9 * max(abs(expected), 1.0):
            raise AssertionError("the search and the evaluator disagree on an incumbent")
        tree.state[kernels.INCUMBENT] = expected

    def _accept(self, index: IntArray | None) -> None:
        """Make a point the incumbent if the evaluator finds it feasible and better."""
        if index is None:
            return
        point = tuple(
            self.problem.stages[s].domain(name)[index[j]]
            for (s, name), j in zip(self.problem.variables, self.lowered.column_variable)
        )
        scores = self.evaluator(np.array(point))
        objective = float(scores.objective[0])
        if bool(scores.feasible[0]) and (self.objective is None or objective > self.objective):
            self.point, self.objective = point, objective
            self.tree.state[self.kernels.INCUMBENT] = objective
