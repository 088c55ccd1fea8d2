"""What the integer nonlinear program is written with: a tool's algebra, and selected symbols."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from mathdesign.programs.chain import DesignProblem
from mathdesign.programs.stages import PairRule
from mathdesign.solvers.convex.hull import hull

#: Evenly spaced domains of more values than this become one integer variable where rules allow.
LARGEST_ONE_HOT = 24
#: A forbidden pair must lie this far outside the hull of the allowed ones, in units of values.
CLEARANCE = 1e-3


class Toolkit(Protocol):
    """What a modelling tool must offer; its expressions overload ``+ - * <= == >=``."""

    def binary(self, name: str) -> Any:
        """A new 0-1 variable."""

    def integer(self, name: str, low: int, high: int) -> Any:
        """A new integer variable."""

    def real(self, name: str, low: float, high: float) -> Any:
        """A new real variable."""

    def exp(self, x: Any) -> Any:
        """The exponential of an expression."""

    def log(self, x: Any) -> Any:
        """The natural logarithm of an expression."""

    def total(self, terms: Sequence[Any]) -> Any:
        """The sum of expressions."""

    def require(self, name: str, relation: Any) -> None:
        """A constraint."""

    def maximize(self, objective: Any) -> None:
        """The objective."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """A decision or derived symbol: values by position of its decision, and how it is selected.

    By a one-hot ``choice``, or by an integer ``position`` in an evenly spaced domain; by neither
    where there is one value. ``value`` and ``log`` are expressions (a depth has no ``log``).
    """

    values: tuple[int, ...]
    value: Any
    log: Any
    choice: tuple[Any, ...] = ()
    position: Any = None

    @property
    def fixed(self) -> bool:
        """There is one value only."""
        return not self.choice and self.position is None

    @property
    def log_range(self) -> tuple[float, float]:
        """Least and greatest logarithm."""
        return math.log(min(self.values)), math.log(max(self.values))


@dataclass(frozen=True, slots=True)
class Minlp:
    """The finished program: the symbol of every column of a point."""

    problem: DesignProblem
    columns: tuple[Symbol, ...]
    unit: float = 1.0
    """What the solver's objective is to be multiplied with."""

    def point(self, value: Callable[[Any], float]) -> tuple[int, ...]:
        """The design that a solution selects; ``value`` reads a variable."""
        point = []
        for symbol in self.columns:
            at = 0
            if symbol.choice:
                at = int(np.argmax([value(y) for y in symbol.choice]))
            elif symbol.position is not None:
                at = min(max(round(value(symbol.position)), 0), len(symbol.values) - 1)
            point.append(symbol.values[at])
        return tuple(point)

    def assignment(self, point: Sequence[int]) -> list[tuple[Any, int]]:
        """Every binary and integer variable with its value at ``point``."""
        assigned: list[tuple[Any, int]] = []
        for symbol, value in zip(self.columns, point):
            at = symbol.values.index(value)
            assigned += [(y, int(i == at)) for i, y in enumerate(symbol.choice)]
            if symbol.position is not None:
                assigned.append((symbol.position, at))
        return assigned

    def exclude(self, point: Sequence[int], tools: Toolkit, label: str) -> None:
        """A no-good: some decision differs from ``point``. Nothing where there is no decision."""
        differs = []
        for c, (symbol, value) in enumerate(zip(self.columns, point)):
            at, top = symbol.values.index(value), len(symbol.values) - 1
            if symbol.choice:
                differs.append(1.0 - symbol.choice[at])
            elif symbol.position is not None:
                below, above = (
                    tools.binary(f"{label}_{c}_below"),
                    tools.binary(f"{label}_{c}_above"),
                )
                position = symbol.position
                tools.require(f"{label}_{c}_b", position + (top + 1) * below <= at + top)
                tools.require(f"{label}_{c}_a", position - (top + 1) * above >= at - top)
                differs += [below, above]
        if differs:
            tools.require(f"{label}_differs", tools.total(differs) >= 1.0)


def even(values: tuple[int, ...]) -> bool:
    """Whether values are evenly spaced."""
    return len(set(np.diff(values).tolist())) <= 1


def hull_rows(problem: DesignProblem, rule: PairRule) -> list[tuple[float, float, float]] | None:
    """Rows ``a u + b v <= c`` that hold at exactly the allowed pairs of values, if there are any.

    The convex hull of the allowed pairs has them wherever no forbidden pair lies inside it: so for
    ratios and monotone widths on any grid. ``None`` where the table itself is needed.
    """
    first = np.array(problem.stages[rule.first_stage].domain(rule.first))
    second = np.array(problem.stages[rule.second_stage].domain(rule.second))
    ends = [
        (float(u), float(v))
        for u, row in zip(first, rule.allowed)
        if row.any()
        for v in (second[row][0], second[row][-1])
    ]
    if not ends:
        return None
    rows = hull(ends)
    excess = np.full(rule.allowed.shape, -np.inf)
    for a, b, c in rows:
        excess = np.maximum(excess, a * first[:, None] + b * second[None, :] - c)
    exact = (excess[~rule.allowed] > CLEARANCE).all() and (excess[rule.allowed] < 1e-9).all()
    return rows if exact else None
