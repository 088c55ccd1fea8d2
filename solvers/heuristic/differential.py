"""``differential``: scipy's differential evolution over index vectors, as a heuristic baseline.

Positions in the domains are its integer variables; broken rules and budgets are priced as in
:mod:`mathdesign.solvers.heuristic.anneal`. It knows nothing of the problem's structure: what it reaches
says what structure is worth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from mathdesign.programs.base import EFFECTIVENESS_TOLERANCE, FloatArray, IntArray
from mathdesign.programs.chain import DesignProblem
from mathdesign.programs.evaluate import Evaluator
from mathdesign.solvers.base import Clock, Termination
from mathdesign.solvers.heuristic.anneal import PENALTY
from mathdesign.solvers.heuristic.base import Begun, Heuristic
from mathdesign.solvers.heuristic.scoring import Index

#: Individuals per free decision (scipy's default), fewer where the budget allows no ten rounds.
POPULATION = 15


class Differential(Heuristic):
    """``scipy.optimize.differential_evolution`` with priced violations."""

    name = "differential"
    summary = "scipy's differential evolution (heuristic)"
    evaluations = 200_000

    def improve(self, begun: Begun) -> tuple[Index, int, Termination]:
        """Index vectors as integer variables; the rounds are scipy's."""
        batch = _Batch(
            begun.problem,
            np.array(begun.start),
            begun.scoring(begun.start)[0],
            begun.spent,
            begun.limit,
            begun.clock,
        )
        reason = Termination.COMPLETED
        try:
            if not begun.moves.frozen and begun.spent < begun.limit:
                reason = _evolve(batch, begun.seed)
        except KeyboardInterrupt:
            reason = Termination.INTERRUPTED
        return tuple(int(i) for i in batch.best), batch.spent, reason


def _evolve(batch: _Batch, seed: int) -> Termination:
    from scipy.optimize import differential_evolution

    free = len(batch.free)
    left = batch.limit - batch.spent
    popsize = min(POPULATION, max(left // (10 * free), math.ceil(5 / free)))
    reason: list[Termination] = []

    def watch(*_: object) -> bool:
        batch.clock.report(batch.objective, None, batch.spent, "differential evolution")
        if stopped := batch.clock.stop():
            reason.append(stopped)
        return bool(reason) or batch.spent >= batch.limit

    differential_evolution(
        batch,
        bounds=[(0, len(batch.domains[c]) - 1) for c in batch.free],
        x0=batch.best[batch.free],
        integrality=np.ones(free, dtype=np.bool_),
        popsize=popsize,
        maxiter=max(left // (popsize * free), 1),
        seed=np.random.default_rng(seed),
        callback=watch,
        polish=False,
        tol=0.0,
        updating="deferred",
        vectorized=True,
    )
    return reason[0] if reason else Termination.COMPLETED


@dataclass(slots=True)
class _Batch:
    """Prices a generation at once and remembers the best feasible design."""

    problem: DesignProblem
    best: IntArray
    objective: float
    spent: int
    limit: int
    clock: Clock
    domains: list[IntArray] = field(init=False)
    free: list[int] = field(init=False)
    evaluator: Evaluator = field(init=False)

    def __post_init__(self) -> None:
        variables = self.problem.variables
        self.domains = [np.array(self.problem.stages[s].domain(name)) for s, name in variables]
        self.free = [c for c, domain in enumerate(self.domains) if len(domain) > 1]
        self.evaluator = Evaluator(self.problem)

    def __call__(self, population: FloatArray) -> FloatArray:
        """Prices to be minimised, shape ``(n,)``, of index vectors in columns ``(free, n)``."""
        prices = np.full(population.shape[1], np.inf)
        count = min(self.limit - self.spent, population.shape[1])
        if count <= 0:
            return prices
        index = np.tile(self.best, (count, 1))
        index[:, self.free] = np.rint(population.T[:count]).astype(np.int64)
        points = np.stack([d[index[:, c]] for c, d in enumerate(self.domains)], axis=1)
        scores = self.evaluator(points)
        self.spent += count
        objective = np.where(scores.feasible, scores.objective, -np.inf)
        top = int(np.argmax(objective))
        if objective[top] > self.objective:
            self.best, self.objective = index[top], float(objective[top])
        violation = self._violation(index, scores.metrics, scores.effectiveness)
        for budget in self.problem.ceilings:
            if budget.upper is not None:
                excess = scores.peaks[budget.metric] - budget.upper
                violation += np.maximum(excess / max(budget.upper, 1), 0.0)
        prices[:count] = PENALTY * max(abs(self.objective), 1.0) * violation - scores.objective
        return prices

    def _violation(
        self, index: IntArray, metrics: dict[str, IntArray], effectiveness: FloatArray
    ) -> FloatArray:
        """As :class:`~mathdesign.solvers.heuristic.scoring.Scoring` has it, for a batch."""
        violation: FloatArray = np.zeros(len(index))
        for rule in self.problem.rules:
            first = index[:, self.problem.columns[rule.first_stage, rule.first]]
            second = index[:, self.problem.columns[rule.second_stage, rule.second]]
            violation += ~rule.allowed[first, second]
        for budget in self.problem.budgets:
            for side, sign in ((budget.upper, 1), (budget.lower, -1)):
                if side is not None:
                    excess = sign * (metrics[budget.metric] - side) / max(abs(side), 1)
                    violation += np.maximum(excess, 0.0)
        if self.problem.effectiveness is not None and self.problem.effectiveness.limit > 0:
            limit = self.problem.effectiveness.limit * (1 + EFFECTIVENESS_TOLERANCE)
            violation += np.log(np.maximum(effectiveness / limit, 1.0))
        return violation
