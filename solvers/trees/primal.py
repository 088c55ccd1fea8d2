"""Good points without proof: tabu search over all one-slot changes, seeded.

All neighbours of a point are scored at once, in compiled code (:mod:`.kernels.walks`). Broken budgets
cost a price that rises while the walk is infeasible and falls while it is not: budgets bind at every
good point, and a walk that may not cross them is stuck on their boundary.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mathdesign.programs.base import FloatArray, IntArray
from mathdesign.programs.slots import PairTable, SlotProblem, TableSum
from mathdesign.solvers.base import Clock, Incumbent
from mathdesign.solvers.trees.kernels.neighbours import Tables, around, count
from mathdesign.solvers.trees.kernels.walks import walk
from mathdesign.solvers.trees.masks import LeafMasks, Positions, leaf_masks

#: How many moves a slot rests after a change, drawn from this range.
TENURE = (2, 8)
#: Candidates this close below the incumbent (relative) are scored by the problem itself.
CLOSE = 1e-9
#: Points of a walk that are offered at most.
MOST_TIES = 8
#: Moves between two looks at the clock.
CHUNK = 50


@dataclass(slots=True)
class Neighbourhood:
    """Objective and violation of a point's one-slot changes, up to rounding."""

    problem: SlotProblem
    tables: Tables = field(init=False)

    def __post_init__(self) -> None:
        objective = self.problem.objective
        spread = list(objective.spread) if objective.spread_weight else []
        terms = [(0, w, e) for w, e in objective.ensembles]
        terms += [(1 + j, 1.0, e) for j, e in enumerate(spread)]
        positions = Positions.of(self.problem, [e for _, _, e in terms])
        masks = [leaf_masks(e.trees, e.features, positions) for _, _, e in terms]
        offset = np.zeros(1 + len(spread))
        for row, weight, ensemble in terms:
            offset[row] += weight * ensemble.offset
        value = [weight * mask.value for (_, weight, _), mask in zip(terms, masks)]
        rows = [np.full(len(mask.tree), row) for (row, _, _), mask in zip(terms, masks)]
        start, inside = np.cumsum([0, *positions.slot_sizes]), _inside(masks, positions)
        self.tables = Tables(
            start=start,
            inside=inside,
            outside=np.ascontiguousarray(~inside[:, : start[-1]].T).astype(np.int16),
            position_start=np.cumsum([0, *positions.sizes]),
            value=np.concatenate([np.zeros(0), *value]),
            row=np.concatenate([np.zeros(0, dtype=np.int64), *rows]),
            offset=offset,
            spread_weight=float(objective.spread_weight),
            **positions.links(),
            **_sums(self.problem),
        )

    def around(self, point: IntArray) -> tuple[IntArray, FloatArray, FloatArray]:
        """All one-slot changes (and the point itself, once a slot): points, values, violations."""
        sizes = np.diff(self.tables.start)
        points = np.repeat(point[None], sizes.sum(), axis=0)
        slot = np.repeat(np.arange(len(sizes)), sizes)
        points[np.arange(len(slot)), slot] = np.concatenate([np.arange(n) for n in sizes])
        value, broken = np.empty(len(slot)), np.empty(len(slot))
        out, which = np.empty((2, len(self.tables.value)), dtype=np.int16)
        count(self.tables, point, out, which)
        around(self.tables, point, out, which, value, broken)
        return points, value, broken


def _inside(masks: list[LeafMasks], positions: Positions) -> np.ndarray:
    whole = [np.concatenate(mask.allowed, axis=1) for mask in masks]
    return np.concatenate([np.zeros((0, sum(positions.sizes)), dtype=bool), *whole])


def _sums(problem: SlotProblem) -> dict[str, np.ndarray]:
    """The objective's tables and everything bounded, with how far out counts how much."""
    none = tuple(np.zeros(len(slot.options)) for slot in problem.slots)
    sums, low, high, scale = [problem.objective.tables], [-np.inf], [np.inf], [1.0]

    def bounded(table: TableSum, least: float, most: float, unit: float) -> None:
        sums.append(table)
        low.append(least)
        high.append(most)
        scale.append(max(abs(unit), 1.0))

    for budget in problem.budgets:
        table = problem.metrics[budget.metric]
        if budget.upper is not None:
            bounded(table, -np.inf, budget.upper, budget.upper)
        if budget.lower is not None:
            bounded(table, budget.lower, np.inf, budget.lower)
    for rule in problem.rules:
        forbidden = PairTable(rule.first, rule.second, 1.0 - rule.table.astype(bool))
        bounded(TableSum(0.0, none, (forbidden,)), -np.inf, 0.0, 1.0)
    for distance in problem.distances:
        other = tuple(
            (np.arange(len(slot.options)) != k).astype(np.float64)
            for slot, k in zip(problem.slots, distance.point)
        )
        bounded(TableSum(0.0, other), distance.at_least, np.inf, distance.at_least)
    pairs = [(s, pair) for s, table in enumerate(sums) for pair in table.pairs]
    return {
        "constant": np.array([float(table.constant) for table in sums]),
        "unary": np.array([np.concatenate(table.unary) for table in sums], dtype=np.float64),
        "pair_sum": np.array([s for s, _ in pairs], dtype=np.int64),
        "pair_first": np.array([pair.first for _, pair in pairs], dtype=np.int64),
        "pair_second": np.array([pair.second for _, pair in pairs], dtype=np.int64),
        "pair_start": np.cumsum([0, *(pair.table.size for _, pair in pairs)])[:-1].astype(np.int64),
        "pair_value": np.concatenate(
            [np.zeros(0), *(pair.table.ravel().astype(np.float64) for _, pair in pairs)]
        ),
        "low": np.array(low, dtype=np.float64),
        "high": np.array(high, dtype=np.float64),
        "scale": np.array(scale),
    }


def tabu(
    near: Neighbourhood,
    best: Incumbent,
    rng: np.random.Generator,
    start: IntArray,
    moves: int,
    clock: Clock,
) -> None:
    """Walk ``moves`` steps from ``start``; the best feasible points met are offered to ``best``.

    Each ``CHUNK`` of moves begins with an empty memory, at the point where the last one ended.
    """
    point, top, found = start.copy(), best.cutoff, 0
    met = np.empty((MOST_TIES, len(start)), dtype=np.int64)
    for first in range(0, moves, CHUNK):
        if clock.stop() is not None:
            break
        tenure = rng.integers(*TENURE, endpoint=True, size=min(CHUNK, moves - first))
        top, found = walk(near.tables, point, tenure, top, CLOSE, met, found)
    known = np.array(best.point if best.point is not None else [-1])
    new = met[:found][(met[:found] != known).any(axis=1)]
    if len(new):
        value = near.problem.objective.at(new)
        best.offer(min(map(tuple, new[value == value.max()].tolist())))


def random_start(problem: SlotProblem, rng: np.random.Generator) -> IntArray:
    """A random point, feasible or not."""
    return np.array([rng.integers(len(s.options)) for s in problem.slots], dtype=np.int64)
