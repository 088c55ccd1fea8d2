r"""Compiled kernels of the exact engine: bound, tightening, tree search and annealing.

All kernels live in this one module on purpose: numba's on-disk cache looks at the time stamp of
the file that defines a kernel, not at those of the kernels that it calls, so kernels spread over
modules can run stale.

**The bound.** In the coordinates of :mod:`mathdesign.solvers.exact.model` a node (a box of
intervals) is relaxed to: maximise a concave :math:`f` under convex :math:`g_i \le 0`, where

* metric rows are sums of :math:`C^0 e^{p x} + C^1 M e^{p V / M}`, convex as they stand;
* :math:`V = M x` is replaced by its four McCormick planes (the hull of the product over a box);
* effectiveness is :math:`D \ln(D / \rho_0) - W \le 0`, convex in the number of layers ``D``;
* the penalty is :math:`-\beta e^{\mathrm{spread}}`, concave, its standard deviation smoothed from
  below, and continued by a tangent where it is hopeless;
* a product :math:`z E` of the objective is over-estimated by the best of its two McCormick planes
  and :math:`(l + u) \sqrt{z E} - l u \ge z E` for :math:`\sqrt{z E} \in [l, u]`, a concave
  geometric mean; ``[l, u]`` is narrow, for any *improving* design has a sum of products above
  the incumbent and below what an ancestor's bound allows;
* rules become bounds on log-ratios over the box; minimum budgets and positive metric weights
  replace each monomial by its chord in logarithms, which is linear and never below it.

For ANY point :math:`v` and ANY multipliers :math:`\lambda \ge 0` concavity gives

.. math:: f(y) \le f(v) - \lambda g(v) + \sum_j \max_{y_j \in \text{box}} r_j (y_j - v_j),
          \qquad r = \nabla f(v) - \lambda \nabla g(v),

where a residual on a ``V`` is first moved to ``M`` and ``x`` through one of its McCormick planes
(one more multiplier). The interior-point iterates only supply ``v`` and ``lambda``; stopping them
early, or a failed factorisation, loosens the bound and cannot make it wrong.

**Rounding.** :func:`certificate` adds ``ROUNDING`` times the sum of the absolute values of all
that it summed. A sum of N products of double precision numbers errs by less than N * 2^-53 times
that sum, an exponential of an argument below 50 by less than 60 * 2^-53 of itself; ``ROUNDING``
covers both for N up to thousands. Constraints are relaxed by ``RELAXED``, which only loosens.
"""

# numba is untyped
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit, types
from numba.experimental import structref

from mathdesign.programs.base import FloatArray, IntArray
from mathdesign.solvers.exact.model import Model

ROUNDING = 1e-12
RELAXED = 1e-9
LARGEST_MULTIPLIER = 1e4
LEAF_POINTS = 32
UNBOUNDED = 2**62
NEVER = -1e300

_options: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy"}


@structref.register
class ModelType(types.StructRef):
    """A :class:`Model` as the kernels see it: one pointer, so that calls stay cheap to compile."""


@structref.register
class WorkType(types.StructRef):
    """A :class:`Work` as the kernels see it."""


class ModelRef(structref.StructRefProxy):
    """Handle of a model."""


class WorkRef(structref.StructRefProxy):
    """Handle of a workspace."""


class Work(NamedTuple):
    """Scratch space of one thread; ``A`` active variables (those that a box leaves open)."""

    ilo: IntArray
    ihi: IntArray
    lo: FloatArray
    hi: FloatArray
    y: FloatArray
    act: IntArray
    full: IntArray
    sig: FloatArray
    row_lo: FloatArray
    row_hi: FloatArray
    poly: FloatArray
    dense_row: IntArray
    dense_end: IntArray
    dense_low: IntArray
    end_lin: FloatArray
    end_const: FloatArray
    end_lo: FloatArray
    end_hi: FloatArray
    lay_lin: FloatArray
    lay_const: FloatArray
    chord: FloatArray
    extra: FloatArray
    form: FloatArray
    span: FloatArray
    lin_var: IntArray
    lin_val: FloatArray
    lin_rhs: FloatArray
    lin_rule: IntArray
    grad: FloatArray
    hess: FloatArray
    curve: FloatArray
    jac: FloatArray
    g: FloatArray
    s: FloatArray
    lam: FloatArray
    ds: FloatArray
    dlam: FloatArray
    zlo: FloatArray
    zhi: FloatArray
    dy: FloatArray
    res: FloatArray
    mag: FloatArray
    best_res: FloatArray
    best_y: FloatArray
    absorbed: FloatArray
    start: FloatArray
    point: IntArray
    found: IntArray
    score: FloatArray
    facts: FloatArray


for _fields, _proxy, _type in (
    (Model._fields, ModelRef, ModelType),
    (Work._fields, WorkRef, WorkType),
):
    structref.define_proxy(_proxy, _type, list(_fields))


@njit(**_options)
def model_ref(*arrays: Any) -> Any:
    """The handle of a model: ``model_ref(*model)``."""
    return ModelRef(*arrays)


@njit(**_options)
def work_ref(*arrays: Any) -> Any:
    """The handle of a workspace; the arrays are shared, not copied."""
    return WorkRef(*arrays)


def workspace(m: Model) -> Work:
    """Scratch arrays for ``m``."""
    n, products, rows = len(m.size), len(m.product), len(m.row_upper)
    ends, scales, sigs = len(m.end_const), len(m.scale_end), len(m.sig_depth)
    every = n + products
    dense = 2 * rows + len(m.prefix_end) + 1
    linear = 4 * products + 4 * len(m.rule_var) + 1
    both = dense + linear
    power = int(m.sig_pow.max(initial=1)) + 1
    f, i = (lambda *shape: np.zeros(shape)), (lambda *shape: np.zeros(shape, dtype=np.int64))
    return Work(
        ilo=i(n), ihi=i(n), lo=f(n), hi=f(n), y=f(every), act=i(every), full=i(every),
        sig=f(sigs), row_lo=f(rows), row_hi=f(rows), poly=f(rows, power),
        dense_row=i(rows), dense_end=i(len(m.prefix_end)), dense_low=i(rows),
        end_lin=f(ends, every), end_const=f(ends), end_lo=f(ends), end_hi=f(ends),
        lay_lin=f(ends, every), lay_const=f(ends), chord=f(rows, every + 1), extra=f(every + 1),
        form=f(scales, 4), span=f(scales, 6),
        lin_var=i(linear, 4), lin_val=f(linear, 4), lin_rhs=f(linear), lin_rule=i(linear),
        grad=f(every), hess=f(every, every), curve=f(every), jac=f(dense, every),
        g=f(both), s=f(both), lam=f(both), ds=f(both), dlam=f(both),
        zlo=f(every), zhi=f(every), dy=f(every), res=f(every), mag=f(every),
        best_res=f(every), best_y=f(every), absorbed=f(products + 1), start=f(n),
        point=i(n), found=i(LEAF_POINTS, n), score=f(n), facts=f(8),
    )  # fmt: skip


# --------------------------------------------------------------------------------------------
# One point, in exact integers
# --------------------------------------------------------------------------------------------


# Numba compiles a slice assignment together with the formatting of its error message, which takes
# seconds; hence these two loops.


@njit(**_options)
def fill(array: FloatArray, value: float) -> None:
    """Set every entry of a vector."""
    for i in range(array.shape[0]):
        array[i] = value


@njit(**_options)
def copy(to: IntArray, source: IntArray) -> None:
    """Copy a vector."""
    for i in range(to.shape[0]):
        to[i] = source[i]


