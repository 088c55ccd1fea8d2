"""``pyomo:NAME``: any solver that Pyomo reaches, on the form of the program that suits it.

Mixed-integer linear solvers get the multiple-choice MILP of any form of program, global nonlinear
ones the integer nonlinear program of a chain. What they answer is treated as that of ``highs`` and ``scip``: every point is re-evaluated
and infeasible ones are cut off (:mod:`mathdesign.solvers.milp.search`,
:mod:`mathdesign.solvers.minlp.search`). A local solver's "optimal" is believed by nobody: only a
dual bound that the solver states counts.
"""

from __future__ import annotations

import contextlib
import importlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

import numpy as np

from mathdesign.programs.base import Program
from mathdesign.programs.chain import DesignProblem
from mathdesign.programs.mixes import MixProblem
from mathdesign.programs.slots import SlotProblem
from mathdesign.solvers.base import (
    Ability,
    Backend,
    Clock,
    Solution,
    SolveOptions,
)
from mathdesign.solvers.milp.arrays import Milp
from mathdesign.solvers.milp.highs import fresh_threads
from mathdesign.solvers.milp.reductions import refuses as milp_refuses
from mathdesign.solvers.milp.search import MilpAnswer, MilpSearch
from mathdesign.solvers.minlp.foreign import FORKS, Hear, apart
from mathdesign.solvers.minlp.model import refuses as minlp_refuses
from mathdesign.solvers.minlp.pyomo_model import PyomoTools, linear_model, nonlinear_model
from mathdesign.solvers.minlp.scip import CAUTIOUS
from mathdesign.solvers.minlp.search import INFINITE, MinlpAnswer, MinlpSearch, Point

#: Global solvers for nonlinear programs with integers; all others get the linear form.
NONLINEAR = frozenset(
    {"scip", "scip_direct", "scip_persistent", "baron", "couenne", "shot", "octeract", "raposa",
     "lindoglobal", "antigone", "gurobi_direct_minlp"}
)  # fmt: skip
#: Solvers whose Pyomo interface of this name needs a program that a Python package replaces.
INSTEAD = {"scip": "scip_direct"}
#: Pyomo reads what a solver prints from a pipe that fills while SCIP runs: then both wait for ever.
SILENT = {"scip": {"display/verblevel": 0}, "scip_direct": {"display/verblevel": 0}}
#: Options for the first of two ways to ask.
NUMERICS = {"scip": CAUTIOUS, "scip_direct": CAUTIOUS}
#: Options for claims that are doubted.
CAREFUL = {"highs": {"presolve": "off"}}
DEFAULT = "highs"


class Pyomo(Backend[Program]):
    """A solver by its Pyomo name, e.g. ``pyomo:highs``, ``pyomo:scip``, ``pyomo:gurobi``."""

    summary = "any solver that Pyomo reaches (pyomo:NAME)"
    accepts = (DesignProblem, SlotProblem, MixProblem)
    needs = "pyomo"
    abilities = frozenset({Ability.PROVES, Ability.WARM_START})

    def __init__(self, solver: str = DEFAULT) -> None:
        self.solver = solver
        self.name = f"pyomo:{solver}"
        if not self.nonlinear:
            self.abilities = self.abilities | {Ability.APART}

    @property
    def nonlinear(self) -> bool:
        """Whether this solver gets the integer nonlinear program."""
        return self.solver in NONLINEAR

    def refuses(self, problem: Program) -> str | None:
        """Pyomo or the solver is missing, or its form of the program is hopeless."""
        if _find(self.solver) is None:
            return f"Pyomo finds no solver {self.solver!r} on this machine"
        if not self.nonlinear:
            return milp_refuses(problem)
        if problem.form != DesignProblem.form:
            return f"{self.solver} gets the integer nonlinear program, which only chains have"
        return minlp_refuses(cast(DesignProblem, problem))

    def solve(self, problem: Program, options: SolveOptions) -> Solution:
        """Solve; the solver itself is not interruptible but by Ctrl-C."""
        if self.nonlinear:
            clock, chain = Clock(options), cast(DesignProblem, problem)
            search = MinlpSearch(self.name, chain, options, clock)
            return search.solve(_Nonlinear(self.solver, chain))
        return MilpSearch(self.name, problem, options, self._solve_arrays).run()

    def _solve_arrays(
        self, milp: Milp, options: SolveOptions, clock: Clock, search: MilpSearch
    ) -> MilpAnswer:
        clock.report(search.best.objective, None, search.best.nodes, self.name)
        model = linear_model(milp)
        own: Mapping[str, Any] = CAREFUL.get(self.solver, {}) if search.careful else {}
        outcome = _call(self.solver, model, options, clock, own)
        columns = range(milp.columns)
        return MilpAnswer(
            x=np.array([float(model.x[i].value or 0.0) for i in columns])
            if outcome.found
            else None,
            bound=outcome.bound,
            infeasible=outcome.infeasible,
            completed=outcome.completed,
            nodes=0,
        )


