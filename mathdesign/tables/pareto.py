"""The rows of a table that no other row beats in every metric: its Pareto front."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mathdesign.programs.base import BoolArray, FloatArray

if TYPE_CHECKING:
    from pandas import DataFrame

#: What more of is better. Everything else (macs, params, latency_ms ...) costs something.
MAXIMISED = frozenset(
    {"objective", "bound", "entropy", "accuracy", "test_accuracy", "predicted", "linear_layers"}
)
DIRECTIONS = {"min": False, "max": True}


@dataclass(frozen=True, slots=True)
class Axis:
    """One metric of a Pareto front: a column, and whether more of it is better."""

    column: str
    maximise: bool

    @classmethod
    def parse(cls, word: str) -> Axis:
        """From ``macs`` or, where the direction is not the usual one, ``max:macs``, ``min:score``."""
        prefix, colon, column = word.partition(":")
        if colon and prefix in DIRECTIONS:
            return cls(column, DIRECTIONS[prefix])
        return cls(word, word in MAXIMISED)


def pareto(table: DataFrame, metrics: Sequence[str]) -> DataFrame:
    """The rows of ``table`` that no other row dominates, ordered by the first metric, best first.

    ``objective``, ``bound``, ``entropy`` and ``accuracy`` are maximised, any other column is
    minimised; write ``max:NAME`` or ``min:NAME`` to say otherwise. A row dominates another if it
    is at least as good in every metric and better in one: rows with equal metrics stay together.
    Rows without a value (infeasible, failed) are never on the front. Raises ``ValueError`` that
    names every metric which is no column of numbers.
    """
    axes = [Axis.parse(word) for word in metrics]
    costs = _costs(table, axes)
    front = table[efficient(costs)]
    first = axes[0]
    return front.sort_values(first.column, ascending=not first.maximise, kind="stable")


def on_front(table: DataFrame, metrics: Sequence[str]) -> BoolArray:
    """Whether each row of ``table`` is on that front, in the table's order: shape ``(rows,)``."""
    return efficient(_costs(table, [Axis.parse(word) for word in metrics]))


def _costs(table: DataFrame, axes: Sequence[Axis]) -> FloatArray:
    """The metrics as costs, one column an axis; NaN where a row has no value."""
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    def number(column: str) -> bool:
        return is_numeric_dtype(table[column]) and not is_bool_dtype(table[column])

    if not axes:
        raise ValueError("pareto: name at least one metric")
    if wrong := [a.column for a in axes if a.column not in table or not number(a.column)]:
        known = ", ".join(str(column) for column in table if number(column))
        raise ValueError(f"pareto: {', '.join(wrong)}: no column of numbers; there are: {known}")
    costs = np.empty((len(table), len(axes)))
    for k, axis in enumerate(axes):
        values: Any = table[axis.column].to_numpy(dtype=float, na_value=np.nan)
        costs[:, k] = -values if axis.maximise else values
    return costs


def efficient(costs: FloatArray) -> BoolArray:
    """Which rows of ``costs``, shape ``(n, metrics)``, no other row dominates: shape ``(n,)``.

    All metrics are minimised; rows that hold a NaN are not efficient. Two metrics take
    ``O(n log n)``; more take ``O(n * front)`` at worst.
    """
    found = np.zeros(len(costs), dtype=bool)
    (finite,) = np.nonzero(~np.isnan(costs).any(axis=1))
    if not len(finite):
        return found
    # Equal rows do not dominate each other: decide once for each distinct row. ``np.unique``
    # sorts by the first metric, then by the next.
    distinct, inverse = np.unique(costs[finite], axis=0, return_inverse=True)
    decide = _of_two if costs.shape[1] == 2 else _of_many
    found[finite] = decide(distinct)[inverse.reshape(-1)]
    return found


def _of_two(costs: FloatArray) -> BoolArray:
    """For distinct sorted pairs: efficient if cheaper in the second metric than all before."""
    best_before = np.minimum.accumulate(costs[:, 1])[:-1]
    return np.concatenate([[True], costs[1:, 1] < best_before])


def _of_many(costs: FloatArray) -> BoolArray:
    """For distinct rows: take the least sum that is left (nothing dominates it), drop its victims.

    A row that dominates another has the smaller sum of ranks, so the order by it visits only
    efficient rows. Ranks, not values: sums of reals may round to a tie.
    """
    ranks = np.column_stack([np.unique(c, return_inverse=True)[1] for c in costs.T])
    left = np.argsort(ranks.sum(axis=1), kind="stable")
    found = np.zeros(len(costs), dtype=bool)
    while len(left):
        best, left = left[0], left[1:]
        found[best] = True
        left = left[(ranks[left] < ranks[best]).any(axis=1)]
    return found