@njit(**_options)
def follow_sources(m: Model, point: IntArray) -> None:
    """Set derived variables from their sources. ``point`` holds indices into the domains."""
    for j in range(m.size.shape[0]):
        if m.source[j] >= 0:
            point[j] = m.follow[j, point[m.source[j]]]


@njit(**_options)
def rules_broken(m: Model, point: IntArray) -> int:
    """How many rules the point breaks."""
    broken = 0
    for r in range(m.rule_var.shape[0]):
        a, b = m.rule_var[r, 0], m.rule_var[r, 1]
        at = m.rule_at[r, 0] + point[a] * (m.size[b] + 1) + point[b]
        if m.rule_count[at + 1] == m.rule_count[at]:
            broken += 1
    return broken


@njit(**_options)
def log_width(m: Model, point: IntArray, e: int) -> float:
    """Log-width of the prefix of end ``e``."""
    total = m.end_const[e]
    for j in range(m.size.shape[0]):
        total += m.end_first[e, j] * m.at[j, point[j]]
    for q in range(m.product.shape[0]):
        a, b = m.product[q, 0], m.product[q, 1]
        total += m.end_product[e, q] * m.at[a, point[a]] * m.at[b, point[b]]
    return total


@njit(**_options)
def spread_penalty(m: Model, point: IntArray) -> float:
    """The depth penalty, infinite where it overflows."""
    count = m.pen_var.shape[0]
    if count == 0:
        return 0.0
    mean = 0.0
    for i in range(count):
        mean += m.at[m.pen_var[i], point[m.pen_var[i]]] / count
    variance = 0.0
    for i in range(count):
        variance += (m.at[m.pen_var[i], point[m.pen_var[i]]] - mean) ** 2 / count
    spread = math.sqrt(variance) if m.pen[1] > 0.5 else variance
    return m.pen[0] * math.exp(spread) if spread < 700.0 else math.inf


@njit(**_options)
def judge(m: Model, point: IntArray) -> tuple[float, float]:
    """Violation and objective of a point. Rows are compared in exact integers.

    The violation is 0 for a feasible point, 1e-12 where only rounding can decide about the
    effectiveness, and otherwise a sum of relative violations.
    """
    violation = 1.0 * rules_broken(m, point)
    objective = m.additive[0]
    for r in range(m.row_upper.shape[0]):
        total = 0
        for k in range(m.sig_depth.shape[0]):
            times = m.once[k, r] + m.rest[k, r] * m.value[m.sig_depth[k], point[m.sig_depth[k]]]
            if times == 0:
                continue
            for p in range(m.sig_var.shape[1]):
                j = m.sig_var[k, p]
                if j >= 0:
                    for _ in range(m.sig_pow[k, p]):
                        times *= m.value[j, point[j]]
            total += times
        if total > m.row_upper[r]:
            violation += max((total - m.row_upper[r]) * m.row_scale[r], 1e-11)
        if total < m.row_lower[r]:
            violation += max((m.row_lower[r] - total) / (1.0 + m.row_lower[r]), 1e-11)
        objective += m.row_weight[r] * total
    for i in range(m.prefix_end.shape[0]):
        layers = m.end_layers_const[m.prefix_end[i]]
        for j in range(m.size.shape[0]):
            layers += m.end_layers[m.prefix_end[i], j] * m.at[j, point[j]]
        excess = math.log(layers) - log_width(m, point, m.prefix_end[i]) / layers - m.prefix_log[i]
        if excess > 1e-12:
            violation += max(excess, 1e-11)
        elif excess > -1e-12:
            violation += 1e-12
    for k in range(m.scale_end.shape[0]):
        z = m.scale_area[k] + m.at[m.scale_var[k], point[m.scale_var[k]]]
        objective += m.scale_weight[k] * z * log_width(m, point, m.scale_end[k])
    n = m.size.shape[0]
    for j in range(n):
        objective += m.additive[1 + j] * m.at[j, point[j]]
    for q in range(m.product.shape[0]):
        a, b = m.product[q, 0], m.product[q, 1]
        objective += m.additive[1 + n + q] * m.at[a, point[a]] * m.at[b, point[b]]
    return violation, objective - spread_penalty(m, point)


# --------------------------------------------------------------------------------------------
# Interval tightening: shrinks w.ilo..w.ihi, never loses a feasible point above the cut
# --------------------------------------------------------------------------------------------


@njit(**_options)
def tighten_rules(m: Model, w: Work) -> int:
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


@njit(**_options)
def corner(m: Model, w: Work, index: IntArray, rows: FloatArray) -> None:
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


@njit(**_options)
def row_polynomials(m: Model, w: Work, j: int, index: IntArray) -> None:
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


@njit(**_options)
def row_change(m: Model, w: Work, r: int, j: int, old: int, new: int) -> float:
    """How much row r changes from the corner when variable j goes from index old to new."""
    if m.is_depth[j]:
        return w.poly[r, 1] * float(m.value[j, new] - m.value[j, old])
    ratio = float(m.value[j, new]) / float(m.value[j, old])
    change, power = 0.0, 1.0
    for p in range(1, w.poly.shape[1]):
        power *= ratio
        change += w.poly[r, p] * (power - 1.0)
    return change


@njit(**_options)
def fits_upper(m: Model, w: Work, j: int, i: int) -> bool:
    """Whether variable j at index i, all else at its lowest, leaves every budget intact."""
    for r in range(m.row_upper.shape[0]):
        if m.row_upper[r] < UNBOUNDED:
            limit = m.row_upper[r] * m.row_scale[r] + RELAXED
            if w.row_lo[r] + row_change(m, w, r, j, w.ilo[j], i) > limit:
                return False
    return True


@njit(**_options)
def fits_lower(m: Model, w: Work, j: int, i: int) -> bool:
    """Whether variable j at index i, all else at its highest, reaches every minimum budget."""
    for r in range(m.row_upper.shape[0]):
        if m.row_lower[r] > 0:
            limit = m.row_lower[r] * m.row_scale[r] * (1.0 - RELAXED)
            if w.row_hi[r] * (1.0 + RELAXED) + row_change(m, w, r, j, w.ihi[j], i) < limit:
                return False
    return True


@njit(**_options)
def tighten_upper(m: Model, w: Work) -> int:
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


@njit(**_options)
def tighten_lower(m: Model, w: Work) -> int:
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


@njit(**_options)
def least_penalty(m: Model, w: Work) -> float:
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
    spread = math.sqrt(variance) if m.pen[1] > 0.5 else variance
    return m.pen[0] * math.exp(min(spread, 690.0)) * (1.0 - RELAXED)


@njit(**_options)
def most_penalty(m: Model, w: Work) -> float:
    """An upper bound on the depth penalty: variance <= range^2 / 4 (Popoviciu)."""
    count = m.pen_var.shape[0]
    if count == 0:
        return 0.0
    low, high = 1e300, -1e300
    for i in range(count):
        j = m.pen_var[i]
        low, high = min(low, m.at[j, w.ilo[j]]), max(high, m.at[j, w.ihi[j]])
    variance = (high - low) ** 2 / 4.0
    spread = math.sqrt(variance) if m.pen[1] > 0.5 else variance
    return m.pen[0] * math.exp(spread) * (1.0 + RELAXED) if spread < 600.0 else 1e300


