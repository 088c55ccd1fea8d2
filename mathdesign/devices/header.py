"""What a table or a model says of itself: quantity, device, runtime, threads, numbers, batch, date."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import Literal

from mathdesign.spec import quantities
from mathdesign.spec.faults import near_miss

Quantity = Literal["latency", "energy"]
#: Quantity -> the units that it may be written in, and the step in which tables hold it.
UNITS: Mapping[str, quantities.Units] = {
    "latency": quantities.TIMES,
    "energy": quantities.ENERGIES,
}
#: A step of a table, in seconds or joules: costs are rounded up to whole ones.
STEP = {"latency": Fraction(1, 10**9), "energy": Fraction(1, 10**12)}
STEP_UNIT = {"latency": "ns", "energy": "pJ"}
#: Numbers by name, and their bytes.
DTYPES = {"float64": 8, "float32": 4, "float16": 2, "bfloat16": 2, "int16": 2, "int8": 1}
#: Longer texts are no names of devices.
LONGEST_WORD = 200
MOST_THREADS, MOST_BATCH = 4096, 2**20

Finding = tuple[str, str, str]
"""What was found, what is accepted, what was perhaps meant."""


@dataclass(frozen=True, slots=True)
class Header:
    """Where costs come from. ``batch``: inputs that one execution takes; costs are of all of them.

    ``versions`` are of what was measured with, ``spread`` names the statistic of that column.
    """

    quantity: Quantity
    unit: str
    device: str = ""
    runtime: str = ""
    threads: int | None = None
    dtype: str = "float32"
    batch: int = 1
    date: str = ""
    versions: str = ""
    spread: str = ""

    @property
    def value_bytes(self) -> int:
        """Bytes of a number."""
        return DTYPES[self.dtype]

    @property
    def scale(self) -> Fraction:
        """Seconds or joules of its unit."""
        return UNITS[self.quantity][self.unit]

    def words(self) -> dict[str, str]:
        """Its fields but the quantity, those that say something, as they are written."""
        given = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "quantity"}
        return {name: str(value) for name, value in given.items() if value not in ("", None)}

    def about(self) -> str:
        """One line for reports: device, runtime, threads, numbers, date."""
        words = [self.device or "device not named", self.runtime]
        words += [f"{self.threads} threads" if self.threads else "", self.dtype]
        words += [f"batch {self.batch}" if self.batch > 1 else "", self.date]
        return ", ".join(word for word in words if word)


FIELDS = tuple(field.name for field in fields(Header) if field.name != "quantity")


def read_field(quantity: str, name: str, text: str) -> tuple[str | int, Finding | None]:
    """The value of one field of a header, or what is wrong with its text."""
    if name == "unit":
        units = UNITS[quantity]
        if text in units:
            return text, None
        lower = {unit.lower(): unit for unit in units}
        meant = lower.get(text.lower(), "")
        return "", (f"unit {text[:40]!r}", f"a unit of {quantity}: {', '.join(units)}", meant)
    if name in ("threads", "batch"):
        most = MOST_THREADS if name == "threads" else MOST_BATCH
        if text.isascii() and text.isdigit() and len(text) < 9 and 1 <= int(text) <= most:
            return int(text), None
        return 1, (f"{name} {text[:40]!r}", f"a whole number from 1 to {most:,}", "")
    if name == "dtype":
        if text in DTYPES:
            return text, None
        short = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16", "f32": "float32"}
        meant = short.get(text.lower(), near_miss(text, list(DTYPES)))
        return "float32", (f"dtype {text[:40]!r}", ", ".join(DTYPES), meant)
    if len(text) > LONGEST_WORD or not text.isprintable():
        return "", (f"{name} of {len(text)} characters", f"at most {LONGEST_WORD}, printable", "")
    return text, None
