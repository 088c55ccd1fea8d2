"""Which reduction makes a multiple-choice MILP of a program: one for each form.

A reduction is what a MILP solver's answer is read with: the arrays, the way back to a point, rows
that cut a point off, and rows that are added once a solution asks for them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from mathdesign.programs.base import FloatArray, Program
from mathdesign.programs.chain import DesignProblem
from mathdesign.programs.mixes import MixProblem
from mathdesign.programs.slots import SlotProblem
from mathdesign.programs.stages import DEPTH
from mathdesign.programs.union import Union
from mathdesign.solvers.milp import choice, mixes, slots, union
from mathdesign.solvers.milp.arrays import Milp, Row


class HandOut(Protocol):
    """A program as a MILP that can be given away, and the way back."""

    @property
    def milp(self) -> Milp:
        """The arrays."""

    @property
    def names(self) -> list[str]:
        """One name a column."""

    def invert(self, solution: FloatArray) -> tuple[int, ...]:
        """The point of an integral solution, shape ``(columns,)`` or longer."""

    def first_cuts(self) -> list[Row]:
        """Rows to begin with that the arrays do not hold."""


class Reduction(HandOut, Protocol):
    """A program as a MILP whose optimum, with all rows learned, is never below the program's."""

    def no_good(self, milp: Milp, point: tuple[int, ...]) -> Milp:
        """``milp``, these arrays or with further rows and columns, without ``point``."""

    def learn(self, solution: FloatArray, point: tuple[int, ...]) -> Row | None:
        """A valid row that ``solution`` breaks, if it over-estimates its ``point`` for want of it."""


@dataclass(frozen=True, slots=True)
class Way:
    """How programs of a form become MILPs.

    ``build`` answers ``None`` where exact reasoning leaves nothing; ``empty`` says so in words.
    """

    build: Callable[[Any], Reduction | None]
    refuses: Callable[[Any], str | None]
    empty: str


def _refuses_chain(problem: DesignProblem) -> str | None:
    columns = choice.columns_needed(problem)
    if columns > choice.LARGEST_COLUMNS:
        return f"about {columns:,} columns; the choice MILP stops at {choice.LARGEST_COLUMNS:,}"
    if any(DEPTH in (r.first, r.second) for r in problem.rules):
        return "a rule on the depth"
    return None


WAYS: dict[str, Way] = {
    DesignProblem.form: Way(
        choice.build, _refuses_chain, "the rules leave some stage without a choice"
    ),
    SlotProblem.form: Way(
        slots.build, slots.refuses, "rules and budgets leave some slot without a choice"
    ),
    MixProblem.form: Way(mixes.build, mixes.refuses, "each frame is ruled out by some budget"),
}


def refuses(program: Program) -> str | None:
    """Why ``program`` has no MILP that is worth building (``None``: it has)."""
    return WAYS[program.form].refuses(program)


def reduced(program: Program) -> Reduction | None:
    """The MILP of ``program``; ``None`` if exact reasoning shows that nothing is feasible."""
    return WAYS[program.form].build(program)


def handed_out(program: Program) -> HandOut:
    """The MILP of ``program``, to be given away; a union's is its members' side by side.

    Raises ``ValueError`` where there is none, or where nothing is feasible.
    """
    if isinstance(program, Union):
        return _united(program)
    way = WAYS[program.form]
    if reason := way.refuses(program):
        raise ValueError(f"{program.name}: {reason}")
    found = way.build(program)
    if found is None:
        raise ValueError(f"{program.name}: {way.empty}")
    return found


def _united(program: Union) -> union.UnionMilp:
    for member in program.members:
        if reason := refuses(member.program):
            raise ValueError(f"{program.name}: {member.title}: {reason}")
    found = union.build(program, reduced)
    if found is None:
        raise ValueError(f"{program.name}: no member has a feasible point")
    return found
