r"""What is sound for one shot: the greatest lower bound over designs, measured rows among them.

With a predictor :math:`f`, its margin :math:`m` and measured rows :math:`M` of score :math:`y`, a
design is worth

.. math:: v(x) = y(x) \text{ for } x \in M, \qquad v(x) = f(x) - m \text{ for other } x.

The program maximises :math:`f - m`. **Validity.** A row with :math:`f(x) - m \le y(x)` may stay in
the program, where it counts for less than it is worth: the maximum over the program and over
:math:`y` on the feasible rows is that of :math:`v` all the same. The rows that the model
over-estimates by more than the margin, which are few, are kept out by distances. A bound of the program and
the best row together therefore bound :math:`v`, also where a solver stopped early, and also under
further restrictions (a slot that takes another option), because no row depends on another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mathdesign.certificate import finite_numbers
from mathdesign.programs.base import FloatArray, IntArray
from mathdesign.programs.slots import SlotObjective, SlotProblem
from mathdesign.solvers.base import Solution, Status, status_of


@dataclass(frozen=True, eq=False)
class OneShot:
    """Measured rows in the words of the program: points of shape ``(rows, slots)``, their worth in
    the objective's unit, their values in the target's, and what the program takes off.

    ``guards``: whether answers are compared with the rows; else they are only shown beside.
    """

    points: IntArray
    worth: FloatArray
    values: FloatArray
    margin: float
    guards: bool

    def posed(self, problem: SlotProblem) -> SlotProblem:
        """The program of lower bounds: the margin taken off, over-estimated rows kept out."""
        if not self.guards:
            return problem
        tables = problem.objective.tables
        lowered = replace(tables, constant=tables.constant - self.margin)
        objective = replace(problem.objective, tables=lowered)
        return replace(problem, objective=objective).apart_from(
            *map(tuple, self.points[self._over_estimated(objective)].tolist())
        )

    def best(self, problem: SlotProblem) -> int | None:
        """The best row that keeps rules and budgets (ties: lexicographically first), if any does."""
        kept = self._kept(problem)
        if not len(kept):
            return None
        return int(min(kept, key=lambda i: (-self.worth[i], tuple(self.points[i]))))

    def rows(self, problem: SlotProblem) -> int:
        """How many rows keep rules and budgets."""
        return len(self._kept(problem))

    def at(self, point: tuple[int, ...]) -> int | None:
        """The row that measured ``point``, if one did."""
        found = np.flatnonzero((self.points == np.array(point)).all(axis=1))
        return int(found[0]) if len(found) else None

    def value(self, problem: SlotProblem, point: tuple[int, ...]) -> float:
        """What a design is worth: as measured where it was, else by the program."""
        row = self.at(point) if self.guards else None
        return problem.value(point) if row is None else float(self.worth[row])

    def settled(self, problem: SlotProblem, solution: Solution, gap: float) -> Solution:
        """The better of a solver's answer and the best row, with the bound of both."""
        if not self.guards or (row := self.best(problem)) is None:
            return solution
        worth, point = float(self.worth[row]), tuple(map(int, self.points[row]))
        ours = solution.point
        if ours is not None and self.value(problem, ours) > worth:
            point, worth = ours, self.value(problem, ours)
        none = solution.status is Status.INFEASIBLE  # every feasible design was measured
        bound = worth if none else max(worth, solution.bound)
        return replace(
            solution, point=point, objective=worth, bound=bound, status=status_of(worth, bound, gap)
        )

    def _kept(self, problem: SlotProblem) -> IntArray:
        """The rows that keep rules and budgets; distances keep rows out of programs only."""
        kept: IntArray = np.flatnonzero(replace(problem, distances=()).feasible_rows(self.points))
        return kept

    def _over_estimated(self, objective: SlotObjective) -> IntArray:
        """Rows whose lower bound lies above what was measured."""
        found: IntArray = np.flatnonzero(objective.at(self.points) > self.worth)
        return found


def check_rows(about: Mapping[str, Any]) -> None:
    """Raise ``ValueError`` or ``TypeError`` unless :func:`measured_rows` can read ``about``."""
    if "best_measured" not in about:
        return
    finite_numbers(about, ("lower_bound", "measured_here"))
    if about["measured_here"] is None and about["lower_bound"] is None:
        raise ValueError("predictor.lower_bound: accepted: a finite number")
    best = about["best_measured"]
    if best is not None:
        finite_numbers(best, ("rows", "value"))
        if None in (best["rows"], best["value"]) or not isinstance(best["options"], Mapping):
            raise ValueError("predictor.best_measured: accepted: rows, a value and options")


def measured_rows(about: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Label and text: the answer's lower bound, and the best measured row beside it.

    ``about`` is what a design file holds of its predictor; nothing for those that know no rows.
    """
    if "best_measured" not in about:
        return []
    best, own, target = about["best_measured"], about["measured_here"], about["target"]
    found = []
    if own is not None:
        found.append(("measured", f"this design was measured: {target} {own:.4f}"))
    else:
        words = (
            f"{target} {about['lower_bound']:.4f}: none of {about['rows']:,} held-out predictions "
            "was too high by more"
        )
        found.append(("lower bound", words))
    if best is None:
        return [*found, ("best measured", "no measured design keeps the budgets")]
    options = " ".join(f"{slot}={option}" for slot, option in best["options"].items())
    words = f"{target} {best['value']:.4f}, of {best['rows']:,} within the budgets: {options}"
    return [*found, ("best measured", words)]
