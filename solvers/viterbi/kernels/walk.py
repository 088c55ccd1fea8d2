"""Labels from one layer to the next: which arcs they may take, and which of them stay.

What is dropped and why that is right stands in :mod:`mathdesign.solvers.viterbi.labels`.
"""

# numba is untyped
# mypy: disable-error-code="no-untyped-call, untyped-decorator"

from __future__ import annotations

import numpy as np

from mathdesign.programs.base import BoolArray, FloatArray, IntArray
from mathdesign.solvers.compiled import inner, kernel

#: Classes of bounds by which labels are chosen where there are too many.
CLASSES = 4096
#: Labels that one is compared with.
COMPARED = 100


@inner
def worth(
    a: int, to: int, priced: FloatArray, costs: IntArray, arc_costs: IntArray, after: FloatArray,
    low: IntArray, high: IntArray,
) -> float:  # fmt: skip
    """The bound of a label that takes arc ``a``; ``-inf`` where no sum may end within a budget."""
    for r in range(len(costs)):
        cost = costs[r] + arc_costs[a, r]
        if cost > high[to, r] or cost < low[to, r]:
            return -np.inf
    bound = float(priced[0] + after[a, 0])
    for c in range(1, len(priced)):
        bound = min(bound, priced[c] + after[a, c])
    return bound


@inner
def class_of(bound: float, floor: float, width: float) -> int:
    """The class of a bound, greater bounds in no lesser class."""
    return min(max(int((bound - floor) / width), 0), CLASSES - 1) if width > 0.0 else 0


@kernel
def counted(
    node: IntArray, priced: FloatArray, costs: IntArray, first: IntArray, head: IntArray,
    arc_costs: IntArray, after: FloatArray, low: IntArray, high: IntArray, cut: float,
    floor: float, width: float,
) -> tuple[IntArray, float]:  # fmt: skip
    """How many labels of each class of bounds follow, and the greatest bound dropped at the cut.

    The arcs of a node are in falling order of ``after[:, 0]``.
    """
    count = np.zeros(CLASSES, dtype=np.int64)
    left = -np.inf
    for i in range(len(node)):
        for a in range(first[node[i]], first[node[i] + 1]):
            if priced[i, 0] + after[a, 0] <= cut:
                left = max(left, priced[i, 0] + after[a, 0])
                break
            bound = worth(a, head[a], priced[i], costs[i], arc_costs, after, low, high)
            if bound > cut:
                count[class_of(bound, floor, width)] += 1
            else:
                left = max(left, bound)
    return count, left


@kernel
def followed(
    node: IntArray, value: FloatArray, priced: FloatArray, costs: IntArray, first: IntArray,
    head: IntArray, gain: FloatArray, arc_costs: IntArray, weight: FloatArray, after: FloatArray,
    low: IntArray, high: IntArray, cut: float, floor: float, width: float, least: int, count: int,
) -> tuple[IntArray, FloatArray, FloatArray, IntArray, FloatArray, IntArray, IntArray, float]:  # fmt: skip
    """The first ``count`` labels of class ``least`` and above, and the greatest bound of the others."""
    made = 0
    nodes, values = np.empty(count, dtype=np.int64), np.empty(count)
    prices, sums = np.empty((count, priced.shape[1])), np.empty((count, costs.shape[1]), np.int64)
    bounds, parent = np.empty(count), np.empty(count, dtype=np.int64)
    arc = np.empty(count, dtype=np.int64)
    left = -np.inf
    for i in range(len(node)):
        for a in range(first[node[i]], first[node[i] + 1]):
            if priced[i, 0] + after[a, 0] <= cut:
                break
            bound = worth(a, head[a], priced[i], costs[i], arc_costs, after, low, high)
            if bound <= cut:
                continue
            if class_of(bound, floor, width) < least or made == count:
                left = max(left, bound)
                continue
            nodes[made], values[made], bounds[made] = head[a], value[i] + gain[a], bound
            prices[made] = priced[i] + weight[a]
            sums[made] = costs[i] + arc_costs[a]
            parent[made], arc[made] = i, a
            made += 1
    return nodes, values, prices, sums, bounds, parent, arc, left


@inner
def covers(one: IntArray, other: IntArray, ease: IntArray, need: IntArray) -> bool:
    """Whether the sums of one label leave open all that those of another do.

    Sums up to ``ease`` can break no upper side any more, sums from ``need`` on no lower one.
    """
    for r in range(len(one)):
        if one[r] > other[r]:
            if one[r] > ease[r]:
                return False
        elif one[r] < other[r] and one[r] < need[r]:
            return False
    return True


@kernel
def undominated(
    order: IntArray, node: IntArray, costs: IntArray, ease: IntArray, need: IntArray
) -> BoolArray:
    """Which labels stay; ``order`` sorts by node, then by falling value.

    Each is compared with some that stayed at its node; those that covered another come first.
    """
    stays = np.ones(len(order), dtype=np.bool_)
    front = np.empty(COMPARED, dtype=np.int64)
    held, here = 0, -1
    for i in order:
        if node[i] != here:
            here, held = node[i], 0
        for k in range(held):
            if covers(costs[front[k]], costs[i], ease[here], need[here]):
                stays[i] = False
                winner = front[k]
                front[k] = front[k // 2]
                front[k // 2] = winner
                break
        if stays[i]:
            if held < COMPARED:
                held += 1
            front[held - 1] = i
    return stays
