"""Tables of a chain as flat arrays: entries, and their ranges along the last source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mathdesign.programs.base import IntArray
from mathdesign.programs.chain import DesignProblem
from mathdesign.programs.stages import PREV, WIDTH, Tabled

#: More sources than this are refused: the kernels have three loops.
MOST_SOURCES = 3


def refuses(problem: DesignProblem) -> str | None:
    """Tables over more choices than the kernels hold."""
    for stage in problem.stages:
        for table in stage.tables:
            if len(table.sources) > MOST_SOURCES:
                return f"a cost in a table over more than {MOST_SOURCES} choices"
    return None


def table_arrays(problem: DesignProblem, index: Mapping[tuple[int, str], int]) -> dict[str, Any]:
    """``table_*`` of :class:`~mathdesign.solvers.exact.model.BoxModel`; ``index``: symbol -> variable."""
    variables, sizes, at = [], [], []
    entries: list[IntArray] = []
    least: list[IntArray] = []
    most: list[IntArray] = []
    start = range_at = 0
    for s, stage in enumerate(problem.stages):
        for table in stage.tables:
            sources, values = _ordered(problem, s, table)
            places = np.searchsorted(np.unique(values), values).astype(np.int64)
            low, high = _ranges(places, np.minimum), _ranges(places, np.maximum)
            variables.append((index[s, table.name], *(_variable(s, x, index) for x in sources)))
            sizes.append(values.shape)
            at.append((start, range_at))
            entries.append(places.ravel())
            least.append(low)
            most.append(high)
            start, range_at = start + places.size, range_at + low.size
    none = np.zeros(1, dtype=np.int64)
    return {
        "table_var": np.array(variables, dtype=np.int64).reshape(len(variables), 4),
        "table_size": np.array(sizes, dtype=np.int64).reshape(len(sizes), 3),
        "table_at": np.array(at, dtype=np.int64).reshape(len(at), 2),
        "table_entry": np.concatenate([*entries, none]),
        "table_least": np.concatenate([*least, none]),
        "table_most": np.concatenate([*most, none]),
    }


def _variable(s: int, source: str, index: Mapping[tuple[int, str], int]) -> int:
    """The variable of a source; -1 for none, and for ``prev`` where nothing is chosen before."""
    if source != PREV:
        return index[s, source] if source else -1
    return index[s - 1, WIDTH] if s else -1


def _ordered(problem: DesignProblem, s: int, table: Tabled) -> tuple[tuple[str, ...], IntArray]:
    """Sources and entries with the longest domain last, and axes of one entry in front."""
    order = np.argsort(table.values.shape, kind="stable")
    values = table.values.transpose(order)
    missing = MOST_SOURCES - values.ndim
    sources = ("",) * missing + tuple(table.sources[i] for i in order)
    return sources, values.reshape((1,) * missing + values.shape)


def _ranges(places: IntArray, of: Any) -> IntArray:
    """Sparse tables (level, cell): ``of`` all of the 2^level entries from each cell on; flat."""
    levels = max(1, places.shape[-1].bit_length())
    found = np.empty((levels, *places.shape), dtype=np.int64)
    found[0] = places
    for level in range(1, levels):
        shift = 1 << (level - 1)
        found[level] = found[level - 1]
        left = found[level - 1, ..., :-shift]
        found[level, ..., :-shift] = of(left, found[level - 1, ..., shift:])
    return found.ravel()
