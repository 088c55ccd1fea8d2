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

from mathdesign.solvers.base import Termination
from mathdesign.solvers.heuristic.base import PATIENCE, Begun, Heuristic
from mathdesign.solvers.heuristic.scoring import Index

#: configs/classification/deepmad_*.py: popu_size.
POPULATION = 256
#: Stages mutated in one child (tinynas/spaces/space_k1kxk1.py: block_num).
MUTATIONS = 2


class Evolution(Heuristic):
    """The mutation search that DeepMAD's authors published."""

    name = "evolution"
    summary = "the published mutation search (heuristic)"
    evaluations = 100_000

    def improve(self, begun: Begun) -> tuple[Index, int, Termination]:
        """Mutates members of the population; children that break a budget are discarded."""
        scoring, moves, rng, spent = begun.scoring, begun.moves, begun.rng, begun.spent
        population = Population(begun.start, scoring(begun.start)[0])
        while spent < begun.limit and not moves.frozen:
            if spent % PATIENCE == 0:
                begun.clock.report(population.best[0], None, spent, "evolving")
                if stopped := begun.clock.stop():
                    return population.best[1], spent, stopped
            child = population.parent(rng)
            for _ in range(MUTATIONS):
                child = moves.mutate(child, rng)
            spent += 1
            if child in population:
                continue
            objective, violation = scoring(child)
            if violation == 0.0:
                population.add(child, objective)
        return population.best[1], spent, Termination.COMPLETED


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
