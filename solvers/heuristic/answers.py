"""Answers that are checked before they leave: every point put before the exact evaluator."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mathdesign.programs.chain import DesignProblem
from mathdesign.programs.evaluate import Evaluator
from mathdesign.solvers.base import Clock, Solution, Status, Termination


def confirmed(problem: DesignProblem, point: Sequence[int]) -> float | None:
    """The objective of ``point`` in exact integers, ``None`` unless it is feasible and finite."""
    objective = _objective(problem, point)
    return objective if objective is not None and math.isfinite(objective) else None


def feasible(problem: DesignProblem, point: Sequence[int]) -> bool:
    """Whether ``point`` satisfies domains, rules and budgets, whatever its objective."""
    return _objective(problem, point) is not None


def _objective(problem: DesignProblem, point: Sequence[int]) -> float | None:
    if any(
        value not in problem.stages[s].domain(name)
        for (s, name), value in zip(problem.variables, point, strict=True)
    ):
        return None
    scores = Evaluator(problem)(np.array(point, dtype=np.int64))
    return float(scores.objective[0]) if bool(scores.feasible[0]) else None


def found(
    backend: str,
    problem: DesignProblem,
    point: Sequence[int] | None,
    termination: Termination,
    nodes: int,
    clock: Clock,
    message: str = "",
) -> Solution:
    """The answer of a heuristic: feasible or unknown, never more, and no bound."""
    objective = None if point is None else confirmed(problem, point)
    if point is None or objective is None:
        return Solution(
            backend, Status.UNKNOWN, termination, nodes=nodes, seconds=clock.elapsed_s,
            message=message,
        )  # fmt: skip
    return Solution(
        backend, Status.FEASIBLE, termination, tuple(int(v) for v in point), objective, math.inf,
        nodes, clock.elapsed_s, message,
    )  # fmt: skip
