r"""Quantities as a user writes them: one grammar for files, tables and command lines, exact.

.. code-block:: text

    quantity = number [unit]
    number   = digits ["." digits] [("e" | "E") ["+" | "-"] digits]

Digits may be grouped by ``_``, or in thousands by commas (``1,500,000``); a comma anywhere else is
refused rather than guessed at, since ``1,5`` is one and a half to some and fifteen to none. What
``unit`` may be depends on what is asked for. Values are :class:`~fractions.Fraction`, so that
``9007199254740993`` keeps its last digit and ``0.1%`` is a thousandth.

Every parser raises :class:`QuantityError`: what is accepted, and where it can be told what was
meant, a writing that is accepted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

#: Nothing of a network is larger; 64-bit integers end at nine times as much.
LARGEST = Fraction(10**18)
#: Longer texts are no quantities.
LONGEST = 40
#: Doubles tell decimals of so many digits apart: longer ones may have been others in the file.
SURE_DIGITS = 15
#: Of a decimal that is written out: those of the grammar have fewer.
LONGEST_DECIMAL = 90
#: Powers of ten beyond these are slips of the pen, and long to compute.
LARGEST_EXPONENT = 30

_NUMBER = re.compile(
    r"\+?(?P<whole>[1-9]\d{0,2}(?:,\d{3})+|\d+(?:_\d+)*)?(?P<part>\.\d*)?"
    r"(?:[eE](?P<power>[+-]?\d{1,3}))?"
)
_LEAD = re.compile(r"[+-]?[\d.,_]*(?:[eE][+-]?\d+)?")
_KILO, _KIBI = Fraction(1000), Fraction(1024)
_PREFIXES = "kMGTP"

#: Unit -> how many of the base unit it is.
Units = Mapping[str, Fraction]

COUNTS: Units = {
    "": Fraction(1),
    "K": _KILO,
    **{prefix: _KILO ** (i + 1) for i, prefix in enumerate(_PREFIXES)},
    "B": Fraction(10**9),  # 1.5B weights: a billion
}
#: In bytes, where the prefix may stand alone but a billion may not.
BYTES: Units = {
    "": Fraction(1),
    "B": Fraction(1),
    **{p + "B": _KILO ** (i + 1) for i, p in enumerate(_PREFIXES)},
    **{p: _KILO ** (i + 1) for i, p in enumerate(_PREFIXES)},
    **{p.upper() + "iB": _KIBI ** (i + 1) for i, p in enumerate(_PREFIXES)},
    **{p.upper() + "i": _KIBI ** (i + 1) for i, p in enumerate(_PREFIXES)},
    "K": _KILO,
    "KB": _KILO,
}
#: In joules.
ENERGIES: Units = {
    "J": Fraction(1),
    "kJ": _KILO,
    "mJ": 1 / _KILO,
    "uJ": 1 / _KILO**2,
    "µJ": 1 / _KILO**2,
    "nJ": 1 / _KILO**3,
    "pJ": 1 / _KILO**4,
    "fJ": 1 / _KILO**5,
}
#: In seconds.
TIMES: Units = {
    "s": Fraction(1),
    "ms": 1 / _KILO,
    "us": 1 / _KILO**2,
    "µs": 1 / _KILO**2,
    "ns": 1 / _KILO**3,
    "ps": 1 / _KILO**4,
    "fs": 1 / _KILO**5,
    "min": Fraction(60),
    "h": Fraction(3600),
}
DURATIONS: Units = {"": Fraction(1), **TIMES}
SHARES: Units = {"": Fraction(1), "%": Fraction(1, 100)}

#: Writings that are often meant for a unit.
_MEANT = {
    "sec": "s", "secs": "s", "second": "s", "seconds": "s", "mins": "min", "minute": "min",
    "minutes": "min", "m": "min", "hr": "h", "hrs": "h", "hour": "h", "hours": "h",
    "msec": "ms", "usec": "us", "byte": "B", "bytes": "B", "percent": "%", "bn": "B", "billion": "B",
    "million": "M", "thousand": "k",
}  # fmt: skip


class QuantityError(ValueError):
    """No quantity of the kind that is wanted. ``meant``: an accepted writing, or nothing."""

    def __init__(self, accepted: str, meant: str = "") -> None:
        super().__init__(accepted)
        self.meant = meant

    def about(self, found: object) -> str:
        """The whole sentence where no fault says it."""
        cure = f"; did you mean {self.meant}?" if self.meant else ""
        return f"found {found!r}; accepted: {self}{cure}"


@dataclass(frozen=True, slots=True)
class InBytes:
    """A value of a metric in bytes as it was written: :func:`count` reads its units."""

    written: Any

    def __repr__(self) -> str:
        return repr(self.written)


@dataclass(frozen=True, slots=True)
class OfDevice:
    """A limit without a device on what only one can count; ``meant`` says how one is named."""

    written: Any
    meant: str

    def __repr__(self) -> str:
        return repr(self.written)


def exact(value: Any, units: Units, accepted: str) -> Fraction:
    """A number that is not negative, in the base unit of ``units``; at most :data:`LARGEST`."""
    found = _read(value, units)
    if found is None:
        raise QuantityError(accepted, _meant(value, units))
    return found


def count(value: Any) -> int:
    """A whole number of weights, multiply-adds, blocks: ``4000``, ``600k``, ``1.82G``, ``1.5B``.

    Of a metric in bytes (:class:`InBytes`): ``256 KiB``, ``8 GB``.
    """
    if isinstance(value, OfDevice):
        try:
            return count(value.written)
        except QuantityError as error:
            raise QuantityError(str(error), value.meant) from None
    if isinstance(value, InBytes):
        return _whole(value.written, BYTES, "a whole number of bytes such as 256 KiB, 8 GB or 4096")
    return _whole(value, COUNTS, "a whole number such as 4000, 600k, 11.69M, 1.82G or 1.5B")


def seconds(value: Any) -> float:
    """A positive duration: ``60``, ``60 s``, ``500 ms``, ``2 min``, ``1 h``."""
    accepted = "a positive duration such as 60 s, 500 ms, 2 min or 1 h"
    found = exact(value, DURATIONS, accepted)
    if found <= 0:
        raise QuantityError(accepted)
    return float(found)


def size_bytes(value: Any) -> int:
    """A positive number of bytes: ``512 MiB``, ``2 GB``, ``1000000``."""
    accepted = "a positive whole number of bytes such as 512 MiB or 2 GB"
    found = _whole(value, BYTES, accepted)
    if found < 1:
        raise QuantityError(accepted)
    return found


def share(value: Any) -> float:
    """A relative gap in 0..1: ``0.1%`` or ``0.001``."""
    accepted = "a share such as 0.1% or 0.001, from 0 to 100%"
    found = exact(value, SHARES, accepted)
    if found > 1:
        raise QuantityError(accepted)
    return float(found)


#: What a cost may be measured in besides numbers, and the prefixes of steps, coarsest first.
MEASURED = ("s", "J")
STEPS = ("", "m", "u", "n")
#: Costs are held in whole steps of down to this many decimals.
MOST_DECIMALS = 9


@dataclass(frozen=True, slots=True, order=True)
class Amount:
    """A cost: a number, or one with a unit (``s``, ``J``), exact. In files as it is written."""

    value: Fraction
    unit: str = ""

    def __str__(self) -> str:
        return f"{decimal(self.value)} {self.unit}".rstrip()

    @property
    def written(self) -> int | str:
        """As plain data: whole numbers as such, all else as text that is read back exactly."""
        return int(self.value) if not self.unit and self.value.denominator == 1 else str(self)


def cost(value: Any) -> Amount:
    """``1200``, ``1.5M``, ``0.25``, ``1.25 ms``, ``3 uJ``; of a metric in bytes ``256 KiB``."""
    if isinstance(value, Amount):
        return value
    if isinstance(value, InBytes):
        return Amount(Fraction(count(value)))
    accepted = "a number such as 1200, 1.5M or 0.25, a time such as 1.25 ms, an energy such as 3 uJ"
    found = _read(value, COUNTS)
    if found is not None:
        return Amount(found)
    for unit in MEASURED:
        own = TIMES if unit == "s" else ENERGIES
        found = _read(value, own)
        if found is not None:
            return Amount(found, unit)
    raise QuantityError(accepted, _meant(value, COUNTS) or _meant(value, {**TIMES, **ENERGIES}))


@dataclass(frozen=True, slots=True)
class Steps:
    """What a metric is counted in: programs hold integers, so that sums are exact.

    ``unit`` says it in words: ``us``, or the step itself (``0.01``) of plain decimals.
    """

    step: Fraction = Fraction(1)
    base: str = ""
    unit: str = ""

    @classmethod
    def of(cls, amounts: Iterable[Amount]) -> Steps:
        """The coarsest steps of which all are whole numbers. Raises :class:`QuantityError`."""
        given = [amount for amount in amounts if amount.value]
        bases = sorted({amount.unit for amount in given})
        if len(bases) > 1:
            shown = " and ".join(base or "none" for base in bases)
            raise QuantityError(f"one unit for all costs of a metric, not {shown}")
        base = bases[0] if bases else ""
        for decimals in range(0, MOST_DECIMALS + 1, 3 if base else 1):
            step = Fraction(1, 10**decimals)
            if all((amount.value / step).denominator == 1 for amount in given):
                plain = decimal(step) if decimals else ""
                return cls(step, base, STEPS[decimals // 3] + base if base else plain)
        raise QuantityError(f"at most {MOST_DECIMALS} decimals, in one unit")

    def holds(self, amount: Amount) -> bool:
        """Whether ``amount`` is measured as this metric is."""
        return amount.unit == self.base or not amount.value

    def below(self, amount: Amount) -> int:
        """The greatest number of steps that is at most ``amount``."""
        return amount.value // self.step

    def above(self, amount: Amount) -> int:
        """The least number of steps that is at least ``amount``."""
        return -(-amount.value // self.step)


#: Digits behind the point of a number of fine steps in words, rounded up.
TOLD_DECIMALS = 6


def counted(number: int, unit: str) -> str:
    """A number of steps of ``unit`` (see :class:`Steps`) in words; other units are not told.

    A unit such as ``0.000001 ms`` is a step in another unit: rounded up to six decimals of it.
    """
    if not is_told(unit):
        return f"{number:,}"
    step, _, whole = unit.partition(" ")
    if whole:
        fine = -(-number * Fraction(step) * 10**TOLD_DECIMALS // 1)
        return f"{decimal(Fraction(fine, 10**TOLD_DECIMALS))} {whole}"
    return decimal(number * Fraction(unit)) if unit.startswith("0.") else f"{number:,} {unit}"


def is_told(unit: str) -> bool:
    """Whether numbers of this unit are shown with it: steps of costs, not the units of our counts."""
    return unit.startswith("0.") or any(unit == p + base for p in STEPS for base in MEASURED)


def decimal(value: Fraction) -> str:
    """A fraction of decimals as it is written out: ``0.00125``, ``1,200`` without its comma."""
    digits = 0
    while (value * 10**digits).denominator != 1:
        digits += 1
        if digits > LONGEST_DECIMAL:
            raise ValueError(f"{value} is no decimal of {LONGEST_DECIMAL} digits")
    whole = str(abs(int(value * 10**digits))).rjust(digits + 1, "0")
    sign = "-" if value < 0 else ""
    return sign + (f"{whole[:-digits]}.{whole[-digits:]}" if digits else whole)


def _whole(value: Any, units: Units, accepted: str) -> int:
    found = exact(value, units, accepted)
    if found.denominator != 1:
        below = found.numerator // found.denominator
        raise QuantityError(accepted, f"{below} or {below + 1}")
    if isinstance(value, float) and len(_digits(value)) > SURE_DIGITS and abs(value) >= 2**53:
        # A decimal of 17 digits that went through a double: another one may have been written.
        raise QuantityError(f"{accepted}; this large as digits alone, without a point or an `e`")
    return found.numerator


def _digits(value: float) -> str:
    """The digits that tell a double from its neighbours."""
    return repr(value).partition("e")[0].replace(".", "").strip("-0")


def _read(value: Any, units: Units) -> Fraction | None:
    """The quantity from 0 to :data:`LARGEST`; ``None`` where the grammar has no such text."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return Fraction(value) if "" in units and 0 <= value <= LARGEST else None
    text = repr(value) if isinstance(value, float) else value
    if not isinstance(text, str) or len(text) > LONGEST or not text.isprintable():
        return None
    number, unit = _taken_apart(text.strip())
    match = _NUMBER.fullmatch(number)
    if match is None or unit not in units or not (match["whole"] or (match["part"] or ".") != "."):
        return None
    whole = (match["whole"] or "0").replace(",", "").replace("_", "")
    power = int(match["power"] or 0)
    if not number.isascii() or abs(power) > LARGEST_EXPONENT:
        return None
    fraction = Fraction(f"{whole}{(match['part'] or '').rstrip('.')}")
    found = fraction * Fraction(10) ** power * units[unit]
    return found if found <= LARGEST else None