@njit(**_options)
def tighten_depths(m: Model, w: Work, room: float) -> int:
    """Depths whose penalty alone exceeds ``room`` (most entropy minus cut) are cut off."""
    count = m.pen_var.shape[0]
    if count < 2 or m.pen[0] <= 0.0 or room >= 1e200:
        return 0
    if room < m.pen[0] * (1.0 - RELAXED):
        return -1
    spread = math.log(max(room / m.pen[0], 1.0)) + 1e-6
    reach = math.sqrt(2.0 * count) * (spread if m.pen[1] > 0.5 else math.sqrt(spread)) + 1e-6
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


@njit(**_options)
def tighten(m: Model, w: Work, room: float) -> bool:
    """All of the above until nothing changes (a few rounds). False: no such point in the box."""
    for _ in range(4):
        a = tighten_rules(m, w)
        if a < 0:
            return False
        b = tighten_depths(m, w, room)
        if b < 0:
            return False
        c = tighten_upper(m, w)
        if c < 0:
            return False
        d = tighten_lower(m, w)
        if d < 0:
            return False
        if a + b + c + d == 0:
            break
    # row_lo and row_hi must belong to the final box
    corner(m, w, w.ihi, w.row_hi)
    corner(m, w, w.ilo, w.row_lo)
    return True


# --------------------------------------------------------------------------------------------
# The relaxation of a box
# --------------------------------------------------------------------------------------------


@njit(**_options)
def number_active(m: Model, w: Work) -> int:
    """Number the open variables and products; y of a closed variable is its value."""
    n, active = m.size.shape[0], 0
    for j in range(n):
        w.lo[j], w.hi[j] = m.at[j, w.ilo[j]], m.at[j, w.ihi[j]]
        w.act[j] = -1
        w.y[j] = w.lo[j]
        if w.ilo[j] < w.ihi[j]:
            w.act[j], w.full[active] = active, j
            active += 1
    for q in range(m.product.shape[0]):
        w.act[n + q] = -1
        if w.act[m.product[q, 0]] >= 0 and w.act[m.product[q, 1]] >= 0:
            w.act[n + q], w.full[active] = active, n + q
            active += 1
    return active


@njit(**_options)
def add_linear(m: Model, w: Work, j: int, coefficient: float, row: FloatArray) -> float:
    """Add ``coefficient * y_j`` (j may be a product) to a dense row; returns the constant part."""
    n = m.size.shape[0]
    if coefficient == 0.0:
        return 0.0
    if w.act[j] >= 0:
        row[w.act[j]] += coefficient
        return 0.0
    if j < n:
        return coefficient * w.lo[j]
    depth, x = m.product[j - n, 0], m.product[j - n, 1]
    if w.act[depth] >= 0:
        row[w.act[depth]] += coefficient * w.lo[x]
        return 0.0
    if w.act[x] >= 0:
        row[w.act[x]] += coefficient * w.lo[depth]
        return 0.0
    return coefficient * w.lo[depth] * w.lo[x]


@njit(**_options)
def build_ends(m: Model, w: Work) -> None:
    """Log-widths and layer counts of the prefixes as affine functions of active variables."""
    n = m.size.shape[0]
    for e in range(m.end_const.shape[0]):
        fill(w.end_lin[e], 0.0)
        fill(w.lay_lin[e], 0.0)
        const, layers = m.end_const[e], m.end_layers_const[e]
        low = high = const
        for j in range(n):
            const += add_linear(m, w, j, m.end_first[e, j], w.end_lin[e])
            layers += add_linear(m, w, j, m.end_layers[e, j], w.lay_lin[e])
            low += m.end_first[e, j] * w.lo[j]
            high += m.end_first[e, j] * w.hi[j]
        for q in range(m.product.shape[0]):
            const += add_linear(m, w, n + q, m.end_product[e, q], w.end_lin[e])
            a, b = m.product[q, 0], m.product[q, 1]
            low += m.end_product[e, q] * w.lo[a] * w.lo[b]
            high += m.end_product[e, q] * w.hi[a] * w.hi[b]
        w.end_const[e], w.lay_const[e] = const, layers
        w.end_lo[e], w.end_hi[e] = low * (1.0 - RELAXED), high * (1.0 + RELAXED)


@njit(**_options)
def prefixes_possible(m: Model, w: Work) -> bool:
    """Effectiveness by intervals: D ln(D / rho0) increases for D >= 1 > rho0 / e, else any."""
    for i in range(m.prefix_end.shape[0]):
        e = m.prefix_end[i]
        layers = m.end_layers_const[e]
        for j in range(m.size.shape[0]):
            layers += m.end_layers[e, j] * w.lo[j]
        need = layers * (math.log(layers) - m.prefix_log[i])
        if math.log(layers) + 1.0 < m.prefix_log[i]:  # still falling at the least D
            continue
        if need > w.end_hi[e] + RELAXED * (1.0 + abs(need)):
            return False
    return True


@njit(**_options)
def add_linear_row(w: Work, count: int, rhs: float, a: int, va: float, b: int, vb: float) -> int:
    """Start a sparse row ``va * y_a + vb * y_b <= rhs`` (indices of active variables or -1)."""
    w.lin_var[count, 2] = w.lin_var[count, 3] = -1
    w.lin_var[count, 0], w.lin_val[count, 0] = a, va
    w.lin_var[count, 1], w.lin_val[count, 1] = b, vb
    w.lin_rhs[count] = rhs + RELAXED * (1.0 + abs(rhs))
    return count + 1


@njit(**_options)
def build_linear(m: Model, w: Work) -> int:
    """McCormick planes (four a product, in the order upper, upper, lower, lower), then hulls."""
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
    return count


@njit(**_options)
def hull_of(m: Model, w: Work, r: int) -> tuple[float, float]:
    """Least and greatest log-ratio that rule ``r`` allows over the box of its first variable."""
    a = m.rule_var[r, 0]
    length, level = w.ihi[a] - w.ilo[a] + 1, 0
    while (2 << level) <= length:
        level += 1
    size = m.size[a]
    levels = 1
    while (1 << levels) <= size:
        levels += 1
    start = m.rule_at[r, 2] + level * size
    second = w.ihi[a] - (1 << level) + 1
    low = min(m.rule_hull[start + w.ilo[a]], m.rule_hull[start + second])
    start += levels * size
    high = max(m.rule_hull[start + w.ilo[a]], m.rule_hull[start + second])
    return low, high


@njit(**_options)
def build_hull(m: Model, w: Work, r: int, count: int) -> int:
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
    return count


@njit(**_options)
def build_chords(m: Model, w: Work) -> None:
    """w.chord[r]: a linear function (constant last) never below row r, where one is needed."""
    last = w.chord.shape[1] - 1
    for r in range(m.row_upper.shape[0]):
        fill(w.chord[r], 0.0)
        if m.row_lower[r] == 0 and m.row_weight[r] <= 0.0:
            continue
        for k in range(m.sig_depth.shape[0]):
            d = m.sig_depth[k]
            once, rest = m.once_scaled[k, r], m.rest_scaled[k, r]
            low = high = 0.0
            for p in range(m.sig_var.shape[1]):
                if m.sig_var[k, p] >= 0:
                    low += m.sig_pow[k, p] * w.lo[m.sig_var[k, p]]
                    high += m.sig_pow[k, p] * w.hi[m.sig_var[k, p]]
            least = once + rest * w.lo[d]
            if once + rest * w.hi[d] == 0.0:
                continue
            if least == 0.0:  # rest * M * exp(..) <= rest * M * exp(high)
                w.chord[r, last] += add_linear(m, w, d, rest * math.exp(high), w.chord[r])
                continue
            middle = once + rest * 0.5 * (w.lo[d] + w.hi[d])
            low += math.log(least)
            # ln(once + rest M) <= its tangent in the middle; u is the logarithm of the monomial
            tangent = math.log(middle) - rest / middle * 0.5 * (w.lo[d] + w.hi[d])
            high += tangent + rest / middle * w.hi[d]
            base = math.exp(low)
            slope = (math.exp(high) - base) / (high - low) if high - low > 1e-9 else math.exp(high)
            const = base + slope * (tangent - low)
            const += add_linear(m, w, d, slope * rest / middle, w.chord[r])
            for p in range(m.sig_var.shape[1]):
                if m.sig_var[k, p] >= 0:
                    c = slope * m.sig_pow[k, p]
                    const += add_linear(m, w, m.sig_var[k, p], c, w.chord[r])
            w.chord[r, last] += const * (1.0 + RELAXED)


