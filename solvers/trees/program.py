r"""The Hall relaxation with clique cuts as a linear program that is solved again and again.

Rows that hold without being asked for are left out: Hall rows enter when a solution violates them,
cliques (:mod:`.cliques`) when they are found, and both leave when they are slack. A clique
belongs to the box it was found in and leaves with it.

**The bound** does not trust the solver. For any :math:`\mu, \lambda \ge 0`,

.. math:: B = c + \sum_g \max_{j \in g} \Bigl(c_j - \sum_r \mu_r a_{rj} - \sum_i \lambda_i e_{ij}\Bigr)
              + \sum_r \mu_r b_r + \sum_i \lambda_i e_i

over the groups ``g`` of which a point takes exactly one column (the options of a position, the
leaves of a factor) is at least the objective of every feasible point of the box: its own columns are
among those maximised over, and it satisfies every row. Duals of the solver, clipped at 0, are only
good choices. With column ``j`` taken the maximum over its group is its own term: the bound of ``j``.
Columns whose bound does not exceed the cutoff are closed; then the maxima range over what is open,
and the bound holds for all points above the cutoff. Rounding as in :mod:`.kernels`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import highspy
import numpy as np
import scipy.sparse as sp

from mathdesign.programs.base import BoolArray, FloatArray, IntArray
from mathdesign.solvers.milp.highs import highs_model, quiet_highs
from mathdesign.solvers.trees.cliques import Masks, cliques
from mathdesign.solvers.trees.kernels.layout import ROUNDING
from mathdesign.solvers.trees.lp import hall, messages
from mathdesign.solvers.trees.model import TreeModel

#: Rows violated by less than this are kept to; slack by more they are not needed.
TOLERANCE = 1e-6
#: Cliques added at a time.
MOST_CLIQUES = 100
CLIQUE = -1
INFEASIBLE = highspy.HighsModelStatus.kInfeasible
UNLIMITED_S = 1e9


@dataclass(frozen=True, eq=False)
class Priced:
    """A relaxation in the terms of :mod:`.kernels`: cliques are priced into the terms."""

    constant: float
    unary: FloatArray
    value: FloatArray
    message: FloatArray
    multiplier: FloatArray


@dataclass(slots=True)
class TreeProgram:
    """Columns: options, then leaves. ``own`` and ``part`` are of the last solution."""

    model: TreeModel
    masks: Masks = field(init=False)
    highs: Any = field(init=False)
    cost: FloatArray = field(init=False)
    cells: sp.csr_matrix = field(init=False)
    rows: sp.csr_matrix = field(init=False)
    row_limit: FloatArray = field(init=False)
    row_scale: FloatArray = field(init=False)
    group: IntArray = field(init=False)
    group_start: IntArray = field(init=False)
    head: int = field(init=False)
    extra: sp.csr_matrix = field(init=False)
    """Hall rows and cliques in the program."""
    kind: IntArray = field(init=False)
    """The cell of each Hall row, ``CLIQUE`` for cliques."""
    home: BoolArray = field(init=False)
    """For each extra row the box that it holds in, shape ``(extra rows, options)``."""
    open: BoolArray = field(init=False)
    bits: np.ndarray = field(init=False)
    part: FloatArray = field(init=False)
    own: FloatArray = field(init=False)
    multiplier: FloatArray = field(init=False)
    price: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        model, relaxation = self.model, hall(self.model)
        milp = relaxation.milp
        P, F = len(model.start) - 1, len(model.factor_start) - 1
        cells = len(model.cell_start) - 1
        self.masks = Masks.of(model)
        self.cost = milp.objective
        self.cells = sp.csr_matrix(milp.matrix[P + F : P + F + cells])
        self.rows = sp.csr_matrix(milp.matrix[P + F + cells :])
        self.row_limit = milp.row_high[P + F + cells :]
        self.row_scale = relaxation.row_scale
        K = model.options
        self.group_start = np.concatenate([model.start[:-1], K + model.factor_start[:-1]])
        self.group = np.repeat(np.arange(P + F), np.diff(np.append(self.group_start, milp.columns)))
        kept = np.concatenate([np.arange(P + F), np.arange(P + F + cells, len(milp.row_high))])
        self.head = len(kept)
        self.extra = sp.csr_matrix((0, milp.columns))
        self.kind = np.zeros(0, dtype=np.int64)
        self.home = np.zeros((0, K), dtype=bool)
        self.open = np.ones(milp.columns, dtype=bool)
        self.bits = self.masks.bits
        self.highs = quiet_highs()
        self.highs.setOptionValue("threads", 1)
        self.highs.setOptionValue("solver", "simplex")
        self.highs.passModel(
            highs_model(
                replace(
                    milp,
                    matrix=sp.csr_matrix(milp.matrix[kept]),
                    row_low=milp.row_low[kept],
                    row_high=milp.row_high[kept],
                    integer=np.zeros_like(milp.integer),
                )
            )
        )

    def enter(self, alive: BoolArray, leaves: BoolArray) -> None:
        """Move to a box: its options, and its leaves as far as they are not closed."""
        self._drop(np.flatnonzero((alive & ~self.home).any(axis=1)))
        self.shrink(alive, leaves)

    def shrink(self, alive: BoolArray, leaves: BoolArray) -> None:
        """Close what is not given; a part of the box, so that the extra rows hold."""
        K, n = self.model.options, len(self.open)
        self.bits = self.masks.within(alive)
        self.open = np.concatenate([alive, leaves]) & self.masks.reached(self.bits)
        self.open[:K] = alive
        high = self.open.astype(np.float64)
        self.highs.changeColsBounds(n, np.arange(n, dtype=np.int32), np.zeros(n), high)

    def solve(self, limit_s: float) -> float:
        """Solve, and bound by the duals; ``-inf`` for a box without a point."""
        self.highs.setOptionValue("time_limit", self.highs.getRunTime() + max(limit_s, 0.01))
        self.highs.run()
        solution = self.highs.getSolution()
        columns = len(self.cost)
        self.part = np.array(solution.col_value) if solution.value_valid else np.zeros(columns)
        rows = self.head + len(self.kind)
        dual = np.array(solution.row_dual) if solution.dual_valid else np.zeros(rows)
        if self.highs.getModelStatus() == INFEASIBLE and self._no_point():
            return -np.inf
        return self._price(dual, self.cost, self.model.constant)

    def look(self, alive: BoolArray, leaves: BoolArray, most_iterations: int) -> float:
        """The bound of a part of the box; what the program holds and ``part`` stay."""
        K, basis = self.model.options, self.highs.getBasis()
        box, part = self.open, self.part
        self.shrink(alive, leaves)
        self.highs.setOptionValue("simplex_iteration_limit", most_iterations)
        bound = self.solve(UNLIMITED_S)
        self.highs.setOptionValue("simplex_iteration_limit", 2**31 - 1)
        self.shrink(box[:K], box[K:])
        self.part = part
        self.highs.setBasis(basis)
        return bound

    def _no_point(self) -> bool:
        """Whether a dual ray proves that the box is empty: the bound of no objective is negative."""
        _, has, ray = self.highs.getDualRay()
        nothing = np.zeros(len(self.cost))
        return has and any(
            self._price(np.array(r), nothing, 0.0) < 0 for r in (ray, -np.array(ray))
        )

    def _price(self, dual: FloatArray, cost: FloatArray, constant: float) -> float:
        """The bound of these duals; sets ``own``, ``multiplier`` and ``price``."""
        # Maximisation: HiGHS gives the multiplier of a `<=` row as a number that is not negative.
        dual = np.where(np.isfinite(dual), np.maximum(dual, 0.0), 0.0)
        first = self.head - len(self.row_limit)
        self.multiplier, self.price = dual[first : self.head], dual[self.head :]
        paid = float(self.price[self.kind == CLIQUE].sum())
        reduced = cost - self.multiplier @ self.rows - self.price @ self.extra
        size = np.abs(cost) + self.multiplier @ abs(self.rows) + self.price @ abs(self.extra)
        reduced = np.where(self.open, reduced, -np.inf)
        top = np.maximum.reduceat(reduced, self.group_start)
        bound = constant + float(top.sum()) + float(self.multiplier @ self.row_limit) + paid
        if not np.isfinite(bound):
            self.own = np.full(len(cost), -np.inf)
            return -np.inf
        sizes = float(np.maximum.reduceat(size, self.group_start).sum())
        sizes += abs(constant) + float(self.multiplier @ np.abs(self.row_limit)) + paid
        bound += ROUNDING * sizes
        self.own = bound - (top[self.group] - reduced)
        return bound

    def separate(self) -> int:
        """Add Hall rows and cliques that the last solution violates; how many."""
        inside = np.ones(len(self.cells.indptr) - 1, dtype=bool)
        inside[self.kind[self.kind >= 0]] = False
        which = np.flatnonzero(inside & (self.cells @ self.part > TOLERANCE))
        everywhere = np.ones((len(which), self.model.options), dtype=bool)
        self._add(sp.csr_matrix(self.cells[which]), np.zeros(len(which)), which, everywhere)
        found = cliques(self.masks, self.bits, self.part, self.own, self.open, MOST_CLIQUES)
        if found:
            index = np.concatenate(found)
            start = np.cumsum([0, *map(len, found)])
            shape = (len(found), len(self.cost))
            matrix = sp.csr_matrix((np.ones(len(index)), index, start), shape=shape)
            home = np.repeat(self.open[None, : self.model.options], len(found), axis=0)
            self._add(matrix, np.ones(len(found)), np.full(len(found), CLIQUE), home)
        return len(which) + len(found)

    def _add(
        self, matrix: sp.csr_matrix, limit: FloatArray, kind: IntArray, home: BoolArray
    ) -> None:
        n = len(limit)
        if not n:
            return
        self.highs.addRows(
            n, np.full(n, -np.inf), limit, matrix.nnz, matrix.indptr[:-1].astype(np.int32),
            matrix.indices.astype(np.int32), matrix.data,
        )  # fmt: skip
        self.extra = sp.csr_matrix(sp.vstack([self.extra, matrix]))
        self.kind = np.concatenate([self.kind, kind])
        self.home = np.concatenate([self.home, home])

    def purge(self) -> None:
        """Forget extra rows that the last solution does not lean on."""
        if len(self.kind):
            slack = (self.kind == CLIQUE) - self.extra @ self.part
            self._drop(np.flatnonzero(slack > TOLERANCE))

    def _drop(self, which: IntArray) -> None:
        if not len(which):
            return
        self.highs.deleteRows(len(which), (self.head + which).astype(np.int32))
        kept = np.ones(len(self.kind), dtype=bool)
        kept[which] = False
        self.extra = sp.csr_matrix(self.extra[kept])
        self.kind, self.home = self.kind[kept], self.home[kept]

    def priced(self) -> Priced:
        """The last duals as messages; terms of closed columns are ``-inf``."""
        model = self.model
        clique = np.where(self.kind == CLIQUE, self.price, 0.0)
        terms = np.where(self.open, self.cost - clique @ self.extra, -np.inf)
        K = model.options
        of_cell = np.zeros(len(model.cell_start) - 1)
        of_cell[self.kind[self.kind >= 0]] = self.price[self.kind >= 0]
        unary = np.where(self.open[:K], terms[:K], 0.0)
        return Priced(
            model.constant + float(clique.sum()), unary, terms[K:], messages(model, of_cell),
            self.multiplier * self.row_scale,
        )  # fmt: skip