def _taken_apart(text: str) -> tuple[str, str]:
    """The number that a text begins with, and its unit."""
    lead = _LEAD.match(text)
    number = lead[0] if lead else ""
    return number, text[len(number) :].strip()


def _meant(value: Any, units: Units) -> str:
    """A writing that is accepted and was perhaps meant, else nothing."""
    if not isinstance(value, str) or len(value) > LONGEST:
        return ""
    number, unit = _taken_apart(value.strip())
    numbers = [number]
    if "," in number and "." not in number:
        numbers.append(number.replace(",", ".") if number.count(",") == 1 else "")
    elif "," in number:  # 1.500,5 and 1,50.5
        point, comma = number.rfind("."), number.rfind(",")
        swapped = number.replace(".", "").replace(",", ".")
        numbers.append(number.replace(",", "") if comma < point else swapped)
    near = {known.lower(): known for known in units}
    spelled = _MEANT.get(unit.lower(), unit)
    alike = [near.get(word.lower(), word) for word in (spelled, unit)]
    guesses = [unit, spelled, *alike, unit.removesuffix("B")]
    for guess in dict.fromkeys(guesses):
        for digits in numbers:
            written = f"{digits} {guess}" if len(guess) > 1 and guess != "%" else digits + guess
            found = _read(written, units) if digits else None
            if found is not None and written != value.strip():
                return written
    return ""
