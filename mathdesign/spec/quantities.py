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
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

#: Nothing of a network is larger; 64-bit integers end at nine times as much.
LARGEST = Fraction(10**18)
#: Longer texts are no quantities.
LONGEST = 40
#: Doubles tell decimals of so many digits apart: longer ones may have been others in the file.
SURE_DIGITS = 15
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
#: In seconds.
TIMES: Units = {
    "s": Fraction(1),
    "ms": 1 / _KILO,
    "us": 1 / _KILO**2,
    "µs": 1 / _KILO**2,
    "ns": 1 / _KILO**3,
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


def exact(value: Any, units: Units, accepted: str) -> Fraction:
    """A number that is not negative, in the base unit of ``units``; at most :data:`LARGEST`."""
    found = _read(value, units)
    if found is None or not 0 <= found <= LARGEST:
        raise QuantityError(accepted, _meant(value, units))
    return found


def count(value: Any) -> int:
    """A whole number of weights, multiply-adds, blocks: ``4000``, ``600k``, ``1.82G``, ``1.5B``.

    Of a metric in bytes (:class:`InBytes`): ``256 KiB``, ``8 GB``.
    """
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
    """The quantity, ``None`` where the grammar has no such text. May be negative for numbers."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return Fraction(value) if "" in units else None
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
    return fraction * Fraction(10) ** power * units[unit]


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
            if found is not None and 0 <= found <= LARGEST and written != value.strip():
                return written
    return ""
