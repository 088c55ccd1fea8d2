"""Depth-first branch and bound over boxes of options, bounded by tree messages (``branch``).

Bound, tightening and validity: :mod:`mathdesign.solvers.trees.kernels`. Root: a short tabu search
for an incumbent, the duals of the Hall relaxation as first messages. Then depth first
(:mod:`.dive`): the slot is branched on whose options promise the smallest subtrees, slots of
greater attribution first where that is close; one child an option that is left. Children inherit the
messages of their parent. What does not promise to end, and all deep trees, begin anew by branch and
cut (:mod:`.cutting`): thousands of times slower a node, and as many times fewer nodes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mathdesign.programs.base import BoolArray, FloatArray
from mathdesign.solvers.base import Termination
from mathdesign.solvers.trees.arrays import box, message_size
from mathdesign.solvers.trees.dive import Dive
from mathdesign.solvers.trees.kernels.layout import Box
from mathdesign.solvers.trees.lp import hall, solve_lp
from mathdesign.solvers.trees.model import TreeModel
from mathdesign.solvers.trees.primal import random_start, tabu
from mathdesign.solvers.trees.state import State

ROOT_SWEEPS = 30
#: Tabu moves before the root relaxation, and in each of the walks after it.
FIRST_MOVES, MOVES, WALKS = 10, 150, 1
#: Messages alone are tried on so many leaves, about a tenth of a second, and go on while they promise
#: to end within so many more.
TRIED, MOST_LEFT = 250_000, 5_000_000
#: Leaves of a tree, on average, from which on branch and cut begins at once.
DEEP = 16


def deep(model: TreeModel) -> bool:
    """Whether the trees are too deep for messages alone to be worth trying; pair tables are none."""
    scopes = np.bincount(model.scope_factor, minlength=len(model.factor_start) - 1)
    leaves = np.diff(model.factor_start)[scopes > 2]
    return bool(len(leaves)) and float(leaves.mean()) > DEEP


@dataclass(slots=True)
class Search:
    """One run. ``open`` are the bounds of boxes that together have every better point."""

    state: State
    open: list[float] = field(default_factory=list)

    def run(self) -> Termination:
        """Root, then boxes until none is left."""
        state = self.state
        try:
            found = self.root()
            if found is not None:
                if deep(state.model):
                    return self.begin_anew(*found)
                dive = Dive(state, state.arrays, state.model.constant, *found)
                while not dive.closed:
                    if reason := state.clock.stop():
                        return reason
                    dive.run()
                    self.open = dive.open_bounds().tolist()
                    self.report()
                    if dive.work >= TRIED and dive.left() > MOST_LEFT:
                        return self.begin_anew(*found)
        except KeyboardInterrupt:
            return Termination.INTERRUPTED
        self.open = []
        self.report(last=True)
        return Termination.COMPLETED

    def report(self, last: bool = False) -> None:
        """Refresh bound and progress."""
        self.state.report(self.open, "searching", last)

    def begin_anew(self, box: Box, bound: float) -> Termination:
        """Branch and cut from the first box."""
        from mathdesign.solvers.trees.cutting import Cutting

        reason = Cutting(self.state, box.alive, bound).run()
        if reason is Termination.COMPLETED:
            self.open = []
            self.report(last=True)
        return reason

    def root(self) -> tuple[Box, float] | None:
        """Incumbent, relaxation, first box and its bound; ``None`` if nothing is left."""
        state = self.state
        rng = np.random.default_rng(state.options.seed)
        alive = np.ones(state.model.options, dtype=bool)
        if state.model.infeasible:
            return None
        state.best.offer(state.options.warm_start)
        start = random_start(state.problem, rng)
        if state.best.point is not None:
            start = np.array(state.best.point)
        tabu(state.near, state.best, rng, start, FIRST_MOVES, state.clock)
        if not state.kernels.tighten(state.arrays, alive):
            return None
        first = box(state.arrays, alive, *self._messages(alive))
        for walk in range(WALKS + 1):
            bound = self._bound(first)
            if state.below(bound):
                return None
            self.open = [bound]
            self.report()
            if walk < WALKS:
                start = random_start(state.problem, rng) if walk else state.greatest(state.work.own)
                tabu(state.near, state.best, rng, start, MOVES, state.clock)
        return first, bound

    def _messages(self, alive: BoolArray) -> tuple[FloatArray, FloatArray]:
        """Messages and multipliers to begin with; for deep trees branch and cut finds its own."""
        model = self.state.model
        if deep(model):
            return np.zeros(message_size(self.state.arrays)), np.zeros(len(model.row_limit))
        self.state.clock.report(self.state.best.objective, None, 0, "root relaxation")
        duals = solve_lp(model, hall(model), alive, self.state.clock.remaining_s)
        return duals.message, duals.multiplier

    def _bound(self, first: Box) -> float:
        state = self.state
        bound: float = state.kernels.bound_box(
            state.arrays, state.model.constant, first, state.work, state.cut, ROOT_SWEEPS
        )
        return bound
