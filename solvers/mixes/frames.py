"""``frames``: bound all frames, solve the most promising exactly, until no bound is better.

Best first: the frame of the greatest bound gets its linear program, whose multipliers tighten the
bounds of all frames; if it is still the greatest, its integer program is solved by HiGHS over the
counts (a few dozen integers, a handful of rows). A frame is done when that is solved or its bound
does not exceed the incumbent. Every incumbent is scored in exact integers by the problem itself;
HiGHS has only to bound, and its bound is widened by what its tolerances may hide.

Distances are rows of the integer program of the frame whose point they name
(:class:`mathdesign.solvers.milp.mixes.Away`); bounds ignore them, and are the greater for it. That
a frame is empty is believed of HiGHS where it says so of rows widened by far more than its
tolerances, of a few mixes after looking at each, and else not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from mathdesign.programs.base import FloatArray, IntArray
from mathdesign.programs.counts import rough
from mathdesign.programs.mixes import Frame, MixProblem, stacked
from mathdesign.solvers.base import (
    Ability,
    Backend,
    Clock,
    Incumbent,
    Solution,
    SolveOptions,
    Termination,
    relative_gap,
)
from mathdesign.solvers.milp.arrays import Expression, Milp
from mathdesign.solvers.milp.highs import fresh_threads, highs_model, quiet_highs
from mathdesign.solvers.milp.mixes import Away, most_of, reached
from mathdesign.solvers.mixes.bound import FrameBounds
from mathdesign.solvers.scan.mixes import MixBlock

#: HiGHS decides within 1e-6 (feasibility, integrality) of rows scaled to 1: what that may hide of
#: the objective, relative to it, with room.
HIDDEN = 2e-7
#: Rows widened by this much, relative, are what HiGHS must find empty to be believed: a thousand
#: times what it is told to keep them to.
WIDENED = 1e-6
#: A frame of at most so many mixes is enumerated instead.
FEW_MIXES = 200_000
#: Attempts to repair an answer that breaks a budget by less than HiGHS can see.
REPAIRS = 4


@dataclass(slots=True)
class _Search:
    problem: MixProblem
    options: SolveOptions
    clock: Clock
    bounds: FrameBounds
    best: Incumbent
    #: Stages of a frame: 0 untouched, 1 linear program solved, 2 integer program solved, 3 looked
    #: at, mix by mix.
    stage: list[int] = field(default_factory=list)

    @property
    def bound(self) -> float:
        """A valid bound on every point, ``-inf`` where all frames are empty."""
        return max(float(self.bounds.best.max()), self.best.cutoff)

    def enough(self) -> bool:
        level = self.best.level
        if level is None:
            return self.bound == -math.inf
        return relative_gap(level, self.bound) <= self.options.gap


class Frames(Backend[MixProblem]):
    """Bounds of all frames, integer programs of the most promising; proves."""

    name = "frames"
    summary = "bounds of all frames, integer programs of the most promising"
    accepts = (MixProblem,)
    abilities = frozenset(
        {Ability.PROVES, Ability.WARM_START, Ability.INTERRUPTIBLE, Ability.APART}
    )

    def because(self, problem: MixProblem) -> str:
        """The numbers of designs and frames."""
        return f"{rough(problem.size)} designs: counts of layers in {len(problem.frames)} frames"

    def solve(self, problem: MixProblem, options: SolveOptions) -> Solution:
        """Best first over frames, until the gap, a limit or the caller says stop."""
        clock = Clock(options)
        if not problem.frames:
            best = Incumbent(problem, bound=-math.inf)
            return best.solution(self.name, Termination.COMPLETED, clock, options.gap)
        return _solve(problem, options, clock)


def _solve(problem: MixProblem, options: SolveOptions, clock: Clock) -> Solution:
    best = Incumbent(problem, floor=options.floor)
    search = _Search(problem, options, clock, FrameBounds(problem), best)
    search.best.offer(options.warm_start)
    search.stage = [0] * len(problem.frames)
    stop: Termination | None = None
    while not search.enough():
        stop = search.clock.stop()
        index = int(np.argmax(search.bounds.best))
        if stop is not None:
            break
        if search.stage[index] == 2 and not _few(search, index):
            # Solved, and still the greatest: what its limits left open cannot be closed.
            stop = Termination.COMPLETED
            break
        (_relax, _settle, _look)[search.stage[index]](search, index)
        search.stage[index] += 1
        search.clock.report(search.best.objective, search.bound, search.best.nodes, "frames")
    search.best.bound = search.bound
    return search.best.solution(Frames.name, stop or Termination.COMPLETED, clock, options.gap)


@dataclass(frozen=True, slots=True)
class _Rows:
    """A frame's program over counts, rows and objective scaled to about 1."""

    matrix: FloatArray
    upper: FloatArray
    low: FloatArray
    cost: FloatArray
    scale: float
    row_scale: FloatArray

    def milp(self, most: IntArray, room: float = 0.0, *, integer: bool = False) -> Milp:
        """The arrays; ``room`` widens the budgets, a negative one narrows them."""
        n, budgets = len(self.cost), len(self.row_scale)
        upper = self.upper.copy()
        upper[:budgets] += room
        return Milp(
            self.cost, 0.0, csr_matrix(self.matrix), self.low, upper,
            np.zeros(n), most.astype(np.float64), np.full(n, int(integer), dtype=np.int64),
        )  # fmt: skip


