r"""Compiled kernels of the tree branch and bound: boxes of options tightened, bounded and searched.

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

**What is no longer needed.** A leaf with an empty :math:`M_{\ell p} \cap D_p` is reached by no point
of the box, nor of any part of it. Where the leaves left of a factor all have
:math:`M_{\ell p} \supseteq D_p`, its messages to ``p`` are set to 0: they are then the same for every
leaf, so B cannot rise, :math:`\max_k m(k) + \max_k r(k) \ge \max_k (m(k) + r(k))`.
Deep in a search little is left of most factors, which is what makes a box there cheap.

**Rounding.** The bound is raised by ``ROUNDING`` times the sum of the absolute values summed; sums of
N doubles err by less than N * 2^-53 of that, and N stays in the thousands: a box is loaded from
its messages, not from the sums of the box above.

Only this module is compiled: numba's cache does not notice edits in imported kernels.
"""

# numba is untyped
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from mathdesign.programs.base import BoolArray, FloatArray
from mathdesign.solvers.trees.arrays import Box

ROUNDING = 1e-11
NEVER = -np.inf
#: Why a search came back: nothing is left, the work allowed is done, a point is to be scored.
DONE, WORKED, POINT = 0, 1, 2
#: Least share of the way from the cutoff to the bound that a subtree counts with in the choice of a
#: slot: just above the cutoff it is still a node. (:meth:`.tree_state.State.size` has the same estimate.)
LEAST_SHARE = 0.01
ONE, NONE = np.uint64(1), np.uint64(0)
_options: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy"}
#: Of functions that only kernels call; a third of the time to compile is wrappers for Python.
_inner: dict[str, Any] = {**_options, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}


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
                            c = a.leaf_cell[a.scope_shift[s] + leaf]
                            base, some = a.start[a.scope_position[s]], False
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


@njit(**_inner)
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


@njit(**_inner)
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


@njit(**_inner)
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


@njit(**_inner)
def load(a: Any, constant: float, box: Any, w: Any) -> tuple[float, float]:
    """Score options and leaves by the messages: the bound, and the sum of absolute terms.

    Leaves that are not reached are dropped, and so are scopes that confine none of those left; the
    bound is ``NEVER`` if a factor is left no leaf.
    """
    P, F, R = a.start.shape[0] - 1, a.factor_start.shape[0] - 1, a.row_limit.shape[0]
    bound, size = constant, abs(constant)
    for k in range(a.unary.shape[0]):
        v = a.unary[k]
        for r in range(R):
            v -= box.mu[r] * a.row_cost[r, k]
        w.residual[k] = v
    for s in range(a.scope_position.shape[0]):
        if box.active[s]:
            lo, base = a.start[a.scope_position[s]], a.scope_message[s]
            for k in range(a.start[a.scope_position[s] + 1] - lo):
                w.residual[lo + k] -= box.message[base + k]
    parts(a, box, w)
    for f in range(F):
        first, end = a.factor_start[f], a.factor_start[f] + box.counts[f]
        for j in range(first, end):
            leaf = box.live[j]
            v = a.value[leaf]
            for r in range(R):
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
            return NEVER, size
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
        bound += w.top[f]
        size += abs(w.top[f])
    for p in range(P):
        w.unary_top[p] = -np.inf
        for k in range(a.start[p], a.start[p + 1]):
            if box.alive[k]:
                w.unary_top[p] = max(w.unary_top[p], w.residual[k])
        bound += w.unary_top[p]
        size += abs(w.unary_top[p])
    for r in range(R):
        bound += box.mu[r] * a.row_limit[r]
        size += abs(box.mu[r] * a.row_limit[r])
    return bound, size


@njit(**_inner)
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


@njit(**_inner)
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


@njit(**_inner)
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


@njit(**_inner)
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


@njit(**_inner)
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


@njit(**_inner)
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
                    box.alive[k], w.own[k] = False, NEVER
                else:
                    left += 1
        if left == 0:
            return NEVER
        bound = share(a, box, w, p, n, bound - tops)
        if bound + ROUNDING * size <= cutoff:  # also where nothing is left
            return NEVER
    return bound


