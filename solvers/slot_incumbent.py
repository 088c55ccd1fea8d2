"""Good points without proof: tabu search over all one-slot changes, seeded.

All neighbours of a point are scored at once. A leaf counts the positions that keep the point out of
it; changing one slot changes one count (and those of aggregates), and leaves at zero contribute.
Broken budgets cost a price that rises while the walk is infeasible and falls while it is not:
budgets bind at every good point, and a walk that may not cross them is stuck on their boundary.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mathdesign.formulation import FloatArray, IntArray
from mathdesign.slots import SlotProblem
from mathdesign.solvers.base import Clock
from mathdesign.solvers.slot_base import Incumbent
from mathdesign.solvers.slot_masks import Positions, leaf_masks

#: How many moves a slot rests after a change, drawn from this range.
TENURE = (2, 8)
#: Candidates this close below the incumbent (relative) are scored by the problem itself.
CLOSE = 1e-9
#: Points of a walk that are offered at most.
MOST_TIES = 8


@dataclass(slots=True)
class Neighbourhood:
    """Objective and violation of a point's one-slot changes, up to rounding."""

    problem: SlotProblem
    positions: Positions = field(init=False)
    outside: list[np.ndarray] = field(init=False)
    """For each position ``(options, leaves)``: 1 where the option is outside of the leaf."""
    value: FloatArray = field(init=False)
    """``(1 + members of the spread, leaves)``: weighted sum of the ensembles, then each member."""
    offset: FloatArray = field(init=False)
    slot: IntArray = field(init=False)
    option: IntArray = field(init=False)

    def __post_init__(self) -> None:
        objective = self.problem.objective
        spread = list(objective.spread) if objective.spread_weight else []
        terms = [(0, w, e) for w, e in objective.ensembles]
        terms += [(1 + j, 1.0, e) for j, e in enumerate(spread)]
        self.positions = Positions.of(self.problem, [e for _, _, e in terms])
        masks = [leaf_masks(e.trees, e.features, self.positions) for _, _, e in terms]
        leaves = [len(m.tree) for m in masks]
        self.value = np.zeros((1 + len(spread), sum(leaves)))
        self.offset = np.zeros(1 + len(spread))
        ends = np.cumsum([0, *leaves])
        for (row, weight, ensemble), mask, first, last in zip(terms, masks, ends, ends[1:]):
            self.value[row, first:last] = weight * mask.value
            self.offset[row] += weight * ensemble.offset
        self.outside = [
            np.concatenate([np.zeros((0, size), bool), *(~m.allowed[p] for m in masks)])
            .T.astype(np.int16).copy()
            for p, size in enumerate(self.positions.sizes)
        ]  # fmt: skip
        sizes = self.positions.slot_sizes
        self.slot = np.repeat(np.arange(len(sizes)), sizes)
        self.option = np.concatenate([np.arange(n) for n in sizes])

    def around(self, point: IntArray) -> tuple[IntArray, FloatArray, FloatArray]:
        """All one-slot changes (and the point itself, once a slot): points, values, violations."""
        points = np.repeat(point[None], len(self.slot), axis=0)
        points[np.arange(len(self.slot)), self.slot] = self.option
        here = self.positions.all_at(point[None])[0]
        count = np.zeros(self.value.shape[1], dtype=np.int16)
        for p, k in enumerate(here):
            count += self.outside[p][k]
        # A change moves the point at one slot and at aggregates: no other leaf can be entered.
        near = np.flatnonzero(count <= 1 + len(self.positions.derived))
        counts = np.concatenate(
            [(count - self.outside[p][here[p]])[near] + self.outside[p][:, near]
             for p in range(len(self.positions.slot_sizes))]
        )  # fmt: skip
        for j, derived in enumerate(self.positions.derived):
            p = len(self.positions.slot_sizes) + j
            outside = self.outside[p][:, near]
            counts += outside[derived.at(points)] - outside[here[p]]
        return (
            points,
            self._objective(points, counts, self.value[:, near]),
            violation(self.problem, points),
        )

    def at(self, points: IntArray) -> FloatArray:
        """Objective of any ``points`` of shape ``(n, slots)``, up to rounding."""
        at = self.positions.all_at(points)
        counts = sum(self.outside[p][at[:, p]] for p in range(at.shape[1]))
        return self._objective(points, np.asarray(counts), self.value)

    def _objective(self, points: IntArray, counts: IntArray, value: FloatArray) -> FloatArray:
        inside = (counts == 0).astype(np.float64) @ value.T + self.offset
        total = self.problem.objective.tables.at(points) + inside[:, 0]
        if inside.shape[1] > 1:
            total = total + self.problem.objective.spread_weight * inside[:, 1:].std(axis=1)
        return np.asarray(total, dtype=np.float64)


