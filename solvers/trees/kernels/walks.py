"""A tabu walk: move after move to the best one-slot change of a slot that does not rest."""

from __future__ import annotations

import numpy as np

from mathdesign.programs.base import FloatArray, IntArray
from mathdesign.solvers.compiled import inner, kernel
from mathdesign.solvers.trees.kernels.neighbours import Tables, around, count, move

#: The price of violation rises while a walk is infeasible and falls while it is not.
RISE, FALL, LEAST_PRICE, MOST_PRICE = 1.2, 0.9, 1e-3, 1e3


@kernel
def walk(
    t: Tables, point: IntArray, tenure: IntArray, top: float, close: float, met: IntArray,
    found: int,
) -> tuple[float, int]:  # fmt: skip
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
        best = best_feasible(value, broken)
        if best >= 0 and value[best] >= top - close * (1.0 + abs(value[best])):
            if value[best] > top + close * (1.0 + abs(value[best])):
                found = 0
            top = max(top, value[best])
            found = meet(t, point, slot_of[best], best, met, found)
        least, most = np.inf, -np.inf
        for k in range(K):
            least, most = min(least, value[k]), max(most, value[k])
        spread = max(spread * 0.9, most - least, 1e-12)
        pick = choose(t, point, rests, turn, value, broken, price, spread)
        if pick < 0:
            break
        price *= FALL if broken[pick] == 0.0 else RISE
        price = min(max(price, LEAST_PRICE), MOST_PRICE)
        slot = slot_of[pick]
        rests[slot] = turn + tenure[turn]
        move(t, slot, t.start[slot] + point[slot], pick, out, which)
        point[slot] = pick - t.start[slot]
    return top, found


@inner
def best_feasible(value: FloatArray, broken: FloatArray) -> int:
    """The change of the greatest value that breaks nothing, -1 if there is none."""
    best = -1
    for k in range(value.shape[0]):
        if broken[k] == 0.0 and (best < 0 or value[k] > value[best]):
            best = k
    return best


@inner
def meet(t: Tables, point: IntArray, slot: int, option: int, met: IntArray, found: int) -> int:
    """Put the point after a change into ``met`` if it is new and there is room: how many are there."""
    if found == met.shape[0]:
        return found
    for j in range(point.shape[0]):
        met[found, j] = point[j]
    met[found, slot] = option - t.start[slot]
    for i in range(found):
        same = True
        for j in range(point.shape[0]):
            same = same and met[i, j] == met[found, j]
        if same:
            return found
    return found + 1


@inner
def choose(
    t: Tables, point: IntArray, rests: IntArray, turn: int, value: FloatArray, broken: FloatArray,
    price: float, spread: float,
) -> int:  # fmt: skip
    """The best change by value and price, of slots that do not rest if there are any, else -1."""
    pick, most, rested = -1, -np.inf, False
    for slot in range(point.shape[0]):
        free = rests[slot] <= turn
        for k in range(t.start[slot], t.start[slot + 1]):
            if k == t.start[slot] + point[slot]:
                continue
            score = value[k] - 10.0 * price * spread * broken[k]
            if pick < 0 or (free and not rested) or (free == rested and score > most):
                pick, most, rested = k, score, free
    return pick