@njit(**_options)
def bound_box(a: Any, constant: float, box: Any, w: Any, cutoff: float, sweeps: int) -> float:
    """Tighten and bound a box, in place; ``NEVER`` if no feasible point in it exceeds ``cutoff``.

    ``w.own[k]`` becomes the bound of the part of the box where option ``k`` is taken.
    """
    if not tighten(a, box.alive):
        return NEVER
    bound, size = load(a, constant, box, w)
    if bound + ROUNDING * size <= cutoff:  # also where nothing is left
        return NEVER
    for k in range(box.alive.shape[0]):
        w.own[k] = bound if box.alive[k] else NEVER
    for turn in range(sweeps):
        before = bound
        bound = sweep(a, box, w, bound, size, cutoff, turn % 2 == 0)
        if bound <= NEVER:
            return NEVER
        for r in range(a.row_limit.shape[0]):
            bound = price_row(a, box, w, r, bound)
        if bound + ROUNDING * size <= cutoff:
            return NEVER
        if cutoff > -np.inf and before - bound < 1e-4 * (bound - cutoff):
            break
    for k in range(box.alive.shape[0]):
        w.own[k] = min(w.own[k], bound) + ROUNDING * size if box.alive[k] else NEVER
    return bound + ROUNDING * size if tighten(a, box.alive) else NEVER


@njit(**_options)
def at(boxes: Any, depth: int) -> Any:
    """One box of a stack, a view."""
    return Box(
        boxes.alive[depth], boxes.message[depth], boxes.mu[depth], boxes.live[depth],
        boxes.counts[depth], boxes.active[depth],
    )  # fmt: skip


@njit(**_inner)
def descend(a: Any, boxes: Any, depth: int) -> Any:
    """A copy of the box at ``depth`` one deeper."""
    here, below = at(boxes, depth), at(boxes, depth + 1)
    for k in range(here.alive.shape[0]):
        below.alive[k] = here.alive[k]
    for m in range(here.message.shape[0]):
        below.message[m] = here.message[m]
    for r in range(here.mu.shape[0]):
        below.mu[r] = here.mu[r]
    for s in range(here.active.shape[0]):
        below.active[s] = here.active[s]
    for f in range(a.factor_start.shape[0] - 1):
        below.counts[f] = here.counts[f]
        for j in range(a.factor_start[f], a.factor_start[f] + here.counts[f]):
            below.live[j] = here.live[j]
    return below


@njit(**_inner)
def narrow(a: Any, alive: BoolArray, slot: int, option: int) -> None:
    """Leave ``option`` alone in its slot."""
    for k in range(a.start[slot], a.start[slot + 1]):
        alive[k] = k == option


@njit(**_options)
def expand(a: Any, st: Any, w: Any, depth: int, bound: float, cutoff: float,
           weight: FloatArray) -> bool:  # fmt: skip
    """Choose the slot whose options promise the smallest subtrees; false if all are decided."""
    box = at(st.boxes, depth)
    floor = cutoff if cutoff > -np.inf else bound - 1.0 - abs(bound)
    best, least = -1, np.inf
    for slot in range(weight.shape[0]):
        total, options = 0.0, 0
        for k in range(a.start[slot], a.start[slot + 1]):
            if box.alive[k]:
                options += 1
                if w.own[k] > floor:
                    share = (min(w.own[k], bound) - floor) / max(bound - floor, 1e-300)
                    total += max(share, LEAST_SHARE) ** 4
        if options > 1 and (best < 0 or total * weight[slot] < least):
            best, least = slot, total * weight[slot]
    if best < 0:
        return False
    n = 0
    for k in range(a.start[best], a.start[best + 1]):  # Sorted by insertion, greatest bound last.
        if box.alive[k]:
            v, i = min(w.own[k], bound), n
            while i > 0 and st.bound[depth, i - 1] > v:
                st.bound[depth, i], st.option[depth, i] = (
                    st.bound[depth, i - 1], st.option[depth, i - 1],
                )  # fmt: skip
                i -= 1
            st.bound[depth, i], st.option[depth, i] = v, k
            n += 1
    st.slot[depth], st.children[depth], st.left[depth] = best, n, n
    return True