@njit(**_options)
def build_extra(m: Model, w: Work) -> None:
    """The additive part of the objective over active variables, its constant last."""
    fill(w.extra, 0.0)
    const = m.additive[0]
    for j in range(m.additive.shape[0] - 1):
        const += add_linear(m, w, j, m.additive[1 + j], w.extra)
    w.extra[w.extra.shape[0] - 1] = const


@njit(**_options)
def build_dense(m: Model, w: Work) -> int:
    """Number the dense constraints: budgets that can bind, prefixes, minimum budgets."""
    count = 0
    for r in range(m.row_upper.shape[0]):
        w.dense_row[r] = -1
        w.dense_low[r] = -1
        upper = m.row_upper[r] * m.row_scale[r]
        if m.row_upper[r] < UNBOUNDED and w.row_hi[r] > upper * (1.0 - RELAXED):
            w.dense_row[r] = count
            count += 1
    for i in range(m.prefix_end.shape[0]):
        w.dense_end[i] = count
        count += 1
    for r in range(m.row_upper.shape[0]):
        if m.row_lower[r] > 0:
            w.dense_low[r] = count
            count += 1
    return count


@njit(**_options)
def build_spans(m: Model, w: Work, least: float, most: float) -> bool:
    """Intervals of z, E and sqrt(z E) per scale, given least <= sum of weighted products <= most.

    E grows along the chain, so every E is at most the last, and with K = sum of the other scales'
    weights times their z: the last product is at least z least / (K + w z).
    """
    count = m.scale_end.shape[0]
    if count == 0:
        return True
    for k in range(count):
        j, e = m.scale_var[k], m.scale_end[k]
        w.span[k, 0] = (m.scale_area[k] + w.lo[j]) * (1.0 - RELAXED)
        w.span[k, 1] = (m.scale_area[k] + w.hi[j]) * (1.0 + RELAXED) + 1e-9
        w.span[k, 2], w.span[k, 3] = w.end_lo[e], w.end_hi[e] + 1e-9
    last = count - 1
    for _ in range(2):
        for k in range(last - 1, -1, -1):
            w.span[k, 3] = min(w.span[k, 3], w.span[k + 1, 3])
        total_lo = total_hi = others = 0.0
        for k in range(count):
            total_lo += m.scale_weight[k] * w.span[k, 0] * w.span[k, 2]
            total_hi += m.scale_weight[k] * w.span[k, 1] * w.span[k, 3]
            if k < last:
                others += m.scale_weight[k] * w.span[k, 1]
        if total_hi < least or total_lo > most:
            return False
        for k in range(count):
            weight = m.scale_weight[k]
            low, high = w.span[k, 0] * w.span[k, 2], w.span[k, 1] * w.span[k, 3]
            other_lo, other_hi = total_lo - weight * low, total_hi - weight * high
            low = max(low, (least - other_hi) / weight * (1.0 - RELAXED))
            if k == last:
                share = least * w.span[k, 0] / (others + weight * w.span[k, 0])
                low = max(low, share * (1.0 - RELAXED))
                reach = least / (others + weight * w.span[k, 1]) * (1.0 - RELAXED)
                w.span[k, 2] = max(w.span[k, 2], reach)
            high = min(high, (most - other_lo) / weight * (1.0 + RELAXED))
            if low > high:
                return False
            w.span[k, 2] = max(w.span[k, 2], low / w.span[k, 1] * (1.0 - RELAXED))
            if w.span[k, 0] > 0.0:
                w.span[k, 3] = min(w.span[k, 3], high / w.span[k, 0] * (1.0 + RELAXED))
            if w.span[k, 2] > w.span[k, 3]:
                return False
            w.span[k, 4], w.span[k, 5] = math.sqrt(max(low, 0.0)), math.sqrt(high)
    return True


SHIFT = 1e-9  # (z + SHIFT) (E + SHIFT) >= z E keeps the square root differentiable


@njit(**_options)
def choose_forms(m: Model, w: Work) -> None:
    """Per scale the over-estimator a z + b E + c sqrt + d that is least at the start point."""
    n = m.size.shape[0]
    for k in range(m.scale_end.shape[0]):
        j, e = m.scale_var[k], m.scale_end[k]
        z, entropy = m.scale_area[k] + w.start[j], m.end_const[e]
        for i in range(n):
            entropy += m.end_first[e, i] * w.start[i]
        for q in range(m.product.shape[0]):
            part = w.start[m.product[q, 0]] * w.start[m.product[q, 1]]
            entropy += m.end_product[e, q] * part
        zlo, zhi, elo, ehi = w.span[k, 0], w.span[k, 1], w.span[k, 2], w.span[k, 3]
        first = zhi * entropy + elo * z - zhi * elo
        second = zlo * entropy + ehi * z - zlo * ehi
        low, high = w.span[k, 4], w.span[k, 5]
        high = math.sqrt(high * high + SHIFT * (zhi + ehi + 1.0))
        root = (low + high) * math.sqrt(max(z * entropy, 0.0)) - low * high
        fill(w.form[k], 0.0)
        if root <= first and root <= second:
            w.form[k, 2], w.form[k, 3] = low + high, -low * high
        elif first <= second:
            w.form[k, 0], w.form[k, 1], w.form[k, 3] = elo, zhi, -zhi * elo
        else:
            w.form[k, 0], w.form[k, 1], w.form[k, 3] = ehi, zlo, -zlo * ehi


# --------------------------------------------------------------------------------------------
# Values, gradients and curvature at w.y
# --------------------------------------------------------------------------------------------


@njit(**_options)
def rank_one(w: Work, vector: FloatArray, active: int, factor: float) -> None:
    """Add factor * vector vector^T to hess (lower triangle)."""
    for a in range(active):
        if vector[a] != 0.0:
            t = factor * vector[a]
            for b in range(a + 1):
                w.hess[a, b] += t * vector[b]


