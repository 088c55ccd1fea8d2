"""Solving the choice MILP to a certified answer, with whatever MILP solver is at hand.

The solver is called in a loop. Its point is re-evaluated in exact integers; then

* a point that exceeds a budget (solvers accept rows violated by 1e-6) is cut off by itself, a
  *no-good*: at most all but one of its binaries may be 1 again. No other design is lost;
* a point whose depth penalty was underestimated gives a tangent of the penalty;
* a point that is exact and proven optimal by the solver ends the search.

**Validity.** The MILP with all its cuts contains every feasible design except those cut off as
no-goods, which are infeasible or recorded as incumbents; its penalty is never overestimated. So
``max(dual bound, incumbent)`` bounds the design problem after every round.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from mathdesign.programs.base import FloatArray
from mathdesign.programs.chain import DesignProblem
from mathdesign.programs.stages import DEPTH
from mathdesign.solvers.base import (
    Clock,
    Incumbent,
    Solution,
    SolveOptions,
    Termination,
    relative_gap,
)
from mathdesign.solvers.milp.arrays import Expression, Milp
from mathdesign.solvers.milp.choice import LARGEST_COLUMNS, ChoiceMilp, build, columns_needed

#: Dual bounds of floating-point solvers are loosened by this much, relative.
BOUND_SLACK = 1e-8
#: Solvers keep rows to 1e-6: a tangent missed by less than this is in the program already.
ROW_TOLERANCE = 2e-6
#: A gap of zero is asked for, this is reached: solvers keep rows to 1e-6 only, so that the same
#: tangent could be asked for again and again. Ten times finer than what is called optimal.
CLOSED = 1e-7
#: A solver's objective and the evaluator's may differ by this much, relative.
SAME_OBJECTIVE = 1e-9


@dataclass(frozen=True, slots=True)
class MilpAnswer:
    """What a MILP solver says. ``bound`` is its dual bound (``inf`` if it has none)."""

    x: FloatArray | None
    bound: float
    infeasible: bool
    completed: bool
    nodes: int


class MilpSolver(Protocol):
    """Solves arrays, reporting on ``clock`` what it and ``search`` have found."""

    def __call__(
        self, milp: Milp, options: SolveOptions, clock: Clock, search: MilpSearch
    ) -> MilpAnswer:
        """Maximise ``milp`` within what is left of the clock."""
        ...


def refuses(problem: DesignProblem) -> str | None:
    """Why the choice MILP is hopeless for ``problem``."""
    columns = columns_needed(problem)
    if columns > LARGEST_COLUMNS:
        return f"about {columns:,} columns; the choice MILP stops at {LARGEST_COLUMNS:,}"
    if any(DEPTH in (r.first, r.second) for r in problem.rules):
        return "a rule on the depth"
    return None


@dataclass(slots=True)
class MilpSearch:
    """The outer loop and its state."""

    name: str
    problem: DesignProblem
    options: SolveOptions
    solver: MilpSolver
    clock: Clock = field(init=False)
    best: Incumbent = field(init=False)
    cuts: list[tuple[Expression, float, float]] = field(default_factory=list)
    rounds: int = 0

    def __post_init__(self) -> None:
        self.clock = Clock(self.options)
        self.best = Incumbent(self.problem)

    def run(self) -> Solution:
        """Solve; see :meth:`Backend.solve`."""
        best = self.best
        self.clock.report(None, None, 0, "building the program")
        model = build(self.problem)
        if model is None:
            return self._exhausted()
        self.cuts = model.first_cuts()
        best.offer(self.options.warm_start)
        while True:
            self.rounds += 1
            milp = model.milp.with_rows(self.cuts)
            answer = self.solver(milp, self.options, self.clock, self)
            best.nodes += answer.nodes
            if answer.infeasible:
                return self._exhausted()
            best.bound = min(best.bound, self._certified(answer.bound))
            exact = answer.x is not None and self._learn(model, answer)
            if relative_gap(best.objective, best.bound) <= max(self.options.gap, CLOSED):
                return self._answer(Termination.COMPLETED)
            stop = self.clock.stop()
            if stop or not answer.completed:
                return self._answer(stop or Termination.TIME_LIMIT)
            if exact:
                return self._answer(Termination.COMPLETED)

    def _learn(self, model: ChoiceMilp, answer: MilpAnswer) -> bool:
        """Take in a point of the MILP; true if it was exact, else a cut has been added."""
        assert answer.x is not None
        point = model.invert(answer.x)
        claimed = float(model.milp.objective @ answer.x) + model.milp.offset
        if not self.problem.feasible(point):
            self._no_good(model, point)
            return False
        true = self.problem.value(point)
        self.best.offer(point)
        if claimed <= true + max(SAME_OBJECTIVE * abs(true), 1e-9):
            return True
        penalty = self.problem.objective.depth_penalty
        if penalty is not None and model.penalty is not None:
            depths = np.array([point[self.problem.columns[s, DEPTH]] for s in penalty.stages])
            cut, right = model.penalty_cut(depths.astype(np.float64))
            if cut.value(answer.x) < right - ROW_TOLERANCE * max(abs(right), 1.0):
                self.cuts.append((cut, right, math.inf))
                return False
        self._no_good(model, point)
        return False

    def _no_good(self, model: ChoiceMilp, point: tuple[int, ...]) -> None:
        chosen = np.array(model.selectors(point))
        self.cuts.append((Expression(chosen, np.ones(len(chosen))), -math.inf, len(chosen) - 1))

    def _certified(self, bound: float) -> float:
        """A dual bound, loosened by its slack and by what was excluded as incumbent."""
        loosened = bound + BOUND_SLACK * max(abs(bound), 1.0) if math.isfinite(bound) else bound
        return max(loosened, self.best.cutoff)

    def _exhausted(self) -> Solution:
        """No design is left: the incumbent is optimal, or there is none at all."""
        self.best.bound = -math.inf
        return self._answer(Termination.COMPLETED)

    def _answer(self, reason: Termination) -> Solution:
        return self.best.solution(self.name, reason, self.clock, self.options.gap)
