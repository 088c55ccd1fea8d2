r"""Symbols that are tables over several choices: followed, tightened, and bounded from below.

A tabled symbol is a variable of its own, :math:`t = \ln T(i)`, whose index follows from those of
its sources. Over a box of them

* :math:`t` lies between the least and the greatest entry of the box, which one more table of ranges
  along the last source tells (entry (l, i) covers the :math:`2^l` entries from i on), and sources
  lose the slices whose entries :math:`t` may not take;
* :math:`t \ge \min_i (\ln T(i) - s^\top x_i) + s^\top x` for every slope :math:`s`, for the minimum
  is over all cells of the box: whatever the slope, no cell lies below. Slopes are differences of
  the table itself along each source, of the whole box and of its halves, so that for costs that are
  sums of powers of widths (convex in their logarithms) the planes are nearly tangents.
"""

from __future__ import annotations

import math

from mathdesign.programs.base import IntArray
from mathdesign.solvers.compiled import inner
from mathdesign.solvers.exact.kernels.state import PLANES, RELAXED, Work
from mathdesign.solvers.exact.model import BoxModel


@inner
def cell_of(m: BoxModel, t: int, i: int, j: int, k: int) -> int:
    """Where the entry of three indices lies in the flat tables."""
    return m.table_at[t, 0] + (i * m.table_size[t, 1] + j) * m.table_size[t, 2] + k


@inner
def first_of(m: BoxModel, box: IntArray, t: int, p: int) -> int:
    """An end of source ``p`` of table ``t`` in ``box``; 0 where there is no such source."""
    j = m.table_var[t, 1 + p]
    return box[j] if j >= 0 else 0


@inner
def follow_tables(m: BoxModel, point: IntArray) -> None:
    """Set the tabled variables of a point from their sources."""
    for t in range(m.table_var.shape[0]):
        at = cell_of(m, t, first_of(m, point, t, 0), first_of(m, point, t, 1),
                     first_of(m, point, t, 2))  # fmt: skip
        point[m.table_var[t, 0]] = m.table_entry[at]


@inner
def range_of(
    m: BoxModel, t: int, i0: int, i1: int, j0: int, j1: int, k0: int, k1: int
) -> tuple[int, int]:
    """The least and greatest entry of the cells from the first indices to the second, included."""
    level = 0
    while (2 << level) <= k1 - k0 + 1:
        level += 1
    cells = m.table_size[t, 0] * m.table_size[t, 1] * m.table_size[t, 2]
    shift = m.table_at[t, 1] - m.table_at[t, 0] + level * cells
    least, greatest = m.size[m.table_var[t, 0]], -1
    for i in range(i0, i1 + 1):
        for j in range(j0, j1 + 1):
            a = shift + cell_of(m, t, i, j, k0)
            b = shift + cell_of(m, t, i, j, k1 - (1 << level) + 1)
            least = min(least, m.table_least[a], m.table_least[b])
            greatest = max(greatest, m.table_most[a], m.table_most[b])
    return least, greatest


@inner
def slice_fits(m: BoxModel, w: Work, t: int, p: int, at: int) -> bool:
    """Whether table ``t`` has an entry that its variable may take where source ``p`` is ``at``."""
    i0, i1 = first_of(m, w.ilo, t, 0), first_of(m, w.ihi, t, 0)
    j0, j1 = first_of(m, w.ilo, t, 1), first_of(m, w.ihi, t, 1)
    k0, k1 = first_of(m, w.ilo, t, 2), first_of(m, w.ihi, t, 2)
    if p == 0:
        i0 = i1 = at
    elif p == 1:
        j0 = j1 = at
    else:
        k0 = k1 = at
    least, greatest = range_of(m, t, i0, i1, j0, j1, k0, k1)
    v = m.table_var[t, 0]
    return least <= w.ihi[v] and greatest >= w.ilo[v]


