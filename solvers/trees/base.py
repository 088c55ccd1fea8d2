"""What a slot backend is. Words and limits are those of :mod:`mathdesign.solvers.base`.

A backend maximises ``problem.objective`` over the points that ``problem.feasible`` accepts. Both
methods have the last word: every incumbent is scored by them, whatever a relaxation claims.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mathdesign.programs.slots import SlotProblem
from mathdesign.solvers.base import (
    Ability,
    Clock,
    Solution,
    SolveOptions,
    Status,
    Termination,
    status_of,
)


@dataclass(frozen=True, slots=True)
class SlotSolution(Solution):
    """A slot backend's answer. ``point`` holds option positions, one a slot.

    ``reason`` says why this backend was chosen, one sentence for the user.
    """

    reason: str = ""


class SlotBackend(abc.ABC):
    """One way to solve a slot problem. Stateless; registered in :mod:`.slot_solve`."""

    name: str
    summary: str
    abilities: frozenset[Ability] = frozenset()

    def refuses(self, problem: SlotProblem) -> str | None:
        """Why this backend cannot treat ``problem`` (``None``: it can)."""
        return None

    @abc.abstractmethod
    def solve(self, problem: SlotProblem, options: SolveOptions) -> SlotSolution:
        """Solve; never raises for infeasibility, limits or interruption."""


@dataclass(slots=True)
class Incumbent:
    """The best point found so far, scored by the problem itself, and the best valid bound."""

    problem: SlotProblem
    point: tuple[int, ...] | None = None
    objective: float | None = None
    bound: float = math.inf
    nodes: int = 0

    @property
    def cutoff(self) -> float:
        """What a point must exceed to matter."""
        return -math.inf if self.objective is None else self.objective

    def offer(self, point: Sequence[int] | None) -> bool:
        """Take ``point`` in if it is feasible and better (ties: lexicographically first)."""
        if point is None:
            return False
        at = np.array(point, dtype=np.int64)[None]
        if not self.problem.feasible(at)[0]:
            return False
        value = float(self.problem.objective.at(at)[0])
        ours = tuple(int(k) for k in point)
        if value < self.cutoff or (value == self.cutoff and self.point and ours >= self.point):
            return False
        self.point, self.objective = ours, value
        return True

    def solution(self, backend: str, reason: Termination, clock: Clock, gap: float) -> SlotSolution:
        """The answer so far. A bound of ``-inf`` without a point is proof of infeasibility."""
        infeasible = self.objective is None and self.bound == -math.inf
        status = Status.INFEASIBLE if infeasible else status_of(self.objective, self.bound, gap)
        return SlotSolution(
            backend,
            status,
            reason,
            self.point,
            self.objective,
            self.bound,
            self.nodes,
            clock.elapsed_s,
        )
