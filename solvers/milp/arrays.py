"""A mixed-integer linear program as plain arrays, and a small builder for it. Knows no solver."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
import scipy.sparse as sp

from mathdesign.programs.base import FloatArray, IntArray

NO_COLUMNS: IntArray = np.zeros(0, dtype=np.int64)
NO_VALUES: FloatArray = np.zeros(0)


@dataclass(frozen=True, slots=True)
class Expression:
    """``values @ x[columns] + constant``; a column may occur more than once."""

    columns: IntArray = field(default_factory=lambda: NO_COLUMNS)
    values: FloatArray = field(default_factory=lambda: NO_VALUES)
    constant: float = 0.0

    @classmethod
    def column(cls, column: int) -> Expression:
        """A single column."""
        return cls(np.array([column], dtype=np.int64), np.ones(1))

    def __add__(self, other: Expression) -> Expression:
        return Expression(
            np.concatenate([self.columns, other.columns]),
            np.concatenate([self.values, other.values]),
            self.constant + other.constant,
        )

    def __sub__(self, other: Expression) -> Expression:
        return self + other * -1.0

    def __mul__(self, factor: float) -> Expression:
        return Expression(self.columns, self.values * factor, self.constant * factor)

    def value(self, x: FloatArray) -> float:
        """The value at ``x``, shape ``(columns,)``."""
        return float(self.values @ x[self.columns]) + self.constant


Row = tuple[Expression, float, float]
"""``low <= expression <= high``."""


@dataclass(frozen=True, slots=True)
class Milp:
    """Maximise ``objective @ x + offset``, ``row_low <= matrix @ x <= row_high``, bounds on ``x``."""

    objective: FloatArray
    offset: float
    matrix: sp.csr_matrix
    row_low: FloatArray
    row_high: FloatArray
    low: FloatArray
    high: FloatArray
    integer: IntArray
    """1 where a column must be integral."""

    @property
    def columns(self) -> int:
        """Number of columns."""
        return len(self.low)

    def with_rows(self, rows: list[Row]) -> Milp:
        """The same program with further rows ``(expression, low, high)``."""
        if not rows:
            return self
        extra = _matrix([row for row, _, _ in rows], self.columns)
        constants = np.array([row.constant for row, _, _ in rows])
        return Milp(
            self.objective,
            self.offset,
            sp.csr_matrix(sp.vstack([self.matrix, extra])),
            np.concatenate([self.row_low, np.array([low for _, low, _ in rows]) - constants]),
            np.concatenate([self.row_high, np.array([high for _, _, high in rows]) - constants]),
            self.low,
            self.high,
            self.integer,
        )

    def with_columns(self, high: FloatArray, integer: IntArray) -> Milp:
        """The same program with further columns within ``[0, high]`` that no row mentions yet."""
        n = len(high)
        old = self.matrix
        return replace(
            self,
            objective=np.concatenate([self.objective, np.zeros(n)]),
            matrix=sp.csr_matrix(
                (old.data, old.indices, old.indptr), shape=(old.shape[0], self.columns + n)
            ),
            low=np.concatenate([self.low, np.zeros(n)]),
            high=np.concatenate([self.high, high]),
            integer=np.concatenate([self.integer, integer]),
        )


@dataclass(slots=True)
class MilpBuilder:
    """Collects columns and rows."""

    low: list[FloatArray] = field(default_factory=list)
    high: list[FloatArray] = field(default_factory=list)
    integer: list[IntArray] = field(default_factory=list)
    count: int = 0
    rows: list[Row] = field(default_factory=list)
    one_hot: dict[int, IntArray] = field(default_factory=dict)
    """First column of a one-hot group -> the group: for tighter ranges."""

    def add(self, n: int, low: float, high: float, *, integer: bool = False) -> IntArray:
        """``n`` new columns within ``[low, high]``; their indices."""
        self.low.append(np.full(n, low, dtype=np.float64))
        self.high.append(np.full(n, high, dtype=np.float64))
        self.integer.append(np.full(n, int(integer), dtype=np.int64))
        self.count += n
        return np.arange(self.count - n, self.count)

    def equal(self, expression: Expression, right: float) -> None:
        """``expression == right``; a plain sum of binaries that is 1 is noted as one-hot."""
        self.rows.append((expression, right, right))
        if right == 1 and expression.constant == 0 and (expression.values == 1).all():
            self.one_hot[int(expression.columns[0])] = expression.columns

    def at_most(self, expression: Expression, right: float) -> None:
        """``expression <= right``."""
        self.rows.append((expression, -math.inf, right))

    def rows_le(self, left: IntArray, right: IntArray, factor: float) -> None:
        """``left[i] <= factor * right[i]`` for all i."""
        for a, b in zip(left, right):
            self.at_most(Expression(np.array([a, b]), np.array([1.0, -factor])), 0)

    def rows_ge(self, left: IntArray, right: IntArray, factor: float) -> None:
        """``left[i] >= factor * right[i]`` for all i."""
        for a, b in zip(left, right):
            self.at_most(Expression(np.array([a, b]), np.array([-1.0, factor])), 0)

    def range_of(self, expression: Expression) -> tuple[float, float]:
        """Bounds on an expression from column bounds, one-hot groups counted once."""
        low = high = expression.constant
        bounds_low, bounds_high = np.concatenate(self.low), np.concatenate(self.high)
        columns, inverse = np.unique(expression.columns, return_inverse=True)
        values = np.zeros(len(columns))
        np.add.at(values, inverse, expression.values)
        used = np.zeros(len(columns), dtype=np.bool_)
        position = {int(c): i for i, c in enumerate(columns)}
        for first, group in self.one_hot.items():
            if first not in position or not all(int(c) in position for c in group):
                continue
            members = np.array([position[int(c)] for c in group])
            used[members] = True
            low += float(values[members].min())
            high += float(values[members].max())
        rest = ~used
        ends = np.stack([values * bounds_low[columns], values * bounds_high[columns]])[:, rest]
        return low + float(ends.min(axis=0).sum()), high + float(ends.max(axis=0).sum())

    def finish(self, objective: Expression) -> Milp:
        """The arrays."""
        costs = np.zeros(self.count)
        np.add.at(costs, objective.columns, objective.values)
        constants = np.array([row.constant for row, _, _ in self.rows])
        return Milp(
            objective=costs,
            offset=objective.constant,
            matrix=_matrix([row for row, _, _ in self.rows], self.count),
            row_low=np.array([low for _, low, _ in self.rows]) - constants,
            row_high=np.array([high for _, _, high in self.rows]) - constants,
            low=np.concatenate(self.low),
            high=np.concatenate(self.high),
            integer=np.concatenate(self.integer),
        )


def _matrix(rows: list[Expression], columns: int) -> sp.csr_matrix:
    data = np.concatenate([row.values for row in rows])
    index = np.concatenate([row.columns for row in rows])
    start = np.cumsum([0, *(len(row.columns) for row in rows)])
    matrix = sp.csr_matrix((data, index, start), shape=(len(rows), columns))
    matrix.sum_duplicates()
    return matrix
