r"""Which options of a slot problem exact integers leave: rules and budgets propagated to a fixpoint.

An option stays while it has an allowed partner in every rule, and while for every side of a budget

.. math:: c + \sum_i\min_k u_i(k) + \sum_{i<j}\min_{k,l}p_{ij}(k,l) + \delta \le b

where :math:`\delta` is what the sum rises by when the slot takes this option, other minima kept.

**Validity.** The left-hand side is a lower bound of the metric over all points with the option, in
Python integers. So a point that keeps rules and budgets has options that stay only, and where a
slot is left without any, no such point exists: a proof without a solver.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mathdesign.programs.base import BoolArray
from mathdesign.programs.slots import PairTable, SlotProblem, TableSum

#: Two slots, the first the smaller.
Pair = tuple[int, int]
Table = npt.NDArray[Any]
#: Above every sum of table entries.
NEVER = 2**80


@dataclass(frozen=True, eq=False)
class Sums:
    """A table sum whose tables over the same two slots are one, the first slot the smaller.

    Pair tables that are sums of a table for each slot have become just that.
    """

    constant: Any
    unary: list[Table]
    pairs: dict[Pair, Table]

    @classmethod
    def of(cls, sums: TableSum) -> Sums:
        """The same sum."""
        unary = [np.array(table) for table in sums.unary]
        pairs: dict[Pair, Table] = {}
        for pair in sums.pairs:
            key, table = oriented(pair)
            if key[0] == key[1]:
                unary[key[0]] = unary[key[0]] + np.diagonal(table)
            else:
                pairs[key] = pairs[key] + table if key in pairs else table
        for key in list(pairs):
            table = pairs[key]
            first, second = table[:, 0], table[0] - table[0, 0]
            if (table == first[:, None] + second).all():
                unary[key[0]] = unary[key[0]] + first
                unary[key[1]] = unary[key[1]] + second
                del pairs[key]
        return cls(sums.constant, unary, pairs)

    def exact(self, sign: int) -> Sums:
        """``sign`` times the sum, in Python integers."""
        return Sums(
            sign * int(self.constant),
            [sign * table.astype(object) for table in self.unary],
            {key: sign * table.astype(object) for key, table in self.pairs.items()},
        )


def oriented(pair: PairTable) -> tuple[Pair, Table]:
    """The slots in order, and the table with the first slot's options as rows."""
    if pair.first <= pair.second:
        return (pair.first, pair.second), pair.table
    return (pair.second, pair.first), pair.table.T


@dataclass(frozen=True, eq=False)
class Possible:
    """What stays: options of each slot, and pairs of options of slots that a rule couples."""

    options: list[BoolArray]
    allowed: Mapping[Pair, BoolArray]

    def pairs(self, key: Pair) -> BoolArray:
        """Which pairs of options of two slots stay."""
        both = np.outer(self.options[key[0]], self.options[key[1]])
        return both & self.allowed[key] if key in self.allowed else both


def possible(problem: SlotProblem) -> Possible | None:
    """What rules and budgets leave; ``None`` if that is nothing."""
    found = Possible([np.ones(len(s.options), dtype=np.bool_) for s in problem.slots], {})
    allowed: dict[Pair, BoolArray] = {}
    for rule in problem.rules:
        key, table = oriented(rule)
        if key[0] == key[1]:
            found.options[key[0]] &= np.diagonal(table).astype(bool)
        else:
            allowed[key] = allowed.get(key, np.True_) & table.astype(bool)
    found = Possible(found.options, allowed)
    sides = [
        (Sums.of(problem.metrics[b.metric]).exact(1 if side == "max" else -1), side, bound)
        for b in problem.budgets
        for side, bound in b.sides
    ]
    limits = [(sums, bound if side == "max" else -bound) for sums, side, bound in sides]
    if any(len(problem.slots) < d.at_least for d in problem.distances):
        return None
    while True:
        before = [int(mask.sum()) for mask in found.options]
        for key in allowed:
            pairs = found.pairs(key)
            found.options[key[0]][:] = pairs.any(axis=1)
            found.options[key[1]][:] = pairs.any(axis=0)
        if not all(mask.any() for mask in found.options):
            return None
        for sums, limit in limits:
            if not _within(sums, limit, found):
                return None
        if before == [int(mask.sum()) for mask in found.options]:
            return found


def _within(sums: Sums, limit: int, found: Possible) -> bool:
    """Remove the options that take the sum above ``limit``; whether every slot keeps one."""
    least = sums.constant
    rises: list[Table] = []
    for table, mask in zip(sums.unary, found.options):
        low = min(table[mask])
        least += low
        rises.append(table - low)
    for key, table in sums.pairs.items():
        pairs = found.pairs(key)
        if not pairs.any():
            return False
        kept = np.where(pairs, table, NEVER)
        low = kept.min()
        least += low
        rises[key[0]] = rises[key[0]] + (kept.min(axis=1) - low)
        rises[key[1]] = rises[key[1]] + (kept.min(axis=0) - low)
    for rise, mask in zip(rises, found.options):
        mask &= (rise <= limit - least).astype(bool)
        if not mask.any():
            return False
    return True
