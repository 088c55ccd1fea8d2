"""Which option of a slot a cell of a table names. Each cell has one reading, or none.

Names win: the cell as it is written. Then numbers: ``1.0`` is the option ``1``, ``1e3`` the option
``1000``, and an ordered slot's values are numbers too. Then truth: ``True`` is the option ``true``,
since YAML and CSV writers spell it differently. What two options could be is neither. Positions are
another language, spoken only when it is asked for (:func:`position_of`): with options ``[1, 0]``
the cell 0 would otherwise be both of them.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

import numpy as np

from mathdesign.programs.slots import Slot

#: Exponents of more digits are no numbers of anybody's.
NUMBER = re.compile(r"[+-]?(\d{1,400}(\.\d{0,400})?|\.\d{1,400})([eE][+-]?\d{1,3})?", re.ASCII)
TRUTHS = {"true": True, "false": False}

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Cells:
    """How the cells of one slot's column are read."""

    names: Mapping[str, int]
    stripped: Mapping[str, int]
    numbers: Mapping[Decimal, int]
    truths: Mapping[bool, int]

    @classmethod
    def of(cls, slot: Slot) -> Cells:
        """For the options and values of ``slot``."""
        options = list(enumerate(slot.options))
        written = _pairs((number_of(option), k) for k, option in options)
        values = _pairs((number_of(value), k) for k, value in enumerate(slot.values or ()))
        told = {number for number, _ in written}
        # What an option says of itself wins over the value that it stands for.
        numbers = _unique(written) | _unique([pair for pair in values if pair[0] not in told])
        return cls(
            {option: k for k, option in options},
            _unique([(option.strip(), k) for k, option in options]),
            numbers,
            _unique(_pairs((TRUTHS.get(option.strip().lower()), k) for k, option in options)),
        )

    def option(self, cell: Any) -> int | None:
        """The position of the option that ``cell`` names; ``None``: it names none, or is missing."""
        if is_missing(cell):
            return None
        text = str(cell)
        found = self.names.get(text, self.stripped.get(text.strip()))
        if found is None and (number := number_of(cell)) is not None:
            found = self.numbers.get(number)
        if found is None and (truth := TRUTHS.get(text.strip().lower())) is not None:
            found = self.truths.get(truth)
        return found


def position_of(cell: Any, count: int) -> int | None:
    """A cell as a position from 0 among ``count`` options; ``None``: it is none."""
    number = number_of(cell)
    if number is None or not 0 <= number < count or number != number.to_integral_value():
        return None
    return int(number)


def number_of(cell: Any) -> Decimal | None:
    """A cell as an exact number, a real as it is printed in its own precision; ``None``: no number."""
    if isinstance(cell, bool | np.bool_) or is_missing(cell):
        return None
    text = str(cell).strip()
    return Decimal(text) if NUMBER.fullmatch(text) else None


def is_missing(cell: Any) -> bool:
    """None, NaN, NaT or pandas' NA: what readers put where they take a cell for empty."""
    if cell is None:
        return True
    try:
        return bool(cell != cell)
    except TypeError:  # pandas' NA has no truth value
        return True
    except ValueError:  # an array has several
        return False


def _pairs(found: Iterable[tuple[Key | None, int]]) -> list[tuple[Key, int]]:
    return [(key, k) for key, k in found if key is not None]


def _unique(pairs: list[tuple[Key, int]]) -> dict[Key, int]:
    """Key -> position, without the keys of several."""
    found = dict(pairs)
    twice = [key for key, k in pairs if found[key] != k]
    return {key: k for key, k in found.items() if key not in twice}
