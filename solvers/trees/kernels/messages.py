"""Options and leaves scored by the messages of a box; what is no longer needed leaves it."""

from __future__ import annotations

from typing import Any

import numpy as np

from mathdesign.solvers.compiled import inner
from mathdesign.solvers.trees.kernels.layout import NEVER

ONE, NONE = np.uint64(1), np.uint64(0)


@inner
def cell_tops(a: Any, box: Any, w: Any, s: int) -> None:
    """The greatest message in each cell of a scope, ``-inf`` where no option is left.

    ``rest`` becomes by how much it changed. Most cells hold the best or the second best option.
    """
    lo, base = a.start[a.scope_position[s]], a.scope_message[s]
    one, two, first, second = NONE, NONE, -np.inf, -np.inf
    for k in range(a.start[a.scope_position[s] + 1] - lo):
        if box.alive[lo + k]:
            m = box.message[base + k]
            bit = ONE << np.uint64(k) if k < 64 else NONE
            if m > first:
                two, second = one, first
                one, first = bit, m
            elif m > second:
                two, second = bit, m
    for c in range(a.scope_cells[s], a.scope_cells[s + 1]):
        if a.cell_bits[c] & one:
            v = first
        elif one != NONE and a.cell_bits[c] & two:  # the best may be none of the first 64
            v = second
        else:
            v = -np.inf
            for o in range(a.cell_start[c], a.cell_start[c + 1]):
                k = a.cell_option[o]
                if box.alive[lo + k]:
                    v = max(v, box.message[base + k])
        w.rest[c] = v - w.cell[c] if v > -np.inf else v
        w.cell[c] = v


@inner
def parts(a: Any, box: Any, w: Any) -> None:
    """Which cells of active scopes leave some option out that is left; in doubt, they do."""
    for p in range(a.start.shape[0] - 1):
        left, wide = NONE, a.start[p + 1] - a.start[p] > 64
        for k in range(min(a.start[p + 1] - a.start[p], 64)):
            if box.alive[a.start[p] + k]:
                left |= ONE << np.uint64(k)
        for i in range(a.at_start[p], a.at_start[p + 1]):
            s = a.at_scope[i]
            if box.active[s]:
                for c in range(a.scope_cells[s], a.scope_cells[s + 1] - 1):
                    w.part[c] = wide or (a.cell_bits[c] & left) != left
                w.part[a.scope_cells[s + 1] - 1] = False


@inner
def leave(a: Any, box: Any, w: Any, s: int) -> None:
    """Take a scope that confines no leaf any more out of the bound."""
    f, base = a.scope_factor[s], a.scope_message[s]
    first, lo = a.factor_start[f], a.start[a.scope_position[s]]
    box.active[s] = False
    top = w.cell[a.scope_cells[s + 1] - 1]
    for j in range(first, first + box.counts[f]):
        w.score[box.live[j]] -= top
    for k in range(a.start[a.scope_position[s] + 1] - lo):
        w.residual[lo + k] += box.message[base + k]


@inner
def load(a: Any, constant: float, box: Any, w: Any) -> tuple[float, float]:
    """Score options and leaves by the messages: the bound, and the sum of absolute terms.

    Leaves that are not reached are dropped, and so are scopes that confine none of those left; the
    bound is ``NEVER`` if a factor is left no leaf.
    """
    bound, size = constant, abs(constant)
    load_options(a, box, w)
    parts(a, box, w)
    for f in range(a.factor_start.shape[0] - 1):
        if not load_leaves(a, box, w, f):
            return NEVER, size
        bound += w.top[f]
        size += abs(w.top[f])
    for p in range(a.start.shape[0] - 1):
        w.unary_top[p] = -np.inf
        for k in range(a.start[p], a.start[p + 1]):
            if box.alive[k]:
                w.unary_top[p] = max(w.unary_top[p], w.residual[k])
        bound += w.unary_top[p]
        size += abs(w.unary_top[p])
    for r in range(a.row_limit.shape[0]):
        bound += box.mu[r] * a.row_limit[r]
        size += abs(box.mu[r] * a.row_limit[r])
    return bound, size


@inner
def load_options(a: Any, box: Any, w: Any) -> None:
    """What options are worth beside their messages."""
    for k in range(a.unary.shape[0]):
        v = a.unary[k]
        for r in range(a.row_limit.shape[0]):
            v -= box.mu[r] * a.row_cost[r, k]
        w.residual[k] = v
    for s in range(a.scope_position.shape[0]):
        if box.active[s]:
            lo, base = a.start[a.scope_position[s]], a.scope_message[s]
            for k in range(a.start[a.scope_position[s] + 1] - lo):
                w.residual[lo + k] -= box.message[base + k]


@inner
def load_leaves(a: Any, box: Any, w: Any, f: int) -> bool:
    """Score the leaves of a factor and keep those that are reached; false if there are none."""
    first, end = a.factor_start[f], a.factor_start[f] + box.counts[f]
    for j in range(first, end):
        leaf = box.live[j]
        v = a.value[leaf]
        for r in range(a.row_limit.shape[0]):
            v -= box.mu[r] * a.leaf_cost[r, leaf]
        w.score[leaf] = v
    for s in range(a.factor_scope[f], a.factor_scope[f + 1]):
        if box.active[s]:
            cell_tops(a, box, w, s)
            for j in range(first, end):
                leaf = box.live[j]
                w.score[leaf] += w.cell[a.leaf_cell[a.scope_shift[s] + leaf]]
    kept = first
    for j in range(first, end):
        leaf = box.live[j]
        if w.score[leaf] > -np.inf:
            box.live[kept] = leaf
            kept += 1
    box.counts[f] = kept - first
    if kept == first:
        return False
    for s in range(a.factor_scope[f], a.factor_scope[f + 1]):
        if box.active[s]:
            confines = False
            for j in range(first, kept):
                confines |= w.part[a.leaf_cell[a.scope_shift[s] + box.live[j]]]
            if not confines:
                leave(a, box, w, s)
    w.top[f] = -np.inf
    for j in range(first, kept):
        w.top[f] = max(w.top[f], w.score[box.live[j]])
    return True
