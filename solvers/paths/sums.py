r"""Which sums may still end within a budget of two sides, exactly.

The least and greatest of what follows say little about a budget whose sides are equal: nearly all
partial sums lie between, few can be completed to the number asked for. Two exact answers:

* *a table*, where numbers are small: ``ends[c]`` says whether ``c`` so far can end within, by
  ``ends_s(i)[c] = any over arcs a to j of ends_{s+1}(j)[c + cost_a]``. Costs are divided by their
  greatest common divisor first, which no sum of them leaves;
* *lists* of all sums that may follow, ascending, for the last stages, as long as they are few.

Both are necessary conditions on one budget alone, in integers: what they drop can never be feasible.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mathdesign.programs.base import BoolArray, IntArray

#: Entries of all tables of a budget together, a byte each; what it takes to fill them is bounded
#: by the number of additions.
MOST_ENTRIES, MOST_ADDITIONS = 1 << 26, 1 << 33
#: Sums of one node that are listed.
MOST_LISTED = 20_000


@dataclass(frozen=True, eq=False)
class Sums:
    """What one budget leaves possible: by the stage that is entered and the width."""

    unit: int
    tables: tuple[tuple[BoolArray, ...], ...] | None
    lists: tuple[tuple[IntArray, ...] | None, ...]
    lower: int
    upper: int

    def ends_within(self, s: int, width: IntArray, costs: IntArray) -> BoolArray:
        """Whether paths of these costs, entering stage ``s``, may end within the budget."""
        if self.tables is not None:
            scaled = costs // self.unit
            inside = (scaled >= 0) & (scaled < len(self.tables[s][0]))
            found = np.zeros(len(costs), dtype=np.bool_)
            for j, table in enumerate(self.tables[s]):
                at = np.flatnonzero(inside & (width == j))
                found[at] = table[scaled[at]]
            return found
        found = np.ones(len(costs), dtype=np.bool_)
        listed = self.lists[s]
        for j, sums in enumerate(listed or ()):
            at = np.flatnonzero(width == j)
            if not len(sums):
                found[at] = False
                continue
            nearest = np.minimum(np.searchsorted(sums, self.lower - costs[at]), len(sums) - 1)
            held = costs[at] + sums[nearest]
            found[at] = (held >= self.lower) & (held <= self.upper)
        return found


def sums(costs: Sequence[IntArray], allowed: Sequence[BoolArray], lower: int, upper: int) -> Sums:
    """The sums of a budget whose shares are ``costs``, shape ``(in, out, choices)`` a stage."""
    used = [np.unique(c[a]) for c, a in zip(costs, allowed)]
    unit = max(int(np.gcd.reduce(np.concatenate(used))), 1)
    least, most = -(-lower // unit), upper // unit
    nodes = sum(len(c) for c in costs) + costs[-1].shape[1]
    arcs = [_distinct(c // unit, a) for c, a in zip(costs, allowed)]
    additions = sum(len(own) for stage in arcs for row in stage for own in row) * (most + 1)
    small = most >= 0 and nodes * (most + 1) <= MOST_ENTRIES and additions <= MOST_ADDITIONS
    tables = _tables(arcs, costs[-1].shape[1], least, most) if small else None
    lists = () if small else _lists(costs, allowed)
    return Sums(unit, tables, lists, lower, upper)


def _distinct(costs: IntArray, allowed: BoolArray) -> list[list[IntArray]]:
    """The different costs of the arcs between two widths, by width in and width out."""
    return [
        [np.unique(costs[i, j][allowed[i, j]]) for j in range(costs.shape[1])]
        for i in range(len(costs))
    ]


def _tables(
    arcs: Sequence[Sequence[Sequence[IntArray]]], last: int, least: int, most: int
) -> tuple[tuple[BoolArray, ...], ...]:
    end = np.zeros(most + 1, dtype=np.bool_)
    end[max(least, 0) :] = True
    found = [(end,) * last]
    for stage in reversed(arcs):
        after, before = found[-1], []
        for row in stage:
            table = np.zeros(most + 1, dtype=np.bool_)
            for j, own in enumerate(row):
                for cost in own[own <= most].tolist():
                    table[: most + 1 - cost] |= after[j][cost:]
            before.append(table)
        found.append(tuple(before))
    return tuple(reversed(found))


def _lists(
    costs: Sequence[IntArray], allowed: Sequence[BoolArray]
) -> tuple[tuple[IntArray, ...] | None, ...]:
    found: list[tuple[IntArray, ...] | None] = [None] * (len(costs) + 1)
    after = tuple(np.zeros(1, dtype=np.int64) for _ in range(costs[-1].shape[1]))
    found[-1] = after
    for s in range(len(costs) - 1, -1, -1):
        before = []
        for row in _distinct(costs[s], allowed[s]):
            parts = [own[:, None] + after[j] for j, own in enumerate(row)]
            every = np.concatenate([part.ravel() for part in parts])
            if len(every) > 20 * MOST_LISTED:
                return tuple(found)
            before.append(np.unique(every))
        if max(map(len, before)) > MOST_LISTED:
            break
        found[s] = after = tuple(before)
    return tuple(found)
