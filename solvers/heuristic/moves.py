"""Random changes of a candidate that respect the rules: the published mutator, generalised.

The published mutator (tinynas/spaces/mutator/super_res_k1kxk1_mutator.py and basic_mutators.py)
draws a stage, then one of its decisions: a width or bottleneck is multiplied by a factor and
rounded to the grid, a kernel drawn again, a depth moved by one or two blocks. A new width is
clamped between the widths around it, and the bottleneck to its ratio. Here domains and rules are
arbitrary: *round* means the nearest value of the domain, *clamp* the nearest value that the rules
allow. Rules are bit masks, so that both cost a few integer operations.
"""

from __future__ import annotations

import bisect
from random import Random

from mathdesign.programs.chain import DesignProblem
from mathdesign.programs.stages import DEPTH, WIDTH
from mathdesign.solvers.heuristic.scoring import Index

#: space_k1kxk1.py: search_channel_list and search_layer_list.
WIDTH_FACTORS = (1.5, 1.25, 0.8, 0.6, 0.5)
DEPTH_STEPS = (-2, -1, 1, 2)
#: Decisions without an order worth keeping: drawn again instead of scaled.
REDRAWN = frozenset({"kernel_size"})


class Moves:
    """Moves in one problem. Candidates are index vectors (:mod:`mathdesign.solvers.heuristic.scoring`)."""

    def __init__(self, problem: DesignProblem) -> None:
        self.problem = problem
        self.domains = [problem.stages[s].domain(name) for s, name in problem.variables]
        self._stage_columns = [
            [problem.columns[s, d.name] for d in stage.decisions]
            for s, stage in enumerate(problem.stages)
        ]
        free = [[c for c in cs if len(self.domains[c]) > 1] for cs in self._stage_columns]
        self._free = [columns for columns in free if columns]
        self._widths = [problem.columns[s, WIDTH] for s in range(len(problem.stages))]
        self._masks = _masks(problem)

    @property
    def frozen(self) -> bool:
        """No decision has more than one choice."""
        return not self._free

    def mutate(self, index: Index, rng: Random) -> Index:
        """One published mutation: a random decision of a random stage, repaired.

        Where rules leave a width no other value (an identity shortcut), the widths around it
        follow, which the published spaces never need.
        """
        columns = self._free[int(rng.random() * len(self._free))]
        column = columns[int(rng.random() * len(columns))]
        target = self._draw(column, index[column], rng)
        point = list(index)
        if self._is_width(column):
            mask = self._neighbour_mask(point, column)
            if mask & ~(1 << point[column]) == 0:
                self._push(point, column, target)
            else:
                point[column] = nearest(mask, target)
            self._repair_stage(point, column)
        else:
            mask = self.allowed(point, column)
            point[column] = nearest(mask, target) if mask else target
        return tuple(point)

    def step(self, index: Index, rng: Random) -> Index:
        """A finer move: a random decision a few places along its domain, its neighbours pushed."""
        columns = self._free[int(rng.random() * len(self._free))]
        column = columns[int(rng.random() * len(columns))]
        size = len(self.domains[column])
        shift = 1 + int(3 * rng.random() ** 2)
        target = index[column] + (shift if rng.random() < 0.5 else -shift)
        target = min(max(target, 0), size - 1)
        point = list(index)
        if self._is_width(column):
            self._push(point, column, target)
        else:
            mask = self.allowed(point, column)
            point[column] = nearest(mask, target) if mask else target
        return tuple(point)

    def allowed(self, point: list[int], column: int) -> int:
        """Bit mask of the values of ``column`` that the rules allow beside the other decisions."""
        mask = (1 << len(self.domains[column])) - 1
        for other, rows in self._masks[column]:
            mask &= rows[point[other]]
        return mask

    def beside(self, column: int, other: int, value: int) -> int:
        """Bit mask of the values of ``column`` allowed beside position ``value`` of ``other``."""
        for known, rows in self._masks[column]:
            if known == other:
                return rows[value]
        return (1 << len(self.domains[column])) - 1

    def _draw(self, column: int, current: int, rng: Random) -> int:
        values, name = self.domains[column], self.problem.variables[column][1]
        if len(values) == 1:
            return current
        if name in REDRAWN:
            other = int(rng.random() * (len(values) - 1))
            return other + (other >= current)
        if name == DEPTH:
            wanted: float = values[current] + DEPTH_STEPS[int(rng.random() * len(DEPTH_STEPS))]
        else:
            wanted = values[current] * WIDTH_FACTORS[int(rng.random() * len(WIDTH_FACTORS))]
        target = closest(values, wanted)
        if target == current:  # a coarse list: the next value in that direction
            target += 1 if wanted > values[current] else -1
        return min(max(target, 0), len(values) - 1)

    def _is_width(self, column: int) -> bool:
        return self.problem.variables[column][1] == WIDTH

    def _neighbour_mask(self, point: list[int], column: int) -> int:
        """Widths allowed beside the previous and the next width (inner rules left out)."""
        mask = (1 << len(self.domains[column])) - 1
        for other, rows in self._masks[column]:
            if self._is_width(other):
                mask &= rows[point[other]]
        return mask

    def _push(self, point: list[int], column: int, target: int) -> None:
        """Set a width and let those before and after it follow as far as rules demand."""
        point[column] = target
        self._repair_stage(point, column)
        stage = self.problem.variables[column][0]
        for order in (range(stage + 1, len(self._widths)), range(stage - 1, -1, -1)):
            before = column
            for s in order:
                width = self._widths[s]
                mask = self.beside(width, before, point[before])
                if mask == 0 or mask >> point[width] & 1:
                    break
                point[width] = nearest(mask, point[width])
                self._repair_stage(point, width)
                before = width

    def _repair_stage(self, point: list[int], width: int) -> None:
        """Clamp the other decisions of a stage to what its rules allow, in declaration order."""
        for column in self._stage_columns[self.problem.variables[width][0]]:
            if column != width and self._masks[column]:
                mask = self.allowed(point, column)
                if mask and not mask >> point[column] & 1:
                    point[column] = nearest(mask, point[column])


def closest(values: tuple[int, ...], wanted: float) -> int:
    """Position of the value nearest to ``wanted`` in a sorted tuple; ties go up."""
    i = bisect.bisect_left(values, wanted)
    if i == 0 or i == len(values):
        return min(i, len(values) - 1)
    return i if values[i] - wanted <= wanted - values[i - 1] else i - 1


def nearest(mask: int, target: int) -> int:
    """The set bit of ``mask`` nearest to position ``target``; ties go down. ``mask`` is not 0."""
    below = (mask & ((1 << (target + 1)) - 1)).bit_length() - 1
    above = mask >> target
    if above == 0:
        return below
    upper = target + (above & -above).bit_length() - 1
    return upper if below < 0 or upper - target < target - below else below


def _masks(problem: DesignProblem) -> list[list[tuple[int, list[int]]]]:
    """Per column: the columns it shares rules with, and its allowed values beside each of theirs.

    Several rules on one pair become one table.
    """
    tables: list[dict[int, list[int]]] = [{} for _ in problem.variables]
    for rule in problem.rules:
        first = problem.columns[rule.first_stage, rule.first]
        second = problem.columns[rule.second_stage, rule.second]
        for column, other, allowed in (
            (second, first, rule.allowed),
            (first, second, rule.allowed.T),
        ):
            rows = [sum(1 << i for i, ok in enumerate(row) if ok) for row in allowed.tolist()]
            known = tables[column].get(other)
            tables[column][other] = [a & b for a, b in zip(known, rows)] if known else rows
    return [list(table.items()) for table in tables]
