"""``scip``: the integer nonlinear program by SCIP's spatial branch and bound, through pyscipopt."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

from mathdesign.programs.chain import DesignProblem
from mathdesign.solvers.base import Ability, Backend, Clock, Solution, SolveOptions
from mathdesign.solvers.minlp.model import build, refuses
from mathdesign.solvers.minlp.search import INFINITE, MinlpAnswer, MinlpSearch, Point
from mathdesign.solvers.minlp.tools import Minlp

#: SCIP's statuses after which its bound is final.
FINAL = frozenset({"optimal", "gaplimit"})
#: Best solutions of a run that are put before the evaluator.
LOOK_AT = 10


class Scip(Backend[DesignProblem]):
    """Spatial branch and bound on the plain MINLP."""

    name = "scip"
    summary = "integer nonlinear program through SCIP"
    accepts = (DesignProblem,)
    needs = "pyscipopt"
    abilities = frozenset({Ability.PROVES, Ability.WARM_START, Ability.INTERRUPTIBLE})

    def refuses(self, problem: DesignProblem) -> str | None:
        """An objective without an epigraph."""
        return refuses(problem)

    def solve(self, problem: DesignProblem, options: SolveOptions) -> Solution:
        """Solve; see :mod:`mathdesign.solvers.minlp.search` for what is done with the answer."""
        clock = Clock(options)
        clock.report(None, None, 0, "building the program")
        search = MinlpSearch(self.name, problem, options, clock)
        return search.solve(_Scip(problem, options))


class ScipTools:
    """The algebra of pyscipopt; objectives must be linear, so it bounds a variable instead."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def binary(self, name: str) -> Any:
        """A new 0-1 variable."""
        return self.model.addVar(name, vtype="B")

    def integer(self, name: str, low: int, high: int) -> Any:
        """A new integer variable."""
        return self.model.addVar(name, vtype="I", lb=low, ub=high)

    def real(self, name: str, low: float, high: float) -> Any:
        """A new real variable."""
        return self.model.addVar(name, vtype="C", lb=low, ub=high)

    def exp(self, x: Any) -> Any:
        """``e**x``."""
        import pyscipopt

        return pyscipopt.exp(x)

    def log(self, x: Any) -> Any:
        """``ln x``."""
        import pyscipopt

        return pyscipopt.log(x)

    def total(self, terms: Sequence[Any]) -> Any:
        """The sum of expressions."""
        import pyscipopt

        return pyscipopt.quicksum(terms)

    def require(self, name: str, relation: Any) -> None:
        """A constraint."""
        self.model.addCons(relation, name)

    def maximize(self, objective: Any) -> None:
        """Maximise a new variable below ``objective``."""
        value = self.model.addVar("objective", vtype="C", lb=None, ub=None)
        self.model.addCons(value - objective <= 0.0, "objective_is")
        self.model.setObjective(value, "maximize")


class _Scip:
    """One program in SCIP."""

    def __init__(self, problem: DesignProblem, options: SolveOptions) -> None:
        import pyscipopt

        self.model: Any = pyscipopt.Model()
        self.model.hideOutput()
        self.minlp: Minlp = build(problem, ScipTools(self.model))
        self.model.setParam("limits/gap", options.gap / 2)
        self.model.setParam("lp/threads", max(options.threads, 1))
        self.model.setParam("randomization/randomseedshift", options.seed % 2**31)
        if options.memory_limit_bytes is not None:
            self.model.setParam("limits/memory", options.memory_limit_bytes / 2**20)
        self.watching = False
        self.excluded = 0

    def run(self, search: MinlpSearch) -> MinlpAnswer:
        """One call of SCIP. Ctrl-C is caught by SCIP itself and ends it with its incumbent."""
        model = self.model
        if not self.watching:
            _watch(model, search, self.minlp.unit)
            self.watching = True
        self._suggest(search)
        model.setParam("limits/time", max(search.clock.remaining_s, 0.01))
        model.optimize()
        status = model.getStatus()
        points, claimed = self._points()
        dual = float(model.getDualbound())
        return MinlpAnswer(
            points=points,
            claimed=claimed * self.minlp.unit,
            bound=dual * self.minlp.unit if abs(dual) < INFINITE else math.inf,
            infeasible=status == "infeasible",
            completed=status in FINAL,
            interrupted=status == "userinterrupt",
            nodes=int(model.getNTotalNodes()),
        )

    def exclude(self, point: Point) -> None:
        """A no-good over the binaries of ``point``."""
        self.model.freeTransform()
        self.excluded += 1
        self.minlp.exclude(point, ScipTools(self.model), f"excluded{self.excluded}")

    def _points(self) -> tuple[tuple[Point, ...], float]:
        solutions = self.model.getSols()[:LOOK_AT]
        points = [self.minlp.point(partial(self.model.getSolVal, s)) for s in solutions]
        claimed = self.model.getSolObjVal(solutions[0]) if solutions else -math.inf
        return tuple(dict.fromkeys(points)), float(claimed)

    def _suggest(self, search: MinlpSearch) -> None:
        """Hand the incumbent to SCIP, which completes it, unless it has been cut off."""
        if search.best.point is None or search.best.point in search.excluded:
            return
        solution = self.model.createPartialSol()
        for variable, value in self.minlp.assignment(search.best.point):
            self.model.setSolVal(solution, variable, float(value))
        self.model.addSol(solution)


def _watch(model: Any, search: MinlpSearch, unit: float) -> None:
    """Report progress and stop on request, from SCIP's own events."""
    from pyscipopt import scip

    kinds = (scip.PY_SCIP_EVENTTYPE.NODESOLVED, scip.PY_SCIP_EVENTTYPE.BESTSOLFOUND)

    class Watch(scip.Eventhdlr):
        """Looks at the clock whenever a node is done or a solution found."""

        def eventinit(self) -> None:
            for kind in kinds:
                self.model.catchEvent(kind, self)

        def eventexit(self) -> None:
            for kind in kinds:
                self.model.dropEvent(kind, self)

        def eventexec(self, event: Any) -> None:
            dual, nodes = float(self.model.getDualbound()), int(self.model.getNTotalNodes())
            search.report(dual * unit if abs(dual) < INFINITE else dual, nodes, "SCIP")
            if search.clock.stop() is not None:
                self.model.interruptSolve()

    model.includeEventhdlr(Watch(), "watch", "progress and interruption")