def violation(problem: SlotProblem, points: IntArray) -> FloatArray:
    """How far ``points`` are from feasible: relative excess, summed; 0 where feasible."""
    total = np.zeros(len(points))
    for budget in problem.budgets:
        used = problem.metrics[budget.metric].at(points).astype(np.float64)
        if budget.upper is not None:
            total += np.maximum(used - budget.upper, 0) / max(abs(budget.upper), 1)
        if budget.lower is not None:
            total += np.maximum(budget.lower - used, 0) / max(abs(budget.lower), 1)
    for rule in problem.rules:
        total += ~rule.at(points).astype(bool)
    for distance in problem.distances:
        apart = (points != np.array(distance.point)).sum(axis=1)
        total += np.maximum(distance.at_least - apart, 0) / distance.at_least
    return total


def tabu(
    near: Neighbourhood,
    best: Incumbent,
    rng: np.random.Generator,
    start: IntArray,
    moves: int,
    clock: Clock,
) -> None:
    """Walk ``moves`` steps from ``start``; the best feasible points met are offered to ``best``."""
    slots = len(near.positions.slot_sizes)
    point, rests = start.copy(), np.zeros(slots, dtype=np.int64)
    price, spread = 1.0, 1.0
    met = _Met(best.cutoff)
    for move in range(moves):
        if move % 16 == 0 and clock.stop() is not None:
            break
        points, value, broken = near.around(point)
        met.see(points, np.where(broken == 0, value, -np.inf))
        spread = max(spread * 0.9, float(value.max() - value.min()), 1e-12)
        score = value - 10 * price * spread * broken
        changed = points[np.arange(len(near.slot)), near.slot] != point[near.slot]
        allowed = changed & (rests[near.slot] <= move)
        if not allowed.any():
            allowed = changed
        if not allowed.any():
            break
        pick = int(np.argmax(np.where(allowed, score, -np.inf)))
        price *= 0.9 if broken[pick] == 0 else 1.2
        price = min(max(price, 1e-3), 1e3)
        rests[near.slot[pick]] = move + int(rng.integers(*TENURE, endpoint=True))
        point = points[pick]
    for found in met.points:
        best.offer(found)


def random_start(problem: SlotProblem, rng: np.random.Generator) -> IntArray:
    """A random point, feasible or not."""
    return np.array([rng.integers(len(s.options)) for s in problem.slots], dtype=np.int64)


@dataclass(slots=True)
class _Met:
    """The best points of a walk, up to rounding: scoring by the problem itself is left to its end."""

    top: float
    points: list[tuple[int, ...]] = field(default_factory=list)

    def see(self, points: IntArray, value: FloatArray) -> None:
        best = int(np.argmax(value))
        room = CLOSE * (1 + abs(value[best]))
        if not np.isfinite(value[best]) or value[best] < self.top - room:
            return
        if value[best] > self.top + room:
            self.points.clear()
        self.top = max(self.top, float(value[best]))
        point = tuple(points[best].tolist())
        if point not in self.points and len(self.points) < MOST_TIES:
            self.points.append(point)
