"""The points of a chain in blocks: the Cartesian product of its domains, scored by the evaluator."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mathdesign.programs.base import IntArray
from mathdesign.programs.chain import DesignProblem
from mathdesign.solvers.base import Incumbent

CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class ChainBlock:
    """Points of shape ``(count, variables)``."""

    problem: DesignProblem
    points: IntArray

    @property
    def count(self) -> int:
        """Number of points."""
        return len(self.points)

    def offer_best(self, best: Incumbent) -> None:
        """The first of the greatest objective among the feasible ones."""
        scores = self.problem.evaluator(self.points)
        objective = np.where(scores.feasible, scores.objective, -np.inf)
        top = int(np.argmax(objective))
        if objective[top] > best.cutoff:
            best.offer(self.points[top].tolist())


def blocks(problem: DesignProblem) -> Iterator[ChainBlock]:
    """The whole space in lexicographic order."""
    for points in enumerate_points(problem):
        yield ChainBlock(problem, points)


def enumerate_points(problem: DesignProblem, chunk: int = CHUNK) -> Iterator[IntArray]:
    """Every point of the Cartesian product, in chunks of shape ``(<= chunk, variables)``."""
    domains = [np.array(problem.stages[s].domain(name)) for s, name in problem.variables]
    sizes = [len(d) for d in domains]
    for start in range(0, problem.size, chunk):
        positions = unravelled(sizes, start, min(start + chunk, problem.size))
        yield np.stack([d[p] for d, p in zip(domains, positions)], axis=1).astype(np.int64)


def unravelled(sizes: Sequence[int], start: int, stop: int) -> list[IntArray]:
    """Positions ``start`` to ``stop`` of the Cartesian product, one array a domain.

    ``numpy.unravel_index`` does the same, but for at most 64 domains.
    """
    index = np.arange(start, stop)
    found = []
    for size in reversed(sizes):
        index, position = np.divmod(index, size)
        found.append(position)
    return found[::-1]
