"""``evolution``: the published DeepMAD search, fair and seeded, over our closed-form metrics.

A steady-state evolutionary search (tinynas/searchers/searcher.py and evolutions/population.py of
the published code): the best 256 candidates, a parent drawn uniformly, mutation only, children
that break a budget discarded, duplicates dropped. It proves nothing: its bound is infinite.

Kept from the published code: population size, the mutator with its repair of growth and
bottleneck ratio (:mod:`mathdesign.solvers.heuristic.moves`), mutation of every stage including the last.
Different: an evaluation takes microseconds since no network is built; one seeded generator; the
start is found (:mod:`mathdesign.solvers.heuristic.construct`) instead of being asked of the user, and its
evaluations count.
"""

from __future__ import annotations

import bisect
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

#: configs/classification/deepmad_*.py: popu_size.
POPULATION = 256
#: Stages mutated in one child (tinynas/spaces/space_k1kxk1.py: block_num).
MUTATIONS = 2
EVALUATIONS = 100_000
#: Evaluations between two looks at the clock.
PATIENCE = 512


class Evolution(Backend[DesignProblem]):
    """The mutation search that DeepMAD's authors published."""

    name = "evolution"
    summary = "the published mutation search (heuristic)"
    accepts = (DesignProblem,)
    abilities = frozenset({Ability.WARM_START, Ability.INTERRUPTIBLE, Ability.SEEDED})

    def solve(self, problem: DesignProblem, options: SolveOptions) -> Solution:
        """The best candidate of ``options.evaluations`` (default 100,000) or of the time limit."""
        clock = Clock(options)
        limit = EVALUATIONS if options.evaluations is None else options.evaluations
        rng = Random(options.seed)
        scoring, moves = Scoring(problem), Moves(problem)
        start, spent = first_candidate(scoring, moves, rng, clock, limit)
        if start is None:
            return heuristic_answer(self.name, problem, None, clock.stop() or Termination.COMPLETED, spent,
                         clock, "no feasible start found")  # fmt: skip
        population = Population(start, scoring(start)[0])
        reason = Termination.COMPLETED
        while spent < limit and not moves.frozen:
            if spent % PATIENCE == 0:
                clock.report(population.best[0], None, spent, "evolving")
                if stopped := clock.stop():
                    reason = stopped
                    break
            child = population.parent(rng)
            for _ in range(MUTATIONS):
                child = moves.mutate(child, rng)
            spent += 1
            if child in population:
                continue
            objective, violation = scoring(child)
            if violation == 0.0:
                population.add(child, objective)
        return heuristic_answer(
            self.name, problem, scoring.point(population.best[1]), reason, spent, clock
        )


class Population:
    """The best candidates so far, distinct, worst first."""

    def __init__(self, start: Index, objective: float) -> None:
        self._ranked = [(objective, start)]
        self._members = {start}

    def __contains__(self, index: Index) -> bool:
        return index in self._members

    @property
    def best(self) -> tuple[float, Index]:
        """Objective and index vector of the best candidate."""
        return self._ranked[-1]

    def parent(self, rng: Random) -> Index:
        """A candidate drawn uniformly."""
        return self._ranked[int(rng.random() * len(self._ranked))][1]

    def add(self, index: Index, objective: float) -> None:
        """Insert by rank; the worst leaves a full population."""
        bisect.insort(self._ranked, (objective, index))
        self._members.add(index)
        if len(self._ranked) > POPULATION:
            _, worst = self._ranked.pop(0)
            self._members.discard(worst)


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
