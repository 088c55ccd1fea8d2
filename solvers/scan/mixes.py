"""``scan`` for mixes: every frame, every mix. The judge of the other backend, on small spaces."""

from __future__ import annotations

import itertools
import math

import numpy as np

from mathdesign.programs.base import FloatArray, IntArray
from mathdesign.programs.mixes import Frame, Group, MixProblem
from mathdesign.solvers.base import Clock, Solution, SolveOptions, Status, Termination, status_of

#: Points above which the scan refuses.
MOST_POINTS = 2_000_000


def scan_mixes(problem: MixProblem, options: SolveOptions) -> Solution:
    """The best of all points; ties go to the lexicographically first."""
    clock = Clock(options)
    best: tuple[int, ...] | None = None
    objective, seen, stop = -math.inf, 0, None
    for index, frame in enumerate(problem.frames):
        stop = clock.stop()
        if stop is not None:
            break
        counts, costs, values = _points(frame)
        seen += len(values)
        for at, sign, limit in problem.sides():
            keep = sign * costs[:, at] <= limit
            counts, costs, values = counts[keep], costs[keep], values[keep]
        if len(values) and values.max() > objective:
            # Sums of doubles differ in the last digits with their order: the exact value decides.
            near = np.flatnonzero(values >= values.max() - 1e-9 * max(1.0, abs(values.max())))
            points = [(index, *map(int, counts[i])) for i in near]
            point = max(points, key=lambda p: (problem.value(p), tuple(-k for k in p)))
            if problem.value(point) > objective:
                best, objective = point, problem.value(point)
        clock.report(objective if best else None, None, seen, "scan")
    found = objective if best is not None else None
    if stop is not None:
        status = Status.UNKNOWN if best is None else Status.FEASIBLE
        return Solution("scan", status, stop, best, found, math.inf, seen, clock.elapsed_s)
    status = Status.INFEASIBLE if best is None else status_of(found, objective, options.gap)
    return Solution(
        "scan", status, Termination.COMPLETED, best, found, objective, seen, clock.elapsed_s
    )


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
