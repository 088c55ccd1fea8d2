"""``cvxpy``: the bound of the root relaxation, and its solution rounded to a design.

One exponential-cone program by Clarabel, no branching: the gap between the two is what the
relaxation really leaves, and is reported as such. The relaxed design is rounded to the nearest
choices, repaired by random moves that never increase the violation, and annealed for a moment.

An interior-point solver stops at a duality gap and residuals of about 1e-8. Its value is loosened
by ``BOUND_SLACK``, relative, three orders of magnitude above, and used only where the solver calls
it accurate; :func:`interval_bound` stands in otherwise. The relaxation's infeasibility is
reported in words and claimed for nothing: its certificate has a tolerance too.
"""

from __future__ import annotations

import importlib.util
import math
import warnings
from random import Random

import numpy as np

from mathdesign.programs.chain import DesignProblem
from mathdesign.programs.stages import DEPTH, PREV, WIDTH
from mathdesign.solvers.base import (
    Ability,
    Backend,
    Clock,
    Incumbent,
    Solution,
    SolveOptions,
    Termination,
)
from mathdesign.solvers.convex.relaxation import Relaxation, refuses, to_cvxpy
from mathdesign.solvers.heuristic.anneal import Walk
from mathdesign.solvers.heuristic.base import first_candidate
from mathdesign.solvers.heuristic.construct import STEPS, descend
from mathdesign.solvers.heuristic.moves import Moves, closest
from mathdesign.solvers.heuristic.scoring import Index, Scoring, monomial_log, monomial_value

BOUND_SLACK = 1e-5
EVALUATIONS = 40_000


class Cvxpy(Backend[DesignProblem]):
    """Root bound and rounding; see :mod:`mathdesign.solvers.convex.relaxation`."""

    name = "cvxpy"
    summary = "log-convex relaxation (Clarabel) and rounding: a bound, not a proof of optimality"
    accepts = (DesignProblem,)
    needs = "cvxpy"
    abilities = frozenset({Ability.WARM_START, Ability.INTERRUPTIBLE})

    def refuses(self, problem: DesignProblem) -> str | None:
        """No Clarabel, or an objective whose relaxation would not be an upper bound."""
        if importlib.util.find_spec("clarabel") is None:
            return "Clarabel is not installed: pip install 'mathdesign[all]'"
        return refuses(problem)

    def solve(self, problem: DesignProblem, options: SolveOptions) -> Solution:
        """The rounded design and the bound. An infeasible relaxation is reported, not relied on."""
        clock = Clock(options)
        clock.report(None, None, 0, "solving the relaxation")
        relaxation = to_cvxpy(problem)
        status, bound = solve_relaxation(relaxation, clock.remaining_s)
        bound = min(bound, interval_bound(problem))
        clock.report(None, bound, 0, "rounding")
        relaxed = coordinates(relaxation)
        scoring, moves, rng = Scoring(problem), Moves(problem), Random(options.seed)
        limit = EVALUATIONS if options.evaluations is None else options.evaluations
        start, spent = _rounded(scoring, moves, rng, relaxed, clock, limit)
        if start is not None and not moves.frozen:
            walk = Walk(scoring, moves, rng, clock, start, spent)
            walk.cool(start, limit)
            start = walk.best
        best = Incumbent(problem, bound=bound, nodes=1)
        best.offer(None if start is None else scoring.point(start))
        reason = clock.stop() or Termination.COMPLETED
        return best.solution(self.name, reason, clock, options.gap, f"relaxation: {status}")


def _rounded(
    scoring: Scoring,
    moves: Moves,
    rng: Random,
    relaxed: dict[tuple[int, str], float] | None,
    clock: Clock,
    limit: int,
) -> tuple[Index | None, int]:
    """A feasible candidate near the relaxed design, or anywhere; and the evaluations spent."""
    spent = 0
    if relaxed is not None and clock.options.warm_start is None:
        index = tuple(
            closest(
                domain, relaxed[key] + 1 if key[1] == DEPTH else math.exp(min(relaxed[key], 60))
            )
            for key, domain in zip(scoring.problem.variables, scoring.domains)
        )
        walked = descend(scoring, moves, index, rng, min(STEPS, limit), clock.stop)
        spent = walked.evaluations
        if walked.violation == 0.0:
            return walked.index, spent
    start, more = first_candidate(scoring, moves, rng, clock, max(limit - spent, 1))
    return start, spent + more


def solve_relaxation(relaxation: Relaxation, limit_s: float) -> tuple[str, float]:
    """Clarabel's status and a valid bound: ``inf`` unless it calls its solution accurate."""
    import cvxpy as cp

    program = relaxation.program
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an inaccurate solution is not used as a bound
            program.solve(solver=cp.CLARABEL, gp=relaxation.gp, time_limit=max(limit_s, 0.01))
    except cp.error.SolverError as error:
        return str(error), math.inf
    status = str(program.status)
    if status != cp.OPTIMAL:
        return status, math.inf
    return status, loosened(relaxation.objective(float(program.value)))


def coordinates(relaxation: Relaxation) -> dict[tuple[int, str], float] | None:
    """The relaxed values of all decisions, ``None`` where the solver left none."""
    values: dict[tuple[int, str], float] = {}
    for key, variable in relaxation.coordinate.items():
        if variable.value is None:
            return None
        values[key] = float(np.asarray(variable.value, dtype=np.float64))
    return values


def interval_bound(problem: DesignProblem) -> float:
    """The objective with every factor at its greatest: crude, and free of a solver's tolerance."""
    objective = problem.objective
    log_widths: list[float] = []
    total = 0.0
    for s, stage in enumerate(problem.stages):
        top = {d.name: d.values[-1] for d in stage.decisions}
        top |= {d.name: max(d.values) for d in stage.derived} | {PREV: problem.prev_domain(s)[-1]}
        here = sum(
            int(m.repeat.times(top[DEPTH])) * monomial_log(m, top) for m in stage.layer_widths
        )
        log_widths.append(here + (log_widths[-1] if s else 0.0))
        for metric, weight in objective.metric_weights:
            costs = stage.costs.get(metric, ())
            total += max(weight, 0.0) * sum(monomial_value(m, top) for m in costs)
    for scale in objective.scales:
        width = problem.stages[scale.stage].domain(WIDTH)[-1]
        entropy = objective.log_factor * log_widths[scale.stage]
        if objective.combine == "product":
            total += scale.weight * math.log(scale.area * width) * entropy
        else:
            total += scale.weight * (math.log(width) + entropy)
    total += objective.constant
    for log in objective.logs:
        domain = problem.stages[log.stage].domain(log.decision)
        total += log.weight * math.log(domain[-1 if log.weight > 0 else 0])
    for term in objective.depths:
        stage = problem.stages[term.stage]
        total += float(term.at(stage.domain(DEPTH)[-1], stage.domain(WIDTH)[-1]))
    if objective.depth_penalty is not None:
        total -= objective.depth_penalty.weight
    return loosened(total)


def loosened(value: float) -> float:
    """A value in floating point as a bound."""
    return value + BOUND_SLACK * max(abs(value), 1.0)
