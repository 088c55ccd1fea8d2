"""Tables of measured designs as others write them: separators, headers, numbers, architecture strings.

A table may name a design slot by slot, or by one string: NAS-Bench-201's
``|nor_conv_3x3~0|+|none~0|skip_connect~1|+|...|``, NATS-Bench's ``64:64:32:16:8``, or the options of
all slots between colons. Every message names the cell and what would mend it. A file's cells stay
as they are written: only a column of numbers that print as they are written becomes one of numbers.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mathdesign.programs.base import FloatArray
from mathdesign.programs.cells import position_of
from mathdesign.programs.slot_space import MOST_LISTED, TableError, TableSpace

if TYPE_CHECKING:
    from pandas import DataFrame, Series

SEPARATORS = (",", ";", "\t", "|")
#: So much of a file decides its separator.
HEAD = 1 << 16
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?")
DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
DIGITS = re.compile(r"[+-]?[\d.,]+")
CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{2}(?:\.\d+)?)")
TIME = re.compile(r"([+-]?[\d.,]+(?:[eE][+-]?\d+)?)\s*(ns|us|µs|ms|s|sec|min|h)")
SECONDS = {
    "ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "sec": 1.0, "min": 60.0, "h": 3600.0,
}  # fmt: skip
#: No setting of a block comes near it.
LARGEST_CELL = 10**6
ACCEPTED = "a number such as 93.4, 1,234.5, 93.4% or a time (12.5 s, 30 ms, 1:02:03)"
CURE = "mend the cell or drop its row"


def read_frame(path: Path) -> DataFrame:
    """The frame in a CSV (perhaps compressed) or Parquet file; headers without spaces around.

    Separators are commas, semicolons, tabs or bars, whichever the header has most of. Raises
    ``OSError`` and ``ValueError``, the latter with every row that has more or fewer cells than the
    header: readers shift such a table's columns, or fill it with nothing, and nothing may be an
    option's name.
    """
    import pandas as pd

    if path.suffix == ".parquet":
        frame = pd.read_parquet(path)
        refuse_twice(frame.columns)
    else:
        header, *rows = _rows(path)
        names = [name.strip() or f"Unnamed: {k}" for k, name in enumerate(header)]
        refuse_twice(names)
        if not rows:
            return pd.DataFrame({name: pd.Series(dtype=object) for name in names})
        # Words such as `NA` and `none` are words here: a missing number is told where it is read.
        frame = pd.DataFrame(
            {n: _plain(pd.Series(c, dtype=object)) for n, c in zip(names, zip(*rows))}
        )
    frame.columns = [str(name).strip() for name in frame.columns]
    return frame


def refuse_twice(columns: Iterable[Any]) -> None:
    """Raise ``ValueError`` where two columns have one name, spaces around aside."""
    names = [str(name).strip() for name in columns]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"the column {twice[0]!r} twice; rename one")


def _rows(path: Path) -> list[list[str]]:
    """The header and the rows of a CSV file, all as long as the header; empty lines are none."""
    import pandas.io.common as common

    separator = _separator(path)
    with common.get_handle(path, "r", compression="infer", encoding="utf-8-sig") as opened:
        try:
            lines: Any = opened.handle
            found = [
                row
                for row in csv.reader(
                    lines, delimiter=separator, skipinitialspace=True, strict=True
                )
                if row
            ]
        except csv.Error as error:
            raise ValueError(str(error)) from None
    if not found:
        raise ValueError("an empty file")
    width = len(found[0])
    ragged = [
        f"row {number} has {len(row)} cells, the header {width}"
        for number, row in enumerate(found[1:], 1)
        if len(row) != width
    ]
    if len(ragged) > MOST_LISTED:
        ragged[MOST_LISTED:] = [f"{len(ragged) - MOST_LISTED} more such rows"]
    if ragged:
        raise ValueError("; ".join([*ragged, "mend or drop them"]))
    return found


def _separator(path: Path) -> str:
    """The one that the header has most of, outside quotes."""
    import pandas.io.common as common

    with common.get_handle(path, "r", compression="infer", encoding="utf-8-sig") as opened:
        text = opened.handle.read(HEAD)
    first = str(text).partition("\n")[0]
    bare = re.sub(r'"[^"]*"', "", first)
    return max(SEPARATORS, key=lambda mark: (bare.count(mark), -SEPARATORS.index(mark)))


def _plain(column: Series) -> Series:
    """A column of numbers as numbers, any other as words."""
    import pandas as pd

    if (
        not len(column)
        or not column.str.strip().map(lambda t: NUMBER.fullmatch(t) is not None).all()
    ):
        return column
    numbers = pd.to_numeric(column, errors="coerce")
    # Leading and trailing zeros may name something (007, 1.50); long numbers keep their digits.
    as_written = (numbers.map(str) == column.str.strip()).all()
    return numbers if as_written else column


def numbers_of(table: DataFrame, name: str) -> FloatArray:
    """A column as numbers, times in seconds, percentages in percent.

    Raises :class:`TableError` with the wrong cells.
    """
    cells = table[name].tolist()
    texts = [str(cell).strip() for cell in cells]
    continental = _continental(name, texts)
    found, faults = np.full(len(cells), np.nan), []
    units: dict[str, int] = {}
    for row, (cell, text) in enumerate(zip(cells, texts), 1):
        value, unit = _number(cell, text, continental)
        if value is None or not math.isfinite(value):
            faults.append(f"row {row}, {name}: found {text!r}; accepted: {ACCEPTED}; {CURE}")
            continue
        units.setdefault(unit, row)
        found[row - 1] = value
    if len(faults) > MOST_LISTED:
        faults[MOST_LISTED:] = [f"{name}: {len(faults) - MOST_LISTED} more wrong cells"]
    if len(units) > 1:
        (a, at), (b, other) = list(units.items())[:2]
        faults.append(
            f"{name}: row {at} has {a or 'no unit'}, row {other} has {b or 'no unit'}; "
            "write all cells in the same way"
        )
    if faults:
        raise TableError("\n".join(faults))
    return found


def _continental(name: str, texts: Sequence[str]) -> bool:
    """Whether a comma is the decimal mark: some cell has one that groups no thousands.

    Raises :class:`TableError` where a column of commas may be either (93,412).
    """
    digits = [found[0] if (found := DIGITS.match(text)) else "" for text in texts]
    commas = [(row, text) for row, text in enumerate(digits, 1) if "," in text]
    if not commas or any("." in text for text in digits):
        return False
    if not all(DECIMAL_COMMA.fullmatch(text) for _, text in commas):
        return False  # two commas, or something that will be refused
    if any(not GROUPED.fullmatch(text) for _, text in commas):
        return True
    row, text = commas[0]
    raise TableError(
        f"row {row}, {name}: found {texts[row - 1]!r}, which is {text.replace(',', '.')} or "
        f"{text.replace(',', '')}; write the column without commas"
    )


def _number(cell: Any, text: str, continental: bool) -> tuple[float | None, str]:
    """A value and its unit: ``%``, ``seconds`` or none."""
    if isinstance(cell, bool | np.bool_):
        return None, ""
    if isinstance(cell, int | float | np.integer | np.floating):
        return float(cell), ""
    if clock := CLOCK.fullmatch(text):
        hours, minutes, seconds = (float(part or 0) for part in clock.groups())
        return (3600 * hours + 60 * minutes + seconds, "seconds") if seconds < 60 else (None, "")
    if time := TIME.fullmatch(text):
        value = _real(time[1], continental)
        return (None if value is None else value * SECONDS[time[2]]), "seconds"
    if text.endswith("%"):
        return _real(text[:-1].strip(), continental), "%"
    return _real(text, continental), ""


def _real(text: str, continental: bool) -> float | None:
    if continental and DECIMAL_COMMA.fullmatch(text):
        return float(text.replace(",", "."))
    if GROUPED.fullmatch(text):
        return float(text.replace(",", ""))
    return float(text) if NUMBER.fullmatch(text) else None


def with_slots(
    table: DataFrame, space: TableSpace, positions: Collection[str] = ()
) -> DataFrame:  # fmt: skip
    """``table`` with a column for each slot, read from its architecture strings where it has none.

    ``positions`` as :meth:`~mathdesign.programs.slot_space.TableSpace.points` takes them. Raises
    :class:`TableError` where neither is there, where two columns have such strings, and for
    strings that name no design.
    """
    try:
        refuse_twice(table.columns)
    except ValueError as error:
        raise TableError(str(error)) from None
    table = table.rename(columns={c: str(c).strip() for c in table.columns})
    missing = [slot.name for slot in space.slots if slot.name not in table]
    # A column or two are missing: the table names slots, and will say which. One slot is no string.
    if len(missing) < len(space.slots) or len(space.slots) < 2:
        return table
    if space.columns and all(n in table for c in space.columns.values() for n in c.names):
        return _joined(table, space)
    fits = [
        (str(column), form)
        for column in table.columns
        for form, split in FORMS.items()
        if len(table) and _fits(split(str(table[column].iloc[0]).strip()), space, positions)
    ]
    if len({column for column, _ in fits}) > 1:
        raise TableError(
            f"designs in several columns: {', '.join(dict(fits))}; keep one of them in the table"
        )
    if fits:
        return _spread(table, *fits[0], space, positions)
    known = ", ".join(map(str, table.columns[:12]))
    slots = ", ".join(slot.name for slot in space.slots[:8])
    raise TableError(
        f"no design in the table: found the columns {known}; accepted: a column for each slot "
        f"({slots}), or one of strings such as {example(space)}"
    )


def _joined(table: DataFrame, space: TableSpace) -> DataFrame:
    """``table`` with the columns of each slot as one. Raises :class:`TableError`."""
    import pandas as pd

    faults: list[str] = []
    found: dict[str, list[str]] = {}
    for slot in space.slots:
        own = space.columns[slot.name]
        cells = [table[name].tolist() for name in own.names]
        found[slot.name] = []
        for row, parts in enumerate(zip(*cells), 1):
            numbers = [position_of(part, LARGEST_CELL) for part in parts]
            option = "" if None in numbers else own.option(*numbers)
            found[slot.name].append(option)
            if option not in slot.options:
                told = ", ".join(f"{n} {p}" for n, p in zip(own.names, parts))
                faults.append(f"row {row}, {slot.name}: {told}: no option of {space.name}")
    if len(faults) > MOST_LISTED:
        faults[MOST_LISTED:] = [f"{len(faults) - MOST_LISTED} more wrong cells"]
    if faults:
        raise TableError("\n".join(faults))
    return pd.concat([table, pd.DataFrame(found, index=table.index)], axis=1)


def _spread(
    table: DataFrame, column: str, form: str, space: TableSpace, positions: Collection[str]
) -> DataFrame:
    faults, rows = [], []
    for row, cell in enumerate(table[column], 1):
        parts = FORMS[form](str(cell).strip())
        if not _fits(parts, space, positions):
            faults.append(
                f"row {row}, {column}: found {str(cell)[:80]!r}; accepted: {form}, such as "
                f"{example(space)}; {CURE}"
            )
        rows.append(parts)
    if len(faults) > MOST_LISTED:
        faults[MOST_LISTED:] = [f"{column}: {len(faults) - MOST_LISTED} more wrong cells"]
    if faults:
        raise TableError("\n".join(faults))
    return table.assign(
        **{slot.name: [parts[k] for parts in rows] for k, slot in enumerate(space.slots)}
    )


def _fits(parts: Sequence[str], space: TableSpace, positions: Collection[str]) -> bool:
    """Whether each part is an option, by its very name, or its position where that is asked for."""
    return len(parts) == len(space.slots) and all(
        position_of(part, len(slot.options)) is not None
        if slot.name in positions
        else part in slot.options
        for part, slot in zip(parts, space.slots)
    )


def example(space: TableSpace) -> str:
    """A string that names a design of the space."""
    options = [slot.options[-1] for slot in space.slots]
    if space.name.startswith("nasbench201"):
        a, b, c, d, e, f = options[:6]
        return f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"
    shown = options if len(options) <= 8 else [*options[:4], "..."]
    return ":".join(shown)


def _cell_string(text: str) -> list[str]:
    """``|a~0|+|b~0|c~1|+...``: the operations node by node; empty where the inputs are others."""
    found = []
    for node in text.split("+"):
        parts = [part for part in node.strip().strip("|").split("|") if part]
        for source, part in enumerate(parts):
            name, mark, number = part.partition("~")
            if not mark or number != str(source):
                return []
            found.append(name)
    return found


#: The ways in which one string names a design, with how each is taken apart.
FORMS: dict[str, Callable[[str], list[str]]] = {
    "an architecture string": _cell_string,
    "the options of all slots between colons": lambda text: [p.strip() for p in text.split(":")],
}
