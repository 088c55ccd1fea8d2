"""Sweeps over the positions: max-marginals are collected and shared out, options closed."""

from __future__ import annotations

from typing import Any

import numpy as np

from mathdesign.solvers.compiled import inner
from mathdesign.solvers.trees.kernels.layout import NEVER, ROUNDING
from mathdesign.solvers.trees.kernels.messages import cell_tops


@inner
def collect(a: Any, box: Any, w: Any, p: int) -> tuple[float, int]:
    """Max-marginals of position ``p``, summed in ``theta``: what its terms are worth now, how many."""
    lo, n = a.start[p], 1
    size = a.start[p + 1] - lo
    tops = w.unary_top[p]
    for k in range(lo, lo + size):
        w.theta[k] = w.residual[k]
    for i in range(a.at_start[p], a.at_start[p + 1]):
        s = a.at_scope[i]
        if not box.active[s]:
            continue
        f, base, shift = a.scope_factor[s], a.scope_message[s], a.scope_shift[s]
        first = a.factor_start[f]
        for c in range(a.scope_cells[s], a.scope_cells[s + 1]):
            w.rest[c] = -np.inf
        for j in range(first, first + box.counts[f]):
            leaf = box.live[j]
            c = a.leaf_cell[shift + leaf]
            w.rest[c] = max(w.rest[c], w.score[leaf] - w.cell[c])
        whole = w.rest[a.scope_cells[s + 1] - 1]
        for k in range(base, base + size):
            w.marginal[k] = whole
        for c in range(a.scope_cells[s], a.scope_cells[s + 1] - 1):
            if w.rest[c] > whole:
                for o in range(a.cell_start[c], a.cell_start[c + 1]):
                    k = base + a.cell_option[o]
                    w.marginal[k] = max(w.marginal[k], w.rest[c])
        for k in range(size):
            w.marginal[base + k] += box.message[base + k]
            w.theta[lo + k] += w.marginal[base + k]
        tops += w.top[f]
        n += 1
    return tops, n


@inner
def share(a: Any, box: Any, w: Any, p: int, n: int, bound: float) -> float:
    """Give each term of position ``p`` its ``n``-th of ``theta``: the bound, or ``NEVER``."""
    lo = a.start[p]
    size = a.start[p + 1] - lo
    w.unary_top[p] = -np.inf
    for k in range(lo, lo + size):
        if box.alive[k]:
            w.residual[k] = w.theta[k] / n
            w.unary_top[p] = max(w.unary_top[p], w.residual[k])
    bound += w.unary_top[p]
    for i in range(a.at_start[p], a.at_start[p + 1]):
        s = a.at_scope[i]
        if not box.active[s]:
            continue
        f, base, shift = a.scope_factor[s], a.scope_message[s], a.scope_shift[s]
        first = a.factor_start[f]
        for k in range(size):
            box.message[base + k] += w.theta[lo + k] / n - w.marginal[base + k]
        cell_tops(a, box, w, s)
        top, kept = -np.inf, first
        for j in range(first, first + box.counts[f]):
            leaf = box.live[j]
            v = w.score[leaf] + w.rest[a.leaf_cell[shift + leaf]]
            w.score[leaf] = v
            if v > -np.inf:
                top = max(top, v)
                box.live[kept] = leaf
                kept += 1
        box.counts[f] = kept - first
        if kept == first:
            return NEVER
        w.top[f] = top
        bound += top
    return bound


@inner
def drop(w: Any, bound: float) -> float:
    """``NEVER``: what has this bound is not looked at again."""
    w.dropped[0] = max(w.dropped[0], bound)
    return NEVER


@inner
def sweep(
    a: Any, box: Any, w: Any, bound: float, size: float, cutoff: float, forward: bool
) -> float:
    """One round over the positions, options closed on the way: the bound, or ``NEVER``."""
    P = a.start.shape[0] - 1
    for turn in range(P):
        p = turn if forward else P - 1 - turn
        options = 0
        for k in range(a.start[p], a.start[p + 1]):
            options += box.alive[k]
        if options == 1:  # Its scopes, if any are active, have one message: nothing moves.
            continue
        tops, n = collect(a, box, w, p)
        left = 0
        for k in range(a.start[p], a.start[p + 1]):
            w.own[k] = NEVER
            if box.alive[k]:
                w.own[k] = bound - tops + w.theta[k]
                if w.own[k] + ROUNDING * size <= cutoff:
                    box.alive[k], w.own[k] = False, drop(w, w.own[k] + ROUNDING * size)
                else:
                    left += 1
        if left == 0:
            return NEVER
        bound = share(a, box, w, p, n, bound - tops)
        if bound + ROUNDING * size <= cutoff:  # also where nothing is left
            return drop(w, bound + ROUNDING * size)
    return bound
