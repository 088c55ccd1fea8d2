"""What is told of a network's memory beside its budgets: where it peaks, and the arena that it needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mathdesign.memory.arena import Arena, Buffer
from mathdesign.memory.steps import MemoryOptions

#: The key of a design file.
MEMORY = "memory"
#: Networks of more tensors are told without an arena.
MOST_BUFFERS = 2_000


@dataclass(frozen=True, slots=True)
class Held:
    """The most that is alive at once, in bytes; where; and what a runtime has to place."""

    peak: int
    where: str
    operators: int
    buffers: tuple[Buffer, ...]


def memory_figures(held: Held, options: MemoryOptions, arena: Arena | None) -> dict[str, Any]:
    """Words and integers. ``arena_bound``: no arena is smaller; equal to ``arena_bytes`` if proven."""
    found: dict[str, Any] = {"peak_bytes": held.peak, "peak_at": held.where}
    if arena is not None:
        found |= {"arena_bytes": arena.size, "arena_bound": arena.bound}
    overhead = held.operators * options.overhead_per_operator
    return {**found, "operators": held.operators, "overhead_bytes": overhead}


def memory_from(data: Any) -> dict[str, Any]:
    """The figures in a design file. Raises ``ValueError``, ``TypeError``."""
    if not isinstance(data, Mapping):
        raise TypeError(f"{MEMORY}: found {data!r}, accepted: a mapping")
    numbers = ("peak_bytes", "arena_bytes", "arena_bound", "operators", "overhead_bytes")
    for name, value in data.items():
        whole = isinstance(value, int) and not isinstance(value, bool) and value >= 0
        if not (whole if name in numbers else name == "peak_at" and isinstance(value, str)):
            raise ValueError(f"{MEMORY}.{name}: found {value!r}")
    return dict(data)


def memory_rows(figures: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Label and text: the peak and its place, the arena with the runtime's own."""
    if "peak_bytes" not in figures:
        return []
    rows = [("peak alive", f"{figures['peak_bytes']:,} bytes at {figures.get('peak_at', '')}")]
    if "arena_bytes" in figures:
        size, bound = figures["arena_bytes"], figures.get("arena_bound", 0)
        proof = "none is smaller" if size == bound else f"none is below {bound:,}"
        rows.append(("arena", f"{size:,} bytes, {proof}"))
    if figures.get("overhead_bytes"):
        total = figures.get("arena_bytes", figures["peak_bytes"]) + figures["overhead_bytes"]
        words = f"{figures['overhead_bytes']:,} bytes of {figures.get('operators', 0):,} operators"
        rows.append(("with the runtime", f"{total:,} bytes, of which {words}"))
    return rows
