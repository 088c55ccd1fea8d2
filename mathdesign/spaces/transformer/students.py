"""AutoDistil's students of BERT (arXiv 2201.12507): closed forms, sub-spaces, diverse picks.

A student has ``L`` layers of ``H`` channels, ``A`` of 12 heads (each ``H / 12`` channels, as slices of
the super-network are) and a feed-forward ratio ``R``. Its closed forms leave out what the exact
counts of :mod:`mathdesign.spaces.transformer.costs` have (some biases) and are used only here.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np

from mathdesign.programs.base import Budget
from mathdesign.programs.mixes import Frame, Frames, Group, MixProblem

TOKENS = 128
Goal = Literal["params", "flops", "entropy"]


@dataclass(frozen=True, slots=True)
class Student:
    """One student; ``ratio`` exact."""

    layers: int
    heads: int
    hidden: int
    ratio: Fraction

    def params(self) -> int:
        """Weights by the closed form."""
        n, a, h, r = self.layers, Fraction(self.heads, 12), self.hidden, self.ratio
        layer = h * h + 3 * h * h * a + 6 * h + 2 * h * h * r + h * r + 3 * h
        return math.floor(h * (30522 + 512 + 4) + n * layer + h * h + 2 * h)

    def flops(self, tokens: int = TOKENS) -> int:
        """Multiply-adds by the closed form, which calls them FLOPs."""
        n, a, h, r = self.layers, Fraction(self.heads, 12), self.hidden, self.ratio
        layer = 3 * tokens * h * h * a + 2 * tokens**2 * h * a + tokens * h * h
        return math.floor(n * (layer + 2 * tokens * r * h * h) + tokens * h * h + 2 * h)

    def entropy(self) -> float:
        """Subspace entropy in nats (docs/transformers.md)."""
        h, q = self.hidden, self.hidden * self.heads / 12
        layer = h / 2 * math.log(h * q) + h / 2 * math.log(float(self.ratio) * h * h)
        return self.layers * (layer + q * math.log(h))


@dataclass(frozen=True, slots=True)
class StudentGrid:
    """The values of each choice."""

    layers: tuple[int, ...]
    heads: tuple[int, ...]
    hidden: tuple[int, ...]
    ratio: tuple[Fraction, ...]

    def students(self) -> list[Student]:
        """Every student."""
        return [student for hidden in self.hidden for student in self.of_width(hidden)]

    def of_width(self, hidden: int) -> list[Student]:
        """The students of one width."""
        chosen = itertools.product(self.layers, self.heads, self.ratio)
        return [Student(n, a, hidden, r) for n, a, r in chosen]


def _ratios(low: int, count: int) -> tuple[Fraction, ...]:
    return tuple(Fraction(low + i, 2) for i in range(count))


GRIDS = {
    "base": StudentGrid(
        tuple(range(9, 13)), tuple(range(9, 13)), (544, 576, 608, 640), _ratios(5, 4)
    ),
    "small": StudentGrid(
        tuple(range(9, 13)), tuple(range(7, 11)), (256, 288, 320, 352), _ratios(5, 4)
    ),
    "tiny": StudentGrid(
        tuple(range(4, 8)), tuple(range(7, 11)), (128, 160, 192, 224), _ratios(4, 4)
    ),
    # The full grid is published by its size, 12^3 * 8: widths are the union of the three above.
    "full": StudentGrid(
        tuple(range(1, 13)),
        tuple(range(1, 13)),
        (128, 160, 192, 224, 256, 288, 320, 352, 544, 576, 608, 640),
        _ratios(1, 8),
    ),
}
PICKS = {
    "autodistil-base": Student(12, 9, 544, Fraction(3)),
    "autodistil-small": Student(11, 8, 352, Fraction(4)),
    "autodistil-agnostic": Student(11, 7, 256, Fraction(3)),
    "autodistil-tiny": Student(7, 10, 160, Fraction(7, 2)),
}
"""The published students."""


def student_problem(grid: StudentGrid, goal: Goal, budgets: Sequence[Budget]) -> MixProblem:
    """The grid as a program: a frame for each width, one option for each (layers, heads, ratio)."""
    frames = []
    for hidden in grid.hidden:
        options = grid.of_width(hidden)
        costs = np.array([[s.params(), s.flops()] for s in options], dtype=np.int64)
        values = np.array([float(getattr(s, goal)()) for s in options])
        frames.append(Frame(np.zeros(2, dtype=np.int64), 0.0, (Group(costs, values, 1, 1),)))
    return MixProblem("students", ("params", "flops"), Frames(frames), tuple(budgets))


def best_student(grid: StudentGrid, goal: Goal, budgets: Sequence[Budget]) -> Student | None:
    """The proven best student, ``None`` if none keeps the budgets."""
    from mathdesign.solvers.base import SolveOptions
    from mathdesign.solvers.portfolio import solve

    found = solve(student_problem(grid, goal, budgets), SolveOptions(gap=0.0))
    if found.point is None:
        return None
    options = grid.of_width(grid.hidden[found.point[0]])
    return options[found.point[1:].index(1)]


def diverse_students(
    grid: StudentGrid, goal: Goal, count: int
) -> list[tuple[tuple[int, int], Student | None]]:
    """The best student of each of ``count`` disjoint bands of params that cover the grid.

    Bands ``(least, greatest)`` are equally wide in the logarithm and inclusive on both sides.
    """
    sizes = sorted({s.params() for s in grid.students()})
    low, high = sizes[0], sizes[-1]
    ends = [low + round((high - low + 1) * _log_share(low, high, i / count)) for i in range(count)]
    ends.append(high + 1)
    bands = [(a, b - 1) for a, b in itertools.pairwise(ends)]
    return [
        (b, best_student(grid, goal, (Budget("params", upper=b[1], lower=b[0]),))) for b in bands
    ]


def _log_share(low: int, high: int, share: float) -> float:
    """Where the logarithm has gone ``share`` of the way from ``low`` to ``high``, linearly."""
    return (low * (high / low) ** share - low) / (high - low) if high > low else share
