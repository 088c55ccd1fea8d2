"""Static memory allocation: where buffers of known lives lie, so that none overlaps another."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Buffer:
    """``size`` bytes that are needed from step ``first`` up to, not including, step ``end``."""

    name: str
    first: int
    end: int
    size: int