@inner
def tighten_tables(m: BoxModel, w: Work) -> int:
    """Bounds consistency of every table: 1 if something changed, 0 if not, -1 if a box is empty."""
    changed = 0
    for t in range(m.table_var.shape[0]):
        v = m.table_var[t, 0]
        least, greatest = range_of(
            m, t, first_of(m, w.ilo, t, 0), first_of(m, w.ihi, t, 0), first_of(m, w.ilo, t, 1),
            first_of(m, w.ihi, t, 1), first_of(m, w.ilo, t, 2), first_of(m, w.ihi, t, 2),
        )  # fmt: skip
        cuts = least < w.ilo[v] or greatest > w.ihi[v]
        if least > w.ilo[v]:
            w.ilo[v] = least
            changed = 1
        if greatest < w.ihi[v]:
            w.ihi[v] = greatest
            changed = 1
        if w.ilo[v] > w.ihi[v]:
            return -1
        for p in range(3):
            j = m.table_var[t, 1 + p]
            if j < 0 or not cuts:
                continue
            while w.ilo[j] <= w.ihi[j] and not slice_fits(m, w, t, p, w.ilo[j]):
                w.ilo[j] += 1
                changed = 1
            while w.ilo[j] <= w.ihi[j] and not slice_fits(m, w, t, p, w.ihi[j]):
                w.ihi[j] -= 1
                changed = 1
            if w.ilo[j] > w.ihi[j]:
                return -1
    return changed


@inner
def log_at(m: BoxModel, t: int, i: int, j: int, k: int) -> float:
    """The logarithm of an entry."""
    return m.at[m.table_var[t, 0], m.table_entry[cell_of(m, t, i, j, k)]]


@inner
def set_slopes(m: BoxModel, w: Work, t: int) -> None:
    """w.slope[plane, source]: differences along each source, the others in the middle."""
    at = w.cell
    for p in range(3):
        at[p] = (first_of(m, w.ilo, t, p) + first_of(m, w.ihi, t, p)) // 2
    for p in range(3):
        j, middle = m.table_var[t, 1 + p], at[p]
        for plane in range(PLANES):
            w.slope[plane, p] = 0.0
            if j < 0 or w.act[j] < 0:
                continue
            a = w.ilo[j] if plane < 2 else middle
            b = middle if plane == 1 else w.ihi[j]
            if a == b:
                a, b = w.ilo[j], w.ihi[j]
            at[p] = b
            rise = log_at(m, t, at[0], at[1], at[2])
            at[p] = a
            rise -= log_at(m, t, at[0], at[1], at[2])
            w.slope[plane, p] = rise / (m.at[j, b] - m.at[j, a])
        at[p] = middle


@inner
def coordinate(m: BoxModel, t: int, p: int, index: int) -> float:
    """The coordinate of source ``p``, 0 where there is none."""
    j = m.table_var[t, 1 + p]
    return m.at[j, index] if j >= 0 else 0.0


@inner
def set_offsets(m: BoxModel, w: Work, t: int) -> None:
    """w.offset[plane]: the least of ``ln T - s x`` over all cells of the box."""
    for plane in range(PLANES):
        w.offset[plane] = math.inf
    for i in range(first_of(m, w.ilo, t, 0), first_of(m, w.ihi, t, 0) + 1):
        x = coordinate(m, t, 0, i)
        for j in range(first_of(m, w.ilo, t, 1), first_of(m, w.ihi, t, 1) + 1):
            y = coordinate(m, t, 1, j)
            for k in range(first_of(m, w.ilo, t, 2), first_of(m, w.ihi, t, 2) + 1):
                z, value = coordinate(m, t, 2, k), log_at(m, t, i, j, k)
                for plane in range(PLANES):
                    s = w.slope[plane]
                    rest = value - s[0] * x - s[1] * y - s[2] * z
                    w.offset[plane] = min(w.offset[plane], rest)


@inner
def build_tables(m: BoxModel, w: Work, count: int) -> int:
    """Add ``s x - t <= -offset`` for each plane that says more than the bounds of t."""
    for t in range(m.table_var.shape[0]):
        v = m.table_var[t, 0]
        if w.act[v] < 0:
            continue
        set_slopes(m, w, t)
        set_offsets(m, w, t)
        for plane in range(PLANES):
            rhs, top, size = -w.offset[plane], w.offset[plane], abs(w.offset[plane])
            w.lin_var[count, 0], w.lin_val[count, 0] = w.act[v], -1.0
            for p in range(3):
                j, s = m.table_var[t, 1 + p], w.slope[plane, p]
                w.lin_var[count, 1 + p], w.lin_val[count, 1 + p] = -1, 0.0
                if j < 0:
                    continue
                top += s * (w.hi[j] if s > 0.0 else w.lo[j])
                size += abs(s) * (1.0 + abs(w.hi[j]))
                if w.act[j] >= 0:
                    w.lin_var[count, 1 + p], w.lin_val[count, 1 + p] = w.act[j], s
                else:
                    rhs -= s * w.lo[j]
            if top > w.lo[v] + RELAXED:
                w.lin_rhs[count] = rhs + RELAXED * (1.0 + size)
                w.lin_rule[count] = -2 - t
                count += 1
    return count
