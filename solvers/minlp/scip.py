"""``scip``: the integer nonlinear program by SCIP's spatial branch and bound, through pyscipopt."""

from __future__ import annotations

import importlib
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from mathdesign.programs.chain import DesignProblem
from mathdesign.solvers.base import Ability, Backend, Clock, Solution, SolveOptions
from mathdesign.solvers.minlp.foreign import Hear, apart
from mathdesign.solvers.minlp.model import build, refuses
from mathdesign.solvers.minlp.search import INFINITE, MinlpAnswer, MinlpSearch, Point
from mathdesign.solvers.minlp.tools import Minlp

#: SCIP's statuses after which its bound is final.
FINAL = frozenset({"optimal", "gaplimit"})
#: What SCIP's own emphasis on numerics sets: steps that magnify rounding are left out, and cuts
#: whose coefficients lie far apart. The second way is without.
CAUTIOUS: Mapping[str, Any] = {
    "lp/minmarkowitz": 0.999,
    "lp/fastmip": 0,
    "lp/scaling": 2,
    "lp/presolving": False,
    "lp/refactorinterval": 40,
    "numerics/hugeval": 1e10,
    "separating/maxcoefratio": 100.0,
    "separating/maxcoefratiofacrowprep": 1.0,
    "constraints/nonlinear/varboundrelaxamount": 1e-7,
    "constraints/nonlinear/conssiderelaxamount": 1e-7,
    "constraints/linear/simplifyinequalities": False,
    "constraints/linear/rangedrowpropagation": False,
    "constraints/linear/maxmultaggrquot": 10.0,
    "constraints/linear/maxdualmultaggrquot": 10.0,
    "constraints/linear/extractcliques": False,
    "constraints/linear/upgrade/knapsack": False,
    "constraints/linear/upgrade/setppc": False,
}
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
    """One program in SCIP, written anew for each run, in a process of its own."""

    another_way = True

    def __init__(self, problem: DesignProblem, options: SolveOptions) -> None:
        importlib.import_module("pyscipopt")  # here once, not in each process
        self.problem, self.options = problem, options
        self.excluded: list[Point] = []

    def run(self, search: MinlpSearch) -> MinlpAnswer:
        """One call of SCIP. Ctrl-C is caught by SCIP itself and ends it with its incumbent."""
        limit_s = max(search.clock.remaining_s, 0.01)
        known = search.best.point
        run = _Run(self, time.monotonic() + limit_s, None if known in search.excluded else known)

        def heard(nodes: int) -> bool:
            search.report(nodes, "SCIP")
            return search.clock.stop() is None

        settings = {} if search.again else CAUTIOUS
        answer, cut_short = apart(partial(run.answer, settings), heard, limit_s)
        return replace(answer, interrupted=answer.interrupted or cut_short)

    def exclude(self, point: Point) -> None:
        """A no-good over the binaries of ``point``."""
        self.excluded.append(point)


@dataclass(slots=True)
class _Run:
    """A model of SCIP and what it says."""

    asked: _Scip
    end_s: float
    known: Point | None
    model: Any = field(init=False)
    minlp: Minlp = field(init=False)

    def answer(self, settings: Mapping[str, Any], hear: Hear) -> MinlpAnswer:
        """Build and solve."""
        import pyscipopt

        model = self.model = pyscipopt.Model()
        model.hideOutput()
        tools = ScipTools(model)
        self.minlp = build(self.asked.problem, tools)
        for number, point in enumerate(self.asked.excluded, 1):
            self.minlp.exclude(point, tools, f"excluded{number}")
        self._set(settings)
        _watch(model, hear)
        self._suggest()
        model.setParam("limits/time", max(self.end_s - time.monotonic(), 0.01))
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

    def _set(self, settings: Mapping[str, Any]) -> None:
        options = self.asked.options
        values: dict[str, Any] = {
            "limits/gap": options.gap / 2,
            "lp/threads": max(options.threads, 1),
            "randomization/randomseedshift": options.seed % 2**31,
            **settings,
        }
        if options.memory_limit_bytes is not None:
            values["limits/memory"] = options.memory_limit_bytes / 2**20
        for name, value in values.items():
            self.model.setParam(name, value)

    def _points(self) -> tuple[tuple[Point, ...], float]:
        solutions = self.model.getSols()[:LOOK_AT]
        points = [self.minlp.point(partial(self.model.getSolVal, s)) for s in solutions]
        claimed = self.model.getSolObjVal(solutions[0]) if solutions else -math.inf
        return tuple(dict.fromkeys(points)), float(claimed)

    def _suggest(self) -> None:
        """Hand the incumbent to SCIP, which completes it, unless it has been cut off."""
        if self.known is None:
            return
        solution = self.model.createPartialSol()
        for variable, value in self.minlp.assignment(self.known):
            self.model.setSolVal(solution, variable, float(value))
        self.model.addSol(solution)


def _watch(model: Any, hear: Hear) -> None:
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
            if not hear(int(self.model.getNTotalNodes())):
                self.model.interruptSolve()

    model.includeEventhdlr(Watch(), "watch", "progress and interruption")
