r"""A slot problem as unaries, factors and rows: what branch and bound and the MILP both work on.

.. math:: \max\ c + \sum_p u_p(x_p) + \sum_f \max\{v_\ell : \ell \in f,\ x \in \ell\}
          \quad\text{s.t.}\quad \sum_p a_{rp}(x_p) + \sum_f a_r(\ell_f(x)) \le b_r

over *positions* ``p`` (slots, then derived positions). A *factor* is a set of disjoint boxes, its
leaves: a tree is one, and so is a pair table (a leaf a pair of options; pairs that a rule forbids
are no leaf). Every row is ``<=``; lower budgets are negated, distances count equal slots.

**Derived positions** are tied to their slots by two rows each, which are relaxations up to
``LINK_SLACK``, and by interval reasoning in the branch and bound.

**Spread.** The standard deviation of the members ``y_e`` is not a sum of factors. For any ``c`` and
``s > 0``, and members within ``[l_e, h_e]``,

.. math:: \sigma \le \sqrt{q} \le \frac{q + s^2}{2 s}, \qquad
          q = \frac1n \sum_e (y_e - c)^2
            \le \frac1n \sum_e \bigl[(l_e + h_e - 2c)(y_e - c) - (l_e - c)(h_e - c)\bigr],

first since the variance is the least mean square about any ``c``, then by the tangent of the
root, then by the chord of each square: a weighted sum of trees. The model then *over-estimates* the
objective (``exact`` is false); a negative multiple of the spread is at most 0.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from mathdesign.programs.base import FloatArray, IntArray
from mathdesign.programs.slots import Ensemble, PairTable, SlotProblem, TableSum
from mathdesign.solvers.trees.masks import Positions, leaf_masks

#: Relative slack of the rows that tie an aggregate to its slots: far above rounding, far below the
#: distance of two values that a threshold separates, unless they differ in the last digits only.
LINK_SLACK = 1e-9


@dataclass(frozen=True, eq=False)
class TreeModel:
    """Flat arrays. ``K`` options of all positions, ``L`` leaves, ``R`` rows, ``C`` cells.

    A *cell* is a set of options of one position that some leaf of one factor is confined to;
    position and factor meet in a *scope*. Options are counted from 0 within a position in cells,
    from ``start[p]`` in arrays over ``K``.
    """

    positions: Positions
    constant: float
    exact: bool
    start: IntArray
    unary: FloatArray
    row_cost: FloatArray
    row_limit: FloatArray
    integer_cost: IntArray
    """The first rows once more, in exact integers: shape ``(integer rows, K)``."""
    integer_limit: IntArray
    factor_start: IntArray
    value: FloatArray
    leaf_cost: FloatArray
    """Shape ``(R, L)``; the same for integer rows in ``integer_leaf_cost``."""
    integer_leaf_cost: IntArray
    costly: IntArray
    """Factors with a leaf that costs something."""
    scope_factor: IntArray
    scope_position: IntArray
    scope_cells: IntArray
    """Cells of scope ``s``: ``scope_cells[s]`` to ``scope_cells[s + 1]``."""
    scope_leaf: IntArray
    """Leaves of scope ``s``: ``scope_leaf[s]`` to ``scope_leaf[s + 1]`` in ``leaf_cell``."""
    leaf_cell: IntArray
    """For each scope, the cell of each leaf of its factor, ``-1`` where unconfined."""
    cell_start: IntArray
    cell_option: IntArray
    infeasible: bool = False

    @property
    def options(self) -> int:
        """Number of options of all positions."""
        return int(self.start[-1])


@dataclass(frozen=True, eq=False)
class _Factor:
    """Leaves as boolean tables of the positions that confine any of them."""

    value: FloatArray
    allowed: dict[int, np.ndarray]
    cost: dict[int, IntArray]


def lower(problem: SlotProblem) -> TreeModel:
    """The model of ``problem``; an upper bound on it is one on the problem, on any sub-box."""
    terms, constant, exact = _terms(problem)
    positions = Positions.of(problem, [e for _, e in terms])
    start = np.cumsum([0, *positions.sizes])
    limits, unary_cost, pair_cost = _rows(problem, start)
    tables = problem.objective.tables
    unary = np.zeros(start[-1])
    for p, table in enumerate(tables.unary):
        unary[start[p] : start[p + 1]] += table
    factors = _pair_factors(problem, pair_cost)
    for weight, ensemble in terms:
        constant += weight * ensemble.offset
        more = _tree_factors(ensemble, weight, positions, start, unary)
        factors += more
    constant += float(tables.constant)
    return _flat(problem, positions, start, constant, exact, unary, factors, limits, unary_cost)


def _terms(problem: SlotProblem) -> tuple[list[tuple[float, Ensemble]], float, bool]:
    """Weighted ensembles whose sum over-estimates the objective without its tables."""
    objective = problem.objective
    terms = list(objective.ensembles)
    if not objective.spread or objective.spread_weight == 0 or len(objective.spread) == 1:
        return terms, 0.0, True
    if objective.spread_weight < 0:
        return terms, 0.0, False
    ranges = [_range(problem, member) for member in objective.spread]
    low, high = (np.array([r[j] for r in ranges]) for j in range(2))
    n, c = len(low), float(np.mean((low + high) / 2))
    slope = (low + high - 2 * c) / n
    shift = float((-slope * c - (low - c) * (high - c) / n).sum())
    middle = float((slope * (low + high) / 2).sum() + shift)
    s = math.sqrt(max(middle, 1e-12))
    w = objective.spread_weight
    terms += [(w * float(a) / (2 * s), member) for a, member in zip(slope, objective.spread)]
    return terms, w * (shift / (2 * s) + s / 2), False


def _range(problem: SlotProblem, ensemble: Ensemble) -> tuple[float, float]:
    """Least and greatest conceivable value: tree by tree, over the leaves that can be reached."""
    masks = leaf_masks(ensemble.trees, ensemble.features, Positions.of(problem, [ensemble]))
    low = high = ensemble.offset
    for t in range(len(ensemble.trees)):
        values = masks.value[masks.tree == t]
        low, high = low + float(values.min()), high + float(values.max())
    room = 1e-9 * (1 + abs(low) + abs(high))
    return low - room, high + room


def _rows(
    problem: SlotProblem, start: IntArray
) -> tuple[list[int], list[IntArray], dict[tuple[int, int], dict[int, IntArray]]]:
    """Budgets and distances as ``<=`` rows in integers: limits, unary costs, costs of pairs."""
    limits: list[int] = []
    unary: list[IntArray] = []
    pairs: dict[tuple[int, int], dict[int, IntArray]] = defaultdict(dict)

    def add(sums: TableSum, sign: int, limit: int) -> None:
        row = np.zeros(start[-1], dtype=np.int64)
        for p, table in enumerate(sums.unary):
            row[start[p] : start[p + 1]] = sign * table
        for pair in sums.pairs:
            old = pairs[pair.first, pair.second].get(len(limits), 0)
            pairs[pair.first, pair.second][len(limits)] = old + sign * pair.table.astype(np.int64)
        unary.append(row)
        most = sums.largest - abs(int(sums.constant))  # beyond, a limit says all or nothing
        limits.append(min(max(limit - sign * int(sums.constant), -most - 1), most))

    for budget in problem.budgets:
        if budget.upper is not None:
            add(problem.metrics[budget.metric], 1, budget.upper)
        if budget.lower is not None:
            add(problem.metrics[budget.metric], -1, -budget.lower)
    for distance in problem.distances:
        same = [
            (np.arange(len(slot.options)) == k).astype(np.int64)
            for slot, k in zip(problem.slots, distance.point)
        ]
        add(TableSum(0, tuple(same)), 1, len(problem.slots) - distance.at_least)
    return limits, unary, pairs


def _pair_factors(
    problem: SlotProblem, pair_cost: dict[tuple[int, int], dict[int, IntArray]]
) -> list[_Factor]:
    """One factor for all tables over the same two slots; forbidden pairs are left out."""
    value: dict[tuple[int, int], FloatArray] = {}
    allowed: dict[tuple[int, int], np.ndarray] = {}

    def shape(pair: PairTable | tuple[int, int]) -> tuple[int, int]:
        first, second = (pair.first, pair.second) if isinstance(pair, PairTable) else pair
        return len(problem.slots[first].options), len(problem.slots[second].options)

    for pair in problem.objective.tables.pairs:
        old = value.get((pair.first, pair.second), np.zeros(shape(pair)))
        value[pair.first, pair.second] = old + pair.table
    for rule in problem.rules:
        before = allowed.get((rule.first, rule.second), np.ones(shape(rule), dtype=bool))
        allowed[rule.first, rule.second] = before & rule.table.astype(bool)
    factors = []
    for key in sorted({*value, *allowed, *pair_cost}):
        rows, columns = np.nonzero(allowed.get(key, np.ones(shape(key), dtype=bool)))
        sizes = shape(key)
        factors.append(
            _Factor(
                value.get(key, np.zeros(sizes))[rows, columns],
                {key[0]: np.eye(sizes[0], dtype=bool)[rows],
                 key[1]: np.eye(sizes[1], dtype=bool)[columns]},
                {r: table[rows, columns] for r, table in pair_cost.get(key, {}).items()},
            )
        )  # fmt: skip
    return factors


def _tree_factors(
    ensemble: Ensemble, weight: float, positions: Positions, start: IntArray, unary: FloatArray
) -> list[_Factor]:
    """One factor a tree. Trees that look at one position only are added to ``unary`` instead."""
    masks = leaf_masks(ensemble.trees, ensemble.features, positions)
    factors = []
    for t in range(len(ensemble.trees)):
        here = masks.tree == t
        used = {p: table[here] for p, table in enumerate(masks.allowed) if not table[here].all()}
        value = weight * masks.value[here]
        if len(used) <= 1:
            p, table = next(iter(used.items()), (0, np.ones((1, positions.sizes[0]), dtype=bool)))
            unary[start[p] : start[p + 1]] += value[np.argmax(table, axis=0)]
        else:
            factors.append(_Factor(value, used, {}))
    return factors


def _flat(
    problem: SlotProblem,
    positions: Positions,
    start: IntArray,
    constant: float,
    exact: bool,
    unary: FloatArray,
    factors: list[_Factor],
    limits: list[int],
    unary_cost: list[IntArray],
) -> TreeModel:
    options, rows = int(start[-1]), len(limits)
    factor_start = np.cumsum([0, *(len(f.value) for f in factors)])
    leaf_cost = np.zeros((rows, factor_start[-1]), dtype=np.int64)
    scope_factor, scope_position, scope_cells, scope_leaf = [], [], [0], [0]
    leaf_cell: list[IntArray] = []
    cells: list[IntArray] = []
    for f, factor in enumerate(factors):
        for r, cost in factor.cost.items():
            leaf_cost[r, factor_start[f] : factor_start[f + 1]] = cost
        for p, table in factor.allowed.items():
            scope_factor.append(f)
            scope_position.append(p)
            scope_leaf.append(scope_leaf[-1] + len(factor.value))
            number = {b"\x01" * table.shape[1]: -1}  # the leaf is not confined here
            masks = [row.tobytes() for row in table]
            for mask in masks:
                if mask not in number:
                    number[mask] = len(cells)
                    cells.append(np.flatnonzero(np.frombuffer(mask, dtype=bool)))
            leaf_cell.append(np.array([number[mask] for mask in masks], dtype=np.int64))
            scope_cells.append(len(cells))
    integer_cost = np.array(unary_cost, dtype=np.int64).reshape(rows, options)
    links, link_limits = _links(problem, positions, start)
    return TreeModel(
        positions=positions,
        constant=constant,
        exact=exact,
        start=start.astype(np.int64),
        unary=unary,
        row_cost=np.vstack([integer_cost.astype(np.float64), links]),
        row_limit=np.array([*map(float, limits), *link_limits]),
        integer_cost=integer_cost,
        integer_limit=np.array(limits, dtype=np.int64),
        factor_start=factor_start.astype(np.int64),
        value=np.concatenate([np.zeros(0), *(f.value for f in factors)]),
        leaf_cost=np.vstack([leaf_cost, np.zeros((len(links), leaf_cost.shape[1]))]),
        integer_leaf_cost=leaf_cost,
        costly=np.array([f for f, x in enumerate(factors) if x.cost], dtype=np.int64),
        scope_factor=np.array(scope_factor, dtype=np.int64),
        scope_position=np.array(scope_position, dtype=np.int64),
        scope_cells=np.array(scope_cells, dtype=np.int64),
        scope_leaf=np.array(scope_leaf, dtype=np.int64),
        leaf_cell=np.concatenate([np.zeros(0, np.int64), *leaf_cell]).astype(np.int64),
        cell_start=np.cumsum([0, *map(len, cells)]).astype(np.int64),
        cell_option=np.concatenate([np.zeros(0, np.int64), *cells]).astype(np.int64),
        infeasible=any(not len(f.value) for f in factors),
    )


def _links(
    problem: SlotProblem, positions: Positions, start: IntArray
) -> tuple[FloatArray, list[float]]:
    """``low(option) <= feature <= high(option)`` of each derived position as two rows."""
    rows, limits = [], []
    for j, derived in enumerate(positions.derived):
        p = len(positions.slot_sizes) + j
        value = np.zeros(start[-1])
        for slot, table in zip(derived.feature.slots, derived.feature.tables):
            value[start[slot] : start[slot + 1]] += table
        ends = [value[start[s] : start[s + 1]] for s in set(derived.feature.slots)]
        low, high = sum(float(e.min()) for e in ends), sum(float(e.max()) for e in ends)
        slack = LINK_SLACK * (1 + sum(float(np.abs(e).max()) for e in ends))
        above, below = value.copy(), -value
        above[start[p] : start[p + 1]] = -np.minimum([*derived.thresholds, high], high)
        below[start[p] : start[p + 1]] = np.maximum([low, *derived.thresholds], low)
        rows += [above, below]
        limits += [slack, slack]
    return np.array(rows).reshape(len(rows), int(start[-1])), limits
