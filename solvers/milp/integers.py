r"""Rows in exact integers -> rows that a floating-point solver can hold.

For integers :math:`x` with :math:`0\le x_i\le u_i`, a row :math:`l\le\sum_i a_ix_i\le h` is

* divided by :math:`g=\gcd(a)`: :math:`\lceil l/g\rceil\le\sum_i(a_i/g)x_i\le\lfloor h/g\rfloor`;
* scaled by a power of two where :math:`\max|a_i|>2^{20}`: solvers keep rows to :math:`10^{-6}`, and
  double precision cannot keep a row of coefficients of :math:`10^{12}` to that;
* given *room*: half a unit where no small row would suffer, and never less than a solver's tolerance.

**Validity.** The first step is exact, in Python integers. Room only loosens, and what was too small
to be kept beside the largest coefficient is added to it: every integer point of the row is one of
the result. Where half a unit is above a solver's tolerance, the converse holds too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mathdesign.programs.base import FloatArray

#: Coefficients up to this are kept as they are, larger rows are scaled down to it.
LARGEST = 2**20
#: Rows whose coefficients are all below this get no room: half a unit would loosen them.
SMALL = 2**10
#: The least room of a scaled row: a few times what solvers may violate a row by.
LEAST_ROOM = 4e-6
#: What is smaller than this after scaling is left out: solvers drop it silently.
NEGLIGIBLE = 1e-7


@dataclass(frozen=True, slots=True)
class IntegerRow:
    """A row for a solver. A side is ``None`` where there is none; ``room`` loosens each side.

    ``empty``: no integers keep both sides.
    """

    coefficients: FloatArray
    low: float | None
    high: float | None
    room: float
    empty: bool

    @property
    def least(self) -> float:
        """The lower side, loosened."""
        return -math.inf if self.low is None else self.low - self.room

    @property
    def most(self) -> float:
        """The upper side, loosened."""
        return math.inf if self.high is None else self.high + self.room


def divided(
    coefficients: Sequence[int], low: int | None, high: int | None
) -> tuple[list[int], int | None, int | None]:
    """The row divided by the greatest common divisor of its coefficients, sides tightened."""
    g = math.gcd(*coefficients) or 1
    return (
        [a // g for a in coefficients],
        None if low is None else -(-low // g),
        None if high is None else high // g,
    )


def conditioned(
    coefficients: Sequence[int], uppers: Sequence[int], low: int | None, high: int | None
) -> IntegerRow:
    """The row as a solver should see it; ``uppers`` bound the columns, which are at least 0."""
    ours, low, high = divided(coefficients, low, high)
    empty = low is not None and high is not None and low > high
    top = max(map(abs, ours), default=0)
    if top <= LARGEST:
        room = 0.0 if top < SMALL else 0.5
        return IntegerRow(np.array(ours, dtype=np.float64), _float(low), _float(high), room, empty)
    shift = top.bit_length() - LARGEST.bit_length()
    scaled = np.array([_scaled(a, shift) for a in ours])
    dropped = np.abs(scaled) < NEGLIGIBLE
    lost = float(np.abs(scaled[dropped]) @ np.array(uppers, dtype=np.float64)[dropped])
    scaled[dropped] = 0.0
    room = max(_scaled(1, shift) / 2, LEAST_ROOM) + lost
    return IntegerRow(
        scaled,
        None if low is None else _scaled(low, shift),
        None if high is None else _scaled(high, shift),
        room,
        empty,
    )


def _scaled(number: int, shift: int) -> float:
    """``number / 2**shift``, rounded once."""
    return number / (1 << shift)


def _float(number: int | None) -> float | None:
    return None if number is None else float(number)
