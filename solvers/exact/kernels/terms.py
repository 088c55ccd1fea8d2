"""The relaxation of a box: its variables, and what is affine in them or replaced by a chord."""

from __future__ import annotations

import math

from mathdesign.programs.base import FloatArray
from mathdesign.solvers.compiled import inner
from mathdesign.solvers.exact.kernels.state import RELAXED, ROUNDING, UNBOUNDED, Work, fill
from mathdesign.solvers.exact.model import BoxModel


@inner
def place(m: BoxModel, w: Work, j: int, i: int) -> float:
    """The coordinate of index ``i`` of variable ``j`` in this box."""
    return m.log_at[j, i] if w.logged[j] else m.at[j, i]


@inner
def number_active(m: BoxModel, w: Work) -> int:
    """Number the open variables and products; y of a closed variable is its value."""
    n, active = m.size.shape[0], 0
    for j in range(n):
        opened = w.ilo[j] < w.ihi[j]
        w.logged[j] = m.loggable[j] if opened and m.value[j, w.ilo[j]] > 0 else 0
        w.lo[j], w.hi[j] = place(m, w, j, w.ilo[j]), place(m, w, j, w.ihi[j])
        w.act[j] = -1
        w.y[j] = w.lo[j]
        if opened:
            w.act[j], w.full[active] = active, j
            active += 1
    for q in range(m.product.shape[0]):
        w.act[n + q] = -1
        if w.logged[m.product[q, 0]]:
            continue
        if w.act[m.product[q, 0]] >= 0 and w.act[m.product[q, 1]] >= 0:
            w.act[n + q], w.full[active] = active, n + q
            active += 1
    return active


@inner
def add_linear(m: BoxModel, w: Work, j: int, coefficient: float, row: FloatArray) -> float:
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


@inner
def build_ends(m: BoxModel, w: Work) -> None:
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


@inner
def prefixes_possible(m: BoxModel, w: Work) -> bool:
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


@inner
def chord_of(
    m: BoxModel, w: Work, k: int, r: int, low: float, high: float, least: float, rise: float,
) -> float:  # fmt: skip
    """Add to w.chord[r] the chord of exp of a logarithm that is linear in ln M; its constant."""
    d = m.sig_depth[k]
    low += least
    high += least + rise * (w.hi[d] - w.lo[d])
    base = math.exp(low)
    slope = (math.exp(high) - base) / (high - low) if high - low > 1e-9 else math.exp(high)
    const = base + slope * (least - rise * w.lo[d] - low)
    const += add_linear(m, w, d, slope * rise, w.chord[r])
    for p in range(m.sig_var.shape[1]):
        if m.sig_var[k, p] >= 0:
            const += add_linear(m, w, m.sig_var[k, p], slope * m.sig_pow[k, p], w.chord[r])
    return const


@inner
def build_chords(m: BoxModel, w: Work) -> None:
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
            if once + rest * m.at[d, w.ihi[d]] == 0.0:
                continue
            if w.logged[d]:
                # ln(once + rest e^mu), convex in mu, is at most its chord
                least = math.log(once + rest * m.at[d, w.ilo[d]])
                rise = (math.log(once + rest * m.at[d, w.ihi[d]]) - least) / (w.hi[d] - w.lo[d])
                w.chord[r, last] += chord_of(m, w, k, r, low, high, least, rise) * (1.0 + RELAXED)
                continue
            least = once + rest * w.lo[d]
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


@inner
def build_extra(m: BoxModel, w: Work) -> None:
    """The additive part of the objective over active variables, its constant last.

    A negative multiple of ln(1 + M), concave in M, is at most that of its chord over the box; so
    is a positive one of ln(1 + e^mu), convex in mu.
    """
    fill(w.extra, 0.0)
    const = m.additive[0]
    for j in range(m.additive.shape[0] - 1):
        const += add_linear(m, w, j, m.additive[1 + j], w.extra)
    for j in range(m.size.shape[0]):
        const += ROUNDING * abs(m.additive[1 + j]) * w.hi[j]  # what cancels leaves its rounding
        c = m.log_depth[j]
        if c == 0.0:
            continue
        least = math.log1p(m.at[j, w.ilo[j]])
        if w.act[j] < 0:
            const += c * least
        elif (c > 0.0) == (w.logged[j] == 1):
            slope = (math.log1p(m.at[j, w.ihi[j]]) - least) / (w.hi[j] - w.lo[j])
            const += c * (least - slope * w.lo[j])
            const += add_linear(m, w, j, c * slope, w.extra)
    w.extra[w.extra.shape[0] - 1] = const


@inner
def build_dense(m: BoxModel, w: Work) -> int:
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