@njit(**_options)
def evaluate_rows(m: Model, w: Work, scale: float, weights: bool) -> float:
    """Metric rows: values into w.g, gradients into w.jac, curvature into w.hess.

    Returns the part of the (scaled) objective that negative metric weights contribute.
    """
    n, rows, width = m.size.shape[0], m.row_upper.shape[0], m.sig_var.shape[1]
    objective = 0.0
    index = np.empty(width + 1, dtype=np.int64)
    power = np.empty(width + 1)
    for k in range(m.sig_depth.shape[0]):
        d = m.sig_depth[k]
        for part in range(2):
            # part 0: what is a plain exponential; part 1: what repeats an open number of times
            repeats = w.act[d] >= 0
            if part == 1 and (not repeats or (m.sig_var[k, 0] >= 0 and m.sig_product[k, 0] < 0)):
                break
            count, exponent, inner = 0, 0.0, 0.0
            for p in range(width):
                j = m.sig_var[k, p]
                if j < 0:
                    break
                product = n + m.sig_product[k, p]
                if part == 1 and w.act[product] >= 0:
                    index[count], power[count] = w.act[product], m.sig_pow[k, p]
                    inner += m.sig_pow[k, p] * w.y[product] / w.y[d]
                    count += 1
                else:
                    exponent += m.sig_pow[k, p] * w.y[j]
                    if part == 0 and w.act[j] >= 0:
                        index[count], power[count] = w.act[j], m.sig_pow[k, p]
                        count += 1
            t = -1.0
            mult = 0.0
            for r in range(rows):
                c = m.rest_scaled[k, r]
                if part == 0:
                    c = m.once_scaled[k, r] + (0.0 if repeats else c * w.y[d])
                i = w.dense_row[r]
                priced = weights and m.row_weight[r] < 0.0
                if c == 0.0 or (i < 0 and not priced):
                    continue
                if t < 0.0:
                    if exponent + inner > 300.0:
                        return math.inf
                    t = math.exp(exponent + inner)
                    if part == 1:
                        index[count], power[count] = w.act[d], 1.0 - inner
                        count += 1
                v = c * t * (w.y[d] if part == 1 else 1.0)
                if i >= 0:
                    w.g[i] += v
                    mult += w.lam[i] * c
                    for a in range(count):
                        w.jac[i, index[a]] += c * t * power[a]
                if priced:
                    price = -m.row_weight[r] / m.row_scale[r] * scale
                    objective -= price * v
                    mult += price * c
                    for a in range(count):
                        w.grad[index[a]] -= price * c * t * power[a]
            if t >= 0.0 and count > 0 and mult > 0.0:
                h = mult * t
                if part == 1:
                    h /= w.y[d]
                    power[count - 1] = -inner
                for a in range(count):
                    for b in range(count):
                        if index[b] <= index[a]:
                            w.hess[index[a], index[b]] += h * power[a] * power[b]
    return objective


@njit(**_options)
def affine(row: FloatArray, const: float, w: Work, active: int) -> float:
    """Value at w.y of an affine function of active variables."""
    for a in range(active):
        const += row[a] * w.y[w.full[a]]
    return const


@njit(**_options)
def evaluate_prefixes(m: Model, w: Work, active: int) -> None:
    """D ln(D / rho0) - W <= 0, in units of the least W that can satisfy it (about)."""
    for i in range(m.prefix_end.shape[0]):
        e, c = m.prefix_end[i], w.dense_end[i]
        layers = affine(w.lay_lin[e], w.lay_const[e], w, active)
        unit = 1.0 / (1.0 + w.end_hi[e])
        log = math.log(layers) - m.prefix_log[i]
        w.g[c] += unit * (layers * log - affine(w.end_lin[e], w.end_const[e], w, active))
        for a in range(active):
            w.jac[c, a] += unit * ((log + 1.0) * w.lay_lin[e, a] - w.end_lin[e, a])
        rank_one(w, w.lay_lin[e], active, unit * w.lam[c] / layers)


@njit(**_options)
def evaluate_scales(m: Model, w: Work, active: int, scale: float) -> float:
    """Over-estimated products of the entropy."""
    total = 0.0
    for k in range(m.scale_end.shape[0]):
        j, e, weight = m.scale_var[k], m.scale_end[k], m.scale_weight[k] * scale
        z = m.scale_area[k] + w.y[j]
        entropy = affine(w.end_lin[e], w.end_const[e], w, active)
        by_z, by_e = w.form[k, 0], w.form[k, 1]
        value = by_z * z + by_e * entropy + w.form[k, 3]
        if w.form[k, 2] > 0.0:
            zs, es = max(z, 0.0) + SHIFT, max(entropy, 0.0) + SHIFT
            root = math.sqrt(zs * es)
            value += w.form[k, 2] * root
            half = 0.5 * w.form[k, 2] * root
            by_z += half / zs
            by_e += half / es
            # -hess of sqrt(z E) = sqrt(z E) / 4 (z'/z - E'/E)(z'/z - E'/E)^T
            for a in range(active):
                w.dy[a] = -w.end_lin[e, a] / es
            if w.act[j] >= 0:
                w.dy[w.act[j]] += 1.0 / zs
            rank_one(w, w.dy, active, 0.5 * weight * half)
        total += weight * value
        for a in range(active):
            w.grad[a] += weight * by_e * w.end_lin[e, a]
        if w.act[j] >= 0:
            w.grad[w.act[j]] += weight * by_z
    return total


SMOOTH = 0.02


@njit(**_options)
def evaluate_penalty(m: Model, w: Work, scale: float, room: float) -> float:
    """A concave function never below minus the penalty, for improving designs.

    sqrt(v + e^2) - e <= sqrt(v). Above ``room`` the exponential is continued by its tangent.
    """
    count = m.pen_var.shape[0]
    if count == 0 or m.pen[0] <= 0.0:
        return 0.0
    mean, variance, opened = 0.0, 0.0, 0
    for i in range(count):
        mean += w.y[m.pen_var[i]] / count
        opened += w.act[m.pen_var[i]] >= 0
    for i in range(count):
        variance += (w.y[m.pen_var[i]] - mean) ** 2 / count
    if opened == 0:
        spread = math.sqrt(variance) if m.pen[1] > 0.5 else variance
        return -scale * m.pen[0] * math.exp(min(spread, 690.0))
    u, by_v = variance, 1.0
    root = 1.0
    if m.pen[1] > 0.5:
        root = math.sqrt(variance + SMOOTH * SMOOTH)
        u, by_v = root - SMOOTH, 0.5 / root
    top = math.log(max(room / m.pen[0], 3.0))
    t = scale * m.pen[0] * math.exp(min(u, top))
    slope = t
    curved = t if u <= top else 0.0
    if u > top:
        t *= 1.0 + u - top
    # u as a function of depths: gradient by_v * 2 (y - mean) / count =: c (y - mean)
    c = 2.0 * by_v / count
    for i in range(count):
        ji = m.pen_var[i]
        if w.act[ji] < 0:
            continue
        gi = c * (w.y[ji] - mean)
        w.grad[w.act[ji]] -= slope * gi
        for k in range(count):
            jk = m.pen_var[k]
            if w.act[jk] < 0 or w.act[jk] > w.act[ji]:
                continue
            gk = c * (w.y[jk] - mean)
            h = c * ((1.0 if i == k else 0.0) - 1.0 / count)
            if m.pen[1] > 0.5:
                h -= gi * gk / root
            w.hess[w.act[ji], w.act[jk]] += slope * h + curved * gi * gk
    return -t


