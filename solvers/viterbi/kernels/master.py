"""Prices of least bound: the simplex method over mixes of paths, its columns found by the sweep.

The master program is ``max sum_k x_k v_k - big * broken`` over mixes of paths whose mean costs keep
the sides of the budgets. Its basis has a row a side and one for the mix; what it says next is which
prices to try, and any prices are valid, so that nothing here has to be exact.
"""

# numba is untyped
# mypy: disable-error-code="no-untyped-call, untyped-decorator"

from __future__ import annotations

import numpy as np

from mathdesign.programs.base import FloatArray, IntArray
from mathdesign.solvers.compiled import inner, kernel
from mathdesign.solvers.viterbi.kernels.sweeps import best_path, to_end

#: Multipliers and columns below this count as zero; all is scaled to units of one.
TINY = 1e-11


@inner
def pivot(inverse: FloatArray, held: FloatArray, column: FloatArray) -> int:
    """The row whose basic variable leaves for a column already multiplied by the inverse; -1: none."""
    row, least = -1, np.inf
    for i in range(len(held)):
        if column[i] > TINY:
            ratio = max(held[i], 0.0) / column[i]
            if ratio < least:
                row, least = i, ratio
    if row < 0:
        return row
    inverse[row] /= column[row]
    held[row] = least
    for i in range(len(held)):
        if i != row:
            inverse[i] -= column[i] * inverse[row]
            held[i] -= column[i] * least
    return row


@kernel
def priced(
    first: IntArray,
    head: IntArray,
    gain: FloatArray,
    costs: FloatArray,
    side_row: IntArray,
    side_sign: FloatArray,
    side_bound: FloatArray,
    steps: int,
    rounds: int,
    big: float,
    close: float,
    kept: int,
) -> tuple[FloatArray, FloatArray, IntArray, FloatArray]:
    """The ``kept`` last prices that improved the bound, best last, their bounds, paths and their mix.

    ``costs`` (arcs, rows) and ``side_bound`` are in units of each row, ``gain`` in its own. A side
    ``sign * cost[row] <= bound``. Paths are listed as found, the arcs of each in a row.
    """
    sides, rows = len(side_row), costs.shape[1]
    found, bounds = np.zeros((kept, rows)), np.full(kept, np.inf)
    paths = np.zeros((rounds, steps), dtype=np.int64)
    weight = gain.copy()
    inverse, held = np.eye(sides + 1), np.zeros(sides + 1)
    worth = np.zeros(sides + 1)
    column, entering = np.zeros(sides + 1), np.zeros(sides + 1)
    price, total = np.zeros(rows), np.zeros(rows)
    known = 0
    basis = np.full(sides + 1, -1)
    for turn in range(rounds * (sides + 2)):
        if known == rounds:
            break
        dual = worth @ inverse
        slack = -1
        if known:
            for j in range(sides):
                if dual[j] < -TINY and (slack < 0 or dual[j] < dual[slack]):
                    slack = j
        if slack >= 0:
            entering[:] = 0.0
            entering[slack] = 1.0
            value = 0.0
        else:
            price[:] = 0.0
            at = 0.0
            for j in range(sides):
                price[side_row[j]] += side_sign[j] * max(dual[j], 0.0)
                at += side_bound[j] * max(dual[j], 0.0)
            for a in range(len(gain)):
                paid = 0.0
                for r in range(rows):
                    paid += price[r] * costs[a, r]
                weight[a] = gain[a] - paid
            best = to_end(first, head, weight)
            if best[0] + at < bounds[kept - 1]:
                found[:-1] = found[1:].copy()
                bounds[:-1] = bounds[1:].copy()
                found[kept - 1] = price
                bounds[kept - 1] = best[0] + at
            best_path(first, head, weight, best, paths[known])
            value, total[:] = 0.0, 0.0
            for a in paths[known]:
                value += gain[a]
                total += costs[a]
            known += 1
            for j in range(sides):
                entering[j] = side_sign[j] * total[side_row[j]]
            entering[sides] = 1.0
            if known == 1:  # the first basis: this path, and slack or what is broken of each side
                for j in range(sides):
                    room = side_bound[j] - entering[j]
                    sign = 1.0 if room >= 0.0 else -1.0
                    inverse[j, j] = sign
                    inverse[j, sides] = -sign * entering[j]
                    held[j] = sign * room
                    worth[j] = 0.0 if room >= 0.0 else -big
                held[sides] = 1.0
                worth[sides] = value
                basis[sides] = 0
                continue
            mixed = 0.0
            for i in range(sides + 1):
                mixed += worth[i] * held[i]
            if bounds[kept - 1] - mixed <= close:
                break
            if value - (dual[:sides] * entering[:sides]).sum() - dual[sides] <= TINY:
                break
        column[:] = inverse @ entering
        left = pivot(inverse, held, column)
        if left < 0:
            break
        worth[left] = value
        basis[left] = known - 1 if slack < 0 else -1
    mix = np.zeros(known)
    for i in range(sides + 1):
        if basis[i] >= 0:
            mix[basis[i]] += held[i]
    return found, bounds, paths[:known], mix
