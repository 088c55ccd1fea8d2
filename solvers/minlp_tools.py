"""What the integer nonlinear program is written with: a tool's algebra, and one-hot symbols."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from mathdesign.formulation import DesignProblem


class Toolkit(Protocol):
    """What a modelling tool must offer; its expressions overload ``+ - * <= == >=``."""

    def binary(self, name: str) -> Any:
        """A new 0-1 variable."""

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

    ``choice`` is empty where there is one value only. ``log`` is an expression of its logarithm.
    """

    values: tuple[int, ...]
    choice: tuple[Any, ...]
    log: Any

    @property
    def log_range(self) -> tuple[float, float]:
        """Least and greatest logarithm."""
        return math.log(min(self.values)), math.log(max(self.values))


@dataclass(frozen=True, slots=True)
class Minlp:
    """The finished program: the one-hot of every column of a point (empty: its only value)."""

    problem: DesignProblem
    choice: tuple[tuple[Any, ...], ...]

    def point(self, value: Callable[[Any], float]) -> tuple[int, ...]:
        """The design that a solution selects; ``value`` reads a variable."""
        point = []
        for (s, name), choice in zip(self.problem.variables, self.choice):
            position = int(np.argmax([value(y) for y in choice])) if choice else 0
            point.append(self.problem.stages[s].domain(name)[position])
        return tuple(point)

    def selected(self, point: Sequence[int]) -> list[Any]:
        """The binaries that are 1 at ``point``."""
        return [
            choice[self.problem.stages[s].domain(name).index(value)]
            for (s, name), choice, value in zip(self.problem.variables, self.choice, point)
            if choice
        ]