@njit(**_options)
def evaluate(
    m: Model, w: Work, active: int, dense: int, linear: int, scale: float, room: float, full: bool
) -> float:
    """(Scaled) objective at w.y; fills grad, g, jac and the curvature of the Lagrangian.

    ``full=False``: only the products of the entropy, without penalty and metric weights.
    """
    last = w.extra.shape[0] - 1
    for a in range(active):
        w.grad[a] = 0.0
        for b in range(active):
            w.hess[a, b] = 0.0
    for i in range(dense):
        w.g[i] = 0.0
        for a in range(active):
            w.jac[i, a] = 0.0
    f = evaluate_scales(m, w, active, scale)
    f += evaluate_rows(m, w, scale, full)
    if full:
        f += evaluate_penalty(m, w, scale, room)
        f += scale * affine(w.extra, w.extra[last], w, active)
        for a in range(active):
            w.grad[a] += scale * w.extra[a]
    for r in range(m.row_upper.shape[0]):
        i = w.dense_row[r]
        if i >= 0:
            w.g[i] -= m.row_upper[r] * m.row_scale[r] + RELAXED
        i = w.dense_low[r]
        if i >= 0:
            reached = affine(w.chord[r], w.chord[r, last], w, active)
            w.g[i] = m.row_lower[r] * m.row_scale[r] * (1.0 - RELAXED) - reached
            for a in range(active):
                w.jac[i, a] = -w.chord[r, a]
        if full and m.row_weight[r] > 0.0:
            price = m.row_weight[r] / m.row_scale[r] * scale
            f += price * affine(w.chord[r], w.chord[r, last], w, active)
            for a in range(active):
                w.grad[a] += price * w.chord[r, a]
    evaluate_prefixes(m, w, active)
    for i in range(m.prefix_end.shape[0]):
        w.g[w.dense_end[i]] -= RELAXED
    for c in range(linear):
        total = -w.lin_rhs[c]
        for p in range(4):
            a = w.lin_var[c, p]
            if a >= 0:
                total += w.lin_val[c, p] * w.y[w.full[a]]
        w.g[dense + c] = total
    return f


# --------------------------------------------------------------------------------------------
# The certificate and the interior-point method that feeds it
# --------------------------------------------------------------------------------------------


@njit(**_options)
def certificate(m: Model, w: Work, active: int, dense: int, linear: int, f: float) -> float:
    """The upper bound at w.y with multipliers w.lam >= 0 (module docstring), rounding included.

    Leaves the reduced costs of base variables in w.res, multipliers moved off V in w.absorbed.
    """
    n = m.size.shape[0]
    value, size = f, abs(f)
    for a in range(active):
        w.res[a] = w.grad[a]
        w.mag[a] = abs(w.grad[a])
    for i in range(dense):
        lam = w.lam[i]
        value -= lam * w.g[i]
        size += lam * (abs(w.g[i]) + 2.0)
        for a in range(active):
            w.res[a] -= lam * w.jac[i, a]
            w.mag[a] += lam * abs(w.jac[i, a])
    for c in range(linear):
        lam = w.lam[dense + c]
        value -= lam * w.g[dense + c]
        size += lam * (abs(w.g[dense + c]) + abs(w.lin_rhs[c]))
        for p in range(4):
            a = w.lin_var[c, p]
            if a >= 0:
                w.res[a] -= lam * w.lin_val[c, p]
                w.mag[a] += lam * abs(w.lin_val[c, p])
    for q in range(m.product.shape[0]):
        v = w.act[n + q]
        w.absorbed[q] = 0.0
        if v < 0:
            continue
        jm, jx = m.product[q, 0], m.product[q, 1]
        r, depth, x = w.res[v], w.y[jm], w.y[jx]
        low, high = (w.lo[jm], w.hi[jx]), (w.hi[jm], w.lo[jx])
        if r < 0.0:
            low, high = (w.lo[jm], w.lo[jx]), (w.hi[jm], w.hi[jx])
        first = low[0] * x + low[1] * depth - low[0] * low[1]
        second = high[0] * x + high[1] * depth - high[0] * high[1]
        use_first = first <= second if r >= 0.0 else first >= second
        at_m, at_x = low if use_first else high
        plane = first if use_first else second
        value += r * (plane - w.y[n + q])
        size += (abs(r) + w.mag[v]) * (abs(w.y[n + q]) + abs(at_m * x) + 2.0 * abs(at_x * w.hi[jm]))
        value += abs(r) * RELAXED
        w.res[w.act[jm]] += r * at_x
        w.res[w.act[jx]] += r * at_m
        w.mag[w.act[jm]] += (abs(r) + w.mag[v]) * abs(at_x)
        w.mag[w.act[jx]] += (abs(r) + w.mag[v]) * abs(at_m)
        w.absorbed[q] = abs(r)
        w.res[v] = 0.0
    for a in range(active):
        j = w.full[a]
        if j < n:
            up, down = w.hi[j] - w.y[j], w.lo[j] - w.y[j]
            value += max(w.res[a] * up, w.res[a] * down)
            size += w.mag[a] * (up - down + abs(w.y[j]))
    value += ROUNDING * size
    return value if math.isfinite(value) else math.inf


@njit(**_options)
def factor(h: FloatArray, active: int) -> None:
    """Cholesky in place (lower triangle); a lost pivot becomes huge, which freezes its variable."""
    for a in range(active):
        for b in range(a):
            t = h[a, b]
            for c in range(b):
                t -= h[a, c] * h[b, c]
            h[a, b] = t / h[b, b]
        t = h[a, a]
        start = t
        for c in range(a):
            t -= h[a, c] * h[a, c]
        h[a, a] = math.sqrt(t) if t > 1e-14 * abs(start) and t > 0.0 else 1e30


@njit(**_options)
def substitute(h: FloatArray, x: FloatArray, active: int) -> None:
    """Solve with the factor of :func:`factor`, in place."""
    for a in range(active):
        t = x[a]
        for c in range(a):
            t -= h[a, c] * x[c]
        x[a] = t / h[a, a]
    for a in range(active - 1, -1, -1):
        t = x[a]
        for c in range(a + 1, active):
            t -= h[c, a] * x[c]
        x[a] = t / h[a, a]


@njit(**_options)
def newton_step(m: Model, w: Work, active: int, dense: int, linear: int, mu: float) -> None:
    """The primal-dual Newton direction into w.dy, w.ds, w.dlam."""
    n = m.size.shape[0]
    for a in range(active):
        w.curve[a] = w.hess[a, a]
        w.dy[a] = w.grad[a]
        w.hess[a, a] += 1e-11
        j = w.full[a]
        if j < n:
            w.hess[a, a] += w.zlo[a] / (w.y[j] - w.lo[j]) + w.zhi[a] / (w.hi[j] - w.y[j])
            w.dy[a] += mu / (w.y[j] - w.lo[j]) - mu / (w.hi[j] - w.y[j])
    for i in range(dense):
        ratio = w.lam[i] / w.s[i]
        pull = mu / w.s[i] + ratio * (w.g[i] + w.s[i])
        rank_one(w, w.jac[i], active, ratio)
        for a in range(active):
            w.dy[a] -= pull * w.jac[i, a]
    for c in range(linear):
        i = dense + c
        ratio = w.lam[i] / w.s[i]
        pull = mu / w.s[i] + ratio * (w.g[i] + w.s[i])
        for p in range(4):
            a = w.lin_var[c, p]
            if a < 0:
                continue
            w.dy[a] -= pull * w.lin_val[c, p]
            for q in range(4):
                b = w.lin_var[c, q]
                if 0 <= b <= a:
                    w.hess[a, b] += ratio * w.lin_val[c, p] * w.lin_val[c, q]
    factor(w.hess, active)
    substitute(w.hess, w.dy, active)
    for i in range(dense + linear):
        along = 0.0
        if i < dense:
            for a in range(active):
                along += w.jac[i, a] * w.dy[a]
        else:
            for p in range(4):
                a = w.lin_var[i - dense, p]
                if a >= 0:
                    along += w.lin_val[i - dense, p] * w.dy[a]
        w.ds[i] = -(w.g[i] + w.s[i]) - along
        w.dlam[i] = (mu - w.lam[i] * (w.s[i] + w.ds[i])) / w.s[i]


