"""Whole numbers of any size in words: spaces hold more designs than doubles can count."""

from __future__ import annotations

import math

#: Above this, numbers are told by their leading digits: they exceed doubles, and soon what Python
#: writes out and what readers of JSON take.
LARGEST_TOLD = 10**300


def rough(number: int, digits: int = 3) -> str:
    """A count in a few digits: ``1.23e+08``."""
    if number < LARGEST_TOLD:
        return f"{number:.{digits}g}"
    fraction, exponent = math.modf(math.log10(number))
    return f"{10.0**fraction:.{digits - 1}f}e+{int(exponent)}"


def told(number: int) -> int | str:
    """A count for a document: itself, or in a few digits where it exceeds all doubles."""
    return number if number < LARGEST_TOLD else rough(number, 6)
