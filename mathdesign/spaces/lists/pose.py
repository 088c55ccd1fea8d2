"""From a specification over option lists to a certified answer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mathdesign.programs.slot_space import TableSpace
from mathdesign.programs.slots import SlotObjective, SlotProblem, TableSum
from mathdesign.result import BudgetUse, Certificate
from mathdesign.solvers.base import Solution, Status
from mathdesign.solvers.portfolio import choose, solve
from mathdesign.spaces.lists.answer import ListDesign
from mathdesign.spaces.lists.words import ListSpec
from mathdesign.spec.faults import SpecError
from mathdesign.surrogate.booster import ModelError
from mathdesign.surrogate.predictor import Predictor

if TYPE_CHECKING:
    from mathdesign.api import Hooks


def to_slot_problem(spec: ListSpec) -> tuple[SlotProblem, Predictor | None]:
    """The solver-free program of a specification, and the predictor that it maximises.

    Raises :class:`SpecError` where the predictor cannot be used.
    """
    space = spec.table_space()
    predictor, objective = None, _metric_objective(space, spec.objective.metric)
    if spec.objective.predictor is not None:
        try:
            predictor = Predictor.load(Path(spec.objective.predictor))
            objective = predictor.objective(space, spec.objective.uncertainty)
        except ModelError as error:
            raise SpecError.plain(
                f"objective.predictor: {error}", "a folder of `mathdesign fit`"
            ) from None
    if spec.objective.log_values is not None:
        logs = log_values(space, spec.objective.log_values)
        own = objective.tables
        sums = tuple(a + b for a, b in zip(own.unary, logs.unary))
        objective = replace(objective, tables=replace(own, unary=sums))
    budgets = spec.budget_rows()
    problem = SlotProblem(spec.name, space.slots, objective, space.metrics, budgets, space.rules)
    return problem.barring(spec.removed()), predictor


def _metric_objective(space: TableSpace, metric: str | None) -> SlotObjective:
    if metric is None:  # Replaced by the objective proper.
        return SlotObjective(TableSum(0.0, tuple(np.zeros(len(s.options)) for s in space.slots)))
    sums = space.metrics[metric]
    pairs = tuple(
        type(pair)(pair.first, pair.second, pair.table.astype(float)) for pair in sums.pairs
    )
    return SlotObjective(
        TableSum(float(sums.constant), tuple(t.astype(float) for t in sums.unary), pairs)
    )


def log_values(space: TableSpace, weights: Sequence[float]) -> TableSum:
    """The sum over slots of ``weight * ln(value)``, nats; slots must be of positive numbers."""
    tables = [w * np.log(np.array(s.values, dtype=float)) for w, s in zip(weights, space.slots)]
    return TableSum(0.0, tuple(tables))


def design_list(spec: ListSpec, hooks: Hooks) -> ListDesign:
    """The best list of options. Raises as :func:`mathdesign.api.design` says, ``SpecError`` too."""
    from mathdesign.api import Infeasible, NoDesignFound, solve_options

    problem, predictor = to_slot_problem(spec)
    choice = choose(problem, spec.solve.backend)
    if hooks.on_choice is not None:
        hooks.on_choice(problem, choice)
    solution = choice.backend.solve(problem, solve_options(spec.solve, hooks))
    if solution.status is Status.INFEASIBLE:
        raise Infeasible(nearest(problem))
    if solution.point is None:
        raise NoDesignFound(solution)
    return _certified(spec, problem, predictor, solution)


def _certified(
    spec: ListSpec, problem: SlotProblem, predictor: Predictor | None, solution: Solution
) -> ListDesign:
    """The answer, after its costs and its objective were computed again from the plain tables."""
    from mathdesign.api import versions
    from mathdesign.validators.lists.recheck import check_logs, logs_of, verify_list

    assert solution.point is not None and solution.objective is not None
    space = spec.table_space()
    options = space.words(solution.point)
    metrics = verify_list(
        space.slots, space.metrics, spec.budget_rows(), options,
        space.costs(solution.point), space.rules,
    )  # fmt: skip
    weights = spec.objective.log_values
    if predictor is not None:
        added = 0.0 if weights is None else logs_of(options, weights)
        _rescored(predictor, space, solution, spec.objective.uncertainty, added)
    elif weights is not None:
        check_logs(options, weights, solution.objective)
    proves = math.isfinite(solution.bound)
    return ListDesign(
        name=spec.name,
        options=options,
        metrics=metrics,
        budgets=tuple(
            BudgetUse(b.metric, metrics[b.metric], b.upper, b.lower) for b in problem.budgets
        ),
        predictor=_about(predictor, space, solution.point),
        certificate=Certificate(
            status=solution.status.value,
            termination=solution.termination.value,
            objective=solution.objective,
            bound=max(solution.bound, solution.objective) if proves else None,
            gap=solution.gap if proves else None,
            gap_target=spec.solve.gap,
            backend=solution.backend,
            seed=spec.solve.seed,
            request_sha256=spec.content_hash(),
            versions=dict(versions()),
        ),
        request=spec.to_dict(),
    )


def _about(
    predictor: Predictor | None, space: TableSpace, point: tuple[int, ...]
) -> dict[str, Any]:
    if predictor is None:
        return {}
    quality = predictor.quality
    value = float(predictor.predict(space, np.array(point, dtype=np.int64)[None])[0])
    return {
        "target": predictor.target, "model": predictor.kind, "predicted": value,
        "tau": quality.tau, "rmse": quality.rmse, "rows": quality.rows,
    }  # fmt: skip


def _rescored(
    predictor: Predictor, space: TableSpace, solution: Solution, uncertainty: float, added: float
) -> None:
    """Raise ``RecheckError`` unless the booster and ``added`` give the claimed objective to 1e-9."""
    from mathdesign.validators.lists.recheck import check_objective

    if predictor.kind != "trees" or uncertainty:
        return
    from mathdesign.surrogate.features import features_of, matrix

    columns = matrix(features_of(space), np.array(solution.point, dtype=np.int64)[None])
    assert solution.objective is not None
    check_objective(predictor.members[0], columns[0], solution.objective - added)


def nearest(problem: SlotProblem) -> Any:
    """Why no design fits: what each budget could reach alone, and all together at the nearest.

    Each metric alone is optimised over the whole space; "together" is the design with the least
    sum of metric / limit over the upper budgets.
    """
    from mathdesign.explain import BudgetReach, Explanation

    uppers = [b for b in problem.budgets if b.upper is not None]
    lowers = tuple(replace(b, upper=None) for b in problem.budgets if b.lower is not None)
    joint = least(problem, [(b.metric, 1 / max(b.upper or 1, 1)) for b in uppers], lowers)
    reaches = []
    for budget in problem.budgets:
        for side, limit in (("max", budget.upper), ("min", budget.lower)):
            if limit is None:
                continue
            sign = 1.0 if side == "max" else -1.0
            point = least(problem, [(budget.metric, sign)], ())
            assert point is not None
            together = value_of(problem, budget.metric, joint) if joint is not None else None
            alone = value_of(problem, budget.metric, point)
            reaches.append(BudgetReach(budget.metric, side, limit, alone, together))
    return Explanation(tuple(reaches), joint is not None)


def least(problem: SlotProblem, weights: list[tuple[str, float]], budgets: Any) -> Any:
    """The point with the least weighted sum of metrics under ``budgets``, ``None`` if none is."""
    first = problem.metrics[weights[0][0]] if weights else next(iter(problem.metrics.values()))
    unary = [np.zeros(len(table)) for table in first.unary]
    pairs = []
    for metric, weight in weights:
        sums = problem.metrics[metric]
        unary = [a - weight * t for a, t in zip(unary, sums.unary)]
        pairs += [type(p)(p.first, p.second, -weight * p.table) for p in sums.pairs]
    objective = SlotObjective(TableSum(0.0, tuple(unary), tuple(pairs)))
    relaxed = replace(problem, objective=objective, budgets=tuple(budgets))
    return solve(relaxed).point


def value_of(problem: SlotProblem, metric: str, point: Any) -> float:
    """The metric of one point, in its unit."""
    return float(problem.metrics[metric].at(np.array(point, dtype=np.int64)[None])[0])
