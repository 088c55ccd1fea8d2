"""Enumeration: every point of a small space, once for all forms. The oracle of every other backend.

How points of a form are visited in blocks is that form's own (:mod:`.chain`, :mod:`.slots`,
:mod:`.mixes`); clock, progress, incumbent and verdict are here. A stopped enumeration proves nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from mathdesign.programs.base import Program
from mathdesign.programs.chain import DesignProblem
from mathdesign.programs.counts import rough
from mathdesign.programs.mixes import MixProblem
from mathdesign.programs.slots import SlotProblem
from mathdesign.solvers.base import (
    Ability,
    Backend,
    Clock,
    Incumbent,
    Solution,
    SolveOptions,
    Termination,
)
from mathdesign.solvers.scan import chain, mixes, slots


class Block(Protocol):
    """Some points of a space, neighbours in lexicographic order."""

    @property
    def count(self) -> int:
        """How many points."""

    def offer_best(self, best: Incumbent) -> None:
        """Offer the best of them; ties go to the first."""


@dataclass(frozen=True, slots=True)
class Way:
    """How a form is enumerated: its blocks, and up to how many points that is any use.

    ``largest``: above it, some minutes of enumeration, it is refused; ``quick``: up to it nothing
    else is as quick.
    """

    blocks: Callable[[Any], Iterator[Block]]
    largest: int
    quick: int
    what: str = "designs"


WAYS: dict[str, Way] = {
    DesignProblem.form: Way(chain.blocks, 50_000_000, 2_000_000),
    SlotProblem.form: Way(slots.blocks, 200_000_000, 10_000_000),
    MixProblem.form: Way(mixes.blocks, 2_000_000, 20_000, "mixes of layers"),
}


class Enumeration(Backend[Program]):
    """Visits every point in lexicographic order; ties go to the first."""

    summary = "exhaustive enumeration (the oracle; small spaces only)"
    accepts = (DesignProblem, SlotProblem, MixProblem)
    abilities = frozenset({Ability.PROVES, Ability.INTERRUPTIBLE, Ability.APART})
    preferred: ClassVar[tuple[str, ...]]
    """The forms for which ``auto`` knows it by this name."""

    def refuses(self, problem: Program) -> str | None:
        """Too many points."""
        largest = WAYS[problem.form].largest
        if problem.points > largest:
            return f"{rough(problem.points)} points; enumeration stops at {largest:.3g}"
        return None

    def passes(self, problem: Program) -> str | None:
        """Silent where something else is quicker."""
        quick = problem.points <= WAYS[problem.form].quick
        return None if quick and problem.form in self.preferred else ""

    def because(self, problem: Program) -> str:
        """The number of points."""
        return f"{problem.points:,} {WAYS[problem.form].what} are quickest enumerated"

    def solve(self, problem: Program, options: SolveOptions) -> Solution:
        """The first best feasible point."""
        clock, best = Clock(options), Incumbent(problem, floor=options.floor)
        best.offer(options.warm_start)
        for block in WAYS[problem.form].blocks(problem):
            block.offer_best(best)
            best.nodes += block.count
            clock.report(best.objective, None, best.nodes, "enumerating")
            if best.nodes < problem.points and (reason := clock.stop()):
                return best.solution(self.name, reason, clock, options.gap)
        best.bound = -math.inf  # nothing is left above the incumbent
        return best.solution(self.name, Termination.COMPLETED, clock, options.gap)


class Brute(Enumeration):
    """Enumeration by the name that designs of chains have always been certified under."""

    name = "brute"
    preferred = (DesignProblem.form,)


class Scan(Enumeration):
    """Enumeration by the name that designs of lists and transformers have in their certificates."""

    name = "scan"
    preferred = (SlotProblem.form, MixProblem.form)
