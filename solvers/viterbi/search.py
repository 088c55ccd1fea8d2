"""Depth first below a graph's bounds, in compiled code that can be stopped and gone on with."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from mathdesign.solvers.viterbi.bound import Completion
from mathdesign.solvers.viterbi.graph import Graph
from mathdesign.solvers.viterbi.kernels.depth import POINT, WORKED, Stack, open_bound, searched
from mathdesign.solvers.viterbi.labels import Sorted

#: Steps between two looks at the clock: some tens of milliseconds.
SLICE = 500_000


@dataclass
class Depth:
    """All paths of a graph that may be worth more than a cut, best bound first.

    ``offer`` is shown each point that is met; ``cut`` asks what one must exceed. Afterwards ``left``
    is the greatest bound of what was dropped, or not looked at.
    """

    graph: Graph
    completions: Sequence[Completion]
    cut: Callable[[], float]
    offer: Callable[[tuple[int, ...]], object]
    stop: Callable[[], bool]
    left: float = -math.inf
    seen: int = 0
    sorted: Sorted = field(init=False)

    def run(self, steps: int) -> bool:
        """Whether the search ended within so many steps."""
        self.sorted = Sorted.of(self.graph, self.completions)
        stack, depth = self._stack(), 0
        room = max(completion.room for completion in self.completions)
        graph, own = self.sorted.graph, self.sorted
        low, high = self.graph.windows
        while True:
            allowed = min(SLICE, steps - self.seen)
            why, depth, done, left = searched(
                stack, depth, graph.first, graph.head, graph.gain, graph.costs, own.weight, own.after,
                low, high, self.cut(), room, allowed,
            )  # fmt: skip
            self.seen += done
            self.left = max(self.left, left)
            if why == POINT:
                self.offer(graph.point(stack.arc[:-1] - 1))
            elif why != WORKED:
                return True
            if self.seen >= steps or (why == WORKED and self.stop()):
                self.left = max(self.left, open_bound(stack, depth, graph.first, own.after))
                return False

    def _stack(self) -> Stack:
        layers, rows = len(self.graph.slots), self.graph.costs.shape[1]
        stack = Stack(
            np.zeros(layers + 1, np.int64), np.zeros(layers + 1, np.int64), np.zeros(layers + 1),
            np.zeros((layers + 1, len(self.completions))), np.zeros((layers + 1, rows), np.int64),
        )  # fmt: skip
        stack.value[0] = self.graph.constant
        stack.priced[0] = [c.start + c.room for c in self.completions]
        return stack
