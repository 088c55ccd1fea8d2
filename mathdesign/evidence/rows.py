"""Rows of a table of trained networks, by its description: the distinct networks that they are."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mathdesign.evidence.description import DescriptionSpec, specified
from mathdesign.kinds import AnyKind, kind_of
from mathdesign.programs.base import FloatArray, IntArray
from mathdesign.programs.slot_space import TableError
from mathdesign.spaces.kind import Cells
from mathdesign.spec.document import Document
from mathdesign.spec.faults import Fault, SpecError, near_miss
from mathdesign.surrogate.reading import numbers_of

if TYPE_CHECKING:
    from pandas import DataFrame

#: So few networks say nothing.
FEWEST = 3


@dataclass(frozen=True, eq=False)
class Networks:
    """The distinct networks of a table, before anything is scored: cells as ``Kind`` reads them."""

    spec: DescriptionSpec
    document: Document
    kind: AnyKind
    cells: Cells
    inverse: IntArray
    """Which network each row of the table is."""
    numbers: Mapping[str, FloatArray]
    """Columns of targets, budgets and objectives, by row of the table."""

    @property
    def count(self) -> int:
        """How many there are."""
        return int(self.inverse.max()) + 1

    def mean(self, column: str) -> FloatArray:
        """A column, averaged over the rows of each network."""
        values = np.bincount(self.inverse, self.numbers[column])
        return np.asarray(values / np.bincount(self.inverse))

    def labels(self, target: str) -> FloatArray:
        """What the networks reached, turned so that more is better."""
        about = self.spec.targets[target]
        return (1 if about.better == "high" else -1) * self.mean(about.column or target)

    @functools.cached_property
    def fixed(self) -> list[str]:
        """The words that no program decides; without `rows:` columns are slots, all decided."""
        return [p for p in self.cells if self.spec.rows and not self.kind.is_choice(p)]

    def features(self) -> FloatArray:
        """Every choice as numbers: one column a block, words as one column each."""
        columns: list[FloatArray] = []
        for column in self.cells.values():
            for block in range(max(map(len, column))):
                values = [cell[block] if block < len(cell) else None for cell in column]
                if all(isinstance(v, int | float) or v is None for v in values):
                    columns.append(np.array([np.nan if v is None else float(v) for v in values]))
                else:
                    words = sorted({str(v) for v in values})
                    columns += [np.array([float(str(v) == w) for v in values]) for w in words]
        return np.stack(columns, axis=1) if columns else np.zeros((self.count, 0))


def read_networks(spec: DescriptionSpec, document: Document, table: DataFrame) -> Networks:
    """The networks of a table. Raises :class:`SpecError` with every fault."""
    _refuse(list(_missing(spec, document, table)))
    for column, value in spec.where.items():
        said = [str(_value(cell)) == str(value) for cell in table[column].tolist()]
        table = table[np.array(said, dtype=bool)]
    numbers, faults = _numbers(spec, document, table)
    if len(table) < FEWEST:
        place = ("where",) if spec.where else ("table",)
        faults.append(document.fault(place, f"{len(table)} rows", f"at least {FEWEST}"))
    _refuse(faults)
    kind, cells = _cells(spec, document, table)
    unique, inverse = _distinct(cells, len(table))
    cells = {path: [column[i] for i in unique] for path, column in cells.items()}
    return Networks(spec, document, kind, cells, inverse, numbers)


def _refuse(faults: list[Fault]) -> None:
    if faults:
        raise SpecError(faults)


def _missing(spec: DescriptionSpec, document: Document, table: DataFrame) -> Iterator[Fault]:
    known = [*map(str, table.columns)]
    for place, column in spec.columns():
        if column not in known:
            accepted = f"a column of the table: {', '.join(known[:12])}"
            yield document.fault(place, repr(column), accepted, near_miss(column, known))


def _numbers(
    spec: DescriptionSpec, document: Document, table: DataFrame
) -> tuple[dict[str, FloatArray], list[Fault]]:
    """The columns of targets, budgets and objectives; an empty cell of a budget is NaN."""
    found: dict[str, FloatArray] = {}
    faults = []
    for place, column in spec.columns():
        if place[0] in ("rows", "values", "where") or column in found:
            continue
        try:
            if place[0] == "budgets":
                cells = [str(cell).strip() for cell in table[column]]
                filled = np.array([cell not in ("", "nan") for cell in cells], dtype=bool)
                values = np.full(len(table), np.nan)
                values[filled] = numbers_of(table[filled], column)
            else:
                values = numbers_of(table, column)
        except TableError as error:
            faults += [document.fault(place, line, "") for line in str(error).splitlines()]
            continue
        found[column] = values
    return found, faults


def _cells(
    spec: DescriptionSpec, document: Document, table: DataFrame
) -> tuple[AnyKind, dict[str, list[tuple[Any, ...]]]]:
    kind = kind_of({"space": spec.space})
    rows: dict[str, Any] = dict(spec.rows)
    if not rows:
        shell = specified(spec, document, spec.space)
        rows = dict(kind.row_words(shell))
        gone = [c for c in rows.values() if c not in table]
        if gone or not rows:
            found = f"no columns {', '.join(gone[:8])}" if gone else "nothing"
            raise SpecError([document.fault(("rows",), found, "word of the space: column")])
    table, unknown = _translated(spec, document, table)
    _refuse(unknown)
    cells = {path: _column(table, given) for path, given in rows.items()}
    _refuse(
        [
            document.fault(("rows", path), f"row {empty[0]}: an empty cell", "a value in each row")
            for path, column in cells.items()
            if (empty := [i for i, cell in enumerate(column, 1) if not cell or "" in cell])
        ]
    )
    return kind, cells


def _translated(
    spec: DescriptionSpec, document: Document, table: DataFrame
) -> tuple[DataFrame, list[Fault]]:
    """The table with what its cells stand for, and faults: cells that stand for nothing."""
    faults = []
    columns = {}
    for column, values in spec.values.items():
        cells = [str(_value(cell)) for cell in table[column].tolist()]
        wrong = [i for i, cell in enumerate(cells, 1) if cell not in values]
        if wrong:
            found, accepted = f"row {wrong[0]}: {cells[wrong[0] - 1]!r}", ", ".join(values)
            faults.append(document.fault(("values", column), found, accepted))
        columns[column] = [values.get(cell) for cell in cells]
    return table.assign(**columns), faults


def _column(table: DataFrame, given: str | Sequence[str]) -> list[tuple[Any, ...]]:
    """Cells of one column, taken apart at blanks; of several, one column a block."""
    if not isinstance(given, str):
        columns = [table[name].tolist() for name in given]
        return [tuple(map(_value, cells)) for cells in zip(*columns)]
    return [
        tuple(map(_value, str(cell).split())) if isinstance(cell, str) else (_value(cell),)
        for cell in table[given].tolist()
    ]


def _value(cell: Any) -> Any:
    """A cell as a YAML file would have it: whole numbers as such, words as words."""
    if isinstance(cell, str):
        try:
            number = float(cell)
        except ValueError:
            return {"true": True, "false": False}.get(cell.lower(), cell)
        cell = number
    if isinstance(cell, float | np.floating):
        return int(cell) if float(cell).is_integer() else float(cell)
    return cell.item() if isinstance(cell, np.generic) else cell


def _distinct(cells: Cells, count: int) -> tuple[list[int], IntArray]:
    """The first row of each distinct network, and which network each row is."""
    columns = list(cells.values())
    seen: dict[Any, int] = {}
    first: list[int] = []
    inverse = np.zeros(count, dtype=np.int64)
    for row in range(count):
        key = tuple(column[row] for column in columns)
        if key not in seen:
            seen[key] = len(first)
            first.append(row)
        inverse[row] = seen[key]
    return first, inverse
