"""NASBench-101 (Ying et al. 2019, arXiv 1902.09635): cells of up to 7 vertices and 9 edges.

Vertex 0 is the input, the last one the output; each edge i -> j (i < j) is a slot of 0 or 1, each
vertex between carries an operation or ``none`` (absent). What makes a matrix a cell are rows of the
program, not a filter: at most nine edges; an absent vertex has no edge, and those after it are absent
too; a present one has an edge in and an edge out. In an acyclic graph in topological order the last
two say that every present vertex lies on a path from input to output: follow edges out, and the index
rises until the output; follow them in, and it falls until the input.

Costs of the benchmark's networks are not here: channels are divided among the vertices that feed the
output, which no sum over slots and pairs of slots expresses. Edges and operations can be bounded.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from mathdesign.programs.base import Budget
from mathdesign.programs.slot_space import TableSpace
from mathdesign.programs.slots import PairTable, Slot, TableSum

OPERATIONS = ("conv1x1-bn-relu", "conv3x3-bn-relu", "maxpool3x3")
ABSENT = "none"
VERTICES, MOST_EDGES = 7, 9


def nasbench101(vertices: int = VERTICES, most_edges: int = MOST_EDGES) -> TableSpace:
    """The cells as slots with their rules; 2.1e9 assignments for 7 vertices, few of them cells."""
    edges = list(itertools.combinations(range(vertices), 2))
    inner = range(1, vertices - 1)
    slots = tuple(Slot(f"e{i}{j}", ("0", "1"), (0.0, 1.0)) for i, j in edges)
    slots += tuple(Slot(f"op{v}", (*OPERATIONS, ABSENT)) for v in inner)
    at = {slot.name: k for k, slot in enumerate(slots)}

    def row(ones: Sequence[str], present: str | None = None) -> TableSum:
        """Edges counted, less one where the vertex is there."""
        unary = [np.zeros(len(s.options), dtype=np.int64) for s in slots]
        for name in ones:
            unary[at[name]][1] = 1
        if present is not None:
            unary[at[present]][: len(OPERATIONS)] = -1
        return TableSum(0, tuple(unary))

    metrics = {"edges": row([f"e{i}{j}" for i, j in edges])}
    always = [Budget("edges", most_edges)]
    for v in range(vertices):
        for way, ends in (("in", [e for e in edges if e[1] == v]),
                          ("out", [e for e in edges if e[0] == v])):  # fmt: skip
            if not ends:
                continue
            name = f"{way}{v}"
            metrics[name] = row([f"e{i}{j}" for i, j in ends], f"op{v}" if v in inner else None)
            always.append(Budget(name, None, 0 if v in inner else 1))
    for k, operation in enumerate(OPERATIONS):
        counts = [np.zeros(len(s.options), dtype=np.int64) for s in slots]
        for v in inner:
            counts[at[f"op{v}"]][k] = 1
        metrics[operation.split("-")[0]] = TableSum(0, tuple(counts))
    counted = {operation.split("-")[0] for operation in OPERATIONS}
    units = {metric: "vertices" if metric in counted else "edges" for metric in metrics}
    rules = tuple(_rules(edges, inner, at))
    return TableSpace("nasbench101", slots, metrics, OPERATIONS, rules, tuple(always), units)


def _rules(
    edges: Sequence[tuple[int, int]], inner: Sequence[int], at: Mapping[str, int]
) -> list[PairTable]:
    """No edge at an absent vertex; absent vertices come last."""
    absent = len(OPERATIONS)
    lone = np.ones((2, absent + 1), dtype=bool)
    lone[1, absent] = False
    last = np.ones((absent + 1, absent + 1), dtype=bool)
    last[absent, :absent] = False
    found = [
        PairTable(at[f"e{i}{j}"], at[f"op{v}"], lone)
        for i, j in edges
        for v in (i, j)
        if v in inner
    ]
    found += [PairTable(at[f"op{v}"], at[f"op{v + 1}"], last) for v in inner if v + 1 in inner]
    return found


def words_of(
    matrix: Sequence[Sequence[int]], operations: Sequence[str], vertices: int = VERTICES
) -> dict[str, str]:
    """A published cell (upper triangular ``matrix``, operations of its inner vertices) as options.

    A cell of fewer vertices keeps its order; its output becomes the last vertex. Raises
    ``ValueError`` for a matrix that is not square, or too large.
    """
    n = len(matrix)
    if any(len(row) != n for row in matrix) or n > vertices or len(operations) != n - 2:
        raise ValueError(
            f"accepted: a square matrix of at most {vertices} and its inner operations"
        )
    words = {f"e{i}{j}": "0" for i, j in itertools.combinations(range(vertices), 2)}
    for i, j in itertools.combinations(range(n), 2):
        if matrix[i][j]:
            words[f"e{i}{j if j < n - 1 else vertices - 1}"] = "1"
    given = [*operations, *[ABSENT] * (vertices - n)]
    return words | {f"op{v}": name for v, name in enumerate(given, 1)}
