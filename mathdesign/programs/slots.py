"""The slot problem: a solver-free program over slots that each take one of a few options.

A :class:`~mathdesign.programs.chain.DesignProblem` is a chain whose costs are monomials. Cells
(NAS-Bench-201), lists of layer types (ProxylessNAS) and tables of measured networks have no such
formula: there a cost is a *table*. Hence the second problem form:

    metric(x)    = constant + sum_i unary_i[x_i] + sum_(i,j) pair_ij[x_i, x_j]       (integers)
    objective(x) = the same in reals + sum_e weight_e * ensemble_e(features(x))

where ``x_i`` is the position of the option that slot ``i`` takes. A row such as "at most nine
edges" is a metric with a budget. A :class:`Feature` is what a trained predictor sees; it is a sum
of one table a slot, so an ordered choice, a one-hot bit and an aggregate ("total depth") are one
thing. This module knows no solver, no file format and no learning library.

A *point* is an int64 array of shape ``(slots,)`` or ``(n, slots)`` of option positions.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from mathdesign.programs.base import (
    BoolArray,
    Budget,
    Distance,
    FloatArray,
    IntArray,
    Point,
    Program,
    Reach,
    check_ceilings,
    is_whole,
    magnitude,
    refuse_infinite,
    refuse_large,
    refuse_overflow,
    rows_apart,
    unused,
    whole,
    whole_array,
)


@dataclass(frozen=True, slots=True)
class Slot:
    """One choice: its name, its options' names, and their values where they have an order.

    ``values[k]`` is the number (width, depth, ratio ...) that option ``k`` stands for; ``None``
    where the options are unordered (operations).
    """

    name: str
    options: tuple[str, ...]
    values: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not self.options or len(set(self.options)) != len(self.options):
            raise ValueError(f"slot {self.name!r} needs at least one option, all distinct")
        if self.values is not None and len(self.values) != len(self.options):
            raise ValueError(f"slot {self.name!r}: one value an option")


@dataclass(frozen=True, eq=False)
class PairTable:
    """A table over two slots, ``table[x_first, x_second]``."""

    first: int
    second: int
    table: npt.NDArray[Any]

    def at(self, points: IntArray) -> npt.NDArray[Any]:
        """The entries at ``points`` of shape ``(n, slots)``: shape ``(n,)``."""
        return self.table[points[:, self.first], points[:, self.second]]


@dataclass(frozen=True, eq=False)
class CeilingRule(PairTable):
    """The rule that a ceiling makes of what two slots hold: it goes with the ceiling."""


@dataclass(frozen=True, eq=False)
class TableSum:
    """``constant + sum_i unary[i][x_i] + sum of pair tables``; ``unary`` has one array a slot.

    All int64 for a metric, all doubles for an objective: one real makes all of them real.
    """

    constant: int | float
    unary: tuple[npt.NDArray[Any], ...]
    pairs: tuple[PairTable, ...] = ()

    def __post_init__(self) -> None:
        tables = [np.asarray(t) for t in (*self.unary, *(p.table for p in self.pairs))]
        if isinstance(self.constant, int | np.integer) and all(map(is_whole, tables)):
            tables = [whole_array("table", t) for t in tables]
            self._set(int(self.constant), tables)
        else:
            self._set(float(self.constant), [t.astype(np.float64, copy=False) for t in tables])

    @property
    def whole(self) -> bool:
        """Whether it adds integers."""
        return isinstance(self.constant, int)

    @property
    def largest(self) -> int:
        """An upper limit of the absolute value of a sum of integers, itself exact."""
        tables = (*self.unary, *(pair.table for pair in self.pairs))
        return abs(int(self.constant)) + sum(map(magnitude, tables))

    @property
    def largest_real(self) -> float:
        """An upper limit of the absolute value of a sum of reals, up to rounding."""
        tables = (*self.unary, *(pair.table for pair in self.pairs))
        return abs(float(self.constant)) + sum(float(np.abs(t).max(initial=0)) for t in tables)

    def real(self) -> TableSum:
        """The same in doubles."""
        return replace(self, constant=float(self.constant)) if self.whole else self

    def at(self, points: IntArray) -> npt.NDArray[Any]:
        """The sums at ``points`` of shape ``(n, slots)``: shape ``(n,)``."""
        total: npt.NDArray[Any] = np.full(len(points), self.constant, self.unary[0].dtype)
        for i, table in enumerate(self.unary):
            total = total + table[points[:, i]]
        for pair in self.pairs:
            total = total + pair.at(points)
        return total

    def _set(self, constant: int | float, tables: list[npt.NDArray[Any]]) -> None:
        """Put numbers of one type in place of those given."""
        pairs = zip(self.pairs, tables[len(self.unary) :])
        object.__setattr__(self, "constant", constant)
        object.__setattr__(self, "unary", tuple(tables[: len(self.unary)]))
        object.__setattr__(self, "pairs", tuple(replace(p, table=t) for p, t in pairs))


@dataclass(frozen=True, eq=False)
class Feature:
    """What a predictor sees: ``sum_s tables[s][x_slots[s]]`` in double precision, left to right."""

    name: str
    slots: tuple[int, ...]
    tables: tuple[FloatArray, ...]

    def at(self, points: IntArray) -> FloatArray:
        """The feature at ``points`` of shape ``(n, slots)``: shape ``(n,)``."""
        total = np.zeros(len(points))
        for slot, table in zip(self.slots, self.tables):
            total = total + table[points[:, slot]]
        return total


@dataclass(frozen=True, eq=False)
class Tree:
    """A binary regression tree: go left where ``features[split_feature] <= threshold``.

    Arrays of one length a node; a child ``>= 0`` is a node and ``~leaf`` a leaf, LightGBM's own
    convention. ``leaf_values`` in the unit of the target. A tree of one leaf has no nodes.
    """

    split_feature: IntArray
    threshold: FloatArray
    left: IntArray
    right: IntArray
    leaf_values: FloatArray


@dataclass(frozen=True, eq=False)
class Ensemble:
    """``offset + sum of trees`` over ``features``."""

    features: tuple[Feature, ...]
    trees: tuple[Tree, ...]
    offset: float = 0.0

    @property
    def largest(self) -> float:
        """An upper limit of the absolute value of a prediction."""
        leaves = (float(np.abs(tree.leaf_values).max()) for tree in self.trees)
        return abs(self.offset) + sum(leaves)

    def at(self, points: IntArray) -> FloatArray:
        """Predictions at ``points`` of shape ``(n, slots)``: shape ``(n,)``; trees in order."""
        columns = [f.at(points) for f in self.features]
        total = np.full(len(points), self.offset)
        for tree in self.trees:
            total = total + tree.leaf_values[_leaves(tree, columns, len(points))]
        return total


def _leaves(tree: Tree, columns: list[FloatArray], n: int) -> IntArray:
    """Which leaf each point falls into."""
    node = np.zeros(n, dtype=np.int64) if len(tree.split_feature) else np.full(n, -1)
    while (inside := np.flatnonzero(node >= 0)).size:
        at = node[inside]
        for split in np.unique(at):
            rows = inside[at == split]
            goes_left = columns[tree.split_feature[split]][rows] <= tree.threshold[split]
            node[rows] = np.where(goes_left, tree.left[split], tree.right[split])
    return ~node


@dataclass(frozen=True, eq=False)
class SlotObjective:
    """What is maximised: tables, and ``weight * ensemble`` for each pair.

    ``spread_weight`` adds that multiple of the standard deviation (population form) of the
    members of ``spread`` at the point: the upper confidence objective of a bagged predictor.
    """

    tables: TableSum
    ensembles: tuple[tuple[float, Ensemble], ...] = ()
    spread: tuple[Ensemble, ...] = ()
    spread_weight: float = 0.0

    def __post_init__(self) -> None:
        tables = self.tables.real()
        object.__setattr__(self, "tables", tables)
        refuse_infinite("constant of the objective", tables.constant)
        for i, table in enumerate(tables.unary):
            refuse_infinite(f"objective of slot {i}", table)
        for pair in tables.pairs:
            refuse_infinite(f"objective of slots {pair.first}, {pair.second}", pair.table)
        for k, (weight, _) in enumerate(self.ensembles):
            refuse_infinite(f"weight of ensemble {k}", weight)
        refuse_infinite("weight of the spread", self.spread_weight)
        for k, ensemble in enumerate([*(e for _, e in self.ensembles), *self.spread]):
            leaves = [tree.leaf_values for tree in ensemble.trees]
            refuse_infinite(f"leaves of ensemble {k}", np.concatenate([[ensemble.offset], *leaves]))
        weighted = [abs(weight) * e.largest for weight, e in self.ensembles]
        weighted += [abs(self.spread_weight) * 2 * e.largest for e in self.spread]
        refuse_overflow("the objective", tables.largest_real + sum(weighted))

    @property
    def additive(self) -> bool:
        """Whether it is a sum over slots and pairs of slots: no tree in it, no deviation."""
        trees = any(weight and ensemble.trees for weight, ensemble in self.ensembles)
        return not trees and not (self.spread_weight and len(self.spread) > 1)

    def at(self, points: IntArray) -> FloatArray:
        """Objective values at ``points`` of shape ``(n, slots)``: shape ``(n,)``."""
        total = self.tables.at(points)
        for weight, ensemble in self.ensembles:
            total = total + weight * ensemble.at(points)
        if self.spread and self.spread_weight:
            total = total + self.spread_weight * np.std([e.at(points) for e in self.spread], axis=0)
        return total


@dataclass(frozen=True, eq=False, repr=False)
class SlotProblem(Program):
    """The whole program. Immutable; every slot backend reads it and none changes it.

    ``metrics[name]`` is an integer table sum (unit in the name), ``budgets`` bound metrics,
    ``rules`` are boolean pair tables: options that may occur together. ``distances`` keep the
    answer away from given points: what was measured already, or the rest of a diverse batch.
    """

    name: str
    slots: tuple[Slot, ...]
    objective: SlotObjective
    metrics: Mapping[str, TableSum] = field(default_factory=dict)
    budgets: tuple[Budget, ...] = ()
    rules: tuple[PairTable, ...] = ()
    distances: tuple[Distance, ...] = ()
    units: Mapping[str, str] = field(default_factory=dict)
    pins: tuple[tuple[str, int], ...] = ()
    """What :meth:`pinned` was told: said by rules, kept here to be counted."""

    ceilings: tuple[Budget, ...] = ()
    """Said by rules of :attr:`rules` (:class:`CeilingRule`), which :meth:`with_budgets` makes."""
    alive: Mapping[str, tuple[PairTable, ...]] = field(default_factory=dict)
    """For each peak the tables whose greatest entry it is at a point."""

    form: ClassVar[str] = "slots"

    def __post_init__(self) -> None:
        sizes = [len(slot.options) for slot in self.slots]
        if not sizes or len({slot.name for slot in self.slots}) < len(sizes):
            raise ValueError("a slot problem needs at least one slot, all of distinct names")
        sums = {"objective": self.objective.tables, **self.metrics}
        for what, found in sums.items():
            if [len(table) for table in found.unary] != sizes:
                raise ValueError(f"{what}: one table a slot, one entry an option")
        alive = [pair for tables in self.alive.values() for pair in tables]
        for pair in [*self.rules, *alive, *(p for found in sums.values() for p in found.pairs)]:
            inside = 0 <= pair.first < len(sizes) and 0 <= pair.second < len(sizes)
            if not inside or pair.table.shape != (sizes[pair.first], sizes[pair.second]):
                raise ValueError(f"pair table of slots {pair.first}, {pair.second}: wrong shape")
        for metric, found in self.metrics.items():
            if not found.whole:
                raise ValueError(f"{metric}: a metric is a sum of integers, found reals")
            refuse_large(metric, found.largest)
        for budget in self.budgets:
            if budget.metric not in self.metrics:
                raise ValueError(f"budget on unknown metric {budget.metric!r}")
        check_ceilings(self.ceilings, self.peak_names)
        for peak, tables in self.alive.items():
            refuse_large(peak, max((magnitude(pair.table) for pair in tables), default=0))
        for distance in self.distances:
            if not self._is_point(distance.point):
                raise ValueError(f"a distance to {distance.point}, which is no point of the space")

    @cached_property
    def size(self) -> int:
        """Number of points (rules and budgets ignored)."""
        return int(np.prod([len(slot.options) for slot in self.slots], dtype=object))

    @property
    def uncounted(self) -> bool:
        """Whether there are rules: they are not counted."""
        return bool(self.rules)

    @property
    def extent(self) -> str:
        """The number of slots."""
        return f"in {len(self.slots)} slots"

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Names of the metrics."""
        return tuple(self.metrics)

    @property
    def peak_names(self) -> tuple[str, ...]:
        """Names of the peaks."""
        return tuple(self.alive)

    def peaks(self, point: Point) -> dict[str, int]:
        """Every peak of a point, exact. Raises ``ValueError`` for what is no point."""
        row = self._row(point)
        return {
            name: max((int(pair.at(row)[0]) for pair in tables), default=0)
            for name, tables in self.alive.items()
        }

    def _limited(self, budgets: tuple[Budget, ...], ceilings: tuple[Budget, ...]) -> Self:
        """With the rules of the new ceilings instead of those of the old ones."""
        rules = [rule for rule in self.rules if not isinstance(rule, CeilingRule)]
        for budget in ceilings:
            for pair in self.alive[budget.metric]:
                allowed = pair.table <= (0 if budget.upper is None else budget.upper)
                if not allowed.all():
                    rules.append(CeilingRule(pair.first, pair.second, allowed))
        return replace(self, budgets=budgets, ceilings=ceilings, rules=tuple(rules))

    @property
    def decisions(self) -> Mapping[str, tuple[int, ...]]:
        """Slot -> positions of its options, what was pinned only where it was."""
        found = {slot.name: tuple(range(len(slot.options))) for slot in self.slots}
        for name, option in self.pins:
            found[name] = tuple(k for k in found[name] if k == option)
        return found

    def count(self) -> int:
        """Number of points that hold what was pinned; rules are not counted."""
        return math.prod(len(options) for options in self.decisions.values())

    def costs(self, point: Point) -> dict[str, int]:
        """Every metric of a point, exact. Raises ``ValueError`` for what is no point."""
        row = self._row(point)
        return {name: int(sums.at(row)[0]) for name, sums in self.metrics.items()}

    def value(self, point: Point) -> float:
        """The objective of a point."""
        return float(self.objective.at(self._row(point))[0])

    def values(self, points: Sequence[Point]) -> FloatArray:
        """All at once; whether they are points is not checked."""
        return self.objective.at(np.array(points, dtype=np.int64).reshape(-1, len(self.slots)))

    def feasible(self, point: Point) -> bool:
        """Whether ``point`` keeps options, budgets, rules and distances."""
        try:
            return bool(self.feasible_rows(self._row(point))[0])
        except ValueError:
            return False

    def feasible_rows(self, points: IntArray) -> BoolArray:
        """Which of ``points`` (shape ``(n, slots)``) keep all budgets, rules and distances."""
        good = self.apart_rows(points)
        for rule in self.rules:
            good &= rule.at(points).astype(bool)
        for budget in self.budgets:
            value = self.metrics[budget.metric].at(points)
            if budget.upper is not None:
                good &= value <= budget.upper
            if budget.lower is not None:
                good &= value >= budget.lower
        return good

    def apart_rows(self, points: IntArray) -> BoolArray:
        """Which of ``points`` (shape ``(n, slots)``) keep all distances."""
        return rows_apart(points, self.distances)

    def reach(self, metric: str, *, largest: bool = False) -> Reach | None:
        """Slot by slot, where nothing couples two of them or that point keeps what does."""
        self._known([metric], (*self.metrics, *self.alive), "metric")
        if metric in self.alive:
            return self._reach_of_peak(metric, largest=largest)
        sums = self.metrics[metric]
        if sums.pairs:
            return None
        best = np.argmax if largest else np.argmin
        point = tuple(int(best(table)) for table in sums.unary)
        return self._kept(Reach(self.costs(point)[metric], point))

    def _reach_of_peak(self, peak: str, *, largest: bool) -> Reach | None:
        """The greatest entry of a table; the least where each table reads one slot alone."""
        tables = self.alive[peak]
        if largest and tables:
            top = max(tables, key=lambda pair: int(pair.table.max()))
            i, k = np.unravel_index(int(np.argmax(top.table)), top.table.shape)
            point = [0] * len(self.slots)
            point[top.first], point[top.second] = int(i), int(k)
            return self._kept(Reach(self.peaks(point)[peak], tuple(point)))
        held = [np.zeros(len(slot.options), dtype=np.int64) for slot in self.slots]
        for pair in tables:
            by_first = pair.table == pair.table[:, :1]
            by_second = pair.table == pair.table[:1]
            if by_first.all():
                held[pair.first] = np.maximum(held[pair.first], pair.table[:, 0])
            elif by_second.all():
                held[pair.second] = np.maximum(held[pair.second], pair.table[0])
            else:
                return None
        least = tuple(int(np.argmin(values)) for values in held)
        return self._kept(Reach(self.peaks(least)[peak], least))

    def pinned(self, choices: Mapping[str, int]) -> Self:
        """Rules that leave a slot the option at the given position only."""
        every = {slot.name: range(len(slot.options)) for slot in self.slots}
        self._check_pins(choices, every)
        at = {slot.name: i for i, slot in enumerate(self.slots)}
        removed = {at[name]: set(every[name]) - {option} for name, option in choices.items()}
        return replace(self.barring(removed), pins=(*self.pins, *choices.items()))

    def barring(self, removed: Mapping[int, Collection[int]]) -> Self:
        """Only points that take none of the options at these positions: slot -> options.

        In a rule with another slot; a space of one slot has none, there a budget says it.
        """
        program = self
        for slot, options in sorted(removed.items()):
            if options and len(self.slots) > 1:
                program = replace(
                    program, rules=(*program.rules, _barred(self.slots, slot, options))
                )
            elif options:
                program = program._barred_by_budget(options)
        return program

    def maximising(self, weights: Mapping[str, float]) -> Self:
        """The weighted sum of metrics as the objective."""
        self._check_weights(weights)
        unary = [np.zeros(len(slot.options)) for slot in self.slots]
        pairs: list[PairTable] = []
        constant = 0.0
        for metric, weight in weights.items():
            sums = self.metrics[metric]
            constant += weight * float(sums.constant)
            unary = [a + weight * table for a, table in zip(unary, sums.unary)]
            pairs += [PairTable(p.first, p.second, weight * p.table) for p in sums.pairs]
        return replace(
            self, objective=SlotObjective(TableSum(constant, tuple(unary), tuple(pairs)))
        )

    def _barred_by_budget(self, options: Collection[int]) -> Self:
        name = unused("barred", self.metrics)
        table = np.zeros(len(self.slots[0].options), dtype=np.int64)
        table[list(options)] = 1
        metrics = {**self.metrics, name: TableSum(0, (table,))}
        budgets = (*self.budgets, Budget(name, 0, None, inherent=True))
        return replace(self, metrics=metrics, budgets=budgets)

    def _row(self, point: Point) -> IntArray:
        at = whole(point)
        if not self._is_point(at):
            raise ValueError(f"found {at}, accepted: one position of an option for each slot")
        return np.array(at, dtype=np.int64)[None]

    def _is_point(self, point: Point) -> bool:
        sizes = [len(slot.options) for slot in self.slots]
        return len(point) == len(sizes) and all(0 <= k < n for k, n in zip(point, sizes))


def _barred(slots: Sequence[Slot], slot: int, options: Collection[int]) -> PairTable:
    """The rule that slot ``slot`` takes none of ``options``, whatever another slot takes."""
    other = 1 if slot == 0 else 0
    allowed = np.array([k not in options for k in range(len(slots[slot].options))])
    return PairTable(slot, other, np.repeat(allowed[:, None], len(slots[other].options), axis=1))


def random_points(slots: Sequence[Slot], count: int, rng: np.random.Generator) -> IntArray:
    """Points with all options drawn independently, feasible or not: shape ``(count, slots)``."""
    return np.stack([rng.integers(0, len(s.options), count) for s in slots], axis=1)
