"""``branch``: depth-first branch and bound over boxes of options, bounded by tree messages.

Bound, tightening and validity: :mod:`mathdesign.solvers.tree_kernels`. Root: a short tabu search
for an incumbent, the duals of the Hall relaxation as first messages. Then the slot whose options
promise the smallest subtrees is branched on, one child an option that is left. Children inherit the
messages of their parent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np

from mathdesign.formulation import BoolArray, FloatArray
from mathdesign.slots import SlotProblem
from mathdesign.solvers.base import Ability, Clock, SolveOptions, Termination
from mathdesign.solvers.slot_base import Incumbent, SlotBackend, SlotSolution
from mathdesign.solvers.slot_incumbent import Neighbourhood, random_start, tabu
from mathdesign.solvers.tree_lp import hall, solve_lp
from mathdesign.solvers.tree_model import Model, lower

#: Boxes are dropped at a relative distance of at least this above the incumbent: more than the
#: rounding guard of the bound, so that points of equal value need not all be visited.
LEAST_GAP = 1e-8
ROOT_SWEEPS, NODE_SWEEPS = 30, 6
#: Tabu moves before the root relaxation, and in each of the walks after it.
FIRST_MOVES, MOVES, WALKS = 40, 150, 4
#: Sharpness of the estimate of a subtree's size by its gap.
POWER = 4.0
REPORT_EVERY_S = 0.1


class Branch(SlotBackend):
    """Branch and bound; proves optimality and infeasibility."""

    name = "branch"
    summary = "branch and bound with tree messages"
    abilities = frozenset(
        {Ability.PROVES, Ability.WARM_START, Ability.INTERRUPTIBLE, Ability.COMPILES}
    )

    def solve(self, problem: SlotProblem, options: SolveOptions) -> SlotSolution:
        """Search until the gap, a limit or the caller says stop."""
        search = Search(problem, options, Clock(options))
        reason = search.run()
        return search.best.solution(self.name, reason, search.clock, options.gap)


@dataclass(frozen=True, slots=True)
class Box:
    """An open node: its options, its bound, and the messages of its parent."""

    bound: float
    alive: BoolArray
    message: FloatArray
    multiplier: FloatArray


@dataclass(slots=True)
class Search:
    """One run. ``best.bound`` is valid at any time; ``nodes_left`` may be limited by a caller."""

    problem: SlotProblem
    options: SolveOptions
    clock: Clock
    best: Incumbent = field(init=False)
    model: Model = field(init=False)
    near: Neighbourhood = field(init=False)
    kernels: ModuleType = field(init=False)
    arrays: Any = field(init=False)
    open: list[Box] = field(init=False)
    reported_s: float = -1.0

    def __post_init__(self) -> None:
        self.best = Incumbent(self.problem)
        self.model = lower(self.problem)
        self.near = Neighbourhood(self.problem)
        self.clock.report(None, None, 0, "loading")
        from mathdesign.solvers import tree_kernels

        self.kernels = tree_kernels
        self.arrays = tree_kernels.arrays(self.model)

    def run(self) -> Termination:
        """Root, then nodes until none is left."""
        try:
            self.root()
            while self.open:
                if reason := self.clock.stop():
                    return reason
                self.step()
                self._tell()
        except KeyboardInterrupt:
            return Termination.INTERRUPTED
        self._tell(last=True)
        return Termination.COMPLETED

    @property
    def cut(self) -> float:
        """What a box must promise to be looked at."""
        if self.best.objective is None:
            return -np.inf
        margin = max(0.95 * self.options.gap, LEAST_GAP)
        return self.best.cutoff + margin * max(1.0, abs(self.best.cutoff))

    def root(self) -> None:
        """Incumbent, relaxation, first box."""
        rng = np.random.default_rng(self.options.seed)
        self.open = []
        if self.model.infeasible:
            return
        self.best.offer(self.options.warm_start)
        start = self.best.point or random_start(self.problem, rng)
        tabu(self.near, self.best, rng, np.array(start), FIRST_MOVES, self.clock)
        alive = np.ones(self.model.options, dtype=bool)
        own = np.zeros(self.model.options)
        if not self.kernels.tighten(self.arrays, alive):
            return
        self.clock.report(self.best.objective, None, 0, "root relaxation")
        duals = solve_lp(self.model, hall(self.model), alive, self.clock.remaining_s)
        box = Box(np.inf, alive, duals.message, duals.multiplier)
        self.open = [box]
        for walk in range(WALKS + 1):
            bound = self._bound(box, own, ROOT_SWEEPS)
            if bound <= self.cut:
                self.open = []
                return
            box = Box(bound, box.alive, box.message, box.multiplier)
            self.open = [box]
            self._tell()
            if walk < WALKS:
                promising = _argmax(own, self.model, self.problem)
                start = promising if walk == 0 else random_start(self.problem, rng)
                tabu(self.near, self.best, rng, start, MOVES, self.clock)

    def step(self) -> None:
        """Bound the last box and branch on it."""
        parent = self.open.pop()
        if parent.bound <= self.cut:
            return
        self.best.nodes += 1
        own = np.empty(self.model.options)
        box = Box(
            parent.bound, parent.alive.copy(), parent.message.copy(), parent.multiplier.copy()
        )
        bound = min(parent.bound, self._bound(box, own, NODE_SWEEPS))
        if bound <= self.cut:
            return
        slot = self._slot(box.alive, own, bound)
        if slot < 0:
            point = [int(np.flatnonzero(box.alive[a:b])[0]) for a, b in self._slots()]
            self.best.offer(point)
            return
        children = []
        a, b = self._slots()[slot]
        for k in np.flatnonzero(box.alive[a:b]):
            alive = box.alive.copy()
            alive[a:b] = False
            alive[a + k] = True
            children.append(Box(min(bound, own[a + k]), alive, box.message, box.multiplier))
        self.open += sorted(children, key=lambda child: child.bound)

    def _bound(self, box: Box, own: FloatArray, sweeps: int) -> float:
        bound: float = self.kernels.bound_box(
            self.arrays, self.model.constant, box.alive, box.message, box.multiplier, self.cut,
            sweeps, own,
        )  # fmt: skip
        return bound

    def _slots(self) -> list[tuple[int, int]]:
        start = self.model.start
        return list(zip(start[: len(self.problem.slots)].tolist(), start[1:].tolist()))

    def _slot(self, alive: BoolArray, own: FloatArray, bound: float) -> int:
        """The slot whose children promise the smallest subtrees; -1 if all are decided."""
        floor = self.cut if np.isfinite(self.cut) else bound - 1.0 - abs(bound)
        size = np.where(alive, np.clip((own - floor) / (bound - floor), 0.01, 1.0) ** POWER, 0.0)
        best, least = -1, np.inf
        for slot, (a, b) in enumerate(self._slots()):
            if alive[a:b].sum() > 1 and (total := size[a:b].sum()) < least:
                best, least = slot, total
        return best

    def _tell(self, last: bool = False) -> None:
        """Refresh the bound: the best open box, at least the cut below which boxes were dropped."""
        bound = max([box.bound for box in self.open], default=-np.inf)
        self.best.bound = min(self.best.bound, max(bound, self.cut))
        if last or self.clock.elapsed_s - self.reported_s >= REPORT_EVERY_S:
            self.reported_s = self.clock.elapsed_s
            known = self.best.bound if np.isfinite(self.best.bound) else None
            self.clock.report(self.best.objective, known, self.best.nodes, "searching")


def _argmax(own: FloatArray, model: Model, problem: SlotProblem) -> Any:
    """The option with the greatest own bound in every slot."""
    return np.array(
        [
            int(np.argmax(own[model.start[p] : model.start[p + 1]]))
            for p in range(len(problem.slots))
        ]
    )