def _rows(problem: MixProblem, frame: Frame) -> _Rows:
    """Budget rows first (``<=`` only), then one row a group for its number of layers."""
    costs, values = stacked(frame)
    sides = problem.sides()
    budget = np.array([s * costs[:, k].astype(float) for k, s, _ in sides]).reshape(-1, len(costs))
    limit = np.array([float(b - s * int(frame.costs[k])) for k, s, b in sides])
    row_scale = np.maximum(np.maximum(abs(budget).max(axis=1, initial=0), abs(limit)), 1.0)
    members, at = np.zeros((len(frame.groups), len(costs))), 0
    for i, group in enumerate(frame.groups):
        members[i, at : at + len(group.values)] = 1.0
        at += len(group.values)
    scale = max(float(abs(values).max()), 1e-300)
    return _Rows(
        np.vstack([budget / row_scale[:, None], members]),
        np.concatenate([limit / row_scale, [float(g.most) for g in frame.groups]]),
        np.concatenate([np.full(len(sides), -np.inf), [float(g.least) for g in frame.groups]]),
        values / scale,
        scale,
        row_scale,
    )


def _relax(search: _Search, index: int) -> None:
    """The frame's linear program: its multipliers, and whether it has any point at all."""
    import highspy

    frame = search.problem.frames[index]
    rows = _rows(search.problem, frame)
    highs = _run(search, rows.milp(most_of(frame)))
    kind, status = highspy.HighsModelStatus, highs.getModelStatus()
    duals = np.array(highs.getSolution().row_dual)[: len(rows.row_scale)]
    if status == kind.kOptimal and len(duals):
        # Maximisation: a row `<=` that binds has a multiplier of the objective's sign.
        search.bounds.tighten(abs(duals) * rows.scale / rows.row_scale)
    elif status == kind.kInfeasible:
        _forget_if_empty(search, index)


def _forget_if_empty(search: _Search, index: int) -> None:
    """Rule a frame out if one row alone rules it out, in exact integers.

    An infeasible linear program is left to :func:`_settle` otherwise.
    """
    frame = search.problem.frames[index]
    for at, sign, limit in search.problem.sides():
        least, most = reached(frame, at)
        if sign * int(frame.costs[at]) + (least if sign > 0 else -most) > limit:
            search.bounds.best[index] = -np.inf


