"""``anneal``: simulated annealing over feasible designs, with geometric cooling and restarts.

The moves are those of the published search and, half of the time, a step of one to three places
along a domain, which fine grids need. A candidate that breaks a budget pays a price in proportion:
budgets bind at every good design, and a walk that may not cross them is stuck on their boundary.
Only feasible designs are remembered. A heuristic: it proves nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from random import Random

from mathdesign.solvers.base import Clock, Termination
from mathdesign.solvers.heuristic.base import PATIENCE, Begun, Heuristic
from mathdesign.solvers.heuristic.moves import Moves
from mathdesign.solvers.heuristic.scoring import Index, Scoring

RESTARTS = 2
#: First and last temperature, in units of the objective.
HOT, COLD = 3e-2, 3e-5
#: First price of one unit of violation (a budget exceeded by 100%), in the same units. It rises
#: while the walk stays infeasible and falls while it stays feasible, looked at every PERIOD moves.
PENALTY = 3.0
PERIOD = 64
#: Least unit, for objectives near 0.
SMALLEST = 1e-6


class Anneal(Heuristic):
    """Simulated annealing with the moves of the published search."""

    name = "anneal"
    summary = "simulated annealing (heuristic)"
    evaluations = 200_000

    def improve(self, begun: Begun) -> tuple[Index, int, Termination]:
        """Restarts from the same candidate, each cooled over its share of the evaluations."""
        spent, limit = begun.spent, begun.limit
        walk = Walk(begun.scoring, begun.moves, begun.rng, begun.clock, begun.start, spent)
        reason: Termination | None = None
        for restart in range(RESTARTS if not begun.moves.frozen else 0):
            end = spent + (limit - spent) * (restart + 1) // RESTARTS
            reason = reason or walk.cool(begun.start, end)
        return walk.best, walk.spent, reason or Termination.COMPLETED


@dataclass(slots=True)
class Walk:
    """The generator, the budget spent, and the best design of all restarts."""

    scoring: Scoring
    moves: Moves
    rng: Random
    clock: Clock
    best: Index
    spent: int
    best_objective: float = field(init=False)

    def __post_init__(self) -> None:
        self.best_objective = self.scoring(self.best)[0]

    def cool(self, index: Index, end: int) -> Termination | None:
        """One restart: anneal from ``index`` until ``end`` evaluations; why it was stopped."""
        objective, violation = self.scoring(index)
        first, price, temperature, feasible = self.spent, PENALTY, 1.0, 0
        unit = self._unit(objective)
        while self.spent < end:
            if self.spent % PATIENCE == 0:
                self.clock.report(self.best_objective, None, self.spent, "annealing")
                if stopped := self.clock.stop():
                    return stopped
            if (self.spent - first) % PERIOD == 0:
                unit = self._unit(objective)
                temperature = unit * HOT * (COLD / HOT) ** ((self.spent - first) / (end - first))
                price *= 1.2 if feasible == 0 else 0.9 if feasible == PERIOD else 1.0
                feasible = 0
            candidate = self._neighbour(index)
            reached, excess = self.scoring(candidate)
            self.spent += 1
            change = reached - objective - price * unit * (excess - violation)
            if change >= 0 or self.rng.random() < math.exp(change / temperature):
                index, objective, violation = candidate, reached, excess
                if violation == 0.0 and objective > self.best_objective:
                    self.best, self.best_objective = index, objective
            feasible += violation == 0.0
        return None

    def _unit(self, objective: float) -> float:
        """What temperature and price are multiples of."""
        return max(abs(self.best_objective), abs(objective), SMALLEST)

    def _neighbour(self, index: Index) -> Index:
        change = self.moves.mutate if self.rng.random() < 0.5 else self.moves.step
        return change(index, self.rng)
