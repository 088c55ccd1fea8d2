"""A space of option lists: slots, exact integer costs, and how a user's table names its designs."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from mathdesign.programs.base import Budget, FloatArray, IntArray
from mathdesign.programs.cells import Cells, is_missing, position_of
from mathdesign.programs.counts import rough
from mathdesign.programs.slots import Feature, PairTable, Slot, SlotObjective, TableSum

if TYPE_CHECKING:
    from pandas import DataFrame

#: So many wrong cells are listed; the rest are counted.
MOST_LISTED = 5
#: So many options of a slot are listed in a message.
MOST_OPTIONS = 40


class TableError(ValueError):
    """A table that does not describe designs of the space; every finding, one a line."""


@dataclass(frozen=True, slots=True)
class Columns:
    """How tables write a slot whose options say several things: a column each, of whole numbers.

    ``option`` of their cells is the option's name; a name that the slot does not have is no option.
    """

    names: tuple[str, ...]
    option: Callable[..., str]


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
    untrained: SlotObjective | None = None
    """What may be maximised before anything was measured, where the space has an entropy."""
    columns: Mapping[str, Columns] = field(default_factory=dict)
    """Slot -> the columns that published tables have in its place."""
    described: tuple[Feature, ...] = ()
    """What options say besides their names: features of a predictor."""

    def __repr__(self) -> str:
        metrics = ", ".join(self.metrics) or "no metrics"
        return f"<TableSpace {self.name}: {rough(self.size, 4)} designs of {len(self.slots)} slots; {metrics}>"

    @property
    def size(self) -> int:
        """Number of assignments of options to slots; rules may leave fewer."""
        return math.prod(len(slot.options) for slot in self.slots)

    @property
    def positive(self) -> bool:
        """Whether all options stand for positive numbers, so that they have logarithms."""
        return all(slot.values is not None and min(slot.values) > 0 for slot in self.slots)

    @cached_property
    def _cells(self) -> tuple[Cells, ...]:
        """How the cells of each slot are read."""
        return tuple(map(Cells.of, self.slots))

    def points(self, table: DataFrame, positions: Collection[str] = ()) -> IntArray:
        """The designs of ``table``, shape ``(rows, slots)``: one column a slot, named as the slot.

        A cell is an option's name, or else a number that the option is (:mod:`.cells`); in the
        slots named by ``positions`` it is the option's position from 0 and nothing else. Raises
        :class:`TableError` with every missing column and wrong cell.
        """
        names = [slot.name for slot in self.slots]
        faults = [
            f"positions of {name!r}: no slot of {self.name}; accepted: {', '.join(names[:12])}"
            for name in positions
            if name not in names
        ]
        columns = []
        for slot, own in zip(self.slots, self._cells):
            if slot.name not in table:
                known = ", ".join(map(str, table.columns[:12]))
                faults.append(f"no column {slot.name!r} for a slot of {self.name}; found: {known}")
                continue
            cells = table[slot.name].tolist()
            if slot.name in positions:
                column = [position_of(cell, len(slot.options)) for cell in cells]
                accepted = f"a position, 0 to {len(slot.options) - 1}"
            else:
                column = list(map(own.option, cells))
                accepted = _listed(slot.options)
            wrong = [i for i, k in enumerate(column) if k is None]
            faults += _wrong_cells(slot, cells, wrong, accepted, slot.name in positions)
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
        for slot, own in zip(self.slots, self._cells):
            cell = words.get(slot.name)
            option = own.option(cell)
            if option is None:
                what = "nothing" if cell is None else repr(str(cell))
                raise TableError(f"{slot.name}: found {what}, accepted: {_listed(slot.options)}")
            found.append(option)
        return tuple(found)

    def costs(self, point: Any) -> dict[str, int]:
        """Every metric of one design."""
        at = np.array(point, dtype=np.int64)[None]
        return {name: int(sums.at(at)[0]) for name, sums in self.metrics.items()}


def _wrong_cells(
    slot: Slot, cells: list[Any], wrong: list[int], accepted: str, by_position: bool
) -> list[str]:
    """The first wrong cells, how many more there are, and what would mend them all."""
    found = []
    for i in wrong[:MOST_LISTED]:
        missing = is_missing(cells[i])
        what = "a missing value" if missing else repr(str(cells[i]).strip())
        found.append(f"row {i + 1}, {slot.name}: found {what}, accepted: {accepted}")
    if len(wrong) > MOST_LISTED:
        found.append(f"{slot.name}: {len(wrong) - MOST_LISTED} more wrong cells")
    if any(is_missing(cells[i]) for i in wrong):
        found.append(
            f"{slot.name}: a missing value is no option; where a reader took a word such as NA for "
            "one, read the table with keep_default_na=False, or write the option's name"
        )
    count = len(slot.options)
    if wrong and not by_position and all(position_of(cell, count) is not None for cell in cells):
        found.append(
            f"{slot.name}: if its cells are positions of options, say so: --positions {slot.name} "
            f"(in Python positions=[{slot.name!r}])"
        )
    return found


def _listed(options: tuple[str, ...]) -> str:
    more = f", ... ({len(options):,} in all)" if len(options) > MOST_OPTIONS else ""
    return ", ".join(options[:MOST_OPTIONS]) + more