@njit(**_options)
def take_step(m: Model, w: Work, active: int, both: int, mu: float) -> tuple[float, float]:
    """Step to 0.99 of the nearest bound; returns the smaller step length, mean complementarity."""
    n = m.size.shape[0]
    primal = dual = 1.0 / 0.99
    for i in range(both):
        if w.ds[i] < 0.0:
            primal = min(primal, -w.s[i] / w.ds[i])
        if w.dlam[i] < 0.0:
            dual = min(dual, -w.lam[i] / w.dlam[i])
    for a in range(active):
        j = w.full[a]
        if j >= n:
            continue
        up, down, dy = w.hi[j] - w.y[j], w.y[j] - w.lo[j], w.dy[a]
        if dy > 0.0:
            primal = min(primal, up / dy)
        if dy < 0.0:
            primal = min(primal, -down / dy)
        dz = mu / down - w.zlo[a] - w.zlo[a] / down * dy
        if dz < 0.0:
            dual = min(dual, -w.zlo[a] / dz)
        dz = mu / up - w.zhi[a] + w.zhi[a] / up * dy
        if dz < 0.0:
            dual = min(dual, -w.zhi[a] / dz)
    primal *= 0.99
    dual *= 0.99
    total, count = 0.0, both
    for i in range(both):
        w.s[i] += primal * w.ds[i]
        w.lam[i] = min(w.lam[i] + dual * w.dlam[i], LARGEST_MULTIPLIER)
        total += w.s[i] * w.lam[i]
    for a in range(active):
        j = w.full[a]
        dy = w.dy[a]
        if j < n:
            up, down = w.hi[j] - w.y[j], w.y[j] - w.lo[j]
            w.zlo[a] += dual * (mu / down - w.zlo[a] - w.zlo[a] / down * dy)
            w.zhi[a] += dual * (mu / up - w.zhi[a] + w.zhi[a] / up * dy)
            total += w.zlo[a] * (down + primal * dy) + w.zhi[a] * (up - primal * dy)
            count += 2
        w.y[j] += primal * dy
    return min(primal, dual), total / max(count, 1)


@njit(**_options)
def start_point(m: Model, w: Work, active: int, dense: int, linear: int, mu: float) -> None:
    """w.start pushed off the bounds, V = M x, so that McCormick planes hold strictly."""
    n = m.size.shape[0]
    for a in range(active):
        j = w.full[a]
        if j < n:
            push = 0.1 * (w.hi[j] - w.lo[j])
            w.y[j] = min(max(w.start[j], w.lo[j] + push), w.hi[j] - push)
            w.zlo[a], w.zhi[a] = mu / (w.y[j] - w.lo[j]), mu / (w.hi[j] - w.y[j])
    for q in range(m.product.shape[0]):
        if w.act[n + q] >= 0:
            w.y[n + q] = w.y[m.product[q, 0]] * w.y[m.product[q, 1]]
    for i in range(dense + linear):
        w.lam[i] = 0.0


@njit(**_options)
def maximise(
    m: Model, w: Work, scale: float, room: float, full: bool, cut: float, iterations: int,
) -> tuple[float, int]:  # fmt: skip
    """The best certificate (scaled) among the interior-point iterates, and their number.

    Stops once the bound is at most ``cut``, once it cannot fall much further, or after
    ``iterations`` (any number is valid). Leaves the best iterate in w.best_y, w.best_res.
    """
    active, dense, linear = int(w.facts[0]), int(w.facts[1]), int(w.facts[2])
    choose_forms(m, w)
    both, mu, best, it = dense + linear, 2e-3, math.inf, 0
    planes = 0
    while planes < linear and w.lin_var[planes, 2] >= 0:
        planes += 1
    start_point(m, w, active, dense, linear, mu)
    evaluate(m, w, active, dense, linear, scale, room, full)
    for i in range(both):
        # McCormick planes hold strictly at the start and, being linear, stay so: V / M never runs away
        plane = dense <= i < dense + planes
        w.s[i] = max(-w.g[i], 1e-9 if plane else 0.02)
        w.lam[i] = min(mu / w.s[i], LARGEST_MULTIPLIER)
    for a in range(active):
        w.best_res[a], w.best_y[a] = 0.0, w.y[w.full[a]]
    while it < iterations:
        it += 1
        f = evaluate(m, w, active, dense, linear, scale, room, full)
        bound = certificate(m, w, active, dense, linear, f)
        if bound < best:
            best = bound
            for a in range(active):
                w.best_res[a] = w.res[a]
                w.best_y[a] = w.y[w.full[a]]
        if best <= cut or active == 0:
            break
        broken = 0.0
        for i in range(both):
            broken = max(broken, w.g[i])
        if not math.isfinite(f) or not math.isfinite(broken):
            break
        if broken < 1e-6 and best - f < max(0.05 * (best - cut), 1e-9) and best - f < 0.02:
            break
        newton_step(m, w, active, dense, linear, mu)
        step, mean = take_step(m, w, active, both, mu)
        mu = max((0.1 if step > 0.8 else 0.25 if step > 0.4 else 0.6) * mean, 1e-13)
    for a in range(active):
        w.y[w.full[a]] = w.best_y[a]
    return best, it


# --------------------------------------------------------------------------------------------
# A node: tighten, bound, choose where to branch
# --------------------------------------------------------------------------------------------


@njit(**_options)
def offer(m: Model, w: Work, point: IntArray, incumbent: float, count: int) -> tuple[float, int]:
    """Put a better point into w.found. One that only rounding can judge moves no incumbent."""
    violation, objective = judge(m, point)
    if violation < 1e-11 and objective > incumbent:
        copy(w.found[count], point)
        return (objective if violation == 0.0 else incumbent), count + 1
    return incumbent, count


@njit(**_options)
def points_in(m: Model, w: Work) -> float:
    """Number of points of the box."""
    total = 1.0
    for j in range(m.size.shape[0]):
        if m.source[j] < 0:
            total *= w.ihi[j] - w.ilo[j] + 1.0
    return total


@njit(**_options)
def visit_all(m: Model, w: Work, incumbent: float) -> int:
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


@njit(**_options)
def round_off(m: Model, w: Work, incumbent: float) -> int:
    """Judge the point next to the relaxed solution; 1 if it is in w.found."""
    for j in range(m.size.shape[0]):
        i = position(m, w, j, w.y[j])
        if i < w.ihi[j] and m.at[j, i + 1] - w.y[j] < w.y[j] - m.at[j, i]:
            i += 1
        w.point[j] = i
    follow_sources(m, w.point)
    return offer(m, w, w.point, incumbent, 0)[1]


@njit(**_options)
def position(m: Model, w: Work, j: int, y: float) -> int:
    """The last index of the box whose coordinate is at most y (the first if there is none)."""
    lo, hi = w.ilo[j], w.ihi[j]
    while lo < hi:
        middle = (lo + hi + 1) // 2
        if m.at[j, middle] <= y:
            lo = middle
        else:
            hi = middle - 1
    return lo


@njit(**_options)
def rest_range(m: Model, w: Work) -> tuple[float, float]:
    """Least and most of the additive part plus weighted metrics over the box."""
    n = m.size.shape[0]
    low = high = m.additive[0]
    for j in range(n):
        low += m.additive[1 + j] * w.lo[j]
        high += m.additive[1 + j] * w.hi[j]
    for q in range(m.product.shape[0]):
        a, b, c = m.product[q, 0], m.product[q, 1], m.additive[1 + n + q]
        low += c * w.lo[a] * w.lo[b]
        high += c * w.hi[a] * w.hi[b]
    for r in range(m.row_upper.shape[0]):
        c = m.row_weight[r] / m.row_scale[r]
        low += c * (w.row_lo[r] if c > 0.0 else w.row_hi[r])
        high += c * (w.row_hi[r] if c > 0.0 else w.row_lo[r])
    slack = RELAXED * (1.0 + abs(low) + abs(high))
    return low - slack, high + slack