def _settle(search: _Search, index: int) -> None:
    """The frame's integer program: its best mix, and a bound that holds for the whole frame."""
    import highspy

    problem, frame = search.problem, search.problem.frames[index]
    if search.bounds.best[index] == -np.inf:
        return
    rows = _rows(problem, frame)
    kind = highspy.HighsModelStatus
    room = 0.0
    for attempt in range(1 + REPAIRS):
        highs = _run(search, _integer(problem, index, rows, room))
        status, info = highs.getModelStatus(), highs.getInfo()
        search.best.nodes += max(int(info.mip_node_count), 0)
        if attempt == 0 and status == kind.kInfeasible:
            _doubt(search, index, rows)
        elif attempt == 0:
            _take_bound(search, index, rows, info.mip_dual_bound)
        if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
            return
        counts = [round(x) for x in highs.getSolution().col_value[: len(rows.cost)]]
        point = (index, *counts)
        try:
            if search.best.accept(point) is not None:
                return
        except ValueError:
            return
        # Broken by less than HiGHS sees: ask for an answer that is clear of the limits.
        room -= 1e-9 * 10**attempt


def _integer(problem: MixProblem, index: int, rows: _Rows, room: float) -> Milp:
    """The integer program of a frame, away from the given points of this frame."""
    milp = rows.milp(most_of(problem.frames[index]), room, integer=True)
    for distance in problem.distances:
        if distance.point[0] == index:
            away = Away.of(problem, distance)
            milp = away.added(milp, np.arange(len(rows.cost)), Expression(constant=1.0))
    return milp


def _doubt(search: _Search, index: int, rows: _Rows) -> None:
    """HiGHS calls the frame empty: believed where widened rows are as well."""
    import highspy

    _forget_if_empty(search, index)
    if search.bounds.best[index] == -np.inf:
        return
    highs = _run(search, _integer(search.problem, index, rows, WIDENED), presolve=False)
    if highs.getModelStatus() == highspy.HighsModelStatus.kInfeasible:
        search.bounds.best[index] = -np.inf


def _few(search: _Search, index: int) -> bool:
    """Whether every mix of a frame may be looked at."""
    return math.prod(g.mixes for g in search.problem.frames[index].groups) <= FEW_MIXES


def _look(search: _Search, index: int) -> None:
    """Every mix of a frame, in exact integers: nothing above the incumbent is left in it.

    For limits and values that differ by less than HiGHS can tell, seen from the numbers that they
    are sums of.
    """
    MixBlock(search.problem, index).offer_best(search.best)
    search.bounds.best[index] = -np.inf


def _take_bound(search: _Search, index: int, rows: _Rows, dual: float) -> None:
    if not math.isfinite(dual) or abs(dual) > 1e29:
        return
    frame = search.problem.frames[index]
    summed = float(abs(rows.cost) @ most_of(frame))
    hidden = HIDDEN * max(1.0, min(abs(dual), summed))
    bound = frame.value + rows.scale * (dual + hidden)
    search.bounds.best[index] = min(search.bounds.best[index], bound)


def _run(search: _Search, milp: Milp, *, presolve: bool = True) -> Any:
    """HiGHS on a program, to the end or to the time limit; always with one thread.

    Raises ``RuntimeError`` where it returns without a verdict: its bound would mean nothing.
    """
    import highspy

    fresh_threads()
    highs = quiet_highs()
    for option, value in {
        "time_limit": max(search.clock.remaining_s, 0.01),
        "random_seed": search.options.seed,
        "threads": 1,
        "presolve": "choose" if presolve else "off",
        "mip_rel_gap": min(search.options.gap / 2, 1e-7),
        "mip_abs_gap": 1e-9,
        "mip_feasibility_tolerance": 1e-9,
        "primal_feasibility_tolerance": 1e-9,
    }.items():
        highs.setOptionValue(option, value)
    highs.passModel(highs_model(milp))
    highs.run()
    if highs.getModelStatus() == highspy.HighsModelStatus.kNotset:
        raise RuntimeError("HiGHS returned without a verdict")
    return highs
