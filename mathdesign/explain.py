"""Why nothing fits: what each budget could reach at least, alone and with all the others.

Alone, the least value of an additive metric is a shortest path (:mod:`mathdesign.programs.reach`): exact.
All together, the design is sought that keeps effectiveness and minimum budgets and has the least
sum of metric/limit over the upper budgets; its values are what the user can ask for.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from mathdesign.programs.base import Budget
from mathdesign.programs.chain import DesignProblem
from mathdesign.programs.evaluate import Evaluator
from mathdesign.programs.reach import extreme, least_effectiveness
from mathdesign.programs.stages import Objective
from mathdesign.solvers.base import Progress, SolveOptions, Status
from mathdesign.solvers.portfolio import choose


@dataclass(frozen=True, slots=True)
class BudgetReach:
    """One budget against what the space can reach.

    ``limit`` is what was asked; ``alone`` the nearest value that any design reaches (the least
    for an upper limit, the greatest for a lower one); ``together`` the value in one design that
    keeps all budgets as nearly as possible (``None`` if no design keeps effectiveness).
    """

    metric: str
    side: str
    limit: float
    alone: float
    together: float | None

    @property
    def impossible_alone(self) -> bool:
        """No design meets this budget even with the others lifted."""
        if self.side == "min":
            return self.alone < self.limit
        return self.alone > self.limit * (1 + 1e-9)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a problem is infeasible. ``together_proven``: the joint design is the proven nearest."""

    budgets: tuple[BudgetReach, ...]
    together_proven: bool

    def to_dict(self) -> dict[str, Any]:
        """Words, numbers and lists only."""
        return {"budgets": [asdict(b) for b in self.budgets], "lines": self.lines()}

    def lines(self) -> list[str]:
        """Sentences for the user, the concrete cure last."""
        if not self.budgets:
            return ["no design satisfies the rules on widths: loosen `space.rules` or the choices"]
        lines = []
        for b in self.budgets:
            reach = "least" if b.side == "max" else "greatest"
            verdict = "impossible alone" if b.impossible_alone else "possible alone"
            lines.append(
                f"{b.metric}: asked {b.side} {_number(b.limit)}; {reach} reachable alone "
                f"{_number(b.alone)} ({verdict})"
                + (f"; all together {_number(b.together)}" if b.together is not None else "")
            )
        cure = [
            f"{b.metric} {b.side} {_number(b.together)}"
            for b in self.budgets
            if b.together is not None and _missed(b, b.together)
        ]
        if cure:
            lines.append("this works: " + ", ".join(cure) + " (other budgets as they are)")
        return lines


def explain(
    problem: DesignProblem,
    *,
    time_limit_s: float = 20.0,
    on_progress: Callable[[Progress], None] | None = None,
) -> Explanation:
    """Say what an infeasible ``problem`` could reach. Budgets absent: the rules conflict."""
    if extreme(problem, problem.metrics[0]) is None:
        return Explanation((), True)
    point, proven = _nearest(problem, time_limit_s, on_progress)
    scores = Evaluator(problem)(np.array(point)) if point is not None else None
    reaches = []
    for budget in problem.budgets:
        for side, bound in (("max", budget.upper), ("min", budget.lower)):
            if bound is not None:
                alone = extreme(problem, budget.metric, largest=side == "min")
                assert alone is not None
                together = None if scores is None else float(scores.metrics[budget.metric][0])
                reaches.append(BudgetReach(budget.metric, side, bound, alone.value, together))
    if problem.effectiveness is not None:
        least = least_effectiveness(problem)
        assert least is not None
        value = None if scores is None else float(scores.effectiveness[0])
        limit = problem.effectiveness.limit
        reaches.append(BudgetReach("effectiveness", "max", limit, least, value))
    return Explanation(tuple(reaches), proven)


def _nearest(
    problem: DesignProblem,
    time_limit_s: float,
    on_progress: Callable[[Progress], None] | None,
) -> tuple[tuple[int, ...] | None, bool]:
    """The design with the least sum of metric/limit under the other limits, and whether proven."""
    uppers = [(b.metric, b.upper) for b in problem.budgets if b.upper is not None]
    lowers = []
    for budget in problem.budgets:
        if budget.lower is not None:
            greatest = extreme(problem, budget.metric, largest=True)
            assert greatest is not None
            lowers.append(Budget(budget.metric, None, min(budget.lower, int(greatest.value))))
    # A limit that no design meets alone is moved to what is reachable: the others still count.
    rule = problem.effectiveness
    if rule is not None:
        least = least_effectiveness(problem)
        assert least is not None
        rule = replace(rule, limit=max(rule.limit, least * (1 + 1e-8)))
    objective = Objective(metric_weights=tuple((m, -1.0 / max(u, 1)) for m, u in uppers))
    relaxed = replace(problem, objective=objective, budgets=tuple(lowers), effectiveness=rule)
    options = SolveOptions(gap=1e-3, time_limit_s=time_limit_s, on_progress=on_progress)
    solution = choose(relaxed).backend.solve(relaxed, options)
    return solution.point, solution.status in (Status.OPTIMAL, Status.WITHIN_GAP)


def _missed(reach: BudgetReach, value: float) -> bool:
    return value < reach.limit if reach.side == "min" else value > reach.limit * (1 + 1e-9)


def _number(value: float) -> str:
    """Integers exactly; reals to six digits, rounded up, so that a proposed limit really works."""
    if float(value).is_integer():
        return f"{int(value):,}"
    unit = 10.0 ** (math.floor(math.log10(abs(value))) - 5)
    return f"{math.ceil(value / unit) * unit:.6g}"
