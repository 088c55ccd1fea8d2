"""What a user may write for a choice: ranges and lists of numbers, ratios, products.

Quantities with units are in :mod:`.quantities`.

Every parser raises ``ValueError`` whose message says what is accepted; the caller adds where and
what was found.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

MOST_VALUES = 4096
LARGEST_VALUE = 65536

CHOICES = "a positive integer, a list, or a range `lo..hi` or `lo..hi/step`"
_RANGE = re.compile(r"\s*(\d{1,9})\s*\.\.\s*(\d{1,9})\s*(?:/\s*(\d{1,9})\s*)?")
_NUMBER = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*")


def choices(value: Any) -> tuple[int, ...]:
    """Sorted distinct positive integers from ``64``, ``[64, 96]``, ``32..512/8`` or a mixture."""
    parts = value if isinstance(value, list | tuple) else [value]
    if not parts:
        raise ValueError(f"{CHOICES}; the list is empty")
    found: set[int] = set()
    for part in parts:
        found.update(_one_choice(part))
        if len(found) > MOST_VALUES:
            raise ValueError(f"at most {MOST_VALUES} values")
    if min(found) < 1 or max(found) > LARGEST_VALUE:
        raise ValueError(f"{CHOICES}; values from 1 to {LARGEST_VALUE}")
    return tuple(sorted(found))


def _one_choice(part: Any) -> range:
    if isinstance(part, int) and not isinstance(part, bool):
        return range(part, part + 1)
    if isinstance(part, str):
        if match := _RANGE.fullmatch(part):
            low, high, step = int(match[1]), int(match[2]), int(match[3] or 1)
            if step < 1 or low > high:
                raise ValueError(f"{CHOICES}, with lo <= hi and step >= 1")
            if (high - low) // step >= MOST_VALUES:
                raise ValueError(f"at most {MOST_VALUES} values")
            return range(low, high + 1, step)
        if part.strip().isdecimal() and len(part) < 10:
            return range(int(part), int(part) + 1)
    raise ValueError(CHOICES)


def compact(values: Sequence[int]) -> str | int | list[int]:
    """The shortest way to write choices: a number, a range or a list."""
    if len(values) == 1:
        return values[0]
    steps = {b - a for a, b in itertools.pairwise(values)}
    if len(values) > 2 and len(steps) == 1:
        step = steps.pop()
        return f"{values[0]}..{values[-1]}" + (f"/{step}" if step > 1 else "")
    return list(values)


RATIOS = "a positive number, a list, or a range `lo..hi/step`"


def ratios(value: Any) -> tuple[Fraction, ...]:
    """Sorted distinct positive ratios from ``6``, ``[3, 4.5]`` or ``1.5..6/0.5``, exact."""
    parts = value if isinstance(value, list | tuple) else [value]
    found: set[Fraction] = set()
    for part in parts:
        found.update(_ratio_range(part) if isinstance(part, str) else [ratio(part)])
    if not found or len(found) > MOST_VALUES:
        raise ValueError(RATIOS)
    return tuple(sorted(found))


def _ratio_range(text: str) -> list[Fraction]:
    ends, _, step_text = text.partition("/")
    low_text, dots, high_text = ends.partition("..")
    if not dots:
        return [ratio(text)]
    low, high, step = ratio(low_text), ratio(high_text), ratio(step_text or "1")
    if low > high or (high - low) / step > MOST_VALUES:
        raise ValueError(f"{RATIOS}, with lo <= hi")
    return [low + i * step for i in range(int((high - low) / step) + 1)]


def ratio(value: Any) -> Fraction:
    """A positive number up to 1000, exact: ``0.1`` is one tenth."""
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= 1000:
        value = repr(value)
    if isinstance(value, str) and len(value) < 20 and (match := _NUMBER.fullmatch(value)):
        found = Fraction(match[1])
        if 0 < found <= 1000:
            return found
    raise ValueError("a positive number up to 1000")


def number_text(value: Fraction) -> int | float:
    """A ratio as the number a user would write."""
    return int(value) if value.denominator == 1 else float(value)


def interval(value: Any) -> tuple[Fraction, Fraction]:
    """``0.1..1`` or ``[0.1, 1]``: a pair of ratios, low <= high."""
    parts = value.split("..") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or len(parts) != 2:
        raise ValueError("a pair `lo..hi` of positive numbers")
    low, high = ratio(parts[0]), ratio(parts[1])
    if low > high:
        raise ValueError("a pair `lo..hi` with lo <= hi")
    return low, high


PRODUCTS = (
    "a product such as `depth`, `2 * depth * width` or `3 * width * kernel_size^2`, or a list"
)
_FACTOR = re.compile(r"(\d{1,9})|([a-z_]{1,32})(?:\s*\^\s*([1-4]))?")

Product = tuple[int, tuple[tuple[str, int], ...]]
"""A coefficient, and the powers of a stage's symbols, sorted by name."""


def products(value: Any) -> tuple[Product, ...]:
    """``2 * depth * width^2``, a number, or a list of such: the terms of a sum."""
    parts = value if isinstance(value, list | tuple) else [value]
    if not 1 <= len(parts) <= 64:
        raise ValueError(PRODUCTS)
    return tuple(_product(part) for part in parts)


def _product(part: Any) -> Product:
    if isinstance(part, bool) or not isinstance(part, int | str) or len(str(part)) > 200:
        raise ValueError(PRODUCTS)
    coefficient, powers = 1, dict[str, int]()
    for factor in str(part).split("*"):
        match = _FACTOR.fullmatch(factor.strip())
        if match is None:
            raise ValueError(PRODUCTS)
        if match[1]:
            coefficient *= int(match[1])
        else:
            powers[match[2]] = powers.get(match[2], 0) + int(match[3] or 1)
    if not 1 <= coefficient <= 10**12:
        raise ValueError(f"{PRODUCTS}, with a positive coefficient")
    if powers.get("depth", 0) > 1:
        raise ValueError(f"{PRODUCTS}, with `depth` at most once")
    return coefficient, tuple(sorted(powers.items()))


def product_texts(terms: Sequence[Product]) -> list[str]:
    """The products as a user would write them."""
    texts = []
    for coefficient, powers in terms:
        factors = [symbol if power == 1 else f"{symbol}^{power}" for symbol, power in powers]
        lead = [] if coefficient == 1 and factors else [str(coefficient)]
        texts.append(" * ".join(lead + factors))
    return texts
