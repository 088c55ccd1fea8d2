"""Interval tightening: shrinks ``w.ilo..w.ihi``, never loses a feasible point above the cut."""

from __future__ import annotations

import math

from mathdesign.programs.base import FloatArray, IntArray
from mathdesign.solvers.compiled import inner, kernel
from mathdesign.solvers.exact.kernels.held import tighten_held
from mathdesign.solvers.exact.kernels.penalty import penalty_of
from mathdesign.solvers.exact.kernels.state import (
    IS_STD,
    RELAXED,
    UNBOUNDED,
    WEIGHT,
    Work,
    fill,
)
from mathdesign.solvers.exact.kernels.tables import tighten_tables
from mathdesign.solvers.exact.model import BoxModel


@inner
def tighten_rules(m: BoxModel, w: Work) -> int:
    """Bounds consistency of every rule: 1 if something changed, 0 if not, -1 if a box is empty."""
    changed = 0
    for r in range(m.rule_var.shape[0]):
        for side in range(2):
            a, b = m.rule_var[r, side], m.rule_var[r, 1 - side]
            start, stride = m.rule_at[r, side], m.size[b] + 1
            lo, hi = w.ilo[a], w.ihi[a]
            blo, bhi = w.ilo[b], w.ihi[b] + 1
            while lo <= hi and (
                m.rule_count[start + lo * stride + bhi] == m.rule_count[start + lo * stride + blo]
            ):
                lo += 1
            while lo <= hi and (
                m.rule_count[start + hi * stride + bhi] == m.rule_count[start + hi * stride + blo]
            ):
                hi -= 1
            if lo > hi:
                return -1
            if lo != w.ilo[a] or hi != w.ihi[a]:
                w.ilo[a], w.ihi[a] = lo, hi
                changed = 1
    return changed


@inner
def corner(m: BoxModel, w: Work, index: IntArray, rows: FloatArray) -> None:
    """Row values at the corner ``index``, in units of budgets; w.sig gets the monomials."""
    fill(rows, 0.0)
    for k in range(m.sig_depth.shape[0]):
        t = 1.0
        for p in range(m.sig_var.shape[1]):
            j = m.sig_var[k, p]
            if j >= 0:
                v = float(m.value[j, index[j]])
                for _ in range(m.sig_pow[k, p]):
                    t *= v
        w.sig[k] = t
        depth = float(m.value[m.sig_depth[k], index[m.sig_depth[k]]])
        for r in range(rows.shape[0]):
            rows[r] += (m.once_scaled[k, r] + m.rest_scaled[k, r] * depth) * t


@inner
def row_polynomials(m: BoxModel, w: Work, j: int, index: IntArray) -> None:
    """w.poly[r, p]: the part of row r at corner ``index`` that goes with variable j to the p."""
    for r in range(w.poly.shape[0]):
        fill(w.poly[r], 0.0)
    for g in range(m.var_sig.shape[1]):
        k = m.var_sig[j, g]
        if k < 0:
            break
        if m.sig_depth[k] == j:
            for r in range(w.poly.shape[0]):
                w.poly[r, 1] += m.rest_scaled[k, r] * w.sig[k]
            continue
        depth = float(m.value[m.sig_depth[k], index[m.sig_depth[k]]])
        power = 0
        for p in range(m.sig_var.shape[1]):
            if m.sig_var[k, p] == j:
                power = m.sig_pow[k, p]
        for r in range(w.poly.shape[0]):
            w.poly[r, power] += (m.once_scaled[k, r] + m.rest_scaled[k, r] * depth) * w.sig[k]


@inner
def row_change(m: BoxModel, w: Work, r: int, j: int, old: int, new: int) -> float:
    """How much row r changes from the corner when variable j goes from index old to new."""
    if m.is_depth[j]:
        return w.poly[r, 1] * float(m.value[j, new] - m.value[j, old])
    ratio = float(m.value[j, new]) / float(m.value[j, old])
    change, power = 0.0, 1.0
    for p in range(1, w.poly.shape[1]):
        power *= ratio
        change += w.poly[r, p] * (power - 1.0)
    return change