class _Nonlinear:
    """One integer nonlinear program in a Pyomo solver."""

    def __init__(self, solver: str, problem: DesignProblem) -> None:
        self.solver = solver
        self.model, self.minlp = nonlinear_model(problem)
        self.excluded = 0

    @property
    def another_way(self) -> bool:
        """Of the solvers whose settings are known."""
        return self.solver in NUMERICS

    def run(self, search: MinlpSearch) -> MinlpAnswer:
        """One call of the solver, in a process of its own."""
        search.clock.report(search.best.objective, None, search.best.nodes, search.name)
        limit_s = search.clock.remaining_s
        answer, cut_short = apart(partial(self._answer, search), lambda _: True, limit_s)
        return replace(answer, interrupted=cut_short)

    def _answer(self, search: MinlpSearch, _hear: Hear) -> MinlpAnswer:
        import pyomo.environ as pyo

        if FORKS:  # then this process is its own, and what is printed in it is nowhere
            _without_capture()
        own = {} if search.again else NUMERICS.get(self.solver, {})
        outcome = _call(self.solver, self.model, search.options, search.clock, own)
        unit = self.minlp.unit
        points = (self.minlp.point(pyo.value),) if outcome.found else ()
        return MinlpAnswer(
            points=points,
            claimed=unit * float(pyo.value(self.model.objective)) if outcome.found else -math.inf,
            bound=unit * outcome.bound,
            infeasible=outcome.infeasible,
            completed=outcome.completed,
            interrupted=False,
            nodes=0,
        )

    def exclude(self, point: Point) -> None:
        """A no-good over the binaries of ``point``."""
        self.excluded += 1
        self.minlp.exclude(point, PyomoTools(self.model), f"excluded{self.excluded}")


def _without_capture() -> None:
    """Let SCIP print where it may: Pyomo's pipe is read by a thread that waits for SCIP to end.

    Sixty-four kilobytes of what no option silences (SoPlex on its tolerances), and both wait for
    ever.
    """
    with contextlib.suppress(ImportError):
        direct = importlib.import_module("pyomo.contrib.solver.solvers.scip.scip_direct")
        if hasattr(direct, "capture_output"):
            vars(direct)["capture_output"] = lambda *_, **__: contextlib.nullcontext()


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What a Pyomo solver said; a point is loaded into the model where ``found``."""

    found: bool
    bound: float
    infeasible: bool
    completed: bool


def _find(solver: str) -> Any | None:
    """The solver's interface: Pyomo's present one where it has one, else the older; or ``None``."""
    import pyomo.environ as pyo
    from pyomo.contrib.solver.common.factory import SolverFactory

    for name in (solver, INSTEAD.get(solver)):
        for factory in (SolverFactory, pyo.SolverFactory):
            if name is not None and name in list(factory):
                interface = factory(name)
                if factory is SolverFactory:
                    usable = bool(interface.available())
                else:
                    usable = bool(interface.available(exception_flag=False))
                if usable:
                    return interface
    return None


def _call(
    solver: str, model: Any, options: SolveOptions, clock: Clock, own: Mapping[str, Any]
) -> _Outcome:
    """Solve; ``own`` are options by the solver's own names."""
    from pyomo.contrib.solver.common.base import SolverBase

    interface = _find(solver)
    assert interface is not None, "asked for in refuses()"
    limit_s = max(clock.remaining_s, 0.01)
    if isinstance(interface, SolverBase):
        return _call_present(interface, model, options, limit_s, {**SILENT.get(solver, {}), **own})
    return _call_older(interface, model, options, limit_s)


def _call_present(
    interface: Any, model: Any, options: SolveOptions, limit_s: float, own: dict[str, Any]
) -> _Outcome:
    from pyomo.contrib.solver.common.results import TerminationCondition as Condition

    fresh_threads()  # the solver may be HiGHS under any of its names
    settings: dict[str, Any] = {"time_limit": limit_s, "threads": options.threads}
    settings |= {"rel_gap": options.gap / 2, "abs_gap": 0.0}
    settings |= {"solver_options": own} if own else {}
    results = interface.solve(
        model,
        load_solutions=False,
        raise_exception_on_nonoptimal_result=False,
        **{k: v for k, v in settings.items() if k in interface.config},
    )
    found = results.incumbent_objective is not None
    if found:
        results.solution_loader.load_vars()
    bound = results.objective_bound
    condition = results.termination_condition
    return _Outcome(
        found=found,
        bound=math.inf if bound is None or abs(bound) > INFINITE else float(bound),
        infeasible=condition is Condition.provenInfeasible,
        completed=condition is Condition.convergenceCriteriaSatisfied,
    )


def _call_older(interface: Any, model: Any, options: SolveOptions, limit_s: float) -> _Outcome:
    """Gaps have no common option name here: the solver's default holds, its own bound tells."""
    from pyomo.opt import TerminationCondition as Condition

    results = interface.solve(model, load_solutions=False, timelimit=math.ceil(limit_s))
    found = len(results.solution) > 0
    if found:
        model.solutions.load_from(results)
    upper = results.problem.upper_bound
    stated = isinstance(upper, float | int) and math.isfinite(upper) and abs(upper) < INFINITE
    condition = results.solver.termination_condition
    return _Outcome(
        found=found,
        bound=float(upper) if stated else math.inf,
        infeasible=condition == Condition.infeasible,
        completed=condition == Condition.optimal,
    )
