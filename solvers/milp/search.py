"""Solving the multiple-choice MILP to a certified answer, with whatever MILP solver is at hand.

The solver is called in a loop. Its point is re-evaluated by the program itself; then

* a point that breaks a budget (solvers accept rows violated by 1e-6) is cut off by itself, a
  *no-good*. No other design is lost;
* a point that the MILP over-estimates gives a row that says so (a tangent of the depth penalty), or
  is cut off after it has been scored;
* a point that is exact and proven optimal by the solver ends the search.

**Validity.** The MILP with all its cuts contains every feasible design except those cut off as
no-goods, which are infeasible or recorded as incumbents, and under-estimates none. So
``max(dual bound, incumbent)`` bounds the program after every round.

**Infeasible** is believed only after runs with and without presolve, and then only where exact
reasoning confirms it (:mod:`.confirm`). Else the answer is what is known without that claim. The
solver sees the program in units that it can hold (:mod:`.scaling`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from mathdesign.programs.base import FloatArray, Program
from mathdesign.solvers.base import (
    Clock,
    Incumbent,
    Solution,
    SolveOptions,
    Termination,
    relative_gap,
)
from mathdesign.solvers.milp.arrays import Milp
from mathdesign.solvers.milp.confirm import UNCONFIRMED, enumerated, out_of_reach
from mathdesign.solvers.milp.reductions import Reduction, reduced
from mathdesign.solvers.milp.scaling import scaled

#: Dual bounds of floating-point solvers are loosened by this much, relative.
BOUND_SLACK = 1e-8
#: ... and by this much of the largest objective coefficient: reduced costs are kept to 1e-7.
COST_SLACK = 1e-9
#: ... and by this in the unit of the objective that the solver sees: five columns at that tolerance.
UNIT_SLACK = 5e-7
#: A gap of zero is asked for, this is reached: solvers keep rows to 1e-6 only, so that the same
#: tangent could be asked for again and again. Ten times finer than what is called optimal.
CLOSED = 1e-7
#: A solver's objective and the evaluator's may differ by this much, relative.
SAME_OBJECTIVE = 1e-9
#: What solvers write for "no bound".
INFINITE = 1e29


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
        """Maximise ``milp`` within what is left of the clock; in another way if ``careful``."""
        ...


@dataclass(slots=True)
class MilpSearch:
    """The outer loop and its state."""

    name: str
    problem: Program
    options: SolveOptions
    solver: MilpSolver
    clock: Clock = field(init=False)
    best: Incumbent = field(init=False)
    rounds: int = 0
    unit: float = 1.0
    """What the objective that the solver sees is to be multiplied with."""
    seen: Milp = field(init=False)
    """The program of this round, in its own units."""
    tangents: set[tuple[int, ...]] = field(default_factory=set)
    """Points that a row has been learned from: a second time they are cut off."""
    careful: bool = False
    """The solver's last claim is doubted: presolve where it did without, none where it did not."""

    def __post_init__(self) -> None:
        self.clock = Clock(self.options)
        self.best = Incumbent(self.problem)

    def run(self) -> Solution:
        """Solve; see :meth:`Backend.solve`."""
        best = self.best
        self.clock.report(None, None, 0, "building the program")
        best.offer(self.options.warm_start)
        model = reduced(self.problem)
        if model is None:
            return self._exhausted()
        milp = model.milp.with_rows(model.first_cuts())
        while True:
            self.rounds += 1
            answer = self._solved_twice(milp)
            if answer.infeasible:
                return self._doubted()
            best.bound = min(best.bound, self._certified(answer.bound, milp))
            cut = None if answer.x is None else self._learned(model, milp, answer.x)
            if relative_gap(best.objective, best.bound) <= max(self.options.gap, CLOSED):
                return self._answer(Termination.COMPLETED)
            stop = self.clock.stop()
            if stop or not answer.completed:
                return self._answer(stop or Termination.TIME_LIMIT)
            if cut is None:
                return self._left_open()
            milp = cut

    def _solved_twice(self, milp: Milp) -> MilpAnswer:
        """The solver's answer; "infeasible" only if it says so with and without presolve."""
        seen = scaled(milp)
        self.unit, self.seen = seen.unit, milp
        answer = self.solver(seen.milp, self.options, self.clock, self)
        self.best.nodes += answer.nodes
        if answer.infeasible:
            self.careful = True
            answer = self.solver(seen.milp, self.options, self.clock, self)
            self.best.nodes += answer.nodes
            self.careful = False
        x = None if answer.x is None else answer.x * seen.columns
        return replace(answer, x=x, bound=answer.bound * seen.unit)

    def _learned(self, model: Reduction, milp: Milp, x: FloatArray) -> Milp | None:
        """Take in a point of the MILP; ``None`` if it was exact, else the program with a cut."""
        point = model.invert(x)
        true = self.best.accept(point)
        if true is None:
            return model.no_good(milp, point)
        claimed = float(milp.objective @ x) + milp.offset
        if claimed <= true + max(SAME_OBJECTIVE * abs(true), 1e-9):
            return None
        row = None if point in self.tangents else model.learn(x, point)
        self.tangents.add(point)
        return model.no_good(milp, point) if row is None else milp.with_rows([row])

    def _certified(self, bound: float, milp: Milp) -> float:
        """A dual bound, loosened by its slack and by what was excluded as incumbent."""
        if np.isfinite(bound):
            costs = float(np.abs(milp.objective).max(initial=0.0))
            unit = UNIT_SLACK * self.unit
            bound += max(BOUND_SLACK * max(abs(bound), 1.0), COST_SLACK * costs, unit)
        return max(bound, self.best.cutoff)

    def report(self, claimed: float, nodes: int, phase: str) -> None:
        """Progress of the solver, its dual bound (in its own unit) held to what is certified."""
        best, bound = self.best, self.best.bound
        if math.isfinite(claimed) and abs(claimed) < INFINITE:
            bound = min(bound, self._certified(claimed * self.unit, self.seen))
        self.clock.report(best.objective, bound, best.nodes + nodes, phase)

    def _doubted(self) -> Solution:
        """The solver says that nothing is left: believed where exact reasoning agrees."""
        reason = self.clock.stop() or Termination.COMPLETED
        if self.best.objective is None and out_of_reach(self.problem):
            return self._exhausted()
        if enumerated(self.problem, self.best, self.clock):
            return self._exhausted()
        return self._answer(reason, UNCONFIRMED)

    def _left_open(self) -> Solution:
        """The solver is done, but bounds loosened by its tolerances leave a gap: few points are seen."""
        if enumerated(self.problem, self.best, self.clock):
            return self._exhausted()
        return self._answer(Termination.COMPLETED)

    def _exhausted(self) -> Solution:
        """No design is left: the incumbent is optimal, or there is none at all."""
        self.best.bound = -np.inf
        return self._answer(Termination.COMPLETED)

    def _answer(self, reason: Termination, message: str = "") -> Solution:
        return self.best.solution(self.name, reason, self.clock, self.options.gap, message)
