"""CP-SAT (OR-tools, not a dependency) on sums over slots and pairs of slots: a rival to measure against.

A boolean an option, one of each slot; a boolean a pair of options where a table stands, its sums
over either slot the option's own (the local polytope); budgets in their integers. Objectives that are
reals are scaled to integers of 2^-32 of their largest absolute sum: the bound covers the rounding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from ortools.sat.python import cp_model

from mathdesign.programs.slots import PairTable, SlotProblem, TableSum
from mathdesign.solvers.base import Solution, Status, Termination

NAME = "cpsat"
SCALE = 2.0**32
#: Proven to so much of the objective.
GAP = 1e-6
STATUS = {
    cp_model.OPTIMAL: Status.OPTIMAL,
    cp_model.FEASIBLE: Status.FEASIBLE,
    cp_model.INFEASIBLE: Status.INFEASIBLE,
}


@dataclass(frozen=True, slots=True)
class _Posed:
    """The model, its boolean of each option, and what its objective is a multiple of."""

    model: cp_model.CpModel
    options: list[list[cp_model.IntVar]]
    factor: float
    rounding: float


def solve(problem: SlotProblem, seconds: float, seed: int = 0) -> Solution:
    """One worker. Raises ``ValueError`` for trees, deviations and distances."""
    posed = _posed(problem)
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = seconds
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = seed
    solver.parameters.relative_gap_limit = GAP
    status = STATUS.get(solver.solve(posed.model), Status.UNKNOWN)
    stopped = status in (Status.FEASIBLE, Status.UNKNOWN)
    ended = Termination.TIME_LIMIT if stopped else Termination.COMPLETED
    if status in (Status.INFEASIBLE, Status.UNKNOWN):
        bound = -math.inf if status is Status.INFEASIBLE else math.inf
        return Solution(NAME, status, ended, bound=bound, seconds=solver.wall_time)
    point = tuple(
        next(k for k, var in enumerate(row) if solver.boolean_value(var)) for row in posed.options
    )
    value = float(problem.objective.at(np.array([point]))[0])
    bound = (solver.best_objective_bound / posed.factor) + posed.rounding
    return Solution(NAME, status, ended, point, value, max(value, bound), seconds=solver.wall_time)


def _posed(problem: SlotProblem) -> _Posed:
    if not problem.objective.additive or problem.distances:
        raise ValueError("accepted: sums over slots and pairs of slots, without distances")
    model = cp_model.CpModel()
    options = [[model.new_bool_var("") for _ in slot.options] for slot in problem.slots]
    for row in options:
        model.add_exactly_one(row)
    for rule in problem.rules:
        _forbid(model, options, rule)
    pairs: dict[tuple[int, int], list[list[cp_model.IntVar]]] = {}
    for budget in problem.budgets:
        total = _sum(model, options, pairs, problem.metrics[budget.metric])
        if budget.upper is not None:
            model.add(total <= int(budget.upper))
        if budget.lower is not None:
            model.add(total >= int(budget.lower))
    whole, factor, rounding = _integers(problem.objective.tables)
    model.maximize(_sum(model, options, pairs, whole))
    return _Posed(model, options, factor, rounding)


def _integers(tables: TableSum) -> tuple[TableSum, float, float]:
    """An objective in integers, their number in one, and how far rounding may put a point's sum."""
    every = [*tables.unary, *(pair.table for pair in tables.pairs)]
    exact = all(np.array_equal(t, np.rint(t)) for t in (tables.constant, *every))
    factor = 1.0 if exact else SCALE / max(tables.largest_real, 1e-300)

    def scaled(table: np.ndarray) -> np.ndarray:
        return np.rint(table * factor).astype(np.int64)

    unary = tuple(map(scaled, tables.unary))
    pairs = tuple(PairTable(p.first, p.second, scaled(p.table)) for p in tables.pairs)
    rounding = 0.0 if exact else (len(every) + 1) / factor
    return TableSum(round(tables.constant * factor), unary, pairs), factor, rounding


def _sum(
    model: cp_model.CpModel, options: list[list[cp_model.IntVar]],
    pairs: dict[tuple[int, int], list[list[cp_model.IntVar]]], sums: TableSum,
) -> cp_model.LinearExprT:  # fmt: skip
    variables = [var for row in options for var in row]
    weights = [int(cost) for table in sums.unary for cost in table]
    for pair in sums.pairs:
        for row, costs in zip(_joint(model, options, pairs, pair), pair.table):
            variables += row
            weights += map(int, costs)
    return cp_model.LinearExpr.weighted_sum(variables, weights) + int(sums.constant)


def _joint(
    model: cp_model.CpModel, options: list[list[cp_model.IntVar]],
    pairs: dict[tuple[int, int], list[list[cp_model.IntVar]]], pair: PairTable,
) -> list[list[cp_model.IntVar]]:  # fmt: skip
    """The booleans of two slots' options together, made once."""
    key = pair.first, pair.second
    if key not in pairs:
        first, second = (options[i] for i in key)
        both = [[model.new_bool_var("") for _ in second] for _ in first]
        for var, row in zip(first, both):
            model.add(sum(row) == var)
        for var, column in zip(second, zip(*both)):
            model.add(sum(column) == var)
        pairs[key] = both
    return pairs[key]


def _forbid(model: cp_model.CpModel, options: list[list[cp_model.IntVar]], rule: PairTable) -> None:
    """An option that has no partner is out; else the two may not be taken together."""
    first, second = options[rule.first], options[rule.second]
    allowed = np.asarray(rule.table, dtype=bool)
    out = [first[k] for k in np.flatnonzero(~allowed.any(axis=1))]
    out += [second[k] for k in np.flatnonzero(~allowed.any(axis=0))]
    for var in out:
        model.add(var == 0)
    rest = ~allowed & allowed.any(axis=1)[:, None] & allowed.any(axis=0)
    for k, j in np.argwhere(rest):
        model.add_bool_or(~first[k], ~second[j])
