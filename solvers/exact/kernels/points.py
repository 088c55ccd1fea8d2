"""One point, judged in exact integers."""

from __future__ import annotations

import math

from mathdesign.programs.base import IntArray
from mathdesign.solvers.compiled import inner, kernel
from mathdesign.solvers.exact.kernels.held import ceilings_broken
from mathdesign.solvers.exact.kernels.penalty import penalty_of
from mathdesign.solvers.exact.kernels.state import FORWARD, IS_STD, MOST_PENALTY, WEIGHT
from mathdesign.solvers.exact.kernels.tables import follow_tables
from mathdesign.solvers.exact.model import BoxModel


@kernel
def follow_sources(m: BoxModel, point: IntArray) -> None:
    """Set derived variables from their sources. ``point`` holds indices into the domains."""
    for j in range(m.size.shape[0]):
        if m.source[j] >= 0 and m.tabled[j] < 0:
            point[j] = m.follow[j, point[m.source[j]]]
    follow_tables(m, point)


@inner
def rules_broken(m: BoxModel, point: IntArray) -> int:
    """How many rules the point breaks."""
    broken = 0
    for r in range(m.rule_var.shape[0]):
        a, b = m.rule_var[r, 0], m.rule_var[r, 1]
        at = m.rule_at[r, FORWARD] + point[a] * (m.size[b] + 1) + point[b]
        if m.rule_count[at + 1] == m.rule_count[at]:
            broken += 1
    return broken


@inner
def log_width(m: BoxModel, point: IntArray, e: int) -> float:
    """Log-width of the prefix of end ``e``."""
    total = m.end_const[e]
    for j in range(m.size.shape[0]):
        total += m.end_first[e, j] * m.at[j, point[j]]
    for q in range(m.product.shape[0]):
        a, b = m.product[q, 0], m.product[q, 1]
        total += m.end_product[e, q] * m.at[a, point[a]] * m.at[b, point[b]]
    return total


@inner
def spread_penalty(m: BoxModel, point: IntArray) -> float:
    """The depth penalty, saturated as the program does."""
    count = m.pen_var.shape[0]
    if count == 0:
        return 0.0
    mean = 0.0
    for i in range(count):
        mean += m.at[m.pen_var[i], point[m.pen_var[i]]] / count
    variance = 0.0
    for i in range(count):
        variance += (m.at[m.pen_var[i], point[m.pen_var[i]]] - mean) ** 2 / count
    spread = math.sqrt(variance) if m.pen[IS_STD] > 0.5 else variance
    return penalty_of(m.pen[WEIGHT], spread)


@inner
def share_of_depth(log_depth: float, other: float) -> float:
    """``1/depth`` over ``1/depth + e^other``."""
    return 1.0 / (1.0 + math.exp(log_depth + other))


@inner
def depth_by_width(m: BoxModel, t: int, point: IntArray) -> float:
    """``-ln(1/depth + per_block/width)`` of term ``t``."""
    j, x, g = m.deep[t, 0], m.deep[t, 1], m.deep[t, 2]
    further = m.value[j, point[j]]
    if g >= 0:
        further *= m.value[m.pair[g, 1], point[m.pair[g, 1]]]
    log_depth = math.log1p(float(further))
    return log_depth - math.log1p(math.exp(log_depth + m.deep_log[t] - m.at[x, point[x]]))


@kernel
def judge(m: BoxModel, point: IntArray) -> tuple[float, float]:
    """Violation and objective of a point. Rows are compared in exact integers.

    The violation is 0 for a feasible point, 1e-12 where only rounding can decide about the
    effectiveness, and otherwise a sum of relative violations.
    """
    violation = 1.0 * rules_broken(m, point) + ceilings_broken(m, point)
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
        if m.log_depth[j] != 0.0:
            objective += m.log_depth[j] * math.log1p(m.at[j, point[j]])
    for g in range(m.pair.shape[0]):
        a, b = m.pair[g, 0], m.pair[g, 1]
        further = m.value[a, point[a]] * m.value[b, point[b]]
        objective += m.pair_weight[g] * math.log1p(float(further))
    for t in range(m.deep.shape[0]):
        objective += m.deep_weight[t] * depth_by_width(m, t, point)
    for q in range(m.product.shape[0]):
        a, b = m.product[q, 0], m.product[q, 1]
        objective += m.additive[1 + n + q] * m.at[a, point[a]] * m.at[b, point[b]]
    return violation, max(objective - spread_penalty(m, point), -MOST_PENALTY)
