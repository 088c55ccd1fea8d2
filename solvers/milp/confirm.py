"""Whether "infeasible" is true: what a floating-point solver says is no proof.

Rows whose coefficients span many orders of magnitude, or that ask for an exact number of a
thousand million, have been called infeasible by solvers where they were not. So the claim is looked
at again in exact integers: a budget out of reach of its metric proves it, and so do all points
where they are few.
"""

from __future__ import annotations

from mathdesign.programs.base import Budget, Program
from mathdesign.solvers.base import Clock, Incumbent
from mathdesign.solvers.scan.enumeration import WAYS

UNCONFIRMED = "the solver found the program infeasible; exact reasoning did not confirm it"
#: Spaces up to this are enumerated: a second or so.
FEW_POINTS = 200_000
#: Reaches are doubles on their way: integers above this are not told apart.
EXACT_DOUBLE = 2**53


def out_of_reach(program: Program) -> bool:
    """Whether some budget excludes all that its metric can be; false where that is not known."""
    return any(_excludes(program, budget) for budget in program.budgets)


def _excludes(program: Program, budget: Budget) -> bool:
    for side, bound in budget.sides:
        reach = program.reach(budget.metric, largest=side == "min")
        if reach is None:
            continue
        if reach.value is None:
            return True
        if abs(reach.value) < EXACT_DOUBLE and (
            reach.value > bound if side == "max" else reach.value < bound
        ):
            return True
    return False


def enumerated(program: Program, best: Incumbent, clock: Clock) -> bool:
    """Offer every point to ``best`` if they are few; whether all have been."""
    if program.points > FEW_POINTS:
        return False
    for block in WAYS[program.form].blocks(program):
        if clock.stop() is not None:
            return False
        block.offer_best(best)
    return True
