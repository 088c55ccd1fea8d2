"""The chain of stages as a program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mathdesign.programs.base import LARGEST_METRIC, Budget
from mathdesign.programs.stages import DEPTH, PREV, WIDTH, Effectiveness, Objective, PairRule, Stage


@dataclass(frozen=True, eq=False)
class DesignProblem:
    """The whole program. Immutable; every backend reads it and none changes it.

    A *point* is an int64 array of shape ``(variables,)`` (or ``(n, variables)`` for a batch)
    holding the value of every decision, stage by stage in declaration order.
    """

    name: str
    stages: tuple[Stage, ...]
    objective: Objective
    budgets: tuple[Budget, ...] = ()
    rules: tuple[PairRule, ...] = ()
    effectiveness: Effectiveness | None = None
    input_channels: int = 3
    variables: tuple[tuple[int, str], ...] = field(init=False)

    def __post_init__(self) -> None:
        if not self.stages:
            raise ValueError("a design problem needs at least one stage")
        variables = tuple((s, d.name) for s, st in enumerate(self.stages) for d in st.decisions)
        object.__setattr__(self, "variables", variables)
        for rule in self.rules:
            shape = (
                len(self.stages[rule.first_stage].domain(rule.first)),
                len(self.stages[rule.second_stage].domain(rule.second)),
            )
            if rule.allowed.shape != shape:
                raise ValueError(f"rule {rule.reason!r}: expected a {shape} table")
        for budget in self.budgets:
            if budget.metric not in self.metrics:
                raise ValueError(f"budget on unknown metric {budget.metric!r}")
        for metric in self.metrics:
            if self._largest(metric) > LARGEST_METRIC:
                raise ValueError(f"{metric} can exceed 2^62 in this space: narrow the choices")

    @cached_property
    def columns(self) -> Mapping[tuple[int, str], int]:
        """Position of each decision ``(stage index, name)`` in a point."""
        return {variable: column for column, variable in enumerate(self.variables)}

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics, in order of first appearance."""
        return tuple(dict.fromkeys(name for stage in self.stages for name in stage.costs))

    @property
    def size(self) -> int:
        """Number of points of the Cartesian product (rules and budgets ignored)."""
        return int(np.prod([stage.choices for stage in self.stages], dtype=object))

    def rules_within(self, stage: int) -> tuple[PairRule, ...]:
        """Rules between two decisions of ``stage``."""
        return tuple(r for r in self.rules if r.first_stage == r.second_stage == stage)

    def rules_into(self, stage: int) -> tuple[PairRule, ...]:
        """Rules between the widths of the previous stage and of ``stage``."""
        return tuple(
            r for r in self.rules if r.first_stage == stage - 1 and r.second_stage == stage
        )

    def prev_domain(self, stage: int) -> tuple[int, ...]:
        """Widths that may enter ``stage``: the input channels for the first stage."""
        return self.stages[stage - 1].domain(WIDTH) if stage else (self.input_channels,)

    def to_pyomo(self, form: Literal["minlp", "milp"] = "minlp") -> Any:
        """A Pyomo model for any solver a user owns: integer nonlinear, or the choice MILP."""
        from mathdesign.solvers.minlp.pyomo_model import to_pyomo

        return to_pyomo(self, form)

    def to_cvxpy(self) -> Any:
        """The log-convex root relaxation as a cvxpy problem, with the way back to choices."""
        from mathdesign.solvers.convex.relaxation import to_cvxpy

        return to_cvxpy(self)

    def write(self, path: str | Path) -> None:
        """The choice MILP as a file, ``.mps`` or ``.lp`` by its suffix."""
        from mathdesign.solvers.milp.interchange import write_program

        write_program(self, path)

    def _largest(self, metric: str) -> int:
        """An upper limit of a metric over the whole space, in exact integers."""
        total = 0
        for s, stage in enumerate(self.stages):
            top = {d.name: d.values[-1] for d in stage.decisions}
            top |= {d.name: max(d.values) for d in stage.derived} | {PREV: self.prev_domain(s)[-1]}
            for monomial in stage.costs.get(metric, ()):
                value = monomial.coefficient * int(monomial.repeat.times(top[DEPTH]))
                for symbol, power in monomial.powers:
                    value *= top[symbol] ** power
                total += value
        return total
