"""The same question as rectangles for CP-SAT (ortools), for what our own search leaves open.

A buffer is a rectangle, its life by its size; none overlaps another, none leaves the arena. One
thread that takes turns at several searches, from one seed: the same answer each time within a
limit of deterministic time. What it places is held to the buffers by the caller as any placement is;
that there is none counts as CP-SAT's word, and is not taken.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import Any

import numpy as np

from mathdesign.programs.base import IntArray

#: Searches that take turns, and their units of deterministic time, about a second each.
SEARCHES, UNITS = 8, 300.0


def installed() -> bool:
    """Whether ortools is there: no extra of ours brings it."""
    return importlib.util.find_spec("ortools") is not None


def packed(first: IntArray, end: IntArray, size: IntArray, arena: int) -> IntArray | None:
    """Offsets within ``arena``; ``None`` where none was found."""
    from ortools.sat.python import cp_model

    unit = int(np.gcd.reduce(size))
    model, room = cp_model.CpModel(), arena // unit
    offsets, lives, places = [], [], []
    sizes = [int(s) // unit for s in size]
    if max(sizes) > room:
        return None
    for a, b, s in zip(first.tolist(), end.tolist(), sizes):
        offset = model.new_int_var(0, room - s, "")
        offsets.append(offset)
        lives.append(model.new_fixed_size_interval_var(a, b - a, ""))
        places.append(model.new_fixed_size_interval_var(offset, s, ""))
    model.add_no_overlap_2d(lives, places)
    model.add_cumulative(lives, sizes, room)
    return _answer(cp_model, model, offsets, unit)


def _answer(cp_model: Any, model: Any, offsets: Sequence[Any], unit: int) -> IntArray | None:
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = SEARCHES
    solver.parameters.interleave_search = True
    solver.parameters.random_seed = 0
    solver.parameters.max_deterministic_time = UNITS
    solver.parameters.use_energetic_reasoning_in_no_overlap_2d = True
    if solver.solve(model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None
    return np.array([solver.value(offset) * unit for offset in offsets], dtype=np.int64)
