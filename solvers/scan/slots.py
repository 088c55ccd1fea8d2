"""The points of a slot problem in blocks: products of two halves of the slots.

A leaf is a box: the indicator that a point lies in it is the product of an indicator over the
first slots (*head*) and one over the last (*tail*). So an ensemble over all pairs of heads and
tails is one matrix product, millions of points a second. The product only finds candidates: those
within its rounding error of the best are scored by the problem itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mathdesign.programs.base import BoolArray, FloatArray, IntArray
from mathdesign.programs.slots import Ensemble, SlotProblem, TableSum, Tree
from mathdesign.solvers.base import Incumbent
from mathdesign.solvers.scan.chain import unravelled
from mathdesign.solvers.trees.masks import LeafMasks, Positions, leaf_masks

#: Points of one block; entries of one table of leaves by tails.
BLOCK, TAIL_ENTRIES = 1 << 18, 1 << 22
#: Sums of n doubles err by less than n * 2^-53 times the sum of absolute values (n < 9000 here).
ROUNDING = 1e-12


def blocks(problem: SlotProblem) -> Iterator[SlotBlock]:
    """The whole space in lexicographic order, cut into grids."""
    scorer = _Scorer(problem)
    for grid in grids(problem, scorer.tail_size):
        yield SlotBlock(problem, grid, scorer)


@dataclass(frozen=True, slots=True)
class SlotBlock:
    """The points of one grid."""

    problem: SlotProblem
    grid: Grid
    scorer: _Scorer

    @property
    def count(self) -> int:
        """Number of points."""
        return len(self.grid.head) * len(self.grid.tail)

    def offer_best(self, best: Incumbent) -> None:
        """The candidates among the feasible ones, until none can win any more."""
        good = self.grid.feasible(self.problem)
        rows = np.flatnonzero(good.any(axis=1))
        if len(rows):
            _look(self.problem, self.grid.keep(rows), good[rows], self.scorer, best)


@dataclass(frozen=True, slots=True)
class Grid:
    """All pairs of the rows of ``head`` (first slots) and ``tail`` (last slots)."""

    head: IntArray
    tail: IntArray

    def keep(self, rows: IntArray) -> Grid:
        """Some of the heads."""
        return Grid(self.head[rows], self.tail)

    def points(self, index: IntArray) -> IntArray:
        """The points at flat positions ``index`` of the grid."""
        row, column = np.divmod(index, len(self.tail))
        return np.hstack([self.head[row], self.tail[column]])

    def option(self, slot: int) -> IntArray:
        """Options of a slot, to be broadcast: shape ``(heads, 1)`` or ``(1, tails)``."""
        heads = self.head.shape[1]
        return self.head[:, slot, None] if slot < heads else self.tail[None, :, slot - heads]

    def sum(self, tables: TableSum) -> npt.NDArray[Any]:
        """A table sum over the grid, shape ``(heads, tails)``."""
        parts: dict[tuple[int, ...], npt.NDArray[Any]] = {}
        entries = [table[self.option(i)] for i, table in enumerate(tables.unary)]
        for pair in tables.pairs:
            entries.append(pair.table[self.option(pair.first), self.option(pair.second)])
        for entry in entries:  # add small shapes among themselves first
            parts[entry.shape] = parts[entry.shape] + entry if entry.shape in parts else entry
        total = np.full((len(self.head), len(self.tail)), tables.constant, tables.unary[0].dtype)
        for part in parts.values():
            total = total + part
        return total

    def feasible(self, problem: SlotProblem) -> BoolArray:
        """Which points keep budgets and rules (distances are left to the candidates)."""
        good = np.ones((len(self.head), len(self.tail)), dtype=bool)
        for rule in problem.rules:
            good &= rule.table[self.option(rule.first), self.option(rule.second)].astype(bool)
        for budget in problem.budgets:
            value = self.sum(problem.metrics[budget.metric])
            if budget.upper is not None:
                good &= value <= budget.upper
            if budget.lower is not None:
                good &= value >= budget.lower
        return good


def grids(problem: SlotProblem, tail_size: int) -> Iterator[Grid]:
    """The space in lexicographic order, cut into grids of at most about ``BLOCK`` points."""
    sizes = [len(slot.options) for slot in problem.slots]
    split = len(sizes)
    while split > 0 and np.prod(sizes[split - 1 :], dtype=object) <= tail_size:
        split -= 1
    tail = _product(sizes[split:], 0, int(np.prod(sizes[split:])))
    heads = int(np.prod(sizes[:split], dtype=object))
    step = max(1, BLOCK // len(tail))
    for start in range(0, heads, step):
        yield Grid(_product(sizes[:split], start, min(start + step, heads)), tail)


def _product(sizes: list[int], start: int, stop: int) -> IntArray:
    """Rows ``start`` to ``stop`` of the Cartesian product, shape ``(rows, len(sizes))``."""
    if not sizes:
        return np.zeros((stop - start, 0), dtype=np.int64)
    return np.stack(unravelled(sizes, start, stop), axis=1).astype(np.int64)


@dataclass(slots=True)
class _Scorer:
    """The objective over a grid, up to ``error``."""

    problem: SlotProblem
    ensembles: list[_Product] = field(init=False)
    spread: list[_Product] = field(init=False)
    tail_size: int = field(init=False)
    error: float = field(init=False)

    def __post_init__(self) -> None:
        objective = self.problem.objective
        self.ensembles = [_Product(self.problem, e) for _, e in objective.ensembles]
        self.spread = [_Product(self.problem, e) for e in objective.spread]
        leaves = max([len(p.masks.tree) for p in [*self.ensembles, *self.spread]], default=1)
        # Looking leaves up takes time for each row of a half, not for each pair: so even halves.
        even = 4 * math.isqrt(self.problem.size)
        self.tail_size = max(1, min(TAIL_ENTRIES // max(leaves, 1), BLOCK, even))
        tables = objective.tables
        largest = abs(float(tables.constant)) + sum(float(np.abs(u).max()) for u in tables.unary)
        largest += sum(float(np.abs(p.table).max()) for p in tables.pairs)
        for (weight, _), product in zip(objective.ensembles, self.ensembles):
            largest += abs(weight) * product.largest
        # A deviation errs by the square root where it is 0: members that agree exactly.
        spread = max((p.largest for p in self.spread), default=0.0)
        error = ROUNDING * largest
        if self.spread and objective.spread_weight:
            error += abs(objective.spread_weight) * spread * ROUNDING**0.5
        self.error = error

    def __call__(self, grid: Grid) -> FloatArray:
        objective = self.problem.objective
        total: FloatArray = grid.sum(objective.tables)
        for (weight, _), product in zip(objective.ensembles, self.ensembles):
            total = total + weight * product(grid)
        if self.spread and objective.spread_weight:
            members = np.stack([product(grid) for product in self.spread])
            total = total + objective.spread_weight * members.std(axis=0)
        return total


@dataclass(slots=True)
class _Product:
    """One ensemble over a grid: boxes as a matrix product, trees with aggregates point by point."""

    problem: SlotProblem
    ensemble: Ensemble
    masks: LeafMasks = field(init=False)
    rest: Ensemble = field(init=False)
    largest: float = field(init=False)
    tail: tuple[IntArray, FloatArray] | None = None

    def __post_init__(self) -> None:
        features = self.ensemble.features
        boxes: list[Tree] = []
        others: list[Tree] = []
        for tree in self.ensemble.trees:
            several = any(len(set(features[f].slots)) > 1 for f in tree.split_feature)
            (others if several else boxes).append(tree)
        sizes = Positions(tuple(len(slot.options) for slot in self.problem.slots))
        self.masks = leaf_masks(boxes, features, sizes)
        self.rest = replace(self.ensemble, trees=tuple(others))
        self.largest = abs(self.ensemble.offset) + sum(
            float(np.abs(tree.leaf_values).max()) for tree in self.ensemble.trees
        )

    def __call__(self, grid: Grid) -> FloatArray:
        if self.tail is None or self.tail[0] is not grid.tail:
            inside = self._inside(grid.head.shape[1], grid.tail)
            self.tail = grid.tail, inside * self.masks.value[:, None]
        total = self._inside(0, grid.head).T.astype(np.float64) @ self.tail[1]
        if not self.rest.trees:
            return total + self.rest.offset
        points = grid.points(np.arange(total.size))
        return total + self.rest.at(points).reshape(total.shape)

    def _inside(self, first: int, half: IntArray) -> BoolArray:
        """Which rows of a half, from slot ``first`` on, each leaf allows: ``(leaves, rows)``."""
        inside = np.ones((len(self.masks.tree), len(half)), dtype=bool)
        for slot, column in enumerate(half.T, start=first):
            inside &= self.masks.allowed[slot][:, column]
        return inside


def _look(
    problem: SlotProblem, grid: Grid, good: BoolArray, scorer: _Scorer, best: Incumbent
) -> None:
    """Offer the best of a grid: candidates in falling order, until none can win any more."""
    value = np.where(good, scorer(grid), -np.inf).ravel()
    candidates = np.flatnonzero(value > best.cutoff - scorer.error)
    candidates = candidates[np.argsort(-value[candidates], kind="stable")]
    for start in range(0, len(candidates), 256):
        some = candidates[start : start + 256]
        some = some[value[some] > best.cutoff - 2 * scorer.error]
        if not len(some):
            return
        some = np.sort(some)
        points = grid.points(some)
        points = points[problem.apart_rows(points)]
        if len(points):
            best.offer(points[int(np.argmax(problem.objective.at(points)))])
