"""Static memory allocation: where buffers of known lives lie, so that none overlaps another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Buffer:
    """``size`` bytes that are needed from step ``first`` up to, not including, step ``end``."""

    name: str
    first: int
    end: int
    size: int


@dataclass(frozen=True, slots=True)
class Arena:
    """``size`` bytes with an offset for each buffer. No arena is smaller than ``bound``."""

    size: int
    bound: int
    offsets: tuple[int, ...]

    @property
    def proven(self) -> bool:
        """Whether it is the least."""
        return self.size == self.bound


def overlapping(buffers: Sequence[Buffer], arena: Arena) -> list[tuple[str, str]]:
    """Buffers that lie where another one does while both are needed, or outside: empty if none."""
    found = []
    for i, (a, at) in enumerate(zip(buffers, arena.offsets)):
        if at < 0 or at + a.size > arena.size:
            found.append((a.name, "arena"))
        for b, beside in zip(buffers[:i], arena.offsets):
            meets = a.first < b.end and b.first < a.end
            if meets and at < beside + b.size and beside < at + a.size:
                found.append((a.name, b.name))
    return found
