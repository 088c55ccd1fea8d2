"""The relaxation of a box: its variables, and what is affine in them or replaced by a chord."""

from __future__ import annotations

import math

from mathdesign.programs.base import FloatArray
from mathdesign.solvers.compiled import inner
from mathdesign.solvers.exact.kernels.state import RELAXED, ROUNDING, UNBOUNDED, Work, fill
from mathdesign.solvers.exact.model import BoxModel


@inner
def number_active(m: BoxModel, w: Work) -> int:
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


@inner
def line_of(m: BoxModel, w: Work, g: int, weight: float) -> tuple[float, float]:
    """A line ``const + slope * mu`` never below a multiple of the weight's sign of ln(1 + e^mu).

    It is convex: its chord over the box is never below it, its tangent in the middle never above.
    """
    b = m.pair[g, 1]
    low, high = w.lo[b], w.hi[b]
    if weight >= 0.0:
        least = math.log1p(float(m.value[b, w.ilo[b]]))
        if w.act[b] < 0:
            return least, 0.0
        slope = (math.log1p(float(m.value[b, w.ihi[b]])) - least) / (high - low)
        return least - slope * low, slope
    middle = 0.5 * (low + high)
    slope = 1.0 / (1.0 + math.exp(-middle))
    return math.log1p(math.exp(middle)) - slope * middle, slope


@inner
def build_extra(m: BoxModel, w: Work) -> None:
    """The additive part of the objective over active variables, its constant last.

    A negative multiple of the concave ln(1 + M) is at most that of its chord over the box. Of a
    depth apart, ln(1 + lambda e^mu) is lambda times ln(1 + e^mu): lambda times a line.
    """
    fill(w.extra, 0.0)
    const = m.additive[0]
    for j in range(m.additive.shape[0] - 1):
        const += add_linear(m, w, j, m.additive[1 + j], w.extra)
    for j in range(m.size.shape[0]):
        const += ROUNDING * abs(m.additive[1 + j]) * w.hi[j]  # what cancels leaves its rounding
        c = m.log_depth[j]
        if c >= 0.0 or w.act[j] < 0:
            const += c * math.log1p(w.lo[j]) if w.act[j] < 0 else 0.0
            continue
        slope = (math.log1p(w.hi[j]) - math.log1p(w.lo[j])) / (w.hi[j] - w.lo[j])
        const += c * (math.log1p(w.lo[j]) - slope * w.lo[j])
        const += add_linear(m, w, j, c * slope, w.extra)
    for g in range(m.pair.shape[0]):
        c = m.pair_weight[g]
        line, slope = line_of(m, w, g, c)
        const += add_linear(m, w, m.pair[g, 0], c * line, w.extra)
        const += add_linear(m, w, m.size.shape[0] + m.pair[g, 2], c * slope, w.extra)
        const += ROUNDING * abs(c) * (1.0 + w.hi[m.pair[g, 1]])
    for t in range(m.deep.shape[0]):
        a, b = m.deep[t, 0], m.deep[t, 1]
        const += ROUNDING * m.deep_weight[t] * (2.0 + w.hi[a] + w.hi[b])
    w.extra[w.extra.shape[0] - 1] = const


@inner
def build_deep(m: BoxModel, w: Work) -> None:
    """w.deep_lin[t]: a line never below the logarithm of a depth apart, its constant last."""
    last = w.deep_lin.shape[1] - 1
    for t in range(m.deep.shape[0]):
        g = m.deep[t, 2]
        if g >= 0:
            fill(w.deep_lin[t], 0.0)
            line, slope = line_of(m, w, g, 1.0)
            const = add_linear(m, w, m.pair[g, 0], line, w.deep_lin[t])
            const += add_linear(m, w, m.size.shape[0] + m.pair[g, 2], slope, w.deep_lin[t])
            w.deep_lin[t, last] = const


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
