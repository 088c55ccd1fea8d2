"""An answer held to the truth: what the soundness benchmark and its test count as wrong."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from mathdesign.programs.base import Program
from mathdesign.programs.chain import DesignProblem
from mathdesign.programs.mixes import MixProblem
from mathdesign.programs.slots import SlotProblem
from mathdesign.solvers import BACKENDS, Ability, Progress, Solution, SolveOptions, Status, backend
from mathdesign.solvers.base import OPTIMALITY_TOLERANCE
from mathdesign.solvers.portfolio import cannot
from tests import points

PROVING = [name for name in BACKENDS if Ability.PROVES in backend(name).abilities]
#: What a backend's lines are counted as.
OUTCOMES = ("verdict", "optimum", "bound", "crash", "refused", "stopped", "unknown", "right")
WRONG = OUTCOMES[:4]
#: A bound may lie below the best by this much, relative: sums of doubles differ in their order.
ROUNDING = 1e-9
#: Seconds for one program; every third seed is stopped after one of the short ones.
LIMIT_S, SHORT_S = 2.0, (0.0, 1e-3, 5e-3, 2e-2)


@dataclass(frozen=True, slots=True)
class Judged:
    """What one backend's answer to one program is."""

    outcome: str
    detail: str = ""


@dataclass(slots=True)
class Heard:
    """The bounds that a run reported."""

    bounds: list[float] = field(default_factory=list)

    def __call__(self, progress: Progress) -> None:
        """Note a bound."""
        if progress.bound is not None:
            self.bounds.append(progress.bound)


def truth(program: Program, seed: int) -> float | None:
    """The greatest objective of the feasible points, ``None`` if there are none.

    Of chains and slots the program itself looks at all points at once, and some of them, the best
    among them, are held to the plain definition; of mixes each point is asked by itself.
    """
    if isinstance(program, MixProblem):
        return points.best(program)
    every = points.every_point(program)
    if isinstance(program, DesignProblem):
        scores = program.evaluator(np.array(every))
        feasible, objective = scores.feasible, scores.objective
    else:
        assert isinstance(program, SlotProblem)
        rows = np.array(every)
        feasible, objective = program.feasible_rows(rows), program.objective.at(rows)
    value = np.where(feasible, objective, -math.inf)
    rng = np.random.default_rng(seed)
    for i in [int(np.argmax(value)), *rng.integers(0, len(every), 4).tolist()]:
        assert points.keeps_all(program, every[i]) == feasible[i]
        assert points.costs(program, every[i]) == program.costs(every[i])
        plain = points.value(program, every[i])
        assert abs(plain - objective[i]) <= 1e-9 * max(1.0, abs(plain))
    if not feasible.any():
        return None
    return float(program.value(every[int(np.argmax(value))]))


def stopped_early(seed: int) -> bool:
    """Whether a program is stopped after one of the short limits."""
    return seed % 3 == 0


def options(seed: int, heard: Heard) -> SolveOptions:
    """To the end, or for every third seed to a short limit."""
    limit = SHORT_S[seed // 3 % len(SHORT_S)] if stopped_early(seed) else LIMIT_S
    return SolveOptions(gap=0.0, time_limit_s=limit, on_progress=heard)


def judged(program: Program, best: float | None, solution: Solution, heard: Heard) -> Judged:
    """Hold an answer to the truth."""
    if best is None:
        if solution.point is not None:
            return Judged("verdict", f"a design, none is feasible: {solution.point}")
        known = solution.status in (Status.INFEASIBLE, Status.UNKNOWN)
        right = "right" if solution.status is Status.INFEASIBLE else "unknown"
        return Judged(right if known else "verdict", _said(solution))
    if solution.status is Status.INFEASIBLE:
        return Judged("verdict", f"infeasible, the best is {best!r}")
    least = min([*heard.bounds, solution.bound])
    if math.isnan(least) or least < best - ROUNDING * abs(best):
        return Judged("bound", f"{least!r} below {best!r}")
    if solution.point is None:
        return Judged("unknown", _said(solution))
    if not points.keeps_all(program, solution.point):
        return Judged("optimum", f"{solution.point} breaks something")
    if solution.objective != program.value(solution.point):
        return Judged("optimum", f"{solution.objective!r} is not the value of {solution.point}")
    slack = OPTIMALITY_TOLERANCE * max(1.0, abs(best))
    if solution.status is not Status.OPTIMAL:
        return Judged("unknown", f"{_said(solution)} gap {solution.gap:.3g}")
    if solution.objective < best - slack:
        return Judged("optimum", f"{solution.objective!r} as optimal, the best is {best!r}")
    return Judged("right")


def _said(solution: Solution) -> str:
    return f"{solution.status.value} {solution.termination.value} {solution.message}".strip()


def answered(name: str, seed: int, program: Program, best: Callable[[], float | None]) -> Judged:
    """Ask one backend."""
    solver, heard = backend(name), Heard()
    if reason := cannot(solver, program):
        return Judged("refused", reason)
    try:
        solution = solver.solve(program, options(seed, heard))
    except Exception as error:
        return Judged("crash", f"{type(error).__name__}: {error}")
    found = judged(program, best(), solution, heard)
    if found.outcome == "unknown" and stopped_early(seed):
        return Judged("stopped", found.detail)
    return found
