"""A table as a pandas frame: the columns, their types and units, and what may differ between runs.

One row a request, in the order of the sweep. After ``name``, ``status`` and ``reason`` comes one
column for each key of the grid (``budgets.macs``), then the answer with every metric that a design of
the table has (``kv_cache_bytes``, a row of the user's own). Counts are exact integers (``Int64``),
reals are ``float64``; a missing value is ``<NA>`` or ``NaN``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pandas import DataFrame, Series

#: What a row's ``status`` may be. The first three are a design's (see ``result.Certificate``).
STATUSES: Mapping[str, str] = {
    "optimal": "a design, proven optimal",
    "within_gap": "a design, proven within the requested gap of the optimum",
    "feasible": "a design; the bound says how far from the optimum it may be",
    "infeasible": "proven: no design satisfies the request; the reason says what would work",
    "timeout": "stopped at a limit without a design; infeasibility is not proven either",
    "failed": "the solver or its process broke down; the reason says how",
    "pending": "not solved yet: the run was stopped",
}
DESIGNED = ("optimal", "within_gap", "feasible")

#: Columns before those of the grid, and after them.
LEADING: Mapping[str, str] = {"name": "string", "status": "string", "reason": "string"}
ANSWER: Mapping[str, str] = {
    "objective": "float64",
    "bound": "float64",  # of every design that satisfies the row's request; NaN: nothing is proven
    "gap": "float64",  # (bound - objective) / max(|objective|, 1)
    "params": "Int64",
    "macs": "Int64",  # multiply-adds of one input
    "blocks": "Int64",
    "effectiveness": "float64",
    "solve_s": "float64",  # wall-clock seconds in the solver
    "backend": "string",
    "request_sha256": "string",  # key of the design in the store
    "folder": "string",  # of design.yaml and model.py, relative to the table
}
COLUMNS: Mapping[str, str] = {**LEADING, **ANSWER}
"""Every column but those of the grid, with its type."""

LAST_METRIC = "effectiveness"
"""Of those in :data:`ANSWER`; the others of a table's designs stand after it."""
#: Metrics that have a column only where some design has a value, or where there is no design.
SOMETIMES = ("blocks", "effectiveness")

#: Columns that differ between two runs of one sweep: in the store and the Parquet file, but
#: neither in the CSV nor in the Markdown file, which are the same bytes after any interruption.
VARYING = ("solve_s",)

#: Keys of a grid whose unit is not in their name.
UNITS: Mapping[str, str] = {"solve.time_limit": "_s", "solve.memory_limit": "_bytes"}


def column_of(key: str) -> str:
    """The column of a grid's key: the key itself, with its unit where the name has none."""
    return key + UNITS.get(key, "")


def make_frame(
    columns: Mapping[str, Sequence[Any]], settings: Sequence[Mapping[str, Any]], keys: Sequence[str],
    metrics: Sequence[Mapping[str, Any]] = (),
) -> DataFrame:  # fmt: skip
    """The frame of ``columns`` (names as in :data:`COLUMNS`; equally long) and grid ``settings``.

    ``settings`` holds for each row the value of each of ``keys`` that it sets, ``metrics`` all
    metrics of its design.
    """
    import pandas as pd

    found: dict[str, Series] = {}
    for name, dtype in LEADING.items():
        found[name] = pd.Series(columns[name], dtype=dtype)
    for key in keys:
        found[column_of(key)] = _typed([row.get(key) for row in settings])
    more = [name for name in dict.fromkeys(n for row in metrics for n in row) if name not in ANSWER]
    some = any(metrics)
    for name, dtype in ANSWER.items():
        empty = some and name in SOMETIMES and all(value is None for value in columns[name])
        if not empty:
            found[name] = pd.Series(columns[name], dtype=dtype)
        if name == LAST_METRIC:
            break
    for name in more:
        # A metric may have the name of a column, or of a key.
        column = name if name not in {*COLUMNS, *found} else f"metric.{name}"
        found[column] = _typed([row.get(name) for row in metrics])
    for name, dtype in ANSWER.items():
        if name not in found and name not in SOMETIMES:
            found[name] = pd.Series(columns[name], dtype=dtype)
    return pd.DataFrame(found)


def _typed(values: list[Any]) -> Series:
    """Values of one key or metric: exact integers, reals, truth values or, where they are mixed,
    text; integers beyond 64 bits as their digits.
    """
    import pandas as pd

    kinds = {type(value) for value in values if value is not None}
    if any(isinstance(value, int) and abs(value) >= 2**63 for value in values):
        kinds = {str}
    if kinds == {int}:
        return pd.Series(values, dtype="Int64")
    if kinds and kinds <= {int, float}:
        return pd.Series(values, dtype="float64")
    if kinds == {bool}:
        return pd.Series(values, dtype="boolean")
    texts = [None if value is None else str(value) for value in values]
    return pd.Series(texts, dtype="string")
