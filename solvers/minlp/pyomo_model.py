"""Pyomo models of a program, for any solver a user owns.

``to_pyomo(problem, form="milp")`` is the multiple-choice program of
:mod:`mathdesign.solvers.milp.reductions`, for any form of program; ``form="minlp"`` the integer
nonlinear program of :mod:`mathdesign.solvers.minlp.model`, for chains and their default.
:func:`point_of` reads the design back from a solved model; check it with the program's own
``feasible``: solvers have tolerances.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np

from mathdesign.programs.base import Program
from mathdesign.programs.chain import DesignProblem
from mathdesign.solvers.milp.arrays import Milp
from mathdesign.solvers.milp.reductions import HandOut, handed_out
from mathdesign.solvers.minlp.model import build
from mathdesign.solvers.minlp.tools import Minlp

Form = Literal["minlp", "milp"]


def to_pyomo(problem: Program, form: Form | Literal[""] = "") -> Any:
    """A Pyomo ``ConcreteModel`` to be maximised; ``model.objective`` is its objective.

    Raises ``ValueError`` where the program has no such form, or exact reasoning leaves no point.
    """
    if form not in ("", "minlp", "milp"):
        raise ValueError(f"form {form!r}; accepted: milp, minlp")
    if (form or ("minlp" if problem.form == DesignProblem.form else "milp")) == "minlp":
        if problem.form != DesignProblem.form:
            raise ValueError(
                f"form minlp is for chains, {problem.name} is {problem.form}: use milp"
            )
        return nonlinear_model(cast(DesignProblem, problem))[0]
    reduction = handed_out(problem)
    model = linear_model(reduction.milp.with_rows(reduction.first_cuts()), reduction.names)
    model.design_reader = _Columns(reduction.names, reduction)
    return model


@dataclass(frozen=True, slots=True)
class _Columns:
    """Reads the columns of a linear model."""

    names: Sequence[str]
    reduction: HandOut

    def point(self, value: Callable[[Any], float], model: Any) -> tuple[int, ...]:
        """The design that the columns select."""
        return self.reduction.invert(np.array([value(model.x[name]) for name in self.names]))


def point_of(model: Any) -> tuple[int, ...]:
    """The design that a solved model of :func:`to_pyomo` selects."""
    import pyomo.environ as pyo

    reader = model.design_reader
    if isinstance(reader, _Columns):
        return reader.point(pyo.value, model)
    return reader.point(pyo.value)  # type: ignore[no-any-return]


def nonlinear_model(problem: DesignProblem) -> tuple[Any, Minlp]:
    """The integer nonlinear program and its reader."""
    import pyomo.environ as pyo

    model = pyo.ConcreteModel(name=problem.name)
    minlp = build(problem, PyomoTools(model))
    model.design_reader = minlp
    return model, minlp


class PyomoTools:
    """The algebra of Pyomo: every variable and constraint is a named component of the model."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def binary(self, name: str) -> Any:
        """A new 0-1 variable."""
        import pyomo.environ as pyo

        return self._add(name, pyo.Var(domain=pyo.Binary))

    def integer(self, name: str, low: int, high: int) -> Any:
        """A new integer variable."""
        import pyomo.environ as pyo

        return self._add(name, pyo.Var(domain=pyo.Integers, bounds=(low, high)))

    def real(self, name: str, low: float, high: float) -> Any:
        """A new real variable, started in the middle of its bounds."""
        import pyomo.environ as pyo

        return self._add(name, pyo.Var(bounds=(low, high), initialize=(low + high) / 2))

    def exp(self, x: Any) -> Any:
        """``e**x``."""
        import pyomo.environ as pyo

        return pyo.exp(x)

    def log(self, x: Any) -> Any:
        """``ln x``."""
        import pyomo.environ as pyo

        return pyo.log(x)

    def total(self, terms: Sequence[Any]) -> Any:
        """The sum of expressions."""
        import pyomo.environ as pyo

        return pyo.quicksum(terms)

    def require(self, name: str, relation: Any) -> None:
        """A constraint."""
        import pyomo.environ as pyo

        self._add(name, pyo.Constraint(expr=relation))

    def maximize(self, objective: Any) -> None:
        """The objective."""
        import pyomo.environ as pyo

        self._add("objective", pyo.Objective(expr=objective, sense=pyo.maximize))

    def _add(self, name: str, component: Any) -> Any:
        self.model.add_component(name, component)
        return component


def linear_model(milp: Milp, names: Sequence[str] | None = None) -> Any:
    """The arrays of a MILP as a Pyomo model: ``model.x[i]``, or by its name, is column ``i``."""
    import pyomo.environ as pyo

    model = pyo.ConcreteModel()
    index = range(milp.columns) if names is None else names
    model.x = pyo.Var(index)
    columns = [model.x[i] for i in index]
    for i, column in enumerate(columns):
        if milp.integer[i]:
            column.domain = pyo.Integers
        column.setlb(float(milp.low[i]) if np.isfinite(milp.low[i]) else None)
        column.setub(float(milp.high[i]) if np.isfinite(milp.high[i]) else None)
    model.rows = pyo.ConstraintList()
    matrix = milp.matrix
    for r in range(matrix.shape[0]):
        span = slice(matrix.indptr[r], matrix.indptr[r + 1])
        if span.start == span.stop and milp.row_low[r] <= 0.0 <= milp.row_high[r]:
            continue
        row = _linear(columns, matrix.indices[span], matrix.data[span])
        low, high = float(milp.row_low[r]), float(milp.row_high[r])
        if low == high:
            model.rows.add(row == low)
        else:
            model.rows.add((low if low > -np.inf else None, row, high if high < np.inf else None))
    used = np.flatnonzero(milp.objective)
    objective = _linear(columns, used, milp.objective[used]) + milp.offset
    model.objective = pyo.Objective(expr=objective, sense=pyo.maximize)
    return model


def _linear(variables: list[Any], columns: Any, values: Any) -> Any:
    from pyomo.core.expr.numeric_expr import LinearExpression

    return LinearExpression(
        constant=0.0,
        linear_coefs=[float(v) for v in values],
        linear_vars=[variables[int(c)] for c in columns],
    )
