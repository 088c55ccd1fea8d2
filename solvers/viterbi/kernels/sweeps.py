"""Sweeps over a layered graph: best sums from each node to the end, and to it from the start.

Nodes are numbered along the layers, so that each arc leads to a greater number; the arcs that leave
``node`` are ``first[node]`` to ``first[node + 1]``. The last node is the end of every path.
"""

# numba is untyped
# mypy: disable-error-code="no-untyped-call, untyped-decorator"

from __future__ import annotations

import numpy as np

from mathdesign.programs.base import FloatArray, IntArray
from mathdesign.solvers.compiled import kernel

#: Above every sum of whole costs: sums are at most 2^62.
NO_PATH = 2**62 + 1


@kernel
def to_end(first: IntArray, head: IntArray, weight: FloatArray) -> FloatArray:
    """The greatest sum of weights from each node to the end; ``-inf`` where none leads there."""
    nodes = len(first)
    best = np.full(nodes, -np.inf)
    best[nodes - 1] = 0.0
    for node in range(nodes - 2, -1, -1):
        for a in range(first[node], first[node + 1]):
            best[node] = max(best[node], weight[a] + best[head[a]])
    return best


@kernel
def from_start(first: IntArray, head: IntArray, weight: FloatArray) -> FloatArray:
    """The greatest sum of weights from the start to each node; ``-inf`` where none leads there."""
    nodes = len(first)
    best = np.full(nodes, -np.inf)
    best[0] = 0.0
    for node in range(nodes - 1):
        for a in range(first[node], first[node + 1]):
            best[head[a]] = max(best[head[a]], best[node] + weight[a])
    return best


@kernel
def whole_ends(first: IntArray, head: IntArray, costs: IntArray) -> tuple[IntArray, IntArray]:
    """The least and greatest whole costs from each node to the end, shape ``(nodes, rows)``.

    Costs are not negative. ``NO_PATH`` and ``-1`` where no path leads to the end.
    """
    nodes, rows = len(first), costs.shape[1]
    least = np.full((nodes, rows), NO_PATH)
    most = np.full((nodes, rows), -1)
    least[nodes - 1] = 0
    most[nodes - 1] = 0
    for node in range(nodes - 2, -1, -1):
        for a in range(first[node], first[node + 1]):
            for r in range(rows):
                if most[head[a], r] >= 0:
                    least[node, r] = min(least[node, r], costs[a, r] + least[head[a], r])
                    most[node, r] = max(most[node, r], costs[a, r] + most[head[a], r])
    return least, most


@kernel
def whole_starts(first: IntArray, head: IntArray, costs: IntArray) -> tuple[IntArray, IntArray]:
    """The same from the start to each node."""
    nodes, rows = len(first), costs.shape[1]
    least = np.full((nodes, rows), NO_PATH)
    most = np.full((nodes, rows), -1)
    least[0] = 0
    most[0] = 0
    for node in range(nodes - 1):
        for a in range(first[node], first[node + 1]):
            for r in range(rows):
                if most[node, r] >= 0:
                    least[head[a], r] = min(least[head[a], r], costs[a, r] + least[node, r])
                    most[head[a], r] = max(most[head[a], r], costs[a, r] + most[node, r])
    return least, most


@kernel
def best_path(
    first: IntArray, head: IntArray, weight: FloatArray, best: FloatArray, path: IntArray
) -> None:
    """Write the arcs of a path that attains ``best = to_end(...)`` at the start into ``path``."""
    node, step = 0, 0
    while node < len(first) - 1:
        taken, top = first[node], -np.inf
        for a in range(first[node], first[node + 1]):
            if weight[a] + best[head[a]] > top:
                taken, top = a, weight[a] + best[head[a]]
        path[step] = taken
        node, step = head[taken], step + 1
