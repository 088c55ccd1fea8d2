"""``branch``: depth-first branch and bound over boxes of options, bounded by tree messages.

Bound, tightening and validity: :mod:`mathdesign.solvers.tree_kernels`. Root: a short tabu search
for an incumbent, the duals of the Hall relaxation as first messages. Then the slot is branched on
whose options promise the smallest subtrees, slots of greater attribution first where that is close
(it helps on deep trees, and is noise on small ones: `benchmarks/branching_order.py`); one child an
option that is left. Children inherit the messages of their parent. What that has not closed within ``MESSAGE_LEAVES`` is begun anew by branch
and cut (:mod:`.tree_cutting`): hundreds of times slower a node, thousands of times fewer nodes where
trees are deep.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mathdesign.formulation import BoolArray, FloatArray
from mathdesign.slots import SlotProblem
from mathdesign.solvers.base import Ability, Clock, SolveOptions, Termination
from mathdesign.solvers.slot_base import SlotBackend, SlotSolution
from mathdesign.solvers.slot_incumbent import random_start, tabu
from mathdesign.solvers.tree_lp import hall, solve_lp
from mathdesign.solvers.tree_state import State

ROOT_SWEEPS, NODE_SWEEPS = 30, 6
#: Tabu moves before the root relaxation, and in each of the walks after it.
FIRST_MOVES, MOVES, WALKS = 10, 150, 1
#: Weight of a slot's attribution beside the estimate of its subtrees, as a power.
TELLING = 0.5
#: Leaves looked at by messages alone before cuts are worth their while: about half a second.
MESSAGE_LEAVES = 1_000_000


class Branch(SlotBackend):
    """Branch and bound; proves optimality and infeasibility."""

    name = "branch"
    summary = "branch and bound with tree messages"
    abilities = frozenset(
        {Ability.PROVES, Ability.WARM_START, Ability.INTERRUPTIBLE, Ability.COMPILES}
    )

    def solve(self, problem: SlotProblem, options: SolveOptions) -> SlotSolution:
        """Search until the gap, a limit or the caller says stop."""
        state = State(problem, options, Clock(options))
        reason = Search(state).run()
        return state.best.solution(self.name, reason, state.clock, options.gap)


@dataclass(frozen=True, slots=True)
class Box:
    """An open node: its options, its bound, and the messages of its parent."""

    bound: float
    alive: BoolArray
    message: FloatArray
    multiplier: FloatArray


@dataclass(slots=True)
class Search:
    """One run. ``open`` holds boxes that together have every better point."""

    state: State
    open: list[Box] = field(default_factory=list)

    def run(self) -> Termination:
        """Root, then nodes until none is left."""
        try:
            root = self.root()
            while self.open:
                if reason := self.state.clock.stop():
                    return reason
                if self.state.best.nodes * len(self.state.model.value) >= MESSAGE_LEAVES:
                    return self.begin_anew(root)
                self.step()
                self.tell()
        except KeyboardInterrupt:
            return Termination.INTERRUPTED
        self.tell(last=True)
        return Termination.COMPLETED

    def tell(self, last: bool = False) -> None:
        """Refresh bound and progress."""
        self.state.tell((box.bound for box in self.open), "searching", last)

    def begin_anew(self, root: Box) -> Termination:
        """Branch and cut from the first box."""
        from mathdesign.solvers.tree_cutting import Cutting

        reason = Cutting(self.state, root.alive, root.bound).run()
        self.open = []
        if reason is Termination.COMPLETED:
            self.tell(last=True)
        return reason

    def root(self) -> Box:
        """Incumbent, relaxation, first box; whatever it returns is also in ``open`` if open."""
        state = self.state
        rng = np.random.default_rng(state.options.seed)
        alive = np.ones(state.model.options, dtype=bool)
        own = np.zeros(state.model.options)
        box = Box(np.inf, alive, np.zeros(0), np.zeros(0))
        if state.model.infeasible:
            return box
        state.best.offer(state.options.warm_start)
        start = random_start(state.problem, rng)
        if state.best.point is not None:
            start = np.array(state.best.point)
        tabu(state.near, state.best, rng, start, FIRST_MOVES, state.clock)
        if not state.kernels.tighten(state.arrays, alive):
            return box
        state.clock.report(state.best.objective, None, 0, "root relaxation")
        duals = solve_lp(state.model, hall(state.model), alive, state.clock.remaining_s)
        box = Box(np.inf, alive, duals.message, duals.multiplier)
        self.open = [box]
        for walk in range(WALKS + 1):
            bound = self._bound(box, own, ROOT_SWEEPS)
            if bound <= state.cut:
                self.open = []
                return box
            box = Box(bound, box.alive, box.message, box.multiplier)
            self.open = [box]
            self.tell()
            if walk < WALKS:
                start = random_start(state.problem, rng) if walk else state.greatest(own)
                tabu(state.near, state.best, rng, start, MOVES, state.clock)
        return box

    def step(self) -> None:
        """Bound the last box and branch on it."""
        state, parent = self.state, self.open.pop()
        if parent.bound <= state.cut:
            return
        state.best.nodes += 1
        own = np.empty(state.model.options)
        box = Box(
            parent.bound, parent.alive.copy(), parent.message.copy(), parent.multiplier.copy()
        )
        bound = min(parent.bound, self._bound(box, own, NODE_SWEEPS))
        if bound <= state.cut:
            return
        slot = self._slot(box.alive, own, bound)
        if slot < 0:
            state.best.offer(state.only(box.alive))
            return
        children = []
        a, b = state.slots[slot]
        for k in np.flatnonzero(box.alive[a:b]):
            alive = box.alive.copy()
            alive[a:b] = False
            alive[a + k] = True
            children.append(Box(min(bound, own[a + k]), alive, box.message, box.multiplier))
        self.open += sorted(children, key=lambda child: child.bound)

    def _bound(self, box: Box, own: FloatArray, sweeps: int) -> float:
        state = self.state
        bound: float = state.kernels.bound_box(
            state.arrays, state.model.constant, box.alive, box.message, box.multiplier, state.cut,
            sweeps, own,
        )  # fmt: skip
        return bound

    def _slot(self, alive: BoolArray, own: FloatArray, bound: float) -> int:
        """The slot that promises the smallest subtrees for what it tells; -1 if all are decided."""
        size = np.where(alive, self.state.size(own, bound), 0.0)
        best, least = -1, np.inf
        for slot, (a, b) in enumerate(self.state.slots):
            if alive[a:b].sum() < 2:
                continue
            total = size[a:b].sum() / (self.state.attribution[slot] + 1e-12) ** TELLING
            if total < least:
                best, least = slot, total
        return best
