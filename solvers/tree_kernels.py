r"""Compiled kernel of the tree branch and bound: one box of options tightened and bounded.

**The bound.** For any *messages* :math:`m_{fp}(k)` and any :math:`\mu \ge 0`,

.. math:: B = c + \sum_f \max_{\ell \in f} \Bigl(v_\ell - \mu a_\ell
              + \sum_p \max_{k \in M_{\ell p} \cap D_p} m_{fp}(k)\Bigr)
            + \sum_p \max_{k \in D_p} r_p(k) + \mu b,
          \qquad r_p(k) = u_p(k) - \mu a_p(k) - \sum_f m_{fp}(k)

is at least the objective of every feasible point of the box :math:`\prod D_p`: at the point the
messages cancel, its leaf is among those maximised over, and :math:`\mu (b - a) \ge 0`. So nothing
that follows needs to converge.

**Sweeps.** For one position all max-marginals are collected and shared out equally (block
coordinate descent on B, cf. Werner, IEEE TPAMI 29, 2007, on max-sum diffusion): B never rises.
An option whose own bound, :math:`B` with :math:`x_p = k`, does not exceed the cutoff is removed.
Multipliers follow by exact line search: B is convex and piecewise linear in each.

**Rounding.** The bound is raised by ``ROUNDING`` times the sum of the absolute values summed; sums of
N doubles err by less than N * 2^-53 of that, and N stays in the thousands.

Only this module is compiled: numba's cache does not notice edits in imported kernels.
"""

# numba is untyped
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from mathdesign.formulation import BoolArray, FloatArray, IntArray
from mathdesign.solvers.tree_model import Model

ROUNDING = 1e-11
NEVER = -1e300
_options: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy"}


class Arrays(NamedTuple):
    """A :class:`Model` as the kernel reads it."""

    start: IntArray
    unary: FloatArray
    row_cost: FloatArray
    row_limit: FloatArray
    integer_cost: IntArray
    integer_leaf_cost: IntArray
    integer_limit: IntArray
    factor_start: IntArray
    value: FloatArray
    leaf_cost: FloatArray
    costly: IntArray
    scope_factor: IntArray
    scope_position: IntArray
    scope_cells: IntArray
    scope_leaf: IntArray
    leaf_cell: IntArray
    cell_start: IntArray
    cell_option: IntArray
    scope_message: IntArray
    """Where the messages of a scope start."""
    at_start: IntArray
    at_scope: IntArray
    """Scopes of position ``p``: ``at_scope[at_start[p]:at_start[p + 1]]``."""
    factor_scope: IntArray
    """Scopes of factor ``f``: ``factor_scope[f]`` to ``factor_scope[f + 1]``."""
    link_start: IntArray
    link_slot: IntArray
    link_table: FloatArray
    """Tables of the aggregates over all options, a row a link."""
    threshold_start: IntArray
    threshold: FloatArray


def arrays(model: Model) -> Arrays:
    """The model with the indices that the kernel wants."""
    sizes = np.diff(model.start)
    order = np.argsort(model.scope_position, kind="stable")
    P, F = len(sizes), len(model.factor_start) - 1
    derived = model.positions.derived
    tables = []
    for d in derived:
        for slot, table in zip(d.feature.slots, d.feature.tables):
            row = np.zeros(model.options)
            row[model.start[slot] : model.start[slot + 1]] = table
            tables.append(row)
    return Arrays(
        **{name: getattr(model, name) for name in Arrays._fields[:18]},
        scope_message=np.cumsum([0, *sizes[model.scope_position]])[:-1].astype(np.int64),
        at_start=np.searchsorted(model.scope_position[order], np.arange(P + 1)).astype(np.int64),
        at_scope=order.astype(np.int64),
        factor_scope=np.searchsorted(model.scope_factor, np.arange(F + 1)).astype(np.int64),
        link_start=np.cumsum([0, *(len(d.feature.slots) for d in derived)]).astype(np.int64),
        link_slot=np.array([s for d in derived for s in d.feature.slots], dtype=np.int64),
        link_table=np.array(tables).reshape(len(tables), model.options),
        threshold_start=np.cumsum([0, *(len(d.thresholds) for d in derived)]).astype(np.int64),
        threshold=np.concatenate([np.zeros(0), *(d.thresholds for d in derived)]),
    )


