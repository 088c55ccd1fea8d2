r"""SlotProblem -> multiple-choice MILP: one binary an option, one continuous column a leaf or a pair.

With :math:`x_{ik}\in\{0,1\}`, :math:`\sum_kx_{ik}=1` for each slot :math:`i`:

* a table of one slot is linear, :math:`\sum_kt(k)\,x_{ik}`;
* a table of two slots becomes :math:`\sum_{kl}t(k,l)\,y_{kl}` over the pairs that no rule forbids,
  with :math:`y\ge0`, :math:`\sum_ly_{kl}=x_{ik}` and :math:`\sum_ky_{kl}=x_{jl}`;
* a rule on two slots without a table becomes :math:`\sum_{k:\,N(k)\subseteq A}x_{ik}\le
  \sum_{l\in A}x_{jl}` for each set :math:`A=N(k)` of partners, and the same the other way round;
* a budget is a row in integers (:mod:`.integers`);
* a distance to a point :math:`p` is :math:`\sum_ix_{i,p_i}\le n-\text{at least}`;
* a tree with leaves :math:`\ell`, boxes over the options, becomes :math:`z_\ell\ge0`,
  :math:`\sum_\ell z_\ell=1` and :math:`\sum_{\ell:\,\ell_p\subseteq M}z_\ell\le\sum_{k\in M}x_{pk}`
  for sets :math:`M` of options of a position :math:`p`: all that a split of the tree or a leaf
  confines :math:`p` to;
* a feature :math:`f` of several slots is a position of its own, whose options are the intervals
  between the thresholds of the trees (:mod:`mathdesign.solvers.trees.masks`): binaries
  :math:`w_b`, :math:`\sum_bw_b=1`, with :math:`\sum_b\mathrm{low}_bw_b-\varepsilon\le f(x)\le
  \sum_b\mathrm{high}_bw_b+\varepsilon`, where :math:`\mathrm{low}_b` and :math:`\mathrm{high}_b` are
  the least and greatest value that :math:`f` takes within the interval.

**Validity.** With integral :math:`x` the marginals leave one pair, :math:`y_{kl}=x_{ik}x_{jl}`. A rule's
row holds where the pair is allowed; where it is not, the row of :math:`A=N(k)` is broken. A leaf
whose box does not hold :math:`x` is confined by some :math:`M` that does not, so only one leaf is
left, and its :math:`z` is 1. The values of :math:`f` are found by the evaluator's own sums in double
precision; :math:`\varepsilon` is a fraction of the least gap between neighbouring intervals where
a solver can see that gap, and above its tolerance otherwise: then two intervals are open to points
near the threshold, and the program *over*-estimates; the search cuts such a point off after the
problem itself has scored it. Hence the optimum is never below that of the problem.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from mathdesign.programs.base import BoolArray, Distance, FloatArray, IntArray
from mathdesign.programs.slots import Ensemble, SlotProblem
from mathdesign.solvers.milp.arrays import Expression, Milp, MilpBuilder, Row
from mathdesign.solvers.milp.choice import LARGEST_COLUMNS
from mathdesign.solvers.milp.integers import LEAST_ROOM, conditioned
from mathdesign.solvers.milp.possible import Pair, Possible, Sums, possible
from mathdesign.solvers.trees.masks import Derived, Positions, leaf_masks

#: Values of a feature are listed up to this many; beyond, its thresholds stand for them.
LISTED_VALUES = 20_000
#: The range of a feature's row is at most this: solvers keep rows to 1e-6.
FEATURE_RANGE = 2.0**20
#: Slack of a feature's row whose intervals are 1 apart.
FEATURE_SLACK = 1e-4


def columns_needed(problem: SlotProblem) -> int:
    """An upper estimate of the number of columns, without building anything."""
    sizes = [len(slot.options) for slot in problem.slots]
    pairs = {
        tuple(sorted((pair.first, pair.second)))
        for sums in [
            problem.objective.tables,
            *(problem.metrics[b.metric] for b in problem.budgets),
        ]
        for pair in sums.pairs
    }
    trees = [tree for _, ensemble in problem.objective.ensembles for tree in ensemble.trees]
    leaves = sum(2 * len(tree.leaf_values) for tree in trees)
    return sum(sizes) + sum(sizes[i] * sizes[j] for i, j in pairs) + leaves


def refuses(problem: SlotProblem) -> str | None:
    """Why the multiple-choice MILP cannot be built or is hopeless."""
    objective = problem.objective
    if objective.spread_weight and len(objective.spread) > 1:
        return "a standard deviation in the objective is not linear"
    columns = columns_needed(problem)
    if columns > LARGEST_COLUMNS:
        return f"about {columns:,} columns; the slots' MILP stops at {LARGEST_COLUMNS:,}"
    return None


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Columns of the products of two slots' options: ``columns[i]`` of ``first[i], second[i]``."""

    first: IntArray
    second: IntArray
    columns: IntArray


