"""Solving the integer nonlinear program to a certified answer, with whatever solver is at hand.

Solvers accept constraints violated by about 1e-6, so a claimed optimum may break a budget by a
few units, or overstate its objective. Every point is put before the exact evaluator. One that
fails, or whose objective was overstated, is cut off by itself (a *no-good*: not all of its
binaries may be 1 again), the solver is called once more, and nothing else is lost.

**Validity.** The solver's constraints hold to a tolerance, so its feasible set contains every
feasible design but those cut off, which are infeasible or recorded as incumbents. Hence
``max(dual bound, incumbent)`` is an upper bound after every round, up to the arithmetic of the
solver: dual bounds are loosened by ``BOUND_SLACK``, relative, to cover the tolerance (1e-7 in
SCIP) to which it solves the linear programs they come from. No slack covers a cut that is wrong
in its last digits and is then rounded to integers: SCIP has lost the optimum of about one hard
program in some hundreds that way, never twice with different settings. What it claims to have
proven is therefore asked for in two ways, and the weaker claim counts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Protocol

from mathdesign.programs.chain import DesignProblem
from mathdesign.solvers.base import (
    Clock,
    Incumbent,
    Solution,
    SolveOptions,
    Termination,
    relative_gap,
)
from mathdesign.solvers.milp.confirm import UNCONFIRMED, enumerated, out_of_reach

BOUND_SLACK = 2e-7
#: What solvers write for "no bound".
INFINITE = 1e19
#: A claimed objective may exceed the true one by this much, relative.
SAME_OBJECTIVE = 5e-7

Point = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class MinlpAnswer:
    """What a solver says after one run, best point first.

    ``claimed`` is the objective it gives the first; ``bound`` its dual bound, infinite if none.
    """

    points: tuple[Point, ...]
    claimed: float
    bound: float
    infeasible: bool
    completed: bool
    interrupted: bool
    nodes: int


class MinlpSolver(Protocol):
    """One program in one solver."""

    @property
    def another_way(self) -> bool:
        """Whether there is another way to solve it, for ``search.again``."""
        ...

    def run(self, search: MinlpSearch) -> MinlpAnswer:
        """Solve within what is left of ``search.clock``; in another way if ``search.again``."""
        ...

    def exclude(self, point: Point) -> None:
        """Forbid one design from now on."""
        ...


@dataclass(slots=True)
class MinlpSearch:
    """The outer loop and its state."""

    name: str
    problem: DesignProblem
    options: SolveOptions
    clock: Clock
    best: Incumbent = field(init=False)
    excluded: set[Point] = field(default_factory=set)
    again: bool = False
    """The solver's last claim is to be made once more, in another way."""

    def __post_init__(self) -> None:
        self.best = Incumbent(self.problem)

    def solve(self, solver: MinlpSolver) -> Solution:
        """Call ``solver`` until its answer is exact, or a limit is reached."""
        best = self.best
        best.offer(self.options.warm_start)
        while True:
            try:
                answer = self._asked_twice(solver)
            except KeyboardInterrupt:
                return self.answer(Termination.INTERRUPTED)
            except Exception as error:  # numerical trouble inside a foreign solver proves nothing
                return self.answer(Termination.COMPLETED, f"the solver failed: {error}")
            if answer.infeasible:
                return self._doubted()
            best.bound = min(best.bound, self._certified(answer.bound))
            exact = self._learn(solver, answer)
            if exact or relative_gap(best.objective, best.bound) <= self.options.gap:
                return self.answer(Termination.COMPLETED)
            stop = self.clock.stop()
            if stop is None and answer.interrupted:
                stop = Termination.INTERRUPTED
            if stop or not answer.completed or not answer.points:
                return self.answer(stop or Termination.TIME_LIMIT)

    def _asked_twice(self, solver: MinlpSolver) -> MinlpAnswer:
        """The solver's answer; what it claims to have proven only where it does so twice."""
        answer = solver.run(self)
        self.best.nodes += answer.nodes
        if not solver.another_way:
            return answer
        done = answer.completed or answer.infeasible
        if answer.interrupted or not done:  # no time for the other way: then nothing is claimed
            return replace(answer, completed=False, infeasible=False, bound=math.inf)
        for point in answer.points:
            self.best.offer(point)
        self.again = True
        try:
            other = solver.run(self)
        finally:
            self.again = False
        self.best.nodes += other.nodes
        both = sorted((answer, other), key=lambda said: -said.claimed)
        return MinlpAnswer(
            points=tuple(dict.fromkeys(point for said in both for point in said.points)),
            claimed=both[0].claimed,
            bound=max(-math.inf if said.infeasible else said.bound for said in both),
            infeasible=all(said.infeasible for said in both),
            completed=all(said.completed or said.infeasible for said in both),
            interrupted=other.interrupted,
            nodes=answer.nodes + other.nodes,
        )

    def answer(self, reason: Termination, message: str = "") -> Solution:
        """The incumbent and the bound as they stand."""
        return self.best.solution(self.name, reason, self.clock, self.options.gap, message)

    def _learn(self, solver: MinlpSolver, answer: MinlpAnswer) -> bool:
        """Take in the points; true if the best one is exactly what the solver claims, and final."""
        for point in answer.points[1:]:
            self.best.offer(point)
        if not answer.points or not answer.completed:
            if answer.points:
                self.best.offer(answer.points[0])
            return False
        best = answer.points[0]
        true = self.best.accept(best)
        if true is not None and answer.claimed <= true + SAME_OBJECTIVE * max(abs(true), 1.0):
            return True
        if best in self.excluded:  # the solver will not let go of it: stop rather than loop
            return True
        self.excluded.add(best)
        solver.exclude(best)
        return False

    def report(self, nodes: int, phase: str) -> None:
        """Progress, with the bound that was asked for twice: on its way SCIP has told others, of
        objectives of 1e11, that lay below the optimum.
        """
        best = self.best
        self.clock.report(best.objective, best.bound, best.nodes + nodes, phase)

    def _certified(self, bound: float) -> float:
        """A dual bound, loosened by its slack and by what was excluded as incumbent."""
        loose = bound + BOUND_SLACK * max(abs(bound), 1.0) if math.isfinite(bound) else math.inf
        return max(loose, self.best.cutoff)

    def _doubted(self) -> Solution:
        """The solver says that nothing is left: believed where exact reasoning agrees."""
        reason = self.clock.stop() or Termination.COMPLETED
        impossible = self.best.objective is None and out_of_reach(self.problem)
        if not impossible and not enumerated(self.problem, self.best, self.clock):
            return self.answer(reason, UNCONFIRMED)
        self.best.bound = -math.inf
        return self.answer(Termination.COMPLETED)
