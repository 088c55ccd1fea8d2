"""A node: relax its box, learn from the solution, choose where to branch."""

from __future__ import annotations

import math
from typing import Any

from mathdesign.solvers.compiled import inner, kernel
from mathdesign.solvers.exact.kernels.boxes import least_penalty, most_penalty
from mathdesign.solvers.exact.kernels.held import said_of, score_held
from mathdesign.solvers.exact.kernels.planes import build_linear, hull_of
from mathdesign.solvers.exact.kernels.points import depth_by_width, share_of_depth
from mathdesign.solvers.exact.kernels.state import (
    BY_E,
    BY_ROOT,
    BY_Z,
    CONST,
    RELAXED,
    ActiveRows,
    Work,
    fill,
)
from mathdesign.solvers.exact.kernels.tables import log_at
from mathdesign.solvers.exact.kernels.terms import (
    build_chords,
    build_deep,
    build_dense,
    build_ends,
    build_extra,
    line_of,
    number_active,
    prefixes_possible,
)
from mathdesign.solvers.exact.kernels.visits import nearest, points_in, position
from mathdesign.solvers.exact.model import BoxModel


@inner
def rest_range(m: BoxModel, w: Work) -> tuple[float, float]:
    """Least and most of the additive part plus weighted metrics over the box."""
    n = m.size.shape[0]
    low = high = m.additive[0]
    for j in range(n):
        c = m.additive[1 + j]
        low += c * (w.lo[j] if c > 0.0 else w.hi[j])
        high += c * (w.hi[j] if c > 0.0 else w.lo[j])
        c = m.log_depth[j]
        if c != 0.0:
            low += c * math.log1p(w.lo[j] if c > 0.0 else w.hi[j])
            high += c * math.log1p(w.hi[j] if c > 0.0 else w.lo[j])
    for g in range(m.pair.shape[0]):
        a, b, c = m.pair[g, 0], m.pair[g, 1], m.pair_weight[g]
        least = math.log1p(float(m.value[a, w.ilo[a]] * m.value[b, w.ilo[b]]))
        most = math.log1p(float(m.value[a, w.ihi[a]] * m.value[b, w.ihi[b]]))
        low += c * (least if c > 0.0 else most)
        high += c * (most if c > 0.0 else least)
    for t in range(m.deep.shape[0]):
        low += m.deep_weight[t] * depth_by_width(m, t, w.ilo)
        high += m.deep_weight[t] * depth_by_width(m, t, w.ihi)
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


@inner
def tighten_by_costs(m: BoxModel, w: Work, active: int, room: float) -> None:
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


@inner
def line_error(m: BoxModel, w: Work, g: int, weight: float) -> float:
    """How far the line of a depth apart is from ln(1 + e^mu) at the relaxed mu."""
    const, slope = line_of(m, w, g, weight)
    mu = w.y[m.pair[g, 1]]
    return abs(const + slope * mu - math.log1p(math.exp(mu)))


@inner
def score_tables(m: BoxModel, w: Work, dense: int, first: int, linear: int) -> None:
    """Add to w.score what tables lie above the relaxed symbols, at the prices that they have."""
    for t in range(m.table_var.shape[0]):
        v = m.table_var[t, 0]
        if w.act[v] < 0:
            continue
        price = max(0.0, -w.best_res[w.act[v]])
        for i in range(first, linear):
            if w.lin_rule[i] == -2 - t:
                price += w.lam[dense + i]
        at, width = w.cell, 0.0
        for p in range(3):
            j = m.table_var[t, 1 + p]
            at[p] = 0
            if j >= 0:
                at[p] = nearest(m, w, j)
                width += w.hi[j] - w.lo[j]
        error = price * max(0.0, log_at(m, t, at[0], at[1], at[2]) - w.y[v])
        for p in range(3):
            j = m.table_var[t, 1 + p]
            if j >= 0 and width > 0.0:
                w.score[j] += error * (w.hi[j] - w.lo[j]) / width


@inner
def relaxation_errors(m: BoxModel, w: Work, dense: int, linear: int, scale: float) -> None:
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
    for g in range(m.pair.shape[0]):
        a, b = m.pair[g, 0], m.pair[g, 1]
        if w.act[b] >= 0:
            error = line_error(m, w, g, m.pair_weight[g])
            w.score[b] += scale * abs(m.pair_weight[g]) * w.y[a] * error
    for t in range(m.deep.shape[0]):
        g = m.deep[t, 2]
        if g >= 0 and w.act[m.pair[g, 1]] >= 0:
            a, b = m.pair[g, 0], m.pair[g, 1]
            share = share_of_depth(math.log1p(math.exp(w.y[b])), m.deep_log[t] - w.y[m.deep[t, 1]])
            error = line_error(m, w, g, 1.0)
            w.score[b] += scale * m.deep_weight[t] * share * w.y[a] * error
    score_tables(m, w, dense, c, linear)
    for i in range(c, linear):
        r = w.lin_rule[i]
        if r <= said_of(m, 0):
            score_held(m, w, said_of(m, 0) - r, w.lam[dense + i], i)
        if r < 0:
            continue
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
        value = w.form[k, BY_Z] * z + w.form[k, BY_E] * entropy + w.form[k, CONST]
        value += w.form[k, BY_ROOT] * math.sqrt(max(z * entropy, 0.0))
        w.score[j] += max(0.0, scale * m.scale_weight[k] * (value - z * entropy))
    for j in range(n):
        if w.act[j] >= 0:
            i = position(m, w, j, w.y[j])
            if i < w.ihi[j]:
                below, above = w.y[j] - m.at[j, i], m.at[j, i + 1] - w.y[j]
                w.score[j] += 0.5 * w.curve[w.act[j]] * max(below, 0.0) * above


@kernel
def branching(m: BoxModel, w: Work) -> tuple[int, int]:
    """Variable with the largest relaxation error (else the widest), and where to split it."""
    n, best, top = m.size.shape[0], -1, 0.0
    for j in range(n):
        if m.source[j] >= 0 and m.tabled[j] < 0:
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


@kernel
def relax(m: BoxModel, w: Any) -> ActiveRows:
    """Build the relaxation of the box w.ilo..w.ihi, all but what depends on limits of the objective."""
    w.active = number_active(m, w)
    build_ends(m, w)
    if not prefixes_possible(m, w):
        return ActiveRows(False, 0.0, 0.0, 0.0, 0.0, 0.0)
    w.dense = build_dense(m, w)
    w.linear = build_linear(m, w)
    build_chords(m, w)
    build_extra(m, w)
    build_deep(m, w)
    rest_least, rest_most = rest_range(m, w)
    products = 0.0
    for k in range(m.scale_end.shape[0]):
        z = m.scale_area[k] + w.hi[m.scale_var[k]]
        products += m.scale_weight[k] * z * w.end_hi[m.scale_end[k]]
    products = products * (1.0 + RELAXED) + 1e-9
    return ActiveRows(
        True, rest_least, rest_most, least_penalty(m, w), most_penalty(m, w), products
    )


@kernel
def conclude(m: BoxModel, w: Work, scale: float, room: float) -> float:
    """After :func:`maximise`: measure errors, then shrink the box; returns its number of points."""
    relaxation_errors(m, w, w.dense, w.linear, scale)
    if math.isfinite(room):
        tighten_by_costs(m, w, w.active, room)
    return points_in(m, w)