@inner
def fits_upper(m: BoxModel, w: Work, j: int, i: int) -> bool:
    """Whether variable j at index i, all else at its lowest, leaves every budget intact."""
    for r in range(m.row_upper.shape[0]):
        if m.row_upper[r] < UNBOUNDED:
            limit = m.row_upper[r] * m.row_scale[r] + RELAXED
            if w.row_lo[r] + row_change(m, w, r, j, w.ilo[j], i) > limit:
                return False
    return True


@inner
def fits_lower(m: BoxModel, w: Work, j: int, i: int) -> bool:
    """Whether variable j at index i, all else at its highest, reaches every minimum budget."""
    for r in range(m.row_upper.shape[0]):
        if m.row_lower[r] > 0:
            limit = m.row_lower[r] * m.row_scale[r] * (1.0 - RELAXED)
            if w.row_hi[r] * (1.0 + RELAXED) + row_change(m, w, r, j, w.ihi[j], i) < limit:
                return False
    return True


@inner
def tighten_upper(m: BoxModel, w: Work) -> int:
    """Budgets against the lowest corner."""
    corner(m, w, w.ilo, w.row_lo)
    changed = 0
    for r in range(m.row_upper.shape[0]):
        limit = m.row_upper[r] * m.row_scale[r] + RELAXED
        if m.row_upper[r] < UNBOUNDED and w.row_lo[r] > limit:
            return -1
    for j in range(m.size.shape[0]):
        if w.ilo[j] == w.ihi[j]:
            continue
        row_polynomials(m, w, j, w.ilo)
        if fits_upper(m, w, j, w.ihi[j]):
            continue
        good, bad = w.ilo[j], w.ihi[j]
        while bad - good > 1:
            middle = (good + bad) // 2
            if fits_upper(m, w, j, middle):
                good = middle
            else:
                bad = middle
        w.ihi[j] = good
        changed = 1
    return changed


@inner
def tighten_lower(m: BoxModel, w: Work) -> int:
    """Minimum budgets against the highest corner (w.row_hi is always computed)."""
    corner(m, w, w.ihi, w.row_hi)
    changed = 0
    needed = False
    for r in range(m.row_upper.shape[0]):
        if m.row_lower[r] > 0:
            needed = True
            if w.row_hi[r] < m.row_lower[r] * m.row_scale[r] * (1.0 - RELAXED):
                return -1
    if not needed:
        return 0
    for j in range(m.size.shape[0]):
        if w.ilo[j] == w.ihi[j]:
            continue
        row_polynomials(m, w, j, w.ihi)
        if fits_lower(m, w, j, w.ilo[j]):
            continue
        bad, good = w.ilo[j], w.ihi[j]
        while good - bad > 1:
            middle = (good + bad) // 2
            if fits_lower(m, w, j, middle):
                good = middle
            else:
                bad = middle
        w.ilo[j] = good
        changed = 1
    return changed


@inner
def least_penalty(m: BoxModel, w: Work) -> float:
    """A lower bound on the depth penalty over the box.

    Two depths that differ by d give n depths a variance of at least d^2 / (2 n).
    """
    count = m.pen_var.shape[0]
    if count == 0:
        return 0.0
    low, high = -1e300, 1e300
    for i in range(count):
        j = m.pen_var[i]
        low, high = max(low, m.at[j, w.ilo[j]]), min(high, m.at[j, w.ihi[j]])
    variance = max(0.0, low - high) ** 2 / (2.0 * count)
    spread = math.sqrt(variance) if m.pen[IS_STD] > 0.5 else variance
    return penalty_of(m.pen[WEIGHT], spread) * (1.0 - RELAXED)


