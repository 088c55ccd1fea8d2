"""The relaxation of a box: sparse rows, that is McCormick planes, hulls of rules, tangents."""

from __future__ import annotations

import math

from mathdesign.solvers.compiled import inner
from mathdesign.solvers.exact.kernels.held import build_held
from mathdesign.solvers.exact.kernels.state import HULL, RELAXED, Work
from mathdesign.solvers.exact.kernels.tables import build_tables
from mathdesign.solvers.exact.model import BoxModel


@inner
def add_linear_row(w: Work, count: int, rhs: float, a: int, va: float, b: int, vb: float) -> int:
    """Start a sparse row ``va * y_a + vb * y_b <= rhs`` (indices of active variables or -1)."""
    w.lin_var[count, 2] = w.lin_var[count, 3] = -1
    w.lin_var[count, 0], w.lin_val[count, 0] = a, va
    w.lin_var[count, 1], w.lin_val[count, 1] = b, vb
    w.lin_rhs[count] = rhs + RELAXED * (1.0 + abs(rhs))
    return count + 1


@inner
def build_linear(m: BoxModel, w: Work) -> int:
    """McCormick planes (four a product, in the order upper, upper, lower, lower), then hulls, then
    tables, then tangents of ceilings.
    """
    n, count = m.size.shape[0], 0
    for q in range(m.product.shape[0]):
        v = w.act[n + q]
        if v < 0:
            continue
        a, b = m.product[q, 0], m.product[q, 1]
        for plane in range(4):
            sign = 1.0 if plane < 2 else -1.0
            at_m = w.hi[a] if plane == 0 or plane == 3 else w.lo[a]
            at_x = w.lo[b] if plane == 0 or plane == 2 else w.hi[b]
            # V <= at_m x + at_x M - at_m at_x for (hi, lo), (lo, hi); >= for (lo, lo), (hi, hi)
            add_linear_row(w, count, -sign * at_m * at_x, v, sign, w.act[b], -sign * at_m)
            w.lin_var[count, 2], w.lin_val[count, 2] = w.act[a], -sign * at_x
            w.lin_rule[count] = -1
            count += 1
    for r in range(m.rule_var.shape[0]):
        count = build_hull(m, w, r, count)
    return build_held(m, w, build_tables(m, w, count))


@inner
def hull_of(m: BoxModel, w: Work, r: int) -> tuple[float, float]:
    """Least and greatest log-ratio that rule ``r`` allows over the box of its first variable."""
    a = m.rule_var[r, 0]
    length, level = w.ihi[a] - w.ilo[a] + 1, 0
    while (2 << level) <= length:
        level += 1
    size = m.size[a]
    levels = 1
    while (1 << levels) <= size:
        levels += 1
    start = m.rule_at[r, HULL] + level * size
    second = w.ihi[a] - (1 << level) + 1
    low = min(m.rule_hull[start + w.ilo[a]], m.rule_hull[start + second])
    start += levels * size
    high = max(m.rule_hull[start + w.ilo[a]], m.rule_hull[start + second])
    return low, high


@inner
def build_hull(m: BoxModel, w: Work, r: int, count: int) -> int:
    """Add low <= x_b - x_a <= high, where that cuts off part of the box."""
    a, b = m.rule_var[r, 0], m.rule_var[r, 1]
    if w.act[a] < 0 or w.act[b] < 0:
        return count
    low, high = hull_of(m, w, r)
    if low > w.lo[b] - w.hi[a] + RELAXED:
        w.lin_rule[count] = r
        count = add_linear_row(w, count, -low, w.act[a], 1.0, w.act[b], -1.0)
    if high < w.hi[b] - w.lo[a] - RELAXED:
        w.lin_rule[count] = r
        count = add_linear_row(w, count, high, w.act[a], -1.0, w.act[b], 1.0)
    if m.source[b] == a and m.pair.shape[0] > 0:
        slope, const = floor_of(m, w, a, b)
        w.lin_rule[count] = r
        count = add_linear_row(w, count, -const, w.act[a], slope, w.act[b], -1.0)
    return count


@inner
def floor_of(m: BoxModel, w: Work, a: int, b: int) -> tuple[float, float]:
    """A line ``const + slope x_a`` that no pair of the box lies below: ``x_b`` follows ``x_a``.

    Its slope is that of the edge of their lower hull behind the least log-ratio; for any slope the
    least of ``x_b - slope x_a`` makes it valid.
    """
    first, least = w.ilo[a], math.inf
    for i in range(w.ilo[a], w.ihi[a] + 1):
        ratio = m.at[b, m.follow[b, i]] - m.at[a, i]
        if ratio < least:
            first, least = i, ratio
    slope = math.inf
    for i in range(first + 1, w.ihi[a] + 1):
        rise = m.at[b, m.follow[b, i]] - m.at[b, m.follow[b, first]]
        slope = min(slope, rise / (m.at[a, i] - m.at[a, first]))
    if not math.isfinite(slope):
        slope = 1.0
    const = math.inf
    for i in range(w.ilo[a], w.ihi[a] + 1):
        const = min(const, m.at[b, m.follow[b, i]] - slope * m.at[a, i])
    return slope, const