@dataclass(frozen=True, eq=False)
class _Leaves:
    """Columns of the leaves of a tree, and what confines them."""

    allowed: dict[int, BoolArray]
    columns: IntArray


@dataclass(frozen=True, eq=False)
class SlotMilp:
    """The program as arrays, and the way back."""

    problem: SlotProblem
    milp: Milp
    positions: Positions
    options: tuple[IntArray, ...]
    """Columns of the options of every position: slots, then derived positions."""
    pairs: dict[Pair, _Pairs]
    leaves: tuple[_Leaves, ...]

    def invert(self, solution: FloatArray) -> tuple[int, ...]:
        """The point of an integral solution."""
        slots = self.options[: len(self.problem.slots)]
        return tuple(int(np.argmax(solution[columns])) for columns in slots)

    def embed(self, point: Sequence[int]) -> FloatArray:
        """The solution vector of a point: feasible exactly where the point is."""
        solution = np.zeros(self.milp.columns)
        at = self.positions.all_at(np.array(point, dtype=np.int64)[None])[0]
        for columns, option in zip(self.options, at):
            solution[columns[option]] = 1.0
        for (i, j), pairs in self.pairs.items():
            solution[pairs.columns] = (pairs.first == at[i]) & (pairs.second == at[j])
        for leaves in self.leaves:
            inside = np.ones(len(leaves.columns), dtype=np.bool_)
            for p, allowed in leaves.allowed.items():
                inside &= allowed[:, at[p]]
            solution[leaves.columns] = inside
        return solution

    @property
    def names(self) -> list[str]:
        """One name per column: options by slot and option, all others by number."""
        names = [f"c{i}" for i in range(self.milp.columns)]
        for s, (slot, columns) in enumerate(zip(self.problem.slots, self.options)):
            for option, column in zip(slot.options, columns):
                names[int(column)] = called(f"x{s}", slot.name, option)
        return unique(names)

    def first_cuts(self) -> list[Row]:
        """None: the program is complete."""
        return []

    def no_good(self, milp: Milp, point: tuple[int, ...]) -> Milp:
        """``milp`` without ``point``."""
        return milp.with_rows([_apart(self.options, Distance(point))])

    def learn(self, solution: FloatArray, point: tuple[int, ...]) -> Row | None:
        """Nothing: a point that is over-estimated is cut off by itself."""
        return None


def called(*parts: str) -> str:
    """A column's name that file formats accept."""
    return re.sub(r"[^A-Za-z0-9]", "_", "_".join(parts))[:200]


def unique(names: list[str]) -> list[str]:
    """The names, with the column's number where one occurs twice."""
    seen: set[str] = set()
    for i, name in enumerate(names):
        if name in seen:
            names[i] = f"{name}_c{i}"
        seen.add(names[i])
    return names


def _apart(options: Sequence[IntArray], distance: Distance) -> Row:
    """At most so many slots as in a given point."""
    same = np.array([columns[k] for columns, k in zip(options, distance.point)])
    return Expression(same, np.ones(len(same))), -math.inf, len(same) - distance.at_least


def build(problem: SlotProblem) -> SlotMilp | None:
    """The multiple-choice MILP; ``None`` if exact integers show that no point is feasible."""
    left = possible(problem)
    if left is None:
        return None
    positions = Positions.of(problem, [e for _, e in problem.objective.ensembles])
    return _Build(problem, left, positions).run()


