"""The relaxation of a box: over-estimators of the products of the entropy."""

from __future__ import annotations

import math

from mathdesign.solvers.compiled import inner, kernel
from mathdesign.solvers.exact.kernels.state import (
    BY_E,
    BY_ROOT,
    BY_Z,
    CONST,
    E_HI,
    E_LO,
    RELAXED,
    ROOT_HI,
    ROOT_LO,
    Z_HI,
    Z_LO,
    Work,
    fill,
)
from mathdesign.solvers.exact.model import BoxModel

SHIFT = 1e-9  # (z + SHIFT) (E + SHIFT) >= z E keeps the square root differentiable


@kernel
def build_spans(m: BoxModel, w: Work, least: float, most: float) -> bool:
    """Intervals of z, E and sqrt(z E) per scale, given least <= sum of weighted products <= most.

    E grows along the chain, so every E is at most the last, and with K = sum of the other scales'
    weights times their z: the last product is at least z least / (K + w z).
    """
    count = m.scale_end.shape[0]
    if count == 0:
        return True
    for k in range(count):
        j, e = m.scale_var[k], m.scale_end[k]
        w.span[k, Z_LO] = (m.scale_area[k] + w.lo[j]) * (1.0 - RELAXED)
        w.span[k, Z_HI] = (m.scale_area[k] + w.hi[j]) * (1.0 + RELAXED) + 1e-9
        w.span[k, E_LO], w.span[k, E_HI] = w.end_lo[e], w.end_hi[e] + 1e-9
    last = count - 1
    for _ in range(2):
        for k in range(last - 1, -1, -1):
            w.span[k, E_HI] = min(w.span[k, E_HI], w.span[k + 1, E_HI])
        total_lo = total_hi = others = 0.0
        for k in range(count):
            total_lo += m.scale_weight[k] * w.span[k, Z_LO] * w.span[k, E_LO]
            total_hi += m.scale_weight[k] * w.span[k, Z_HI] * w.span[k, E_HI]
            if k < last:
                others += m.scale_weight[k] * w.span[k, Z_HI]
        if total_hi < least or total_lo > most:
            return False
        for k in range(count):
            weight = m.scale_weight[k]
            low, high = w.span[k, Z_LO] * w.span[k, E_LO], w.span[k, Z_HI] * w.span[k, E_HI]
            other_lo, other_hi = total_lo - weight * low, total_hi - weight * high
            low = max(low, (least - other_hi) / weight * (1.0 - RELAXED))
            if k == last:
                share = least * w.span[k, Z_LO] / (others + weight * w.span[k, Z_LO])
                low = max(low, share * (1.0 - RELAXED))
                reach = least / (others + weight * w.span[k, Z_HI]) * (1.0 - RELAXED)
                w.span[k, E_LO] = max(w.span[k, E_LO], reach)
            high = min(high, (most - other_lo) / weight * (1.0 + RELAXED))
            if low > high:
                return False
            w.span[k, E_LO] = max(w.span[k, E_LO], low / w.span[k, Z_HI] * (1.0 - RELAXED))
            if w.span[k, Z_LO] > 0.0:
                w.span[k, E_HI] = min(w.span[k, E_HI], high / w.span[k, Z_LO] * (1.0 + RELAXED))
            if w.span[k, E_LO] > w.span[k, E_HI]:
                return False
            w.span[k, ROOT_LO], w.span[k, ROOT_HI] = math.sqrt(max(low, 0.0)), math.sqrt(high)
    return True


@inner
def choose_forms(m: BoxModel, w: Work) -> None:
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
        zlo, zhi, elo, ehi = w.span[k, Z_LO], w.span[k, Z_HI], w.span[k, E_LO], w.span[k, E_HI]
        first = zhi * entropy + elo * z - zhi * elo
        second = zlo * entropy + ehi * z - zlo * ehi
        low, high = w.span[k, ROOT_LO], w.span[k, ROOT_HI]
        high = math.sqrt(high * high + SHIFT * (zhi + ehi + 1.0))
        root = (low + high) * math.sqrt(max(z * entropy, 0.0)) - low * high
        fill(w.form[k], 0.0)
        if root <= first and root <= second:
            w.form[k, BY_ROOT], w.form[k, CONST] = low + high, -low * high
        elif first <= second:
            w.form[k, BY_Z], w.form[k, BY_E], w.form[k, CONST] = elo, zhi, -zhi * elo
        else:
            w.form[k, BY_Z], w.form[k, BY_E], w.form[k, CONST] = ehi, zlo, -zlo * ehi
