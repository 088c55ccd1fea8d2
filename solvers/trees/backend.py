"""``branch``: what the search over boxes of options accepts and can do.

Apart from the search itself, so that asking costs no compiler: numba is imported when it is solved.
"""

from __future__ import annotations

from importlib.util import find_spec

from mathdesign.programs.slots import SlotProblem
from mathdesign.solvers.base import Ability, Backend, Clock, Solution, SolveOptions


class Branch(Backend[SlotProblem]):
    """Branch and bound; proves optimality and infeasibility."""

    name = "branch"
    summary = "branch and bound with tree messages"
    accepts = (SlotProblem,)
    abilities = frozenset(
        {Ability.PROVES, Ability.WARM_START, Ability.INTERRUPTIBLE, Ability.COMPILES, Ability.APART}
    )
    needs = "numba"

    def passes(self, problem: SlotProblem) -> str | None:
        """Sums without trees are left to the MILP, whose bounds they suit, where it takes them."""
        from mathdesign.solvers.milp.slots import refuses

        if not problem.objective.additive or find_spec("highspy") is None or refuses(problem):
            return None
        return "nothing but sums couples the slots"

    def because(self, problem: SlotProblem) -> str:
        """The number of designs."""
        return f"{problem.size:.2g} designs are too many to enumerate"

    def solve(self, problem: SlotProblem, options: SolveOptions) -> Solution:
        """Search until the gap, a limit or the caller says stop."""
        from mathdesign.solvers.trees.branching import Search
        from mathdesign.solvers.trees.state import State

        state = State(problem, options, Clock(options))
        reason = Search(state).run()
        return state.best.solution(self.name, reason, state.clock, options.gap)
