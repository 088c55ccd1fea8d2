r"""Tables of measured costs: one row an operator, or an option of a slot.

.. code-block:: text

    # mathdesign latency table 1
    # unit: ms
    # device: Pixel 3
    # runtime: TFLite 2.15
    # threads: 1
    # dtype: float32
    # batch: 1
    # date: 2026-11-29
    # versions: ...
    # spread: interquartile range
    operator,latency,spread,runs
    conv-3x224x224-32-k3x3-s2x2,1.25,0.03,50
    layer3:k5_e6,0.81,,
    base,0.2,,

The unit has to be said. A row's key is an operator's (:mod:`.operators`), ``slot:option`` of a space of
option lists, or ``base``, which a network costs once. Costs are decimals, held as whole nanoseconds
(energy: picojoules), rounded up: no design that keeps a limit exceeds it by rounding. ``spread`` and ``runs`` may
be empty. Energy has its own first line (``# mathdesign energy table 1``) and column.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Context, Decimal, DecimalException
from fractions import Fraction
from pathlib import Path
from typing import Any

from mathdesign.devices.header import FIELDS, STEP, STEP_UNIT, UNITS, Header, read_field
from mathdesign.devices.operators import FORM, OperatorError, is_key, parse_key
from mathdesign.files import digest_of, write_atomic
from mathdesign.spec.faults import Fault, SpecError, near_miss

BASE = "base"
LARGEST_FILE_BYTES = 1 << 28
MOST_ROWS = 4_000_000
#: Longer cells are no keys and no numbers.
LONGEST_KEY, LONGEST_NUMBER = 200, 60
#: So many faults of one file are told; the rest of it is not read.
MOST_FAULTS = 1000
#: A network that takes longer than this, or more energy, is a slip of the pen: in steps.
LARGEST_COST = 2**56

_TITLE = re.compile(r"mathdesign (latency|energy) table ([0-9]{1,9})")
_FIELD = re.compile(r"([a-z_]{1,40}):\s*(.*)")
_OPTION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}:[^\s:,](?:[^\r\n:,]{0,98}[^\s:,])?")
_DECIMAL = re.compile(r"[0-9]*\.?[0-9]*(?:[eE][+-]?[0-9]{1,3})?")
_PLAIN = re.compile(r"([0-9]{1,7})(?:\.([0-9]{0,30}))?")
_EXACT = Context(prec=100)
VERSION = 1


@dataclass(frozen=True, slots=True)
class Row:
    """One measured cost in steps (:data:`mathdesign.devices.header.STEP`), rounded up."""

    cost: int
    spread: int | None = None
    runs: int | None = None


@dataclass(frozen=True, eq=False, repr=False)
class CostTable:
    """A table: what it says of itself, and a row a key."""

    header: Header
    rows: Mapping[str, Row]
    path: str = ""
    rounded: int = 0
    """Rows whose cost was no whole number of steps."""
    most_rounded: Fraction = Fraction(0)
    """The greatest share that rounding added to one of them."""
    sha256: str = ""
    """Of the file."""

    def __repr__(self) -> str:
        return f"<CostTable {self.path}: {len(self.rows):,} rows; {self.header.about()}>"

    @property
    def base(self) -> int:
        """Steps that every network costs once."""
        row = self.rows.get(BASE)
        return 0 if row is None else row.cost

    def notes(self) -> Iterator[str]:
        """What a reader ought to know of how it was read."""
        if self.rounded:
            yield (
                f"{self.rounded:,} of {len(self.rows):,} costs rounded up to whole "
                f"{STEP_UNIT[self.header.quantity]}, by a share of {float(self.most_rounded):.2g} at most"
            )


# ---- reading -------------------------------------------------------------------------------------


def read_table(path: Path | str) -> CostTable:
    """The table in a file. Raises :class:`SpecError` with every fault, ``OSError`` as the system."""
    path = Path(path)
    with path.open("rb") as file:
        data = file.read(LARGEST_FILE_BYTES + 1)
    if len(data) > LARGEST_FILE_BYTES:
        found = f"more than {LARGEST_FILE_BYTES:,} bytes"
        raise SpecError([Fault(str(path), 1, 1, "", found, "a smaller table")])
    return table_of(data, str(path))


def table_of(data: bytes | str, name: str) -> CostTable:
    """The table in ``data``; ``name`` stands in messages. Raises :class:`SpecError`."""
    reader = _Reader(name)
    try:
        text = data if isinstance(data, str) else data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = bytes(data[: error.start]).count(b"\n") + 1  # type: ignore[arg-type]
        raise SpecError(
            [Fault(name, line, 1, "", "bytes that are no UTF-8", "a text file")]
        ) from None
    found = reader.read(text)
    if reader.faults:
        raise SpecError(reader.faults)
    return replace(found, sha256=digest_of(data))


class _TooMany(Exception):
    """More faults than are told."""


class _Reader:
    """Reads one text, collecting faults with their lines."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.faults: list[Fault] = []
        self.quantity = "latency"
        self.rounded = 0
        self.most = Fraction(0)
        self.scale = Decimal(1)
        self.shift: int | None = None

    def fault(self, line: int, found: str, accepted: str, meant: str = "") -> None:
        """Remember one."""
        self.faults.append(Fault(self.name, line, 1, "", found, accepted, meant))
        if len(self.faults) >= MOST_FAULTS:
            rest = f"more than {MOST_FAULTS:,} faults: the rest is not read"
            self.faults.append(Fault(self.name, line + 1, 1, "", rest, ""))
            raise _TooMany

    def read(self, text: str) -> CostTable:
        """The table; without meaning where there are faults."""
        rows: dict[str, Row] = {}
        header = Header("latency", "ms")
        try:
            if not text.strip():
                self.fault(1, "an empty file", "`# mathdesign latency table 1`, a header and rows")
                return CostTable(header, rows)
            lines = text.splitlines()
            header, at = self.header(lines)
            rows = self.rows(lines, at)
            if not rows and not self.faults:
                self.fault(len(lines), "no rows", "at least one")
        except _TooMany:
            pass
        return CostTable(header, rows, self.name, self.rounded, self.most)

    def header(self, lines: list[str]) -> tuple[Header, int]:
        """What the comments say, and the number of lines before the rows."""
        title = _TITLE.fullmatch(lines[0].removeprefix("#").strip())
        if title is None or int(title[2]) != VERSION:
            accepted = (
                f"`# mathdesign latency table {VERSION}` or `# mathdesign energy table {VERSION}`"
            )
            self.fault(1, f"first line {lines[0][:60]!r}", accepted)
        else:
            self.quantity = title[1]
        given: dict[str, Any] = {}
        at = 0
        while at < len(lines) and (lines[at].startswith("#") or not lines[at].strip()):
            match = _FIELD.fullmatch(lines[at].removeprefix("#").strip())
            if at and match is not None:
                self.field(at + 1, match[1], match[2].strip(), given)
            at += 1
        if "unit" not in given:
            self.fault(1, "no unit", f"a line `# unit: ...` of {', '.join(UNITS[self.quantity])}")
        unit = given.pop("unit", None) or next(iter(UNITS[self.quantity]))
        header = Header(self.quantity, unit, **given)  # type: ignore[arg-type]
        steps = header.scale / STEP[header.quantity]
        self.scale = Decimal(steps.numerator) / Decimal(steps.denominator)
        power = len(str(int(steps))) - 1
        self.shift = power if steps == 10**power else None
        return header, at

    def field(self, line: int, name: str, text: str, given: dict[str, Any]) -> None:
        """One line of the header; words that are no fields are remarks."""
        if name not in FIELDS:
            if meant := near_miss(name, FIELDS):
                self.fault(line, f"the field {name!r}", ", ".join(FIELDS), meant)
            return
        if name in given:
            self.fault(line, f"{name} twice", "once")
            return
        value, finding = read_field(self.quantity, name, text)
        if finding is not None:
            self.fault(line, *finding)
        given[name] = value

    def rows(self, lines: list[str], at: int) -> dict[str, Row]:
        """All rows below the line that names the columns."""
        columns = ("operator", self.quantity, "spread", "runs")
        head = [cell.strip() for cell in lines[at].split(",")] if at < len(lines) else []
        if head[:2] != list(columns[:2]) or head[2:] != list(columns[2 : len(head)]):
            found = repr(lines[at][:60]) if at < len(lines) else "no line of columns"
            self.fault(
                at + 1, found, f"the columns {','.join(columns)} (the last two may be missing)"
            )
            return {}
        if len(lines) - at > MOST_ROWS:
            self.fault(MOST_ROWS, f"{len(lines) - at:,} rows", f"at most {MOST_ROWS:,}")
            return {}
        rows: dict[str, Row] = {}
        first: dict[str, int] = {}
        for line, cells in enumerate(csv.reader(lines[at + 1 :]), at + 2):
            if not cells:
                continue
            if len(cells) != len(head):
                self.fault(line, f"{len(cells)} cells", f"{len(head)}, as there are columns")
                continue
            self.row(line, cells, rows, first)
        return rows

    def row(self, line: int, cells: list[str], rows: dict[str, Row], first: dict[str, int]) -> None:
        key = cells[0]
        if key in rows:
            found = self.cells(line, cells)
            if found is not None and found.cost != rows[key].cost:
                self.fault(line, f"{key} again, with another cost than in line {first[key]}", "one")
            return
        if (why := key_fault(key)) is not None:
            self.fault(line, f"the key {key[:60]!r}", why)
        found = self.cells(line, cells)
        if found is not None:
            rows[key], first[key] = found, line

    def cells(self, line: int, cells: list[str]) -> Row | None:
        """The numbers of a row, in steps."""
        cost = self.number(line, self.quantity, cells[1])
        spread = runs = None
        if len(cells) > 2 and cells[2]:
            spread = self.number(line, "spread", cells[2])
        if len(cells) > 3 and cells[3]:
            if cells[3].isascii() and cells[3].isdigit() and len(cells[3]) < 10:
                runs = int(cells[3])
            else:
                self.fault(line, f"runs {cells[3][:40]!r}", "a whole number, or nothing")
        return None if cost is None else Row(cost, spread, runs)

    def number(self, line: int, what: str, text: str) -> int | None:
        """A decimal in the header's unit as whole steps, rounded up."""
        text = text.strip()
        if self.shift is not None and (plain := _PLAIN.fullmatch(text)):
            before, after = plain[1], plain[2] or ""
            if not after[self.shift :].strip("0"):  # a whole number of steps
                return int(before + after[: self.shift].ljust(self.shift, "0"))
        exact = None
        if text and len(text) <= LONGEST_NUMBER and _DECIMAL.fullmatch(text):
            try:
                exact = _EXACT.multiply(Decimal(text), self.scale)
            except DecimalException:
                exact = None
        if exact is None or exact > LARGEST_COST:
            words = {"-": "a negative number", "n": "no number (NaN)", "i": "no finite number"}
            found = words.get(text[:1].lower(), "a number out of range" if exact else "no number")
            self.fault(line, f"{what} {text[:40]!r}, {found if text else 'nothing'}",
                       "a decimal from 0 on, without a unit")  # fmt: skip
            return None
        whole = int(exact.to_integral_value(ROUND_CEILING))
        if whole != exact and what != "spread":
            self.rounded += 1
            self.most = max(self.most, (whole - Fraction(exact)) / Fraction(exact))
        return whole


