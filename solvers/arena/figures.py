"""What is told of a network's memory, its least arena with it."""

from __future__ import annotations

from typing import Any

from mathdesign.memory.figures import MOST_BUFFERS, Held, memory_figures
from mathdesign.memory.steps import MemoryOptions
from mathdesign.solvers.arena.allocate import allocate


def held_figures(held: Held, options: MemoryOptions) -> dict[str, Any]:
    """Words and integers; without an arena where there are too many tensors."""
    few = len(held.buffers) <= MOST_BUFFERS
    return memory_figures(held, options, allocate(held.buffers) if few else None)