@dataclass(slots=True)
class _Build:
    problem: SlotProblem
    left: Possible
    positions: Positions
    out: MilpBuilder = field(default_factory=MilpBuilder)
    options: list[IntArray] = field(default_factory=list)
    pairs: dict[Pair, _Pairs] = field(default_factory=dict)
    leaves: list[_Leaves] = field(default_factory=list)
    objective: Expression = field(default_factory=Expression)
    empty: bool = False

    def run(self) -> SlotMilp | None:
        problem = self.problem
        for mask in self.left.options:
            self._choose(mask)
        for derived in self.positions.derived:
            self._derive(derived)
        tables = Sums.of(problem.objective.tables)
        metrics = {b.metric: Sums.of(problem.metrics[b.metric]) for b in problem.budgets}
        keys = [key for sums in (tables, *metrics.values()) for key in sums.pairs]
        for key in sorted(set(keys)):
            self._multiply(key)
        for key in self.left.allowed:
            if key not in self.pairs:
                self._rule(key)
        for budget in problem.budgets:
            self._budget(metrics[budget.metric], budget.lower, budget.upper)
        for distance in problem.distances:
            self.out.rows.append(_apart(self.options, distance))
        self._tables(tables)
        for weight, ensemble in problem.objective.ensembles:
            self._ensemble(weight, ensemble)
        if self.empty:
            return None
        return SlotMilp(
            problem, self.out.finish(self.objective), self.positions, tuple(self.options),
            self.pairs, tuple(self.leaves),
        )  # fmt: skip

    def _choose(self, mask: BoolArray) -> None:
        """One-hot of a position's options; those that cannot be taken stay at 0."""
        columns = self.out.add(len(mask), 0, 1, integer=True)
        self.out.high[-1][~mask] = 0.0
        self.out.equal(Expression(columns, np.ones(len(mask))), 1)
        self.options.append(columns)

    def _derive(self, derived: Derived) -> None:
        """The intervals that a feature of several slots may lie in, and what ties them to it."""
        low, high, gap = _intervals(derived, self.left)
        self._choose(low <= high)
        kept = np.flatnonzero(low <= high)
        columns = self.options[-1][kept]
        total, base, size = Expression(), 0.0, 0.0
        span = 0.0
        for slot, table in zip(derived.feature.slots, derived.feature.tables):
            mask = self.left.options[slot]
            least = float(table[mask].min())
            span += float(table[mask].max()) - least
            base += least
            size += float(np.abs(table[mask]).max())
            total = total + Expression(self.options[slot], np.where(mask, table - least, 0.0))
        if span == 0.0:
            return
        scale = min(1.0 / gap if gap > 0 else math.inf, FEATURE_RANGE / span)
        rounding = 1e-15 * (len(derived.feature.slots) + 2) * size * scale
        slack = max(min(FEATURE_SLACK, gap * scale / 4), LEAST_ROOM) + rounding
        for sign, ends in ((1.0, high), (-1.0, low)):
            end = Expression(columns, ends[kept] - base)
            self.out.at_most((total - end) * (sign * scale), slack)

    def _multiply(self, key: Pair) -> None:
        """The products of two slots' options that rules allow, with the options as marginals."""
        first, second = np.nonzero(self.left.pairs(key))
        columns = self.out.add(len(first), 0, 1)
        self.pairs[key] = _Pairs(first, second, columns)
        for slot, of_pair in zip(key, (first, second)):
            for option in np.flatnonzero(self.left.options[slot]):
                mine = columns[of_pair == option]
                taken = Expression.column(int(self.options[slot][option]))
                self.out.equal(Expression(mine, np.ones(len(mine))) - taken, 0)

    def _rule(self, key: Pair) -> None:
        """Options whose partners all lie in a set need one of that set."""
        pairs = self.left.pairs(key)
        for (one, other), table in ((key, pairs), (key[::-1], pairs.T)):
            here = np.flatnonzero(self.left.options[one])
            for partners in np.unique(table[here], axis=0):
                if partners[self.left.options[other]].all():
                    continue
                within = here[~(table[here] & ~partners).any(axis=1)]
                there = self.options[other][partners]
                left = Expression(self.options[one][within], np.ones(len(within)))
                self.out.at_most(left - Expression(there, np.ones(len(there))), 0)

    def _budget(self, sums: Sums, lower: int | None, upper: int | None) -> None:
        """Tables shifted to be 0 at their least: what remains has no common part to cancel."""
        exact = sums.exact(1)
        columns: list[int] = []
        costs: list[int] = []
        constant, largest = int(exact.constant), 0
        blocks = [
            (table[mask], self.options[s][mask])
            for s, (table, mask) in enumerate(zip(exact.unary, self.left.options))
        ] + [
            (table[self.pairs[key].first, self.pairs[key].second], self.pairs[key].columns)
            for key, table in exact.pairs.items()
        ]
        for table, where in blocks:
            least = min(table)
            constant, largest = constant + least, largest + max(table) - least
            for cost, column in zip(table, where):
                if cost > least:
                    columns.append(int(column))
                    costs.append(int(cost - least))
        high = None if upper is None or constant + largest <= upper else upper - constant
        low = None if lower is None or constant >= lower else lower - constant
        if high is None and low is None:
            return
        row = conditioned(costs, [1] * len(costs), low, high)
        self.empty |= row.empty
        self.out.rows.append((Expression(np.array(columns), row.coefficients), row.least, row.most))

    def _tables(self, sums: Sums) -> None:
        self.objective = Expression(constant=float(sums.constant))
        for columns, table in zip(self.options, sums.unary):
            self.objective = self.objective + Expression(columns, table.astype(np.float64))
        for key, table in sums.pairs.items():
            pairs = self.pairs[key]
            values = table[pairs.first, pairs.second].astype(np.float64)
            self.objective = self.objective + Expression(pairs.columns, values)

    def _ensemble(self, weight: float, ensemble: Ensemble) -> None:
        """Tree by tree; one that looks at a single position is a table of that position."""
        self.objective = self.objective + Expression(constant=weight * ensemble.offset)
        masks = leaf_masks(ensemble.trees, ensemble.features, self.positions)
        for t in range(len(ensemble.trees)):
            here = masks.tree == t
            value = weight * masks.value[here]
            used = {p: a[here] for p, a in enumerate(masks.allowed) if not a[here].all()}
            if len(used) > 1:
                columns = self._tree(used)
                self.objective = self.objective + Expression(columns, value)
            elif used:
                ((p, table),) = used.items()
                by_option = value[np.argmax(table, axis=0)]
                self.objective = self.objective + Expression(self.options[p], by_option)
            else:
                self.objective = self.objective + Expression(constant=float(value[0]))

    def _tree(self, allowed: dict[int, BoolArray]) -> IntArray:
        """One column a leaf, confined to the options of its box."""
        leaves = len(next(iter(allowed.values())))
        columns = self.out.add(leaves, 0, 1)
        self.out.equal(Expression(columns, np.ones(leaves)), 1)
        for p, table in allowed.items():
            for confined, mask in _confining(table):
                room = Expression(self.options[p][mask], np.ones(int(mask.sum())))
                inside = Expression(columns[confined], np.ones(int(confined.sum())))
                self.out.at_most(inside - room, 0)
        self.leaves.append(_Leaves(allowed, columns))
        return columns


