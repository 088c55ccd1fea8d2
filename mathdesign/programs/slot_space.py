"""A space of option lists: slots, exact integer costs, and how a user's table names its designs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from mathdesign.programs.base import Budget, FloatArray, IntArray
from mathdesign.programs.counts import rough
from mathdesign.programs.slots import PairTable, Slot, TableSum

if TYPE_CHECKING:
    from pandas import DataFrame

#: So many wrong cells are listed; the rest are counted.
MOST_LISTED = 5


class TableError(ValueError):
    """A table that does not describe designs of the space; every finding, one a line."""


@dataclass(frozen=True, eq=False, repr=False)
class TableSpace:
    """Slots and metrics. ``counted`` are options whose number in a design means something
    (operations that all slots share): they become features of a predictor. ``rules`` and ``always``
    hold for every design, whatever else is asked.
    """

    name: str
    slots: tuple[Slot, ...]
    metrics: Mapping[str, TableSum] = field(default_factory=dict)
    counted: tuple[str, ...] = ()
    rules: tuple[PairTable, ...] = ()
    always: tuple[Budget, ...] = ()
    units: Mapping[str, str] = field(default_factory=dict)
    """Unit of each metric, where it has been told."""

    def __repr__(self) -> str:
        metrics = ", ".join(self.metrics) or "no metrics"
        return f"<TableSpace {self.name}: {rough(self.size, 4)} designs of {len(self.slots)} slots; {metrics}>"

    @property
    def size(self) -> int:
        """Number of assignments of options to slots; rules may leave fewer."""
        return math.prod(len(slot.options) for slot in self.slots)

    def points(self, table: DataFrame) -> IntArray:
        """The designs of ``table``, shape ``(rows, slots)``: one column a slot, named as the slot.

        A cell is an option's name, its value (ordered slots) or, where options have no values,
        its position from 0. Raises :class:`TableError` with every missing column and wrong cell.
        """
        faults: list[str] = []
        columns = []
        for slot in self.slots:
            if slot.name not in table:
                known = ", ".join(map(str, table.columns[:12]))
                faults.append(f"no column {slot.name!r} for a slot of {self.name}; found: {known}")
                continue
            # A name wins over a value or a position that is written in the same way.
            numbers = range(len(slot.options)) if slot.values is None else slot.values
            positions = {_text(number): k for k, number in enumerate(numbers)}
            positions |= {text: k for k, text in enumerate(slot.options)}
            cells = [_text(cell) for cell in table[slot.name]]
            column = [positions.get(cell, -1) for cell in cells]
            wrong = [i for i, k in enumerate(column) if k < 0]
            for i in wrong[:MOST_LISTED]:
                accepted = ", ".join(slot.options)
                faults.append(f"row {i + 1}, {slot.name}: found {cells[i]!r}, accepted: {accepted}")
            if len(wrong) > MOST_LISTED:
                faults.append(f"{slot.name}: {len(wrong) - MOST_LISTED} more wrong cells")
            columns.append(column)
        if faults:
            raise TableError("\n".join(faults))
        return np.array(columns, dtype=np.int64).T.reshape(len(table), len(self.slots))

    def values(self, points: IntArray) -> FloatArray:
        """What the options of ``points`` are as numbers, shape ``(rows, slots)``.

        An option without a value is its position.
        """
        tables = [np.array(s.values or range(len(s.options)), dtype=float) for s in self.slots]
        return np.stack([table[points[:, i]] for i, table in enumerate(tables)], axis=1)

    def words(self, point: Any) -> dict[str, str]:
        """A point as slot -> option."""
        return {slot.name: slot.options[int(k)] for slot, k in zip(self.slots, point)}

    def point(self, words: Mapping[str, Any]) -> tuple[int, ...]:
        """Inverse of :meth:`words`. Raises :class:`TableError`."""
        found = []
        for slot in self.slots:
            option = _text(words.get(slot.name))
            if option not in slot.options:
                raise TableError(
                    f"{slot.name}: found {option!r}, accepted: {', '.join(slot.options)}"
                )
            found.append(slot.options.index(option))
        return tuple(found)

    def costs(self, point: Any) -> dict[str, int]:
        """Every metric of one design."""
        at = np.array(point, dtype=np.int64)[None]
        return {name: int(sums.at(at)[0]) for name, sums in self.metrics.items()}


def _text(cell: Any) -> str:
    """A cell as an option is written: whole numbers without a fraction."""
    if isinstance(cell, float | np.floating) and float(cell).is_integer():
        return str(int(cell))
    return str(cell).strip()
