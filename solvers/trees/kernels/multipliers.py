"""Multipliers of the rows: each moves to where the bound is least, by exact line search."""

from __future__ import annotations

from typing import Any

import numpy as np

from mathdesign.solvers.compiled import inner


@inner
def dual_value(a: Any, box: Any, w: Any, r: int, step: float) -> tuple[float, float]:
    """Part of the bound that depends on multiplier ``r``, after a step, and its slope."""
    value, slope = (box.mu[r] + step) * a.row_limit[r], a.row_limit[r]
    for p in range(a.start.shape[0] - 1):
        best, cost = -np.inf, 0.0
        for k in range(a.start[p], a.start[p + 1]):
            if box.alive[k]:
                v = w.residual[k] - step * a.row_cost[r, k]
                if v > best:
                    best, cost = v, a.row_cost[r, k]
        value += best
        slope -= cost
    for f in a.costly:
        best, cost = -np.inf, 0.0
        first = a.factor_start[f]
        for j in range(first, first + box.counts[f]):
            leaf = box.live[j]
            v = w.score[leaf] - step * a.leaf_cost[r, leaf]
            if v > best:
                best, cost = v, a.leaf_cost[r, leaf]
        value += best
        slope -= cost
    return value, slope


@inner
def line_search(a: Any, box: Any, w: Any, r: int) -> float:
    """The step of multiplier ``r`` to the least bound, by intersecting tangents."""
    mu = box.mu[r]
    v0, s0 = dual_value(a, box, w, r, 0.0)
    if s0 == 0.0 or (s0 > 0.0 and mu <= 0.0):
        return 0.0
    best, best_value = 0.0, v0
    x0 = 0.0
    if s0 > 0.0:
        x1 = -mu
        v1, s1 = dual_value(a, box, w, r, x1)
        if s1 >= 0.0:
            return x1 if v1 < v0 else 0.0
    else:
        x1 = 0.01 / (1.0 + abs(a.row_limit[r]))
        for _ in range(60):
            v1, s1 = dual_value(a, box, w, r, x1)
            if s1 >= 0.0:
                break
            x1 = 2.0 * x1
        if s1 < 0.0:
            return 0.0
    if v1 < best_value:
        best, best_value = x1, v1
    for _ in range(12):
        if s0 == s1:
            break
        x = (v1 - v0 + s0 * x0 - s1 * x1) / (s0 - s1)
        if not (min(x0, x1) < x < max(x0, x1)):
            break
        v, s = dual_value(a, box, w, r, x)
        if v < best_value:
            best, best_value = x, v
        if s == 0.0 or v >= v0 + s0 * (x - x0) - 1e-13 * abs(v):
            if v <= best_value:
                best = x
            break
        if (s < 0.0) == (s0 < 0.0):
            x0, v0, s0 = x, v, s
        else:
            x1, v1, s1 = x, v, s
    return max(best, -mu)


@inner
def price_row(a: Any, box: Any, w: Any, r: int, bound: float) -> float:
    """Move multiplier ``r`` to where the bound is least: the bound."""
    step = line_search(a, box, w, r)
    if step == 0.0:
        return bound
    box.mu[r] += step
    bound += step * a.row_limit[r]
    for p in range(a.start.shape[0] - 1):
        bound -= w.unary_top[p]
        w.unary_top[p] = -np.inf
        for k in range(a.start[p], a.start[p + 1]):
            w.residual[k] -= step * a.row_cost[r, k]
            if box.alive[k]:
                w.unary_top[p] = max(w.unary_top[p], w.residual[k])
        bound += w.unary_top[p]
    for f in a.costly:
        bound -= w.top[f]
        w.top[f] = -np.inf
        first = a.factor_start[f]
        for j in range(first, first + box.counts[f]):
            leaf = box.live[j]
            w.score[leaf] -= step * a.leaf_cost[r, leaf]
            w.top[f] = max(w.top[f], w.score[leaf])
        bound += w.top[f]
    return bound
