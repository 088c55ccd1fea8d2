"""What the ways to branch on a tree model share: problem, model, incumbent, bound and progress."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from types import ModuleType

import numpy as np

from mathdesign.programs.base import BoolArray, FloatArray, IntArray
from mathdesign.programs.slots import SlotProblem
from mathdesign.solvers.base import Clock, Incumbent, SolveOptions
from mathdesign.solvers.trees.arrays import arrays, work
from mathdesign.solvers.trees.kernels.layout import Arrays, Work
from mathdesign.solvers.trees.kernels.neighbours import Tables
from mathdesign.solvers.trees.model import TreeModel, lower
from mathdesign.solvers.trees.primal import Neighbourhood

#: Boxes are dropped at a relative distance of at least this above the incumbent: more than the
#: rounding guard of the bound, so that points of equal value need not all be visited.
LEAST_GAP = 1e-8
#: Boxes are dropped within this share of the gap that was asked for, so that no rounding makes the
#: gap that is told a little more.
WITHIN = 1.0 - 1e-6
#: Sharpness of the estimate of a subtree's size by its gap.
POWER = 4.0
REPORT_EVERY_S = 0.1
#: Weight of a slot's attribution beside the estimate of its subtrees, as a power.
TELLING = 0.5


@dataclass
class State:
    """One run. ``best.bound`` is valid at any time."""

    problem: SlotProblem
    options: SolveOptions
    clock: Clock
    best: Incumbent = field(init=False)
    model: TreeModel = field(init=False)
    near: Neighbourhood = field(init=False)
    kernels: ModuleType = field(init=False)
    arrays: Arrays = field(init=False)
    work: Work = field(init=False)
    reported_s: float = -1.0

    def __post_init__(self) -> None:
        self.best = Incumbent(self.problem)
        self.model = lower(self.problem)
        self.near = Neighbourhood(self.problem)
        self.clock.report(None, None, 0, "loading")
        from mathdesign.solvers.trees import kernels as tree_kernels

        self.kernels = tree_kernels
        self.arrays = arrays(self.model)
        self.work = work(self.arrays)

    @property
    def cut(self) -> float:
        """What a box must promise to be looked at."""
        if self.best.objective is None:
            return -np.inf
        margin = max(self.options.gap * WITHIN, LEAST_GAP)
        return self.best.cutoff + margin * max(1.0, abs(self.best.cutoff))

    @property
    def dropped(self) -> float:
        """The greatest bound of what was dropped so far: never above the cut of its time."""
        return float(self.work.dropped[0])

    @cached_property
    def attribution(self) -> FloatArray:
        """For each slot how far its options move the objective on average."""
        return attribution(self.near.tables, len(self.problem.slots))

    @cached_property
    def weight(self) -> FloatArray:
        """What the estimate of a slot's subtrees is multiplied by: the less, the more it tells."""
        return np.asarray(1.0 / (self.attribution + 1e-12) ** TELLING)

    @cached_property
    def slots(self) -> list[tuple[int, int]]:
        """First option and end of every slot; derived positions are not branched on."""
        start = self.model.start
        return list(zip(start[: len(self.problem.slots)].tolist(), start[1:].tolist()))

    def greatest(self, worth: FloatArray) -> IntArray:
        """The option of the greatest ``worth`` in every slot: a point to look around."""
        return np.array([np.argmax(worth[a:b]) for a, b in self.slots], dtype=np.int64)

    def only(self, alive: BoolArray) -> list[int]:
        """The point of a box that is decided."""
        return [int(np.flatnonzero(alive[a:b])[0]) for a, b in self.slots]

    def size(self, bound: FloatArray, top: float) -> FloatArray:
        """How large the subtrees of boxes with these bounds are, relative to one bounded by ``top``.

        A box that is closed is 0, one just above the cutoff still a node.
        """
        floor = self.cut if np.isfinite(self.cut) else top - 1.0 - abs(top)
        share = (np.minimum(bound, top) - floor) / max(top - floor, 1e-300)
        return np.where(bound > floor, np.clip(share, 0.01, 1.0) ** POWER, 0.0)

    def below(self, bound: float) -> bool:
        """Whether what has this bound need not be looked at; if so, it is remembered as dropped."""
        if bound > self.cut:
            return False
        self.work.dropped[0] = max(self.work.dropped[0], bound)
        return True

    def report(self, bounds: Iterable[float], doing: str, last: bool = False) -> None:
        """Refresh the bound: the greatest of all open boxes and of all that were dropped."""
        found = max(bounds, default=-np.inf)
        self.best.bound = min(self.best.bound, max(found, self.dropped, self.best.cutoff))
        if last or self.clock.elapsed_s - self.reported_s >= REPORT_EVERY_S:
            self.reported_s = self.clock.elapsed_s
            self.clock.report(self.best.objective, self.best.bound, self.best.nodes, doing)


def attribution(tables: Tables, slots: int) -> FloatArray:
    """Mean absolute main effect of each slot over independent uniform options, without budgets.

    (The first-order part of SHAP, Lundberg and Lee, NeurIPS 2017, for that background.) Only an order
    to branch in, so that aggregates may count as independent too; the spread is left out.
    """
    rows = tables.row == 0
    at = tables.position_start
    inside = [tables.inside[rows, a:b] for a, b in pairwise(at)]
    share = [np.maximum(allowed.mean(axis=1), 1e-300) for allowed in inside]
    worth = tables.value[rows] * np.prod(share, axis=0)
    found = []
    for p in range(slots):
        effect = tables.unary[0, at[p] : at[p + 1]] + (worth / share[p]) @ inside[p]
        found.append(float(np.abs(effect - effect.mean()).mean()))
    return np.array(found)
