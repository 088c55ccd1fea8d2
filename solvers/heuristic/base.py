"""What every heuristic for chains begins and ends with; how it improves a design is its own."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from random import Random

from mathdesign.programs.chain import DesignProblem
from mathdesign.solvers.base import (
    Ability,
    Backend,
    Clock,
    Solution,
    SolveOptions,
    Termination,
    heuristic_answer,
)
from mathdesign.solvers.heuristic.construct import STEPS, WALKS, find_start
from mathdesign.solvers.heuristic.moves import Moves
from mathdesign.solvers.heuristic.scoring import Index, Scoring

#: Evaluations between two looks at the clock.
PATIENCE = 512


@dataclass(frozen=True, slots=True)
class Begun:
    """A search that has its first feasible candidate, and what it may still spend."""

    problem: DesignProblem
    seed: int
    clock: Clock
    limit: int
    """Evaluations in all."""
    rng: Random
    """The seeded generator, as the search for a start has left it."""
    scoring: Scoring
    moves: Moves
    start: Index
    spent: int
    """Evaluations until now."""


class Heuristic(Backend[DesignProblem]):
    """Improves a feasible candidate until evaluations or time run out. It proves nothing."""

    accepts = (DesignProblem,)
    abilities = frozenset({Ability.WARM_START, Ability.INTERRUPTIBLE, Ability.SEEDED})
    evaluations: int
    """How many, where ``options.evaluations`` does not say."""

    def solve(self, problem: DesignProblem, options: SolveOptions) -> Solution:
        """The best design of ``options.evaluations`` or of the time limit."""
        clock = Clock(options)
        limit = self.evaluations if options.evaluations is None else options.evaluations
        rng = Random(options.seed)
        scoring, moves = Scoring(problem), Moves(problem)
        start, spent = first_candidate(scoring, moves, rng, clock, limit)
        if start is None:
            reason = clock.stop() or Termination.COMPLETED
            message = "no feasible start found"
            return heuristic_answer(self.name, problem, None, reason, spent, clock, message)
        begun = Begun(problem, options.seed, clock, limit, rng, scoring, moves, start, spent)
        best, spent, reason = self.improve(begun)
        return heuristic_answer(self.name, problem, scoring.point(best), reason, spent, clock)

    @abc.abstractmethod
    def improve(self, begun: Begun) -> tuple[Index, int, Termination]:
        """The best candidate, the evaluations spent in all, and why the search ended."""


def first_candidate(
    scoring: Scoring, moves: Moves, rng: Random, clock: Clock, limit: int
) -> tuple[Index | None, int]:
    """A feasible candidate and the evaluations spent: the caller's warm start, or a search."""
    if clock.options.warm_start is not None:
        index = scoring.index(clock.options.warm_start)
        if index is not None and scoring(index)[1] == 0.0:
            return index, 1
    clock.report(None, None, 0, "looking for a start")
    start = find_start(scoring, moves, rng, clock.stop, min(limit, STEPS * WALKS))
    return (start.index if start.violation == 0.0 else None), start.evaluations
