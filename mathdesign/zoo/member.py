"""What a member of the zoo is: a request, its network, and what its source says of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from mathdesign.spaces.kind import NamedNetwork

#: A printed figure: digits with commas, perhaps decimals, perhaps thousands, millions or billions.
PRINTED = re.compile(r"(\d[\d,]*)(?:\.(\d+))?\s?([KMBG]?)")
UNITS = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9, "G": 10**9}


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure as it was printed: ``said`` is ``11,689,512``, ``300.77 M`` or ``0.2991``.

    ``under``: words of the request that count otherwise (``counting: tinynas``). ``differs``: why
    what we count is another number; empty where the two agree.
    """

    metric: str
    said: str
    source: str = ""
    under: Mapping[str, Any] = field(default_factory=dict)
    differs: str = ""

    def __post_init__(self) -> None:
        if PRINTED.fullmatch(self.said) is None:
            raise ValueError(f"{self.metric}: found {self.said!r}, accepted: a number, e.g. 5.3 M")

    def fits(self, value: float) -> bool:
        """Whether ``value``, rounded or cut to as many digits, is what was printed."""
        whole, decimals, unit = re.fullmatch(PRINTED, self.said).groups()  # type: ignore[union-attr]
        digit = Fraction(UNITS[unit], 10 ** len(decimals or ""))
        printed = int(whole.replace(",", "") + (decimals or "")) * digit
        exact = Fraction(value)
        return printed - digit / 2 <= exact < printed + digit if digit != 1 else exact == printed


@dataclass(frozen=True, slots=True)
class Member:
    """A published network: the request whose space it is a point of, and its figures."""

    name: str
    group: str
    """What it belongs to, in the words of its paper: ``ResNet``."""
    source: str
    """The paper, and where in it."""
    request: Mapping[str, Any]
    """A specification, its name left out."""
    network: NamedNetwork | Mapping[str, Any] | None = None
    """The network, or the keys of a design file that say what it chooses; ``None``: there is but one."""
    figures: tuple[Figure, ...] = ()
    notes: tuple[str, ...] = ()
    """What is to be known of it: what we build otherwise, rows that contradict themselves."""
