"""``scipy``: the multiple-choice MILP through ``scipy.optimize.milp``. No progress, no interruption."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from mathdesign.programs.base import Program
from mathdesign.programs.chain import DesignProblem
from mathdesign.programs.mixes import MixProblem
from mathdesign.programs.slots import SlotProblem
from mathdesign.solvers.base import Ability, Backend, Clock, Solution, SolveOptions
from mathdesign.solvers.milp.arrays import Milp
from mathdesign.solvers.milp.reductions import refuses
from mathdesign.solvers.milp.search import MilpAnswer, MilpSearch


class ScipyMilp(Backend[Program]):
    """The same arrays as ``highs``, through another door."""

    name = "scipy"
    summary = "multiple-choice MILP through scipy.optimize.milp"
    accepts = (DesignProblem, SlotProblem, MixProblem)
    abilities = frozenset({Ability.PROVES, Ability.WARM_START, Ability.APART})

    def refuses(self, problem: Program) -> str | None:
        """Too many columns, or what no row can say."""
        return refuses(problem)

    def solve(self, problem: Program, options: SolveOptions) -> Solution:
        """Solve; see :mod:`mathdesign.solvers.milp.search`."""
        return MilpSearch(self.name, problem, options, solve_arrays).run()


def solve_arrays(milp: Milp, options: SolveOptions, clock: Clock, search: MilpSearch) -> MilpAnswer:
    """``scipy.optimize.milp`` with and without presolve; the weaker of its two claims counts.

    This HiGHS (1.12) has lost the optimum of programs whose budgets have two sides with presolve, and
    of others without it, and each time reported another point as optimal.
    """
    answer = _called(milp, options, clock, search, presolve=search.careful)
    if answer.infeasible or not answer.completed:
        return answer
    again = _called(milp, options, clock, search, presolve=not search.careful)
    if again.infeasible:  # though there is a point: then nothing is claimed
        return replace(answer, bound=math.inf)
    found = [a.x for a in (answer, again) if a.x is not None]
    return MilpAnswer(
        x=max(found, key=lambda x: float(milp.objective @ x), default=None),
        bound=max(answer.bound, again.bound),
        infeasible=False,
        completed=again.completed,
        nodes=answer.nodes + again.nodes,
    )


def _called(
    milp: Milp, options: SolveOptions, clock: Clock, search: MilpSearch, *, presolve: bool
) -> MilpAnswer:
    """One call of ``scipy.optimize.milp``, which minimises."""
    from scipy.optimize import Bounds, LinearConstraint
    from scipy.optimize import milp as scipy_milp

    clock.report(search.best.objective, None, search.best.nodes, "scipy.optimize.milp")
    result = scipy_milp(
        -milp.objective,
        integrality=milp.integer,
        bounds=Bounds(milp.low, milp.high),
        constraints=LinearConstraint(milp.matrix, milp.row_low, milp.row_high),
        options={
            "time_limit": max(clock.remaining_s, 0.01),
            "mip_rel_gap": options.gap / 2,
            "presolve": presolve,
        },
    )
    dual = result.get("mip_dual_bound")
    bound = math.inf if dual is None or not np.isfinite(dual) else milp.offset - float(dual)
    return MilpAnswer(
        x=None if result.x is None else np.asarray(result.x),
        bound=bound,
        infeasible=result.status == 2,
        completed=result.status == 0,
        nodes=int(result.get("mip_node_count") or 0),
    )
