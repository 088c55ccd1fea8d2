"""The points of a mix problem in blocks: frame by frame, every mix."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mathdesign.programs.base import FloatArray, IntArray
from mathdesign.programs.mixes import Frame, Group, MixProblem
from mathdesign.solvers.base import Incumbent


@dataclass(frozen=True, slots=True)
class MixBlock:
    """All mixes of one frame."""

    problem: MixProblem
    index: int

    @property
    def count(self) -> int:
        """Number of points."""
        return math.prod(group.mixes for group in self.problem.frames[self.index].groups)

    def offer_best(self, best: Incumbent) -> None:
        """The best of the feasible ones.

        Sums of doubles differ in the last digits with their order: the exact value decides.
        """
        counts, costs, values = _points(self.problem.frames[self.index])
        keep = self._apart(counts)
        for at, sign, limit in self.problem.sides():
            keep &= sign * costs[:, at] <= limit
        counts, values = counts[keep], values[keep]
        if not len(values):
            return
        near = np.flatnonzero(values >= values.max() - 1e-9 * max(1.0, abs(values.max())))
        points = [(self.index, *map(int, counts[i])) for i in near]
        best.offer(max(points, key=lambda p: (self.problem.value(p), tuple(-k for k in p))))

    def _apart(self, counts: IntArray) -> np.ndarray:
        """Which counts are as far as asked from the given points of this frame."""
        good = np.ones(len(counts), dtype=np.bool_)
        for distance in self.problem.distances:
            if distance.point[0] == self.index:
                apart = np.abs(counts - np.array(distance.point[1:])).sum(axis=1)
                good &= apart >= distance.at_least
        return good


def blocks(problem: MixProblem) -> Iterator[MixBlock]:
    """The whole space, frame by frame."""
    for index in range(len(problem.frames)):
        yield MixBlock(problem, index)


def _points(frame: Frame) -> tuple[IntArray, IntArray, FloatArray]:
    """All mixes of a frame: counts, costs and values, one row each."""
    counts = np.zeros((1, 0), dtype=np.int64)
    costs, values = frame.costs[None], np.array([frame.value])
    for group in frame.groups:
        own = _mixes(group)
        n = len(own)
        counts = np.hstack([np.repeat(counts, n, axis=0), np.tile(own, (len(counts), 1))])
        costs = (costs[:, None] + (own @ group.costs)[None]).reshape(-1, costs.shape[1])
        values = (values[:, None] + (own @ group.values)[None]).reshape(-1)
    return counts, costs, values


def _mixes(group: Group) -> IntArray:
    kinds = len(group.values)
    rows = []
    for size in range(group.least, group.most + 1):
        for chosen in itertools.combinations_with_replacement(range(kinds), size):
            rows.append(np.bincount(np.array(chosen, dtype=np.int64), minlength=kinds))
    return np.array(rows, dtype=np.int64)
