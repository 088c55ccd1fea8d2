"""``brute``: exhaustive vectorised enumeration. The oracle every other backend is tested against."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from mathdesign.programs.base import IntArray
from mathdesign.programs.chain import DesignProblem
from mathdesign.programs.evaluate import Evaluator
from mathdesign.solvers.base import (
    Ability,
    Backend,
    Clock,
    Solution,
    SolveOptions,
    Status,
    Termination,
)

#: Spaces above this are refused: about a minute of enumeration.
LARGEST_SPACE = 50_000_000
CHUNK = 65_536


class Brute(Backend):
    """Visits every point of the product space in lexicographic order; ties go to the first."""

    name = "brute"
    summary = "exhaustive enumeration (the oracle; small spaces only)"
    abilities = frozenset({Ability.PROVES, Ability.INTERRUPTIBLE})

    def refuses(self, problem: DesignProblem) -> str | None:
        """Too many points."""
        if problem.size > LARGEST_SPACE:
            return f"{problem.size:.3g} points; enumeration stops at {LARGEST_SPACE:.3g}"
        return None

    def solve(self, problem: DesignProblem, options: SolveOptions) -> Solution:
        """The first best feasible point. A stopped enumeration proves nothing."""
        clock = Clock(options)
        evaluator = Evaluator(problem)
        best: tuple[int, ...] | None = None
        best_objective = -math.inf
        visited = 0
        for points in enumerate_points(problem):
            scores = evaluator(points)
            visited += len(points)
            objective = np.where(scores.feasible, scores.objective, -np.inf)
            top = int(np.argmax(objective))
            if objective[top] > best_objective:
                best_objective = float(objective[top])
                best = tuple(int(v) for v in points[top])
            clock.report(best_objective if best else None, None, visited, "enumerating")
            if visited < problem.size and (reason := clock.stop()):
                status = Status.FEASIBLE if best else Status.UNKNOWN
                found = best_objective if best else None
                return Solution(
                    self.name, status, reason, best, found, math.inf, visited, clock.elapsed_s
                )
        if best is None:
            return Solution(
                self.name,
                Status.INFEASIBLE,
                Termination.COMPLETED,
                nodes=visited,
                seconds=clock.elapsed_s,
                bound=-math.inf,
            )
        return Solution(
            self.name,
            Status.OPTIMAL,
            Termination.COMPLETED,
            best,
            best_objective,
            best_objective,
            visited,
            clock.elapsed_s,
        )


def enumerate_points(problem: DesignProblem, chunk: int = CHUNK) -> Iterator[IntArray]:
    """Every point of the Cartesian product, in chunks of shape ``(<= chunk, variables)``."""
    domains = [np.array(problem.stages[s].domain(name)) for s, name in problem.variables]
    sizes = [len(d) for d in domains]
    for start in range(0, problem.size, chunk):
        index = np.arange(start, min(start + chunk, problem.size))
        positions = np.unravel_index(index, sizes)
        yield np.stack([d[p] for d, p in zip(domains, positions)], axis=1).astype(np.int64)
