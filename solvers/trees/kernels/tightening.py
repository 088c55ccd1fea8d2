"""Tightening: options that no feasible point of the box has leave it.

Rows in exact integers: an option whose cost, on top of the least of everything else, is above the
limit goes. Links by intervals: sums of least and greatest entries in the predictor's own order,
and double addition is monotone, so they enclose the feature exactly.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mathdesign.programs.base import BoolArray
from mathdesign.solvers.compiled import inner, kernel

#: What became of a box.
EMPTY, SAME, SMALLER = -1, 0, 1
#: A cost that no option and no leaf has.
NOTHING = 1 << 62
#: No option is chosen.
FREE = -1


@kernel
def tighten(a: Any, alive: BoolArray) -> bool:
    """Remove options that no feasible point of the box has; false if the box is empty."""
    changed = True
    while changed:
        changed = False
        for r in range(a.integer_limit.shape[0]):
            became = tighten_row(a, alive, r)
            if became == EMPTY:
                return False
            changed |= became == SMALLER
        for d in range(a.threshold_start.shape[0] - 1):
            became = tighten_link(a, alive, d)
            if became == EMPTY:
                return False
            changed |= became == SMALLER
    some = True
    for p in range(a.start.shape[0] - 1):
        some = some and any_left(alive, a.start[p], a.start[p + 1])
    return some


@inner
def any_left(alive: BoolArray, first: int, end: int) -> bool:
    """Whether any of these options is left."""
    some = False
    for k in range(first, end):
        some = some or alive[k]
    return some


@inner
def least_cost(a: Any, alive: BoolArray, r: int, p: int) -> int:
    """What the cheapest option left at position ``p`` costs in row ``r``."""
    least = NOTHING
    for k in range(a.start[p], a.start[p + 1]):
        if alive[k] and a.integer_cost[r, k] < least:
            least = a.integer_cost[r, k]
    return least


@inner
def reached(a: Any, alive: BoolArray, f: int, leaf: int) -> bool:
    """Whether every cell of a leaf of factor ``f`` has an option left."""
    for s in range(a.factor_scope[f], a.factor_scope[f + 1]):
        c = a.leaf_cell[a.scope_shift[s] + leaf]
        base, some = a.start[a.scope_position[s]], False
        for o in range(a.cell_start[c], a.cell_start[c + 1]):
            if alive[base + a.cell_option[o]]:
                some = True
                break
        if not some:
            return False
    return True


@inner
def least_leaf_cost(a: Any, alive: BoolArray, r: int, f: int) -> int:
    """What the cheapest leaf of factor ``f`` that is reached costs in row ``r``."""
    least = NOTHING
    for leaf in range(a.factor_start[f], a.factor_start[f + 1]):
        if a.integer_leaf_cost[r, leaf] < least and reached(a, alive, f, leaf):
            least = a.integer_leaf_cost[r, leaf]
    return least


@inner
def tighten_row(a: Any, alive: BoolArray, r: int) -> int:
    """Close options too dear for row ``r``: what became of the box."""
    total = 0
    for p in range(a.start.shape[0] - 1):
        least = least_cost(a, alive, r, p)
        if least == NOTHING:
            return EMPTY
        total += least
    for f in a.costly:
        least = least_leaf_cost(a, alive, r, f)
        if least == NOTHING:
            return EMPTY
        total += least
    room = a.integer_limit[r] - total
    if room < 0:
        return EMPTY
    became = SAME
    for p in range(a.start.shape[0] - 1):
        least = least_cost(a, alive, r, p)
        for k in range(a.start[p], a.start[p + 1]):
            if alive[k] and a.integer_cost[r, k] - least > room:
                alive[k] = False
                became = SMALLER
    return became


@inner
def feature_range(a: Any, alive: BoolArray, d: int, chosen: int) -> tuple[bool, float, float]:
    """Least and greatest of derived feature ``d`` with one option chosen, and if that matters."""
    low, high = 0.0, 0.0
    uses = chosen == FREE
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
    return uses, low, high


@inner
def intervals(a: Any, d: int, low: float, high: float) -> tuple[int, int]:
    """The options of derived position ``d`` (intervals between thresholds) of these values."""
    first, last = a.threshold_start[d], a.threshold_start[d + 1]
    below = 0
    while first + below < last and a.threshold[first + below] < low:
        below += 1
    above = below
    while first + above < last and a.threshold[first + above] < high:
        above += 1
    return below, above


@inner
def tighten_link(a: Any, alive: BoolArray, d: int) -> int:
    """Close intervals of a feature that no options left lead to, and the reverse."""
    derived = a.start.shape[0] - a.threshold_start.shape[0]  # the first derived position
    here, end = a.start[derived + d], a.start[derived + d + 1]
    _, low, high = feature_range(a, alive, d, FREE)
    below, above = intervals(a, d, low, high)
    became = SAME
    for k in range(here, end):
        if alive[k] and not here + below <= k <= here + above:
            alive[k] = False
            became = SMALLER
    if not any_left(alive, here, end):
        return EMPTY
    for chosen in range(a.start[derived]):
        if alive[chosen]:
            uses, low, high = feature_range(a, alive, d, chosen)
            if uses:
                below, above = intervals(a, d, low, high)
                if not any_left(alive, here + below, here + above + 1):
                    alive[chosen] = False
                    became = SMALLER
    return became
