"""Points of a box that are judged: all of a small one, or the one next to the relaxed solution."""

from __future__ import annotations

from mathdesign.programs.base import IntArray
from mathdesign.solvers.compiled import inner, kernel
from mathdesign.solvers.exact.kernels.points import follow_sources, judge
from mathdesign.solvers.exact.kernels.state import Work, copy
from mathdesign.solvers.exact.model import BoxModel


@inner
def offer(m: BoxModel, w: Work, point: IntArray, incumbent: float, count: int) -> tuple[float, int]:
    """Put a better point into w.found. One that only rounding can judge moves no incumbent."""
    violation, objective = judge(m, point)
    if violation < 1e-11 and objective > incumbent:
        copy(w.found[count], point)
        return (objective if violation == 0.0 else incumbent), count + 1
    return incumbent, count


@kernel
def points_in(m: BoxModel, w: Work) -> float:
    """Number of points of the box."""
    total = 1.0
    for j in range(m.size.shape[0]):
        if m.source[j] < 0:
            total *= w.ihi[j] - w.ilo[j] + 1.0
    return total


@kernel
def visit_all(m: BoxModel, w: Work, incumbent: float) -> int:
    """Judge every point of a box of at most ``LEAF_POINTS``; the better ones are in w.found."""
    n, count = m.size.shape[0], 0
    copy(w.point, w.ilo)
    while True:
        follow_sources(m, w.point)
        incumbent, count = offer(m, w, w.point, incumbent, count)
        j = 0
        while j < n and (m.source[j] >= 0 or w.point[j] == w.ihi[j]):
            if m.source[j] < 0:
                w.point[j] = w.ilo[j]
            j += 1
        if j == n:
            return count
        w.point[j] += 1


@kernel
def round_off(m: BoxModel, w: Work, incumbent: float) -> int:
    """Judge the point next to the relaxed solution; 1 if it is in w.found."""
    for j in range(m.size.shape[0]):
        w.point[j] = nearest(m, w, j)
    follow_sources(m, w.point)
    return offer(m, w, w.point, incumbent, 0)[1]


@inner
def position(m: BoxModel, w: Work, j: int, y: float) -> int:
    """The last index of the box whose coordinate is at most y (the first if there is none)."""
    lo, hi = w.ilo[j], w.ihi[j]
    while lo < hi:
        middle = (lo + hi + 1) // 2
        if m.at[j, middle] <= y:
            lo = middle
        else:
            hi = middle - 1
    return lo


@inner
def nearest(m: BoxModel, w: Work, j: int) -> int:
    """The index of the box whose coordinate is next to the relaxed one."""
    i = position(m, w, j, w.y[j])
    if i < w.ihi[j] and m.at[j, i + 1] - w.y[j] < w.y[j] - m.at[j, i]:
        i += 1
    return i
