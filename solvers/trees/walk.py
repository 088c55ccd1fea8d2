"""Compiled kernel of the tabu walk: all one-slot changes of a point scored, move after move.

A leaf counts the slots that keep the point out of it: 0, and every change that stays inside keeps it;
1, and only changes of that slot (the sum of their numbers) can enter it; more, and no change can. Aggregates are looked up
for each change. Sums are in double precision, up to rounding: what a walk finds is scored again by
the problem itself.

Only this module is compiled: numba's cache does not notice edits in imported kernels.
"""

# numba is untyped
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from mathdesign.programs.base import BoolArray, FloatArray, IntArray

_options: dict[str, Any] = {"cache": True, "nogil": True}
#: Of functions that only kernels call: no time goes into compiling wrappers for Python.
_inner: dict[str, Any] = {**_options, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}


class Tables(NamedTuple):
    """A slot problem as the walk reads it. ``K`` options of all slots, ``L`` leaves, ``T`` sums.

    Sum 0 is the objective without its trees, the others are bounded: budgets, rules (forbidden
    pairs, at most 0) and distances (slots that differ).
    """

    start: IntArray
    inside: BoolArray
    """``(L, options of all positions)``: whether the leaf allows the option."""
    outside: IntArray
    """``(K, L)``: 1 where it does not."""
    position_start: IntArray
    value: FloatArray
    """Leaf values, and ``row``: 0 for the weighted sum, then one a member of the spread."""
    row: IntArray
    offset: FloatArray
    spread_weight: float
    link_start: IntArray
    link_slot: IntArray
    link_table: FloatArray
    threshold_start: IntArray
    threshold: FloatArray
    constant: FloatArray
    unary: FloatArray
    """``(T, K)``."""
    pair_sum: IntArray
    pair_first: IntArray
    pair_second: IntArray
    pair_start: IntArray
    pair_value: FloatArray
    low: FloatArray
    high: FloatArray
    scale: FloatArray


@njit(**_options)
def count(t: Tables, point: IntArray, out: IntArray, which: IntArray) -> None:
    """How many slots keep ``point`` out of each leaf, and the sum of their numbers."""
    for leaf in range(out.shape[0]):
        out[leaf], which[leaf] = 0, 0
    for slot in range(point.shape[0]):
        move(t, slot, -1, t.start[slot] + point[slot], out, which)


@njit(**_inner)
def move(t: Tables, slot: int, old: int, new: int, out: IntArray, which: IntArray) -> None:
    """The same after ``slot`` changes from option ``old`` (-1: none) to ``new``, numbered in all."""
    for leaf in range(out.shape[0]):
        more = t.outside[new, leaf]
        out[leaf] += more
        which[leaf] += slot * more
    if old >= 0:
        for leaf in range(out.shape[0]):
            less = t.outside[old, leaf]
            out[leaf] -= less
            which[leaf] -= slot * less


@njit(**_options)
def around(t: Tables, point: IntArray, out: IntArray, which: IntArray, value: FloatArray,
           broken: FloatArray) -> None:  # fmt: skip
    """Objective and violation of every one-slot change, shape ``(K,)`` each."""
    slots, K = point.shape[0], t.start[-1]
    derived = t.threshold_start.shape[0] - 1
    score = np.empty((t.offset.shape[0], K))
    for r in range(t.offset.shape[0]):
        for k in range(K):
            score[r, k] = t.offset[r]
    interval = np.zeros((derived, K), dtype=np.int64)
    for d in range(derived):
        total = 0.0
        for j in range(t.link_start[d], t.link_start[d + 1]):
            total += t.link_table[j, t.start[t.link_slot[j]] + point[t.link_slot[j]]]
        for slot in range(slots):
            here = t.start[slot] + point[slot]
            for k in range(t.start[slot], t.start[slot + 1]):
                changed = total
                for j in range(t.link_start[d], t.link_start[d + 1]):
                    if t.link_slot[j] == slot:
                        changed += t.link_table[j, k] - t.link_table[j, here]
                at = 0
                while (
                    t.threshold_start[d] + at < t.threshold_start[d + 1]
                    and t.threshold[t.threshold_start[d] + at] < changed
                ):
                    at += 1
                interval[d, k] = t.position_start[slots + d] + at
    for leaf in range(t.value.shape[0]):
        if out[leaf] > 1:
            continue
        first, last = (0, slots) if out[leaf] == 0 else (which[leaf], which[leaf] + 1)
        for k in range(t.start[first], t.start[last]):
            entered = t.inside[leaf, k]
            for d in range(derived):
                entered = entered and t.inside[leaf, interval[d, k]]
            if entered:
                score[t.row[leaf], k] += t.value[leaf]
    members = score.shape[0] - 1
    for k in range(K):
        mean, square = 0.0, 0.0
        for r in range(1, members + 1):
            mean += score[r, k] / members
        for r in range(1, members + 1):
            square += (score[r, k] - mean) ** 2 / members
        value[k] = score[0, k] + t.spread_weight * math.sqrt(square)
        broken[k] = 0.0
    for s in range(t.constant.shape[0]):
        total = t.constant[s]
        for slot in range(slots):
            total += t.unary[s, t.start[slot] + point[slot]]
        for i in range(t.pair_sum.shape[0]):
            if t.pair_sum[i] == s:
                total += pair(t, i, point[t.pair_first[i]], point[t.pair_second[i]])
        for slot in range(slots):
            here = t.unary[s, t.start[slot] + point[slot]]
            for k in range(t.start[slot], t.start[slot + 1]):
                changed = total + (t.unary[s, k] - here)
                for i in range(t.pair_sum.shape[0]):
                    if t.pair_sum[i] == s:
                        a, b = point[t.pair_first[i]], point[t.pair_second[i]]
                        if t.pair_first[i] == slot:
                            changed += pair(t, i, k - t.start[slot], b) - pair(t, i, a, b)
                        elif t.pair_second[i] == slot:
                            changed += pair(t, i, a, k - t.start[slot]) - pair(t, i, a, b)
                if s == 0:
                    value[k] += changed
                else:
                    broken[k] += max(changed - t.high[s], 0.0) / t.scale[s]
                    broken[k] += max(t.low[s] - changed, 0.0) / t.scale[s]


