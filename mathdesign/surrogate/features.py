"""What a predictor sees of a design: integers, one-hot bits, sums. Each is a sum of one table a slot."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mathdesign.programs.base import FloatArray, IntArray
from mathdesign.programs.slot_space import TableSpace
from mathdesign.programs.slots import Feature


def features_of(space: TableSpace) -> tuple[Feature, ...]:
    """Ordered choices as their values, unordered ones one-hot; sums of both over all slots.

    Sums: the values of all ordered slots, how often each of ``space.counted`` occurs, and every
    metric that is additive over slots; what the space's options say besides. In this order, so that a name means the same column.
    """
    found: list[Feature] = []
    for i, slot in enumerate(space.slots):
        if slot.values is not None:
            found.append(Feature(slot.name, (i,), (np.array(slot.values, dtype=float),)))
            continue
        bits = np.eye(len(slot.options))
        found += [Feature(f"{slot.name}={o}", (i,), (bits[k],)) for k, o in enumerate(slot.options)]
    return (*found, *_sums(space), *space.described)


def _sums(space: TableSpace) -> list[Feature]:
    every = tuple(range(len(space.slots)))
    found = []
    ordered = tuple(i for i in every if space.slots[i].values is not None)
    if len(ordered) > 1:
        tables = tuple(np.array(space.slots[i].values, dtype=float) for i in ordered)
        found.append(Feature("sum of values", ordered, tables))
    for option in space.counted:
        tables = tuple(np.array([float(o == option) for o in s.options]) for s in space.slots)
        found.append(Feature(f"number of {option}", every, tables))
    for name, sums in space.metrics.items():
        if not sums.pairs:
            found.append(Feature(name, every, tuple(np.array(t, dtype=float) for t in sums.unary)))
    return found


def matrix(features: Sequence[Feature], points: IntArray) -> FloatArray:
    """The features of ``points`` as columns: shape ``(rows, features)``."""
    return np.stack([feature.at(points) for feature in features], axis=1)
