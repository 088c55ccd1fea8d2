"""``highs``: the multiple-choice MILP through highspy, with live progress and interruption."""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mathdesign.programs.base import Program
from mathdesign.programs.chain import DesignProblem
from mathdesign.programs.mixes import MixProblem
from mathdesign.programs.slots import SlotProblem
from mathdesign.solvers.base import Ability, Backend, Clock, Solution, SolveOptions
from mathdesign.solvers.milp.arrays import Milp
from mathdesign.solvers.milp.reductions import refuses
from mathdesign.solvers.milp.search import INFINITE, MilpAnswer, MilpSearch


class Highs(Backend[Program]):
    """Branch and cut by HiGHS on the multiple-choice MILP of any form."""

    name = "highs"
    summary = "multiple-choice MILP through HiGHS"
    accepts = (DesignProblem, SlotProblem, MixProblem)
    abilities = frozenset(
        {Ability.PROVES, Ability.WARM_START, Ability.INTERRUPTIBLE, Ability.APART}
    )

    def refuses(self, problem: Program) -> str | None:
        """Too many columns, or what no row can say."""
        return refuses(problem)

    def solve(self, problem: Program, options: SolveOptions) -> Solution:
        """Solve; see :mod:`mathdesign.solvers.milp.search`."""
        return MilpSearch(self.name, problem, options, solve_arrays).run()


def solve_arrays(milp: Milp, options: SolveOptions, clock: Clock, search: MilpSearch) -> MilpAnswer:
    """One run of HiGHS. The time limit is wall clock; the seed and threads are the caller's."""
    import highspy

    fresh_threads()
    highs = quiet_highs()
    for option, value in {
        "time_limit": max(clock.remaining_s, 0.01),
        "random_seed": options.seed,
        "threads": options.threads,
        "mip_rel_gap": options.gap / 2,
        "mip_abs_gap": 1e-9,
        "presolve": "off" if search.careful else "choose",
    }.items():
        highs.setOptionValue(option, value)
    highs.passModel(highs_model(milp))
    _watch(highs, clock, search)
    highs.run()
    status = highs.getModelStatus()
    info = highs.getInfo()
    kind = highspy.HighsModelStatus
    dual = math.inf if status == kind.kNotset else info.mip_dual_bound
    found = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
    return MilpAnswer(
        x=np.array(highs.getSolution().col_value) if found else None,
        bound=float(dual) if math.isfinite(dual) and abs(dual) < INFINITE else math.inf,
        infeasible=status in (kind.kInfeasible, kind.kUnboundedOrInfeasible),
        completed=status == kind.kOptimal,
        nodes=int(info.mip_node_count),
    )


def fresh_threads() -> None:
    """Let the next run of HiGHS have as many threads as it is told.

    HiGHS keeps one pool of threads a process and does nothing at all when asked for another size.
    """
    import highspy

    highspy.Highs.resetGlobalScheduler(True)


def quiet_highs() -> Any:
    """A solver that prints nothing."""
    import highspy

    with _without_banner():
        highs: Any = highspy.Highs()  # type: ignore[no-untyped-call]
    highs.setOptionValue("output_flag", False)
    return highs


@contextlib.contextmanager
def _without_banner() -> Iterator[None]:
    """Keep stdout clean: highspy prints a banner while it is made, before any option can be set."""
    sys.stdout.flush()
    libc = ctypes.CDLL(None)
    kept = os.dup(1)
    try:
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), 1)
            yield
            libc.fflush(None)
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def highs_model(milp: Milp) -> Any:
    """The arrays as HiGHS takes them."""
    import highspy

    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = milp.columns, milp.matrix.shape[0]
    lp.sense_ = highspy.ObjSense.kMaximize
    lp.offset_ = milp.offset
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = milp.objective, milp.low, milp.high
    lp.row_lower_, lp.row_upper_ = milp.row_low, milp.row_high
    lp.integrality_ = [
        highspy.HighsVarType.kInteger if i else highspy.HighsVarType.kContinuous
        for i in milp.integer
    ]
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_ = milp.matrix.indptr
    lp.a_matrix_.index_ = milp.matrix.indices
    lp.a_matrix_.value_ = milp.matrix.data
    return lp


def _watch(highs: Any, clock: Clock, search: MilpSearch) -> None:
    """Report progress and stop on request, from HiGHS's own callbacks."""

    def on_event(event: Any) -> None:
        data = event.data_out
        # Points of HiGHS's own count once their penalty is exact: search.best, not its own.
        phase = f"HiGHS, round {search.rounds}"
        search.report(data.mip_dual_bound, int(data.mip_node_count), phase)
        if clock.stop() is not None:
            event.data_in.user_interrupt = True

    highs.cbMipInterrupt += on_event
