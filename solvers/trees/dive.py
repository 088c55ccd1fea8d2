"""Depth-first search below one box, bounded by messages alone, in compiled code.

A box where little is left to decide, or whose bound is close to the cutoff, is closed here in
hundreds or thousands of nodes of some tens of microseconds. Work is counted in leaves, not in
seconds, so that a run repeats exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mathdesign.programs.base import FloatArray
from mathdesign.solvers.trees.arrays import stack
from mathdesign.solvers.trees.kernels.layout import Arrays, Box, BoxStack
from mathdesign.solvers.trees.state import State

#: Sweeps of a box below the first.
NODE_SWEEPS = 2
#: Leaves seen between two looks at the clock: some tens of milliseconds.
CHUNK = 50_000


@dataclass(slots=True)
class Dive:
    """One search. The box is bounded when it begins; ``arrays`` may have terms of their own."""

    state: State
    arrays: Arrays
    constant: float
    box: Box
    bound: float
    work: int = 0
    _stack: BoxStack = field(init=False)

    def __post_init__(self) -> None:
        state, kernels = self.state, self.state.kernels
        self._stack = stack(self.arrays, self.box, len(state.slots))
        first = kernels.at(self._stack.boxes, 0)
        bound = kernels.bound_box(
            self.arrays, self.constant, first, state.work, state.cut, NODE_SWEEPS
        )
        self.bound = min(self.bound, bound)
        self._stack.depth[0] = -1
        if not state.below(self.bound):
            if kernels.expand(
                self.arrays, self._stack, state.work, 0, self.bound, state.cut, state.weight
            ):
                self._stack.depth[0] = 0
            else:
                state.best.offer(state.only(first.alive))

    @property
    def closed(self) -> bool:
        """Whether nothing is left to visit."""
        return bool(self._stack.depth[0] < 0)

    def open_bounds(self) -> FloatArray:
        """Bounds of what is left: at each depth the best child not yet tried."""
        depths = np.arange(self._stack.depth[0] + 1)
        left = self._stack.left[depths]
        return np.where(left > 0, self._stack.bound[depths, np.maximum(left - 1, 0)], -np.inf)

    def left(self) -> float:
        """The work that is left, estimated from what is done.

        (The share that is done as in Knuth, Math. Comp. 29, 1975, subtrees weighed by their bounds.)
        Measured on 66 boxes: mostly within a factor of two, and too much rather than too little.
        """
        st, share, done = self._stack, 1.0, 0.0
        for depth in range(st.depth[0] + 1):
            left = st.left[depth]
            size = self.state.size(st.bound[depth, : st.children[depth]], self.bound)
            total = max(float(size.sum()), 1e-300)
            done += share * float(size[left + 1 :].sum()) / total
            share *= float(size[left]) / total if left < len(size) else 0.0
        return self.work * (1.0 - done) / max(done, 1e-12)

    def run(self) -> None:
        """Visit boxes until none is left, or ``CHUNK`` leaves are seen."""
        state, kernels = self.state, self.state.kernels
        end = self.work + CHUNK
        while self.work < end:
            reason, nodes, work = self._search(end - self.work)
            state.best.nodes += nodes
            self.work += work
            if reason != kernels.POINT:
                break
            deepest: Any = self._stack.boxes.alive[self._stack.depth[0] + 1]
            state.best.offer(state.only(deepest))

    def _search(self, most_work: int) -> tuple[int, int, int]:
        state = self.state
        found: tuple[int, int, int] = state.kernels.search(
            self.arrays, self.constant, state.arrays, state.model.constant, self._stack, state.work,
            state.cut, NODE_SWEEPS, state.weight, most_work,
        )  # fmt: skip
        return found