@inner
def most_penalty(m: BoxModel, w: Work) -> float:
    """An upper bound on the depth penalty: variance <= range^2 / 4 (Popoviciu)."""
    count = m.pen_var.shape[0]
    if count == 0:
        return 0.0
    low, high = 1e300, -1e300
    for i in range(count):
        j = m.pen_var[i]
        low, high = min(low, m.at[j, w.ilo[j]]), max(high, m.at[j, w.ihi[j]])
    variance = (high - low) ** 2 / 4.0
    spread = math.sqrt(variance) if m.pen[IS_STD] > 0.5 else variance
    return penalty_of(m.pen[WEIGHT], spread) * (1.0 + RELAXED)


@inner
def tighten_depths(m: BoxModel, w: Work, room: float) -> int:
    """Depths whose penalty alone exceeds ``room`` (most entropy minus cut) are cut off."""
    count = m.pen_var.shape[0]
    if count < 2 or m.pen[WEIGHT] <= 0.0 or room >= 1e200:
        return 0
    if room < m.pen[WEIGHT] * (1.0 - RELAXED):
        return -1
    spread = math.log(max(room / m.pen[WEIGHT], 1.0)) + 1e-6
    reach = math.sqrt(2.0 * count) * (spread if m.pen[IS_STD] > 0.5 else math.sqrt(spread)) + 1e-6
    low, high = -1e300, 1e300
    for i in range(count):
        j = m.pen_var[i]
        low, high = max(low, m.at[j, w.ilo[j]]), min(high, m.at[j, w.ihi[j]])
    changed = 0
    for i in range(count):
        j = m.pen_var[i]
        while w.ilo[j] <= w.ihi[j] and m.at[j, w.ihi[j]] > high + reach:
            w.ihi[j] -= 1
            changed = 1
        while w.ilo[j] <= w.ihi[j] and m.at[j, w.ilo[j]] < low - reach:
            w.ilo[j] += 1
            changed = 1
        if w.ilo[j] > w.ihi[j]:
            return -1
    return changed


@inner
def tighten_further(m: BoxModel, w: Work) -> int:
    """Numbers of further blocks that no budget allows, or that do not matter.

    Without a further block (lambda = 0) all numbers are one design, which the least of the box
    stands for: so the others need only be kept as far as they fit with lambda = 1.
    """
    changed = 0
    for g in range(m.pair.shape[0]):
        a, b = m.pair[g, 0], m.pair[g, 1]
        if m.value[a, w.ilo[a]] > 0 or w.ilo[b] == w.ihi[b]:
            continue
        top = w.ilo[b]
        if m.value[a, w.ihi[a]] > 0:
            row_polynomials(m, w, a, w.ilo)
            room = 1e300
            for r in range(m.row_upper.shape[0]):
                if m.row_upper[r] < UNBOUNDED and w.poly[r, 1] > 0.0:
                    limit = m.row_upper[r] * m.row_scale[r] + RELAXED
                    room = min(room, (limit - w.row_lo[r]) / w.poly[r, 1])
            room *= float(m.value[b, w.ilo[b]]) * (1.0 + RELAXED)
            top = w.ihi[b]
            while top > w.ilo[b] and float(m.value[b, top]) > room:
                top -= 1
        if top < w.ihi[b]:
            w.ihi[b] = top
            changed = 1
    return changed


@kernel
def tighten(m: BoxModel, w: Work, room: float) -> bool:
    """All of the above until nothing changes (a few rounds). False: no such point in the box."""
    for _ in range(4):
        a = tighten_rules(m, w)
        if a < 0:
            return False
        t = tighten_tables(m, w)
        if t < 0:
            return False
        a += t
        b = tighten_depths(m, w, room)
        if b < 0:
            return False
        c = tighten_upper(m, w)
        if c < 0:
            return False
        c += tighten_further(m, w)
        e = tighten_held(m, w)
        if e < 0:
            return False
        c += e
        d = tighten_lower(m, w)
        if d < 0:
            return False
        if a + b + c + d == 0:
            break
    # row_lo and row_hi must belong to the final box
    corner(m, w, w.ihi, w.row_hi)
    corner(m, w, w.ilo, w.row_lo)
    return True
