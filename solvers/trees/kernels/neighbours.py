"""All one-slot changes of a point scored at once.

A leaf counts the slots that keep the point out of it: 0, and every change that stays inside keeps it;
1, and only changes of that slot (the sum of their numbers) can enter it; more, and no change can.
Aggregates are looked up for each change. Sums are in double precision, up to rounding: what a walk
finds is scored again by the problem itself.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mathdesign.programs.base import BoolArray, FloatArray, IntArray
from mathdesign.solvers.compiled import inner, kernel

Counts = npt.NDArray[np.int16]


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


@kernel
def count(t: Tables, point: IntArray, out: Counts, which: Counts) -> None:
    """How many slots keep ``point`` out of each leaf, and the sum of their numbers."""
    for leaf in range(out.shape[0]):
        out[leaf], which[leaf] = 0, 0
    for slot in range(point.shape[0]):
        move(t, slot, -1, t.start[slot] + point[slot], out, which)


@inner
def move(t: Tables, slot: int, old: int, new: int, out: Counts, which: Counts) -> None:
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


@kernel
def around(
    t: Tables, point: IntArray, out: Counts, which: Counts, value: FloatArray,
    broken: FloatArray,
) -> None:  # fmt: skip
    """Objective and violation of every one-slot change, shape ``(K,)`` each."""
    K = t.start[-1]
    score = np.empty((t.offset.shape[0], K))
    for r in range(t.offset.shape[0]):
        for k in range(K):
            score[r, k] = t.offset[r]
    interval = np.zeros((t.threshold_start.shape[0] - 1, K), dtype=np.int64)
    enter_intervals(t, point, interval)
    enter_leaves(t, out, which, interval, score)
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
        add_sum(t, point, s, value, broken)


@inner
def enter_intervals(t: Tables, point: IntArray, interval: IntArray) -> None:
    """For each aggregate and change the option of its position, the interval that it falls in."""
    slots = point.shape[0]
    for d in range(interval.shape[0]):
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


@inner
def enter_leaves(
    t: Tables, out: Counts, which: Counts, interval: IntArray, score: FloatArray
) -> None:
    """Add to each change the leaves that it is in."""
    slots = t.start.shape[0] - 1
    for leaf in range(t.value.shape[0]):
        if out[leaf] > 1:
            continue
        first, last = (0, slots) if out[leaf] == 0 else (which[leaf], which[leaf] + 1)
        for k in range(t.start[first], t.start[last]):
            entered = t.inside[leaf, k]
            for d in range(interval.shape[0]):
                entered = entered and t.inside[leaf, interval[d, k]]
            if entered:
                score[t.row[leaf], k] += t.value[leaf]


@inner
def add_sum(t: Tables, point: IntArray, s: int, value: FloatArray, broken: FloatArray) -> None:
    """Add a sum of tables to the objective of each change (the first one), or to its violation."""
    slots = point.shape[0]
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


@inner
def pair(t: Tables, i: int, a: int, b: int) -> float:
    """An entry of a pair table."""
    options = t.start[t.pair_second[i] + 1] - t.start[t.pair_second[i]]
    entry: float = t.pair_value[t.pair_start[i] + a * options + b]
    return entry
