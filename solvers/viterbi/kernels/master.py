"""Prices of least bound: the simplex method over mixes of paths, its columns found by the sweep.

The master program is ``max sum_k x_k v_k - big * broken`` over mixes of paths whose mean costs keep
the sides of the budgets. Its basis has a row a side and one for the mix; what it says next is which
prices to try, and any prices are valid, so that nothing here has to be exact.
"""

# numba is untyped
# mypy: disable-error-code="no-untyped-call, untyped-decorator"

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mathdesign.programs.base import FloatArray, IntArray
from mathdesign.solvers.compiled import inner, kernel
from mathdesign.solvers.viterbi.kernels.sweeps import best_path, to_end

#: Multipliers and columns below this count as zero; all is scaled to units of one.
TINY = 1e-11


class Sides(NamedTuple):
    """The sides of the budgets, ``sign * cost[row] <= bound``."""

    row: IntArray
    sign: FloatArray
    bound: FloatArray


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


@inner
def steepest(dual: FloatArray, sides: int) -> int:
    """The side whose slack would raise the mix most by entering; -1: none would."""
    found, least = -1, -TINY
    for j in range(sides):
        if dual[j] < least:
            found, least = j, dual[j]
    return found


@inner
def prices_of(dual: FloatArray, sides: Sides, price: FloatArray) -> float:
    """Write the net price of each row; returns what the bounds of the sides are worth."""
    price[:] = 0.0
    at = 0.0
    for j in range(len(sides.row)):
        price[sides.row[j]] += sides.sign[j] * max(dual[j], 0.0)
        at += sides.bound[j] * max(dual[j], 0.0)
    return at


@inner
def paid(gain: FloatArray, costs: FloatArray, price: FloatArray, weight: FloatArray) -> None:
    """Write what each arc gains less what its costs are priced at."""
    for a in range(len(gain)):
        weight[a] = gain[a]
        for r in range(len(price)):
            weight[a] -= price[r] * costs[a, r]


@inner
def column_of(
    path: IntArray, gain: FloatArray, costs: FloatArray, sides: Sides, column: FloatArray
) -> float:
    """Write the column of a path; returns its gain."""
    value = 0.0
    column[:] = 0.0
    for a in path:
        value += gain[a]
        for j in range(len(sides.row)):
            column[j] += sides.sign[j] * costs[a, sides.row[j]]
    column[len(sides.row)] = 1.0
    return value


@inner
def begun(
    column: FloatArray, value: float, sides: Sides, big: float, inverse: FloatArray,
    held: FloatArray, worth: FloatArray,
) -> None:  # fmt: skip
    """The first basis: one path, and for each side its slack, or what it is broken by."""
    last = len(sides.row)
    for j in range(last):
        room = sides.bound[j] - column[j]
        sign = 1.0 if room >= 0.0 else -1.0
        inverse[j, j], inverse[j, last] = sign, -sign * column[j]
        held[j], worth[j] = sign * room, 0.0 if room >= 0.0 else -big
    held[last], worth[last] = 1.0, value


@kernel
def priced(
    first: IntArray, head: IntArray, gain: FloatArray, costs: FloatArray, sides: Sides, layers: int,
    rounds: int, big: float, close: float, kept: int,
) -> tuple[FloatArray, FloatArray, IntArray, FloatArray]:  # fmt: skip
    """The ``kept`` last prices that improved the bound, best last, their bounds, paths and their mix.

    ``costs`` (arcs, rows) and bounds in units of each row, ``gain`` in its own. Paths are listed as
    found, the arcs of each in a row.
    """
    last, known = len(sides.row), 0
    found, bounds = np.zeros((kept, costs.shape[1])), np.full(kept, np.inf)
    paths, mix = np.zeros((rounds, layers), dtype=np.int64), np.zeros(rounds)
    inverse, held, worth = np.eye(last + 1), np.zeros(last + 1), np.zeros(last + 1)
    basis, entering = np.full(last + 1, -1), np.zeros(last + 1)
    weight, price = gain.copy(), np.zeros(costs.shape[1])
    for _ in range(rounds * (last + 2)):
        dual = worth @ inverse
        slack = steepest(dual, last) if known else -1
        if slack >= 0:
            entering[:] = 0.0
            entering[slack] = 1.0
            value = 0.0
        elif known == rounds:
            break
        else:
            at = prices_of(dual, sides, price)
            paid(gain, costs, price, weight)
            best = to_end(first, head, weight)
            if best[0] + at < bounds[kept - 1]:
                found[:-1], bounds[:-1] = found[1:].copy(), bounds[1:].copy()
                found[kept - 1], bounds[kept - 1] = price, best[0] + at
            best_path(first, head, weight, best, paths[known])
            value = column_of(paths[known], gain, costs, sides, entering)
            known += 1
            if known == 1:
                begun(entering, value, sides, big, inverse, held, worth)
                basis[last] = 0
                continue
            mixed = (worth * held).sum()
            if bounds[kept - 1] - mixed <= close or value - (dual * entering).sum() <= TINY:
                break
        left = pivot(inverse, held, inverse @ entering)
        if left < 0:
            break
        worth[left] = value
        basis[left] = known - 1 if slack < 0 else -1
    for i in range(last + 1):
        if basis[i] >= 0:
            mix[basis[i]] += held[i]
    return found, bounds, paths[:known], mix[:known]