@njit(**_inner)
def decided(a: Any, constant: float, box: Any) -> float:
    """A bound of a box of one point: its own terms, without messages, which may price more."""
    total, size = constant, abs(constant)
    for k in range(box.alive.shape[0]):
        if box.alive[k]:
            total += a.unary[k]
            size += abs(a.unary[k])
    for f in range(a.factor_start.shape[0] - 1):
        first, top = a.factor_start[f], -np.inf
        for j in range(first, first + box.counts[f]):
            top = max(top, a.value[box.live[j]])
        total += top
        size += abs(top)
    return total + ROUNDING * size


@njit(**_options)
def search(a: Any, constant: float, plain: Any, plain_constant: float, st: Any, w: Any,
           cutoff: float, sweeps: int, weight: FloatArray,
           most_work: int) -> tuple[int, int, int]:  # fmt: skip
    """Depth first below the boxes of ``st`` until something is to be told: why, nodes, leaves seen.

    After ``POINT`` the box one deeper than ``st.depth`` is decided. Called again it goes on.
    ``plain`` is the model that ``a`` may have priced cliques into.
    """
    nodes, work = 0, 0
    while st.depth[0] >= 0:
        depth = st.depth[0]
        i = st.left[depth] - 1
        if i < 0 or st.bound[depth, i] <= cutoff:
            st.depth[0] -= 1
            continue
        if work >= most_work:
            return WORKED, nodes, work
        st.left[depth] = i
        box = descend(a, st.boxes, depth)
        narrow(a, box.alive, st.slot[depth], st.option[depth, i])
        bound = min(bound_box(a, constant, box, w, cutoff, sweeps), st.bound[depth, i])
        nodes += 1
        work += 1
        for f in range(box.counts.shape[0]):
            work += box.counts[f]
        if bound <= cutoff:
            continue
        if not expand(a, st, w, depth + 1, bound, cutoff, weight):
            if decided(plain, plain_constant, box) > cutoff:
                return POINT, nodes, work
            continue
        st.depth[0] = depth + 1
    return DONE, nodes, work


@njit(**_options)
def probe(a: Any, constant: float, boxes: Any, w: Any, cutoff: float, sweeps: int, slots: int,
          worth: FloatArray, without: FloatArray) -> bool:  # fmt: skip
    """Bound the first box with each option taken; options that are closed leave it.

    ``worth[k]`` is lowered to the bound with option ``k``; ``without[p]`` becomes the bound of the box
    without the best option of slot ``p``. False if the box is closed altogether.
    """
    here = at(boxes, 0)
    for p in range(slots):
        options = 0
        for k in range(a.start[p], a.start[p + 1]):
            options += here.alive[k]
        if options < 2:
            continue
        for k in range(a.start[p], a.start[p + 1]):
            if here.alive[k]:
                box = descend(a, boxes, 0)
                narrow(a, box.alive, p, k)
                worth[k] = min(worth[k], bound_box(a, constant, box, w, cutoff, sweeps))
                here.alive[k] = worth[k] > cutoff
        best, left, most = -1, 0, NEVER
        for k in range(a.start[p], a.start[p + 1]):
            if here.alive[k]:
                left += 1
                if best < 0 or worth[k] > worth[best]:
                    best = k
        for k in range(a.start[p], a.start[p + 1]):
            if here.alive[k] and k != best:
                most = max(most, worth[k])
        if left == 0:
            return False
        if left > 2:
            box = descend(a, boxes, 0)
            box.alive[best] = False
            most = min(most, bound_box(a, constant, box, w, cutoff, sweeps))
        without[p] = most
    return tighten(a, here.alive)
