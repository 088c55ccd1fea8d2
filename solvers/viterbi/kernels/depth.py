"""Depth first through the paths of a graph, best bound first, below the bounds of all completions.

For graphs of which little is left: a path costs no memory, and a step a hundredth of a label's.
"""

# numba is untyped
# mypy: disable-error-code="no-untyped-call, untyped-decorator"

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mathdesign.programs.base import FloatArray, IntArray
from mathdesign.solvers.compiled import kernel
from mathdesign.solvers.viterbi.kernels.walk import worth

#: Why a search came back: nothing is left, a point is to be scored, the steps allowed are done.
DONE, POINT, WORKED = 0, 1, 2


class Stack(NamedTuple):
    """The path so far, an entry a boundary; where to go on is the next arc of each."""

    node: IntArray
    arc: IntArray
    value: FloatArray
    priced: FloatArray
    costs: IntArray


@kernel
def searched(
    stack: Stack, depth: int, first: IntArray, head: IntArray, gain: FloatArray,
    arc_costs: IntArray, weight: FloatArray, after: FloatArray, low: IntArray, high: IntArray,
    cut: float, room: float, steps: int,
) -> tuple[int, int, int, float]:  # fmt: skip
    """Go on from ``depth``: why it came back, the depth, the steps, the greatest bound dropped.

    At a ``POINT`` the arcs before those in the stack are the path. Arcs of a node in falling order
    of ``after[:, 0]``.
    """
    slots = len(stack.node) - 1
    left = -np.inf
    for done in range(steps):
        node, a = stack.node[depth], stack.arc[depth]
        bound = -np.inf
        if a < first[node + 1]:
            bound = stack.priced[depth, 0] + after[a, 0]
        if bound <= cut:
            left = max(left, bound)
            depth -= 1
            if depth < 0:
                return DONE, depth, done + 1, left
            continue
        stack.arc[depth] = a + 1
        bound = worth(
            a, head[a], stack.priced[depth], stack.costs[depth], arc_costs, after, low, high
        )
        if bound <= cut:
            left = max(left, bound)
            continue
        below = depth + 1
        stack.node[below] = head[a]
        stack.value[below] = stack.value[depth] + gain[a]
        for c in range(stack.priced.shape[1]):
            stack.priced[below, c] = stack.priced[depth, c] + weight[a, c]
        for r in range(stack.costs.shape[1]):
            stack.costs[below, r] = stack.costs[depth, r] + arc_costs[a, r]
        if below == slots:
            bound = stack.value[below] + room
            if bound <= cut:
                left = max(left, bound)
                continue
            return POINT, depth, done + 1, left
        stack.arc[below] = first[head[a]]
        depth = below
    return WORKED, depth, steps, left


@kernel
def open_bound(stack: Stack, depth: int, first: IntArray, after: FloatArray) -> float:
    """The greatest bound of what a search that stopped at ``depth`` has not looked at."""
    found = -np.inf
    for d in range(depth + 1):
        a = stack.arc[d]
        if a < first[stack.node[d] + 1]:
            found = max(found, stack.priced[d, 0] + after[a, 0])
    return found
