"""``viterbi``: labels along the slots of an additive program, below the bounds of a dynamic program.

The graph is in :mod:`.graph`, bounds and their validity in :mod:`.bound`, their prices in
:mod:`.prices`, labels and what drops them in :mod:`.labels`. Kernels are loaded when it is solved.
"""

from __future__ import annotations

from mathdesign.programs.counts import rough
from mathdesign.programs.slots import SlotProblem
from mathdesign.solvers.base import Ability, Backend, Clock, Solution, SolveOptions, Termination
from mathdesign.solvers.viterbi.plan import LARGEST, MOST_ARCS, MOST_STATES, plan_of


class Viterbi(Backend[SlotProblem]):
    """Label setting with Lagrangian bounds; proves optimality and infeasibility."""

    name = "viterbi"
    summary = "labels along the slots below the bounds of a dynamic program"
    accepts = (SlotProblem,)
    abilities = frozenset(
        {Ability.PROVES, Ability.WARM_START, Ability.INTERRUPTIBLE, Ability.COMPILES, Ability.APART}
    )
    needs = "numba"

    def refuses(self, problem: SlotProblem) -> str | None:
        """Trees, pairs of slots too far apart, and integers too large to be added."""
        if not problem.objective.additive:
            return "a predictor's trees are no sum over slots and pairs of slots"
        for metric in {budget.metric for budget in problem.budgets}:
            if problem.metrics[metric].largest > LARGEST:
                return f"{metric} may exceed 2^58"
        plan = plan_of(problem)
        if plan.most_states > MOST_STATES:
            states = rough(plan.most_states)
            return (
                f"tables and rules of pairs of slots couple up to {states} states; "
                f"it takes at most {MOST_STATES:,}"
            )
        if plan.arcs > MOST_ARCS:
            return f"{rough(plan.arcs)} pairs of a state and an option; it takes {MOST_ARCS:,}"
        return None

    def suits(self, problem: SlotProblem) -> bool:
        """Programs with trees are somebody else's."""
        return problem.objective.additive

    def because(self, problem: SlotProblem) -> str:
        """The number of slots."""
        count = len(problem.slots)
        return f"sums over {count} slots and pairs of them: {self.summary}; proves its answer"

    def solve(self, problem: SlotProblem, options: SolveOptions) -> Solution:
        """Price, then walk with ever more room, until the gap, a limit or the caller says stop."""
        from mathdesign.solvers.viterbi.run import Run

        run = Run(problem, options, Clock(options))
        try:
            reason = run.to_the_end()
        except KeyboardInterrupt:
            reason = Termination.INTERRUPTED
        return run.best.solution(self.name, reason, run.clock, options.gap)