def _confining(table: BoolArray) -> list[tuple[BoolArray, BoolArray]]:
    """Sets of options of a position, and the leaves within: for each such set of leaves the least.

    ``table`` has shape ``(leaves, options)``. The sets are the leaves' own, and, for options in an
    order, what lies on either side of a border between two leaves.
    """
    sets = {row.tobytes(): row for row in table}
    for row in list(sets.values()):
        for border in np.flatnonzero(np.diff(row.astype(np.int8))):
            for side in (np.arange(len(row)) <= border, np.arange(len(row)) > border):
                sets.setdefault(side.tobytes(), side)
        outside = ~row
        sets.setdefault(outside.tobytes(), outside)
    least: dict[bytes, tuple[BoolArray, BoolArray]] = {}
    for mask in sorted(sets.values(), key=lambda m: int(m.sum())):
        confined = ~(table & ~mask).any(axis=1)
        if confined.any() and not mask.all():
            least.setdefault(confined.tobytes(), (confined, mask))
    return list(least.values())


def _intervals(derived: Derived, left: Possible) -> tuple[FloatArray, FloatArray, float]:
    """Least and greatest value within each interval (``low > high``: none), and the least gap.

    Values are summed as the evaluator sums them. Where they are too many to list, an interval is
    bounded by its thresholds and the gap is 0.
    """
    values = np.zeros(1)
    for slot, table in zip(derived.feature.slots, derived.feature.tables):
        mine = np.asarray(table, dtype=np.float64)[left.options[slot]]
        values = np.unique((values[:, None] + mine[None, :]).ravel())
        if len(values) > LISTED_VALUES:
            return *_by_threshold(derived, left), 0.0
    at = np.searchsorted(derived.thresholds, values, side="left")
    n = len(derived.thresholds) + 1
    low, high = np.full(n, math.inf), np.full(n, -math.inf)
    np.minimum.at(low, at, values)
    np.maximum.at(high, at, values)
    kept = np.flatnonzero(low <= high)
    gaps = [float(low[b] - high[a]) for a, b in itertools.pairwise(kept)]
    return low, high, min(gaps, default=float(values[-1] - values[0]))


def _by_threshold(derived: Derived, left: Possible) -> tuple[FloatArray, FloatArray]:
    ends = [
        (float(table[left.options[slot]].min()), float(table[left.options[slot]].max()))
        for slot, table in zip(derived.feature.slots, derived.feature.tables)
    ]
    least, most = sum(low for low, _ in ends), sum(high for _, high in ends)
    room = 1e-12 * (1 + abs(least) + abs(most))
    low = np.maximum(np.concatenate([[-math.inf], derived.thresholds]), least - room)
    high = np.minimum(np.concatenate([derived.thresholds, [math.inf]]), most + room)
    return low, high
