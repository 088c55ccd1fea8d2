"""``scipy``: the multiple-choice MILP through ``scipy.optimize.milp``. No progress, no interruption."""

from __future__ import annotations

import math

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
    """One call of ``scipy.optimize.milp`` (which minimises).

    Without presolve at first: with it, this HiGHS has lost the optimum of programs whose budgets
    have two sides, and reported another point as optimal.
    """
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
            "presolve": search.careful,
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