@njit(**_inner)
def pair(t: Tables, i: int, a: int, b: int) -> float:
    """An entry of a pair table."""
    options = t.start[t.pair_second[i] + 1] - t.start[t.pair_second[i]]
    entry: float = t.pair_value[t.pair_start[i] + a * options + b]
    return entry


@njit(**_options)
def walk(t: Tables, point: IntArray, tenure: IntArray, top: float, close: float,
         met: IntArray, found: int) -> tuple[float, int]:  # fmt: skip
    """Move ``point`` once for each entry of ``tenure``: the new ``top``, how many are in ``met``.

    ``met`` are the best feasible points passed, as far as they come within ``close`` (relative) of
    one another and of ``top``.
    """
    slots, K = point.shape[0], t.start[-1]
    slot_of = np.empty(K, dtype=np.int64)
    for slot in range(slots):
        for k in range(t.start[slot], t.start[slot + 1]):
            slot_of[k] = slot
    value, broken = np.empty(K), np.empty(K)
    out, which = np.empty(t.value.shape[0], np.int16), np.empty(t.value.shape[0], np.int16)
    count(t, point, out, which)
    rests = np.zeros(slots, dtype=np.int64)
    price, spread = 1.0, 1.0
    for turn in range(tenure.shape[0]):
        around(t, point, out, which, value, broken)
        best = -1
        for k in range(K):
            if broken[k] == 0.0 and (best < 0 or value[k] > value[best]):
                best = k
        if best >= 0 and value[best] >= top - close * (1.0 + abs(value[best])):
            if value[best] > top + close * (1.0 + abs(value[best])):
                found = 0
            top = max(top, value[best])
            if found < met.shape[0]:
                for slot in range(slots):
                    met[found, slot] = point[slot]
                met[found, slot_of[best]] = best - t.start[slot_of[best]]
                new = True
                for i in range(found):
                    same = True
                    for slot in range(slots):
                        same = same and met[i, slot] == met[found, slot]
                    new = new and not same
                found += new
        least, most = np.inf, -np.inf
        for k in range(K):
            least, most = min(least, value[k]), max(most, value[k])
        spread = max(spread * 0.9, most - least, 1e-12)
        pick, most, rested = -1, -np.inf, False
        for k in range(K):
            slot = slot_of[k]
            if k == t.start[slot] + point[slot]:
                continue
            free = rests[slot] <= turn
            score = value[k] - 10.0 * price * spread * broken[k]
            if pick < 0 or (free and not rested) or (free == rested and score > most):
                pick, most, rested = k, score, free
        if pick < 0:
            break
        price *= 0.9 if broken[pick] == 0.0 else 1.2
        price = min(max(price, 1e-3), 1e3)
        slot = slot_of[pick]
        rests[slot] = turn + tenure[turn]
        move(t, slot, t.start[slot] + point[slot], pick, out, which)
        point[slot] = pick - t.start[slot]
    return top, found
