"""Values, gradients and curvature of the relaxation at ``w.y``."""

from __future__ import annotations

import math

import numpy as np

from mathdesign.programs.base import FloatArray
from mathdesign.solvers.compiled import inner
from mathdesign.solvers.exact.kernels.penalty import penalty_of
from mathdesign.solvers.exact.kernels.points import share_of_depth
from mathdesign.solvers.exact.kernels.products import SHIFT
from mathdesign.solvers.exact.kernels.state import (
    BY_E,
    BY_ROOT,
    BY_Z,
    CONST,
    IS_STD,
    RELAXED,
    WEIGHT,
    Work,
)
from mathdesign.solvers.exact.model import BoxModel

SMOOTH = 0.02


@inner
def rank_one(w: Work, vector: FloatArray, active: int, factor: float) -> None:
    """Add factor * vector vector^T to hess (lower triangle)."""
    for a in range(active):
        if vector[a] != 0.0:
            t = factor * vector[a]
            for b in range(a + 1):
                w.hess[a, b] += t * vector[b]


@inner
def evaluate_rows(m: BoxModel, w: Work, scale: float, weights: bool) -> float:
    """Metric rows: values into w.g, gradients into w.jac, curvature into w.hess.

    Returns the part of the (scaled) objective that negative metric weights contribute. In one piece:
    with what is done for a monomial in a function of its own all solves take a tenth longer.
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
            count, exponent, within = 0, 0.0, 0.0
            for p in range(width):
                j = m.sig_var[k, p]
                if j < 0:
                    break
                product = n + m.sig_product[k, p]
                if part == 1 and w.act[product] >= 0:
                    index[count], power[count] = w.act[product], m.sig_pow[k, p]
                    within += m.sig_pow[k, p] * w.y[product] / w.y[d]
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
                    if exponent + within > 300.0:
                        return math.inf
                    t = math.exp(exponent + within)
                    if part == 1:
                        index[count], power[count] = w.act[d], 1.0 - within
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
                    power[count - 1] = -within
                for a in range(count):
                    for b in range(count):
                        if index[b] <= index[a]:
                            w.hess[index[a], index[b]] += h * power[a] * power[b]
    return objective


@inner
def affine(row: FloatArray, const: float, w: Work, active: int) -> float:
    """Value at w.y of an affine function of active variables."""
    for a in range(active):
        const += row[a] * w.y[w.full[a]]
    return const


@inner
def evaluate_prefixes(m: BoxModel, w: Work, active: int) -> None:
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


@inner
def evaluate_scales(m: BoxModel, w: Work, active: int, scale: float) -> float:
    """Over-estimated products of the entropy."""
    total = 0.0
    for k in range(m.scale_end.shape[0]):
        j, e, weight = m.scale_var[k], m.scale_end[k], m.scale_weight[k] * scale
        z = m.scale_area[k] + w.y[j]
        entropy = affine(w.end_lin[e], w.end_const[e], w, active)
        by_z, by_e = w.form[k, BY_Z], w.form[k, BY_E]
        value = by_z * z + by_e * entropy + w.form[k, CONST]
        if w.form[k, BY_ROOT] > 0.0:
            zs, es = max(z, 0.0) + SHIFT, max(entropy, 0.0) + SHIFT
            root = math.sqrt(zs * es)
            value += w.form[k, BY_ROOT] * root
            half = 0.5 * w.form[k, BY_ROOT] * root
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


@inner
def evaluate_penalty(m: BoxModel, w: Work, scale: float, room: float) -> float:
    """A concave function never below minus the penalty, for improving designs.

    sqrt(v + e^2) - e <= sqrt(v). Above ``room`` the exponential is continued by its tangent.
    """
    count = m.pen_var.shape[0]
    if count == 0 or m.pen[WEIGHT] <= 0.0:
        return 0.0
    mean, variance, opened = 0.0, 0.0, 0
    for i in range(count):
        mean += w.y[m.pen_var[i]] / count
        opened += w.act[m.pen_var[i]] >= 0
    for i in range(count):
        variance += (w.y[m.pen_var[i]] - mean) ** 2 / count
    if opened == 0:
        spread = math.sqrt(variance) if m.pen[IS_STD] > 0.5 else variance
        return -scale * penalty_of(m.pen[WEIGHT], spread)
    u, by_v = variance, 1.0
    root = 1.0
    if m.pen[IS_STD] > 0.5:
        root = math.sqrt(variance + SMOOTH * SMOOTH)
        u, by_v = root - SMOOTH, 0.5 / root
    top = math.log(max(room / m.pen[WEIGHT], 3.0))
    t = scale * m.pen[WEIGHT] * math.exp(min(u, top))
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
            if m.pen[IS_STD] > 0.5:
                h -= gi * gk / root
            w.hess[w.act[ji], w.act[jk]] += slope * h + curved * gi * gk
    return -t


@inner
def evaluate_logs(m: BoxModel, w: Work, scale: float) -> float:
    """Positive multiples of ln(1 + M) of open depths, concave as they stand."""
    total = 0.0
    for j in range(m.size.shape[0]):
        c, a = scale * m.log_depth[j], w.act[j]
        if c > 0.0 and a >= 0:
            total += c * math.log1p(w.y[j])
            w.grad[a] += c / (1.0 + w.y[j])
            w.hess[a, a] += c / (1.0 + w.y[j]) ** 2
    return total


@inner
def evaluate_deep(m: BoxModel, w: Work, active: int, scale: float) -> float:
    """Depths that count by width: ``l - ln(1 + e^(l + ln K - x))``, concave in (l, x), rises in l.

    ``l`` is ln(1 + M), concave in M, or the line in (lambda, V) that is never below it.
    """
    total, last = 0.0, w.deep_lin.shape[1] - 1
    for t in range(m.deep.shape[0]):
        j, x, c = m.deep[t, 0], m.deep[t, 1], scale * m.deep_weight[t]
        apart = m.deep[t, 2] >= 0
        for a in range(active):
            w.dy[a] = w.deep_lin[t, a] if apart else 0.0
        if apart:
            log_depth = affine(w.deep_lin[t], w.deep_lin[t, last], w, active)
        else:
            log_depth = math.log1p(w.y[j])
            if w.act[j] >= 0:
                w.dy[w.act[j]] = 1.0 / (1.0 + w.y[j])
        other = m.deep_log[t] - w.y[x]
        share = share_of_depth(log_depth, other)
        total += c * (log_depth - math.log1p(math.exp(log_depth + other)))
        for a in range(active):
            w.grad[a] += c * share * w.dy[a]
        if not apart and w.act[j] >= 0:
            w.hess[w.act[j], w.act[j]] += c * share / (1.0 + w.y[j]) ** 2
        if w.act[x] >= 0:
            w.grad[w.act[x]] += c * (1.0 - share)
            w.dy[w.act[x]] -= 1.0
        rank_one(w, w.dy, active, c * share * (1.0 - share))
    return total


@inner
def evaluate_chords(m: BoxModel, w: Work, active: int, scale: float, full: bool, f: float) -> float:
    """Minimum budgets and positive metric weights; returns ``f`` with the latter."""
    last = w.extra.shape[0] - 1
    for r in range(m.row_upper.shape[0]):
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
    return f


@inner
def evaluate_linear(w: Work, dense: int, linear: int) -> None:
    """Sparse rows."""
    for c in range(linear):
        total = -w.lin_rhs[c]
        for p in range(4):
            a = w.lin_var[c, p]
            if a >= 0:
                total += w.lin_val[c, p] * w.y[w.full[a]]
        w.g[dense + c] = total


@inner
def evaluate(
    m: BoxModel, w: Work, active: int, dense: int, linear: int, scale: float, room: float,
    full: bool,
) -> float:  # fmt: skip
    """(Scaled) objective at w.y; fills grad, g, jac and the curvature of the Lagrangian.

    ``full=False``: only the products of the entropy, without penalty and metric weights.
    """
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
        f += evaluate_logs(m, w, scale)
        f += evaluate_deep(m, w, active, scale)
        f += scale * affine(w.extra, w.extra[w.extra.shape[0] - 1], w, active)
        for a in range(active):
            w.grad[a] += scale * w.extra[a]
    for r in range(m.row_upper.shape[0]):
        if w.dense_row[r] >= 0:
            w.g[w.dense_row[r]] -= m.row_upper[r] * m.row_scale[r] + RELAXED
    f = evaluate_chords(m, w, active, scale, full, f)
    evaluate_prefixes(m, w, active)
    for i in range(m.prefix_end.shape[0]):
        w.g[w.dense_end[i]] -= RELAXED
    evaluate_linear(w, dense, linear)
    return f
