r"""The DARTS cell as an integer program: the best cell that given scores allow.

DARTS (arXiv 1806.09055) reads a cell off its scores greedily: the two strongest inputs of each node,
the strongest operation on each. Here the same choice is a program, with what greed cannot keep:
binaries :math:`x_{ijo}` (edge from i to j carries operation o),

.. math:: \max \sum s_{ijo} x_{ijo}, \quad \sum_o x_{ijo} \le 1, \quad
          \sum_{i,o} x_{ijo} = 2 \; \forall j, \quad \sum x_{\cdot\cdot skip} \le S, \quad
          \sum m_{ijo} x_{ijo} \le M.

Two inputs is a rule of the cell and not a limit: where every score is negative (logarithms of a
softmax are) a node still has two. ``fewest`` loosens it to :math:`fewest \le \cdot \le inputs`.

Solved by HiGHS through scipy; the answer is checked again in Python integers, and its bound is the
solver's. A cell has at most a few hundred binaries.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

Edge = tuple[int, int]
#: The primitives of DARTS without `none`.
OPERATIONS = (
    "max_pool_3x3", "avg_pool_3x3", "skip_connect", "sep_conv_3x3", "sep_conv_5x5",
    "dil_conv_3x3", "dil_conv_5x5",
)  # fmt: skip
SKIP = "skip_connect"


class CellError(ValueError):
    """Scores or limits that make no program, or one without a cell; the message says why."""


@dataclass(frozen=True, slots=True)
class CellProgram:
    """Nodes 0 and 1 are the cell's inputs; ``nodes`` more follow, each fed by earlier ones.

    ``scores[i, j][o]``: of operation ``o`` on the edge from ``i`` to ``j``; ``macs`` likewise,
    whole numbers (empty: not counted). ``inputs``: so many edges enter a node, as DARTS has it, or
    all that there are before it; with ``fewest``, at least that many and at most ``inputs``.
    """

    scores: Mapping[Edge, tuple[float, ...]]
    operations: tuple[str, ...] = OPERATIONS
    nodes: int = 4
    inputs: int = 2
    most_skips: int | None = None
    macs: Mapping[Edge, tuple[int, ...]] | None = None
    most_macs: int | None = None
    fewest: int | None = None

    def entering(self, node: int) -> tuple[int, int]:
        """The fewest and the most edges that may enter ``node``, which ``node`` others precede."""
        fewest = self.inputs if self.fewest is None else self.fewest
        return min(fewest, node), min(self.inputs, node)

    def __post_init__(self) -> None:
        edges = [(i, j) for j in range(2, 2 + self.nodes) for i in range(j)]
        faults = []
        for what, table in (("scores", self.scores), ("macs", self.macs or {})):
            if table and set(table) != set(edges):
                faults.append(f"{what}: accepted: one entry for each of the {len(edges)} edges")
            faults += [
                f"{what} of edge {edge}: {len(row)} values, accepted: {len(self.operations)}"
                for edge, row in table.items()
                if len(row) != len(self.operations)
            ]
        if not all(math.isfinite(s) for row in self.scores.values() for s in row):
            faults.append("scores: a value is not finite")
        if not 1 <= (self.inputs if self.fewest is None else self.fewest) <= self.inputs:
            faults.append(
                f"inputs {self.inputs}, fewest {self.fewest}: accepted: 1 <= fewest <= inputs"
            )
        if self.most_macs is not None and self.macs is None:
            faults.append("most_macs: needs macs")
        if faults or not self.scores:
            raise CellError("; ".join(faults) or "scores: none")


@dataclass(frozen=True, slots=True)
class Cell:
    """The operation on each edge kept. ``bound``: no cell of the program scores more."""

    edges: Mapping[Edge, str]
    score: float
    bound: float
    macs: int
    optimal: bool


def best_cell(program: CellProgram, time_limit_s: float = 60.0) -> Cell:
    """The cell of greatest score. Raises :class:`CellError` where limits leave none."""
    from scipy.optimize import LinearConstraint, milp

    names = [(edge, o) for edge in program.scores for o in range(len(program.operations))]
    scores = np.array([program.scores[edge][o] for edge, o in names])
    rows, low, high = [], [], []

    def row(values: list[float], least: float, most: float) -> None:
        rows.append(values)
        low.append(least)
        high.append(most)

    for edge in program.scores:
        row([float(e == edge) for e, _ in names], 0, 1)
    for node in range(2, 2 + program.nodes):
        row([float(e[1] == node) for e, _ in names], *program.entering(node))
    if program.most_skips is not None:
        row([float(program.operations[o] == SKIP) for _, o in names], 0, program.most_skips)
    if program.most_macs is not None and program.macs is not None:
        # Scaled: tolerances are absolute, and multiply-adds are millions.
        costs = [program.macs[e][o] / max(1, program.most_macs) for e, o in names]
        row(costs, -np.inf, program.most_macs / max(1, program.most_macs))
    found = milp(
        -scores, integrality=np.ones(len(names)), bounds=(0, 1),
        constraints=LinearConstraint(np.array(rows), low, high),
        options={"time_limit": time_limit_s, "mip_rel_gap": 0.0},
    )  # fmt: skip
    if found.x is None:
        raise CellError("no cell keeps the limits" if found.status == 2 else found.message)
    edges = {e: program.operations[o] for (e, o), x in zip(names, found.x) if x > 0.5}
    score, macs = checked(program, edges)
    bound = max(score, -float(found.mip_dual_bound))
    return Cell(edges, score, bound, macs, found.status == 0 and bound - score <= 1e-6)


def checked(program: CellProgram, edges: Mapping[Edge, str]) -> tuple[float, int]:
    """Score and multiply-adds of a cell, counted again. Raises :class:`CellError` if it breaks a rule."""
    at = {name: o for o, name in enumerate(program.operations)}
    for node in range(2, 2 + program.nodes):
        entering = sum(edge[1] == node for edge in edges)
        fewest, most = program.entering(node)
        if not fewest <= entering <= most:
            raise CellError(f"node {node} has {entering} inputs, accepted: {fewest} to {most}")
    skips = sum(name == SKIP for name in edges.values())
    if program.most_skips is not None and skips > program.most_skips:
        raise CellError(f"{skips} skip connections, {program.most_skips} are allowed")
    macs = sum(program.macs[e][at[name]] for e, name in edges.items()) if program.macs else 0
    if program.most_macs is not None and macs > program.most_macs:
        raise CellError(f"{macs:,} multiply-adds, {program.most_macs:,} are allowed")
    return math.fsum(program.scores[e][at[name]] for e, name in edges.items()), macs