@njit(**_options)
def tighten(a: Any, alive: BoolArray) -> bool:
    """Remove options that no feasible point of the box has; false if the box is empty.

    Rows in exact integers: an option whose cost, on top of the least of everything else, is above
    the limit goes. Links by intervals: sums of least and greatest entries in the predictor's own
    order, and double addition is monotone, so they enclose the feature exactly.
    """
    P = a.start.shape[0] - 1
    changed = True
    while changed:
        changed = False
        for r in range(a.integer_limit.shape[0]):
            total = 0
            for p in range(P):
                least = 1 << 62
                for k in range(a.start[p], a.start[p + 1]):
                    if alive[k] and a.integer_cost[r, k] < least:
                        least = a.integer_cost[r, k]
                if least == 1 << 62:
                    return False
                total += least
            for f in a.costly:
                least = 1 << 62
                for leaf in range(a.factor_start[f], a.factor_start[f + 1]):
                    if a.integer_leaf_cost[r, leaf] < least:
                        reached = True
                        for s in range(a.factor_scope[f], a.factor_scope[f + 1]):
                            c = a.leaf_cell[a.scope_leaf[s] + leaf - a.factor_start[f]]
                            base = a.start[a.scope_position[s]]
                            if c >= 0:
                                some = False
                                for o in range(a.cell_start[c], a.cell_start[c + 1]):
                                    if alive[base + a.cell_option[o]]:
                                        some = True
                                        break
                                reached = reached and some
                        if reached:
                            least = a.integer_leaf_cost[r, leaf]
                if least == 1 << 62:
                    return False
                total += least
            room = a.integer_limit[r] - total
            if room < 0:
                return False
            for p in range(P):
                least = 1 << 62
                for k in range(a.start[p], a.start[p + 1]):
                    if alive[k] and a.integer_cost[r, k] < least:
                        least = a.integer_cost[r, k]
                for k in range(a.start[p], a.start[p + 1]):
                    if alive[k] and a.integer_cost[r, k] - least > room:
                        alive[k] = False
                        changed = True
        D = a.threshold_start.shape[0] - 1
        for d in range(D):
            p = P - D + d
            first, last = a.threshold_start[d], a.threshold_start[d + 1]
            # The interval of the feature, and what is left of it with one option chosen.
            for chosen in range(-1, a.start[P - D]):
                if chosen >= 0 and not alive[chosen]:
                    continue
                low, high = 0.0, 0.0
                uses = chosen < 0
                for j in range(a.link_start[d], a.link_start[d + 1]):
                    slot = a.link_slot[j]
                    lo, hi = np.inf, -np.inf
                    if a.start[slot] <= chosen < a.start[slot + 1]:
                        uses = True
                        lo = hi = a.link_table[j, chosen]
                    else:
                        for k in range(a.start[slot], a.start[slot + 1]):
                            if alive[k]:
                                lo = min(lo, a.link_table[j, k])
                                hi = max(hi, a.link_table[j, k])
                    low += lo
                    high += hi
                if not uses:
                    continue
                below, above = 0, 0
                while first + below < last and a.threshold[first + below] < low:
                    below += 1
                above = below
                while first + above < last and a.threshold[first + above] < high:
                    above += 1
                if chosen < 0:
                    left = False
                    for b in range(a.start[p + 1] - a.start[p]):
                        if alive[a.start[p] + b]:
                            if below <= b <= above:
                                left = True
                            else:
                                alive[a.start[p] + b] = False
                                changed = True
                    if not left:
                        return False
                else:
                    possible = False
                    for b in range(below, above + 1):
                        possible = possible or alive[a.start[p] + b]
                    if not possible:
                        alive[chosen] = False
                        changed = True
    for p in range(P):
        some = False
        for k in range(a.start[p], a.start[p + 1]):
            some = some or alive[k]
        if not some:
            return False
    return True


@njit(**_options)
def dual_value(a: Any, alive: BoolArray, residual: FloatArray, score: FloatArray, r: int,
               step: float, mu: float) -> tuple[float, float]:  # fmt: skip
    """Part of the bound that depends on multiplier ``r``, after a step, and its slope."""
    value, slope = (mu + step) * a.row_limit[r], a.row_limit[r]
    for p in range(a.start.shape[0] - 1):
        best, cost = -np.inf, 0.0
        for k in range(a.start[p], a.start[p + 1]):
            if alive[k]:
                v = residual[k] - step * a.row_cost[r, k]
                if v > best:
                    best, cost = v, a.row_cost[r, k]
        value += best
        slope -= cost
    for f in a.costly:
        best, cost = -np.inf, 0.0
        for leaf in range(a.factor_start[f], a.factor_start[f + 1]):
            v = score[leaf] - step * a.leaf_cost[r, leaf]
            if v > best:
                best, cost = v, a.leaf_cost[r, leaf]
        value += best
        slope -= cost
    return value, slope


