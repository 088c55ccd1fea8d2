r"""MILP -> the same MILP in units that a floating-point solver can hold.

Solvers keep rows and bounds to :math:`10^{-6}` absolute and reduced costs to :math:`10^{-7}`. A
continuous column of up to :math:`10^9` multiply-adds beside a binary is then asked for at a relative
precision that doubles do not have, and feasible programs have been called infeasible for it. With
powers of two :math:`s_j` and :math:`r_i`,

.. math:: x_j=s_jx'_j,\qquad r_il_i\le\sum_j r_ia_{ij}s_j\,x'_j\le r_ih_i,\qquad
          \max\ \sum_j (c_js_j/u)\,x'_j

where :math:`s_j` brings the bounds of a large continuous column to about 1 (integers keep theirs),
:math:`r_i` the largest coefficient of a large row, and :math:`u` that of the objective to a million.

Before that, terms go that a solver cannot see beside others of their row: with coefficients of
1e-14 and 1 in one row HiGHS has stated bounds below the optimum, with presolve and without.

**Validity.** Scaling by powers of two is exact: the same points are feasible, the objective is
:math:`u` times what is stated. A term that goes leaves its range in the row's limits, so no point is
lost. What a solver's tolerances let through is more: points are re-evaluated, and cut off where they
break a budget.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from mathdesign.programs.base import FloatArray
from mathdesign.solvers.milp.arrays import Milp

#: The largest objective coefficient is brought into this range, to its upper end: reduced costs of
#: 1e-7 on a column of some hundreds are then nothing beside it.
OBJECTIVE_RANGE = (2.0**16, 2.0**20)
#: Continuous columns whose bounds are beyond this are scaled to 1.
LARGE_COLUMN = 64.0
#: Rows whose coefficients are all beyond this, or one of them, are scaled.
LARGE_ROW = 1024.0
#: Terms of a row below this share of its largest go: a thousandth of what rows are kept to.
THIN = 1e-9


@dataclass(frozen=True, slots=True)
class Scaled:
    """``milp`` is for the solver: its columns times ``columns`` are those of the program."""

    milp: Milp
    columns: FloatArray
    unit: float
    """What the solver's objective is to be multiplied with."""


def scaled(milp: Milp) -> Scaled:
    """``milp`` in other units, without what cannot be seen in any."""
    milp = thinned(milp)
    columns = _columns(milp)
    matrix = sp.csr_matrix(milp.matrix @ sp.diags(columns))
    rows = _rows(matrix)
    objective = milp.objective * columns
    unit = _unit(objective)
    if not (rows != 1).any() and not (columns != 1).any() and unit == 1:
        return Scaled(milp, columns, unit)
    return Scaled(
        replace(
            milp,
            objective=objective / unit,
            offset=milp.offset / unit,
            matrix=sp.csr_matrix(sp.diags(rows) @ matrix),
            row_low=milp.row_low * rows,
            row_high=milp.row_high * rows,
            low=milp.low / columns,
            high=milp.high / columns,
        ),
        columns,
        unit,
    )


def thinned(milp: Milp) -> Milp:
    """``milp`` without the terms of rows that no solver sees beside the others.

    A term that is always within ``[l, u]``, and that far below the largest of its row, goes; the row
    is widened by what it can be, so that every point that was feasible still is.
    """
    matrix = sp.coo_matrix(milp.matrix)
    row, column, value = matrix.row, matrix.col, matrix.data
    with np.errstate(invalid="ignore"):  # 0 times infinity
        ends = value * milp.low[column], value * milp.high[column]
    least, most = np.minimum(*ends), np.maximum(*ends)
    size = np.maximum(np.abs(least), np.abs(most))
    known = np.isfinite(size)
    largest = np.zeros(matrix.shape[0])
    np.maximum.at(largest, row[known], size[known])
    gone = known & (size < THIN * largest[row])
    if not gone.any():
        return milp
    low, high = milp.row_low.copy(), milp.row_high.copy()
    np.subtract.at(low, row[gone], most[gone])
    np.subtract.at(high, row[gone], least[gone])
    kept = (value[~gone], (row[~gone], column[~gone]))
    return replace(milp, matrix=sp.csr_matrix(kept, shape=matrix.shape), row_low=low, row_high=high)


def _columns(milp: Milp) -> FloatArray:
    size = np.maximum(np.abs(milp.low), np.abs(milp.high))
    large = (milp.integer == 0) & np.isfinite(size) & (size > LARGE_COLUMN)
    return np.where(large, _power(np.where(large, size, 1.0)), 1.0)


def _rows(matrix: sp.csr_matrix) -> FloatArray:
    top = np.zeros(matrix.shape[0])
    filled = np.flatnonzero(np.diff(matrix.indptr))
    if len(filled):
        top[filled] = np.maximum.reduceat(np.abs(matrix.data), matrix.indptr[filled])
    return np.where(top > LARGE_ROW, 1.0 / _power(np.maximum(top, 1.0)), 1.0)


def _unit(objective: FloatArray) -> float:
    top = float(np.abs(objective).max(initial=0.0))
    low, high = OBJECTIVE_RANGE
    return 1.0 if top == 0 or low <= top <= high else 2.0 ** math.frexp(top)[1] / high


def _power(size: FloatArray) -> FloatArray:
    """The power of two above each size."""
    return np.asarray(np.exp2(np.frexp(size)[1]))
