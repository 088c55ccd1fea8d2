"""What is common to all forms: a file becomes records, records that belong together a table.

Nothing of a file is ever run: JSON, YAML nodes, CSV cells and Python literals are read as data.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path

from mathdesign.devices.header import DTYPES, UNITS, Header
from mathdesign.devices.table import key_fault, table_of, table_text
from mathdesign.spec.faults import Fault, SpecError, near_miss

LARGEST_BYTES = 1 << 28
#: So many faults of one file are told.
MOST_FAULTS = 100
#: Names by which forms call kinds of numbers.
PRECISIONS = {"fp32": "float32", "float": "float32", "fp16": "float16", "int8": "int8"}


@dataclass(frozen=True, slots=True)
class Record:
    """One cost of a file: its key here, the number as it is written, and what else distinguishes it.

    ``context`` are columns such as device or precision: one table has one value of each.
    """

    line: int
    key: str
    value: str
    context: Mapping[str, str] = field(default_factory=dict)
    spread: str | None = None
    runs: int | None = None


class BadRecord(ValueError):
    """A line that is no record: what was found, what is accepted."""

    def __init__(self, line: int, found: str, accepted: str) -> None:
        super().__init__(found)
        self.line, self.found, self.accepted = line, found, accepted


Reader = Callable[[bytes, str, "Asked"], Iterator[Record | BadRecord]]


@dataclass(frozen=True, slots=True)
class Foreign:
    """A form: how its files are read, the unit of its numbers (empty: a file does not say)."""

    name: str
    meaning: str
    read: Reader
    unit: str = ""
    spread: str = ""
    """The statistic beside its numbers."""
    note: str = ""
    """What a table made of it is good for."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a user says beside the file: the unit, the column of numbers, which rows."""

    unit: str = ""
    column: str = ""
    where: Mapping[str, str] = field(default_factory=dict)
    device: str = ""


def imported(form: Foreign, path: Path, asked: Asked) -> tuple[str, list[str]]:
    """The table's text and notes on how it came to be. Raises :class:`SpecError`, ``OSError``."""
    name, faults, notes = str(path), list[Fault](), list[str]()
    unit = _unit(form, asked, name, faults)
    kept: list[Record] = []
    seen: dict[str, None] = {}
    try:
        for record in form.read(_bytes(path), name, asked):
            if isinstance(record, BadRecord):
                faults.append(Fault(name, record.line, 1, "", record.found, record.accepted))
            else:
                seen |= dict.fromkeys(record.context)
                if all(record.context.get(k) == v for k, v in asked.where.items()):
                    kept.append(record)
            if len(faults) >= MOST_FAULTS:
                break
    except SpecError as error:
        faults += error.faults
    for column in [c for c in asked.where if seen and c not in seen]:
        meant = near_miss(column, list(seen))
        faults.append(Fault(name, 0, 0, "--where", repr(column), ", ".join(seen), meant))
    if not kept and not faults:
        faults.append(Fault(name, 0, 0, "", "no rows", _rows_accepted(asked)))
    faults += _several(kept, name)
    rows = {} if faults else _rows(kept, name, faults, notes)
    if faults:
        raise SpecError(faults)
    context = kept[0].context
    header = Header(
        "latency", unit, asked.device or context.get("device", ""), context.get("runtime", ""),
        dtype=_dtype(context), batch=int(context.get("batch", "1")), spread=form.spread,
    )  # fmt: skip
    text = table_text(header, rows)
    table_of(text, name)  # what is written is read back
    notes = [f"{len(rows):,} rows", *notes] + ([form.note] if form.note else [])
    return text, notes


def _bytes(path: Path) -> bytes:
    """The file, unpacked where its name ends in ``.gz``; no more than is accepted."""
    with path.open("rb") as file:
        try:
            packed = path.suffix == ".gz"
            data = (gzip.GzipFile(fileobj=file) if packed else file).read(LARGEST_BYTES + 1)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise SpecError([Fault(str(path), 1, 1, "", str(error), "a gzip file")]) from None
    if len(data) > LARGEST_BYTES:
        raise SpecError([Fault(str(path), 1, 1, "", f"more than {LARGEST_BYTES:,} bytes", "less")])
    if not data.strip():
        raise SpecError([Fault(str(path), 1, 1, "", "an empty file", "a table of latencies")])
    return data


def _unit(form: Foreign, asked: Asked, name: str, faults: list[Fault]) -> str:
    units = UNITS["latency"]
    if asked.unit and asked.unit not in units:
        meant = near_miss(asked.unit.lower(), list(units))
        faults.append(Fault(name, 0, 0, "--unit", repr(asked.unit), ", ".join(units), meant))
    elif asked.unit and form.unit and asked.unit != form.unit:
        found = f"{asked.unit}, where {form.name} files are in {form.unit}"
        faults.append(Fault(name, 0, 0, "--unit", found, form.unit))
    elif not (asked.unit or form.unit):
        found = f"no unit: files of {form.name} do not say one"
        faults.append(Fault(name, 0, 0, "--unit", found, "--unit ms, us, ..."))
        return "ms"
    return asked.unit if asked.unit in units else form.unit or "ms"


def _rows_accepted(asked: Asked) -> str:
    where = ", ".join(f"{k}={v}" for k, v in asked.where.items())
    return f"rows with {where}" if where else "at least one"


def _several(kept: list[Record], name: str) -> Iterator[Fault]:
    """Columns of which one table can have one value."""
    for column in dict.fromkeys(c for record in kept for c in record.context):
        values = sorted({record.context.get(column, "") for record in kept})
        if len(values) > 1:
            shown = ", ".join(values[:20])
            accepted = f"one of them: --where {column}={values[0]}"
            yield Fault(name, 0, 0, column, f"{len(values)} values: {shown}", accepted)


def _rows(
    kept: list[Record], name: str, faults: list[Fault], notes: list[str]
) -> dict[str, tuple[Decimal, str | None, int | None]]:
    """Key -> cost, spread, runs; below 0 counts as 0, which never understates."""
    rows: dict[str, tuple[Decimal, str | None, int | None]] = {}
    below: list[Decimal] = []
    for record in kept:
        if len(faults) >= MOST_FAULTS:
            break
        value = _number(record.value)
        if value is None:
            accepted = "a decimal number"
            faults.append(Fault(name, record.line, 1, "", f"{record.value[:40]!r}", accepted))
            continue
        if (why := key_fault(record.key)) is not None:
            faults.append(Fault(name, record.line, 1, "", f"the key {record.key[:60]!r}", why))
            continue
        if value < 0:
            below.append(value)
            value = Decimal(0)
        if record.key in rows and rows[record.key][0] != value:
            found = f"{record.key} again, with another cost"
            faults.append(Fault(name, record.line, 1, "", found, "one cost for each"))
        rows[record.key] = (value, record.spread, record.runs)
    if below:
        notes.append(
            f"{len(below):,} costs below 0 (differences to a reference), {-min(below)} at the most, "
            "count as 0: sums are never understated"
        )
    return rows


def _number(text: str) -> Decimal | None:
    try:
        value = Decimal(text.strip())
    except InvalidOperation:
        return None
    return value if value.is_finite() and len(text) <= 60 else None


def _dtype(context: Mapping[str, str]) -> str:
    given = context.get("precision", context.get("op_dtype", "float32")).lower()
    found = PRECISIONS.get(given, given)
    return found if found in DTYPES else "float32"