@njit(**_options)
def line_search(a: Any, alive: BoolArray, residual: FloatArray, score: FloatArray, r: int,
                mu: float, scale: float) -> float:  # fmt: skip
    """The step of multiplier ``r`` to the least bound, by intersecting tangents."""
    v0, s0 = dual_value(a, alive, residual, score, r, 0.0, mu)
    if s0 == 0.0 or (s0 > 0.0 and mu <= 0.0):
        return 0.0
    best, best_value = 0.0, v0
    x0 = 0.0
    if s0 > 0.0:
        x1 = -mu
        v1, s1 = dual_value(a, alive, residual, score, r, x1, mu)
        if s1 >= 0.0:
            return x1 if v1 < v0 else 0.0
    else:
        x1 = scale
        for _ in range(60):
            v1, s1 = dual_value(a, alive, residual, score, r, x1, mu)
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
        v, s = dual_value(a, alive, residual, score, r, x, mu)
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


@njit(**_options)
def bound_box(
    a: Any,
    constant: float,
    alive: BoolArray,
    message: FloatArray,
    mu: FloatArray,
    cutoff: float,
    sweeps: int,
    own: FloatArray,
) -> float:
    """Tighten and bound the box ``alive``; all arrays are updated in place.

    ``own[k]`` becomes the bound of the part of the box where option ``k`` is taken. Returns
    ``NEVER`` for a box without feasible points above ``cutoff``.
    """
    P, F = a.start.shape[0] - 1, a.factor_start.shape[0] - 1
    S, R = a.scope_position.shape[0], a.row_limit.shape[0]
    if not tighten(a, alive):
        return NEVER
    residual = a.unary.copy()
    for r in range(R):
        for k in range(residual.shape[0]):
            residual[k] -= mu[r] * a.row_cost[r, k]
    full = np.empty(S)
    cell = np.empty(a.cell_start.shape[0] - 1)
    score = np.empty(a.value.shape[0])
    top = np.empty(F)
    rest = np.empty(a.cell_start.shape[0] - 1)
    live = np.empty(a.value.shape[0], dtype=np.int64)
    count = np.empty(F, dtype=np.int64)
    unary_top = np.empty(P)
    bound, size = constant, abs(constant)
    for s in range(S):
        p, base = a.scope_position[s], a.scope_message[s]
        full[s] = -np.inf
        for k in range(a.start[p + 1] - a.start[p]):
            residual[a.start[p] + k] -= message[base + k]
            if alive[a.start[p] + k] and message[base + k] > full[s]:
                full[s] = message[base + k]
        for c in range(a.scope_cells[s], a.scope_cells[s + 1]):
            cell[c] = -np.inf
            for o in range(a.cell_start[c], a.cell_start[c + 1]):
                k = a.cell_option[o]
                if alive[a.start[p] + k] and message[base + k] > cell[c]:
                    cell[c] = message[base + k]
    for f in range(F):
        top[f], count[f] = -np.inf, 0
        first = a.factor_start[f]
        for leaf in range(first, a.factor_start[f + 1]):
            v = a.value[leaf]
            for r in range(R):
                v -= mu[r] * a.leaf_cost[r, leaf]
            for s in range(a.factor_scope[f], a.factor_scope[f + 1]):
                if v == -np.inf:  # closed, or out of reach
                    break
                c = a.leaf_cell[a.scope_leaf[s] + leaf - first]
                v += full[s] if c < 0 else cell[c]
            score[leaf] = v
            if v > -np.inf:
                live[first + count[f]] = leaf
                count[f] += 1
                if v > top[f]:
                    top[f] = v
        if count[f] == 0:
            return NEVER
        bound += top[f]
        size += abs(top[f])
    for p in range(P):
        unary_top[p] = -np.inf
        for k in range(a.start[p], a.start[p + 1]):
            if alive[k] and residual[k] > unary_top[p]:
                unary_top[p] = residual[k]
        bound += unary_top[p]
        size += abs(unary_top[p])
    for r in range(R):
        bound += mu[r] * a.row_limit[r]
        size += abs(mu[r] * a.row_limit[r])
    theta = np.empty(a.unary.shape[0])
    marginal = np.empty(message.shape[0])
    for sweep in range(sweeps):
        before = bound
        for turn in range(P):
            p = turn if sweep % 2 == 0 else P - 1 - turn
            lo, hi = a.start[p], a.start[p + 1]
            n = a.at_start[p + 1] - a.at_start[p]
            open_options = 0
            for k in range(lo, hi):
                theta[k] = residual[k]
                open_options += alive[k]
            tops = unary_top[p]
            for i in range(a.at_start[p], a.at_start[p + 1]):
                s = a.at_scope[i]
                f, base = a.scope_factor[s], a.scope_message[s]
                first = a.factor_start[f]
                shift = a.scope_leaf[s] - first
                rest_full = -np.inf
                for c in range(a.scope_cells[s], a.scope_cells[s + 1]):
                    rest[c] = -np.inf
                for j in range(first, first + count[f]):
                    leaf = live[j]
                    c = a.leaf_cell[shift + leaf]
                    if c < 0:
                        v = score[leaf] - full[s]
                        if v > rest_full:
                            rest_full = v
                    else:
                        v = score[leaf] - cell[c]
                        if v > rest[c]:
                            rest[c] = v
                for k in range(hi - lo):
                    marginal[base + k] = rest_full
                for c in range(a.scope_cells[s], a.scope_cells[s + 1]):
                    v = rest[c]
                    if v > -np.inf:
                        for o in range(a.cell_start[c], a.cell_start[c + 1]):
                            if v > marginal[base + a.cell_option[o]]:
                                marginal[base + a.cell_option[o]] = v
                for k in range(hi - lo):
                    marginal[base + k] += message[base + k]
                    theta[lo + k] += marginal[base + k]
                tops += top[f]
            left = 0
            for k in range(lo, hi):
                if alive[k]:
                    own[k] = bound - tops + theta[k]
                    if own[k] + ROUNDING * size <= cutoff:
                        alive[k] = False
                        own[k] = NEVER
                    else:
                        left += 1
                else:
                    own[k] = NEVER
            if left == 0:
                return NEVER
            if open_options == 1 and left == 1:
                continue
            bound -= tops
            unary_top[p] = -np.inf
            for k in range(lo, hi):
                if alive[k]:
                    residual[k] = theta[k] / (n + 1)
                    if residual[k] > unary_top[p]:
                        unary_top[p] = residual[k]
            bound += unary_top[p]
            for i in range(a.at_start[p], a.at_start[p + 1]):
                s = a.at_scope[i]
                f, base = a.scope_factor[s], a.scope_message[s]
                first = a.factor_start[f]
                shift = a.scope_leaf[s] - first
                old_full = full[s]
                full[s] = -np.inf
                for k in range(hi - lo):
                    if alive[lo + k]:
                        message[base + k] += theta[lo + k] / (n + 1) - marginal[base + k]
                        if message[base + k] > full[s]:
                            full[s] = message[base + k]
                for c in range(a.scope_cells[s], a.scope_cells[s + 1]):
                    rest[c] = cell[c]
                    cell[c] = -np.inf
                    for o in range(a.cell_start[c], a.cell_start[c + 1]):
                        k = a.cell_option[o]
                        if alive[lo + k] and message[base + k] > cell[c]:
                            cell[c] = message[base + k]
                top[f] = -np.inf
                kept = first
                for j in range(first, first + count[f]):
                    leaf = live[j]
                    c = a.leaf_cell[shift + leaf]
                    if c < 0:
                        score[leaf] += full[s] - old_full
                    elif cell[c] == -np.inf:
                        score[leaf] = -np.inf
                        continue
                    else:
                        score[leaf] += cell[c] - rest[c]
                    live[kept] = leaf
                    kept += 1
                    if score[leaf] > top[f]:
                        top[f] = score[leaf]
                count[f] = kept - first
                if count[f] == 0:
                    return NEVER
                bound += top[f]
        for r in range(R):
            step = line_search(
                a, alive, residual, score, r, mu[r], 0.01 / (1.0 + abs(a.row_limit[r]))
            )
            if step != 0.0:
                mu[r] += step
                bound += step * a.row_limit[r]
                for p in range(P):
                    bound -= unary_top[p]
                    unary_top[p] = -np.inf
                    for k in range(a.start[p], a.start[p + 1]):
                        residual[k] -= step * a.row_cost[r, k]
                        if alive[k] and residual[k] > unary_top[p]:
                            unary_top[p] = residual[k]
                    bound += unary_top[p]
                for f in a.costly:
                    bound -= top[f]
                    top[f] = -np.inf
                    for leaf in range(a.factor_start[f], a.factor_start[f + 1]):
                        score[leaf] -= step * a.leaf_cost[r, leaf]
                        if score[leaf] > top[f]:
                            top[f] = score[leaf]
                    bound += top[f]
        if bound + ROUNDING * size <= cutoff:
            return NEVER
        if before - bound < 1e-4 * (bound - cutoff):
            break
    if not tighten(a, alive):
        return NEVER
    return bound + ROUNDING * size