@njit(**_options)
def tighten_by_costs(m: Model, w: Work, active: int, room: float) -> None:
    """Values whose reduced cost alone takes the bound below the cut are cut off.

    The certificate holds term by term: with y_j at t it falls by at least |r_j| times the
    distance of t from the end that attains the maximum.
    """
    n = m.size.shape[0]
    for a in range(active):
        j, r = w.full[a], w.best_res[a]
        if j >= n or r == 0.0:
            continue
        reach = room / abs(r) + RELAXED
        if r > 0.0:
            while w.ilo[j] < w.ihi[j] and m.at[j, w.ilo[j]] < w.hi[j] - reach:
                w.ilo[j] += 1
        else:
            while w.ilo[j] < w.ihi[j] and m.at[j, w.ihi[j]] > w.lo[j] + reach:
                w.ihi[j] -= 1


@njit(**_options)
def relaxation_errors(m: Model, w: Work, dense: int, linear: int, scale: float) -> None:
    """w.score: what each variable's relaxation adds to the bound at the relaxed solution."""
    n, c = m.size.shape[0], 0
    fill(w.score, 0.0)
    for q in range(m.product.shape[0]):
        if w.act[n + q] < 0:
            continue
        a, b = m.product[q, 0], m.product[q, 1]
        price = w.absorbed[q]
        for i in range(4):
            price += w.lam[dense + c + i]
        c += 4
        error = price * abs(w.y[n + q] - w.y[a] * w.y[b])
        w.score[a] += error
        w.score[b] += error
    for i in range(c, linear):
        r = w.lin_rule[i]
        a, b = m.rule_var[r, 0], m.rule_var[r, 1]
        if m.source[b] == a:
            low, high = hull_of(m, w, r)
            w.score[a] += w.lam[dense + i] * (high - low)
    for k in range(m.scale_end.shape[0]):
        j, e = m.scale_var[k], m.scale_end[k]
        z, entropy = m.scale_area[k] + w.y[j], w.end_const[e]
        for a in range(w.end_lin.shape[1]):
            if w.end_lin[e, a] != 0.0:
                entropy += w.end_lin[e, a] * w.y[w.full[a]]
        value = w.form[k, 0] * z + w.form[k, 1] * entropy + w.form[k, 3]
        value += w.form[k, 2] * math.sqrt(max(z * entropy, 0.0))
        w.score[j] += max(0.0, scale * m.scale_weight[k] * (value - z * entropy))
    for j in range(n):
        if w.act[j] >= 0:
            i = position(m, w, j, w.y[j])
            if i < w.ihi[j]:
                below, above = w.y[j] - m.at[j, i], m.at[j, i + 1] - w.y[j]
                w.score[j] += 0.5 * w.curve[w.act[j]] * max(below, 0.0) * above


@njit(**_options)
def branching(m: Model, w: Work) -> tuple[int, int]:
    """Variable with the largest relaxation error (else the widest), and where to split it."""
    n, best, top = m.size.shape[0], -1, 0.0
    for j in range(n):
        if m.source[j] >= 0:
            w.score[m.source[j]] += w.score[j]
    for j in range(n):
        if m.source[j] < 0 and w.ilo[j] < w.ihi[j]:
            score = 1e-12 * (w.ihi[j] - w.ilo[j])
            if math.isfinite(w.score[j]):
                score += max(w.score[j], 0.0)
            if score > top:
                best, top = j, score
    lo, hi = m.at[best, w.ilo[best]], m.at[best, w.ihi[best]]
    y = min(max(w.y[best], lo + 0.2 * (hi - lo)), hi - 0.2 * (hi - lo))
    return best, min(position(m, w, best, y), w.ihi[best] - 1)


@njit(**_options)
def relax(m: Model, w: Work) -> bool:
    """Build the relaxation of the box w.ilo..w.ihi, all but what depends on limits of the objective.

    Leaves in w.facts: active variables, dense and sparse rows, least and most of the rest of the
    objective, least and most penalty, most entropy products. False: effectiveness forbids the box.
    """
    w.facts[0] = number_active(m, w)
    build_ends(m, w)
    if not prefixes_possible(m, w):
        return False
    w.facts[1] = build_dense(m, w)
    w.facts[2] = build_linear(m, w)
    build_chords(m, w)
    build_extra(m, w)
    w.facts[3], w.facts[4] = rest_range(m, w)
    w.facts[5], w.facts[6] = least_penalty(m, w), most_penalty(m, w)
    total = 0.0
    for k in range(m.scale_end.shape[0]):
        z = m.scale_area[k] + w.hi[m.scale_var[k]]
        total += m.scale_weight[k] * z * w.end_hi[m.scale_end[k]]
    w.facts[7] = total * (1.0 + RELAXED) + 1e-9
    return True


@njit(**_options)
def conclude(m: Model, w: Work, scale: float, room: float) -> float:
    """After :func:`maximise`: measure errors, then shrink the box; returns its number of points."""
    active, dense, linear = int(w.facts[0]), int(w.facts[1]), int(w.facts[2])
    relaxation_errors(m, w, dense, linear, scale)
    if math.isfinite(room):
        tighten_by_costs(m, w, active, room)
    return points_in(m, w)


# --------------------------------------------------------------------------------------------
# Annealing: the first incumbent
# --------------------------------------------------------------------------------------------


@njit(**_options)
def uniform(seed: IntArray) -> float:
    """The next number in [0, 1) of a 48-bit linear congruential generator (as POSIX drand48)."""
    seed[0] = (seed[0] * 25214903917 + 11) & ((1 << 48) - 1)
    return float(seed[0]) / float(1 << 48)


@njit(**_options)
def move(m: Model, point: IntArray, trial: IntArray, seed: IntArray) -> None:
    """Change one to three decisions, mostly by a step or two."""
    n = m.size.shape[0]
    copy(trial, point)
    changes = 1 + int(3.0 * uniform(seed) * uniform(seed))
    for _ in range(changes):
        j = int(uniform(seed) * n)
        while m.source[j] >= 0:
            j = int(uniform(seed) * n)
        reach = 1 + int(m.size[j] * 0.5 * uniform(seed) ** 6)
        step = 1 + int(reach * uniform(seed))
        i = trial[j] + (step if uniform(seed) < 0.5 else -step)
        trial[j] = min(max(i, 0), m.size[j] - 1)
    follow_sources(m, trial)


@njit(**_options)
def anneal(m: Model, point: IntArray, best: IntArray, moves: int, seed: IntArray) -> float:
    """Simulated annealing from ``point`` on objective minus a price on violations.

    ``best`` receives the best feasible point; its objective is returned (``NEVER``: none).
    """
    trial = point.copy()
    violation, objective = judge(m, point)
    top = NEVER
    unit = max(abs(objective), 1.0) if math.isfinite(objective) else 1.0
    for i in range(moves):
        heat = 0.03 * (1.0 - i / moves) ** 3 + 1e-7
        move(m, point, trial, seed)
        v, f = judge(m, trial)
        gain = (f - objective) / unit - 3.0 * (v - violation)
        if gain >= 0.0 or uniform(seed) < math.exp(gain / heat) or not math.isfinite(gain):
            if not math.isfinite(f):
                continue
            copy(point, trial)
            violation, objective = v, f
            if v == 0.0:
                unit = max(unit, abs(f))
                if f > top:
                    top = f
                    copy(best, trial)
    return top