def key_fault(key: str) -> str | None:
    """What is accepted instead of ``key``; ``None``: it is a key."""
    if key == BASE or (len(key) <= LONGEST_KEY and _OPTION.fullmatch(key)):
        return None
    if is_key(key):
        return None
    try:
        parse_key(key)
    except OperatorError as error:
        return f"{error}" if str(error) != FORM else f"{FORM}, slot:option, or {BASE}"
    return None


# ---- writing -------------------------------------------------------------------------------------


def table_text(header: Header, rows: Mapping[str, tuple[Any, Any, int | None]]) -> str:
    """The file of rows ``key -> (cost, spread, runs)``, numbers in the header's unit.

    Costs may be ``int``, ``Decimal``, ``Fraction`` or ``float`` (as it prints); equal data give equal
    text. Raises ``ValueError`` for a number that no table holds and a key that is none.
    """
    out = io.StringIO()
    out.write(f"# mathdesign {header.quantity} table {VERSION}\n")
    for name, value in header.words().items():
        out.write(f"# {name}: {value}\n")
    out.write(f"operator,{header.quantity},spread,runs\n")
    for key, (cost, spread, runs) in rows.items():
        if (why := key_fault(key)) is not None:
            raise ValueError(f"the key {key!r}; accepted: {why}")
        cells = (key, _written(cost), _written(spread), "" if runs is None else str(runs))
        out.write(",".join(cells) + "\n")
    return out.getvalue()


def write_table(
    path: Path | str, header: Header, rows: Mapping[str, tuple[Any, Any, int | None]]
) -> Path:
    """Write :func:`table_text` whole or not at all."""
    return write_atomic(path, table_text(header, rows))


def _written(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and _PLAIN.fullmatch(text := repr(value)):
        return text
    if isinstance(value, Fraction):
        exact = _EXACT.divide(Decimal(value.numerator), Decimal(value.denominator))
    else:
        exact = Decimal(repr(value) if isinstance(value, float) else str(value))
    if not exact.is_finite() or exact < 0:
        raise ValueError(f"{value!r}: a cost is a finite number from 0 on")
    return format(exact.normalize(_EXACT), "f")
