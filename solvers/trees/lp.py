r"""The Hall relaxation of a :class:`~mathdesign.solvers.trees.model.TreeModel` as linear rows.

Columns: ``x[p, k]`` (position ``p`` takes option ``k``) and ``z[leaf]``. Rows:

.. math:: \sum_k x_{pk} = 1, \qquad \sum_{\ell \in f} z_\ell = 1, \qquad
          \sum_{\ell \in f:\ M_{\ell p} \subseteq m} z_\ell \le \sum_{k \in m} x_{pk}

the last for every cell ``m`` (a set of options of ``p`` that leaves of ``f`` are confined to).
Valid: a point takes one leaf a factor, and if that leaf is confined to a part of ``m`` then so is
the option. With binary ``x`` exactly the point's own leaves can be 1: any other leaf has a cell
that the point is outside of. One row replaces several rows a split (Misic, Operations Research 68,
2020) and is never weaker.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp

from mathdesign.programs.base import BoolArray, FloatArray
from mathdesign.solvers.milp.arrays import Milp
from mathdesign.solvers.milp.highs import highs_model, quiet_highs
from mathdesign.solvers.trees.arrays import message_size
from mathdesign.solvers.trees.model import TreeModel


@dataclass(frozen=True, eq=False)
class TreeRelaxation:
    """``milp`` over ``x`` then ``z``; its rows are positions, factors, cells, model rows."""

    milp: Milp
    row_scale: FloatArray
    """TreeModel rows were multiplied by this."""


@dataclass(frozen=True, eq=False)
class Duals:
    """Messages (one a scope and option, in the order of scopes) and multipliers of model rows."""

    message: FloatArray
    multiplier: FloatArray
    value: float


def hall(model: TreeModel) -> TreeRelaxation:
    """The relaxation as arrays, ``x`` marked integer."""
    K, L = model.options, len(model.value)
    P, F = len(model.start) - 1, len(model.factor_start) - 1
    one_x = sp.csr_matrix(
        (np.ones(K), (np.repeat(np.arange(P), np.diff(model.start)), np.arange(K))), (P, K + L)
    )
    one_z = sp.csr_matrix(
        (np.ones(L), (np.repeat(np.arange(F), np.diff(model.factor_start)), K + np.arange(L))),
        (F, K + L),
    )
    cells = _cell_rows(model)
    scale = 1.0 / np.maximum(1.0, np.abs(model.row_cost).max(axis=1, initial=0.0))
    costs = sp.csr_matrix(np.hstack([model.row_cost, model.leaf_cost]) * scale[:, None])
    ones = np.ones(P + F)
    return TreeRelaxation(
        Milp(
            objective=np.concatenate([model.unary, model.value]),
            offset=model.constant,
            matrix=sp.csr_matrix(sp.vstack([one_x, one_z, cells, costs])),
            row_low=np.concatenate([ones, np.full(cells.shape[0] + len(scale), -np.inf)]),
            row_high=np.concatenate([ones, np.zeros(cells.shape[0]), model.row_limit * scale]),
            low=np.zeros(K + L),
            high=np.ones(K + L),
            integer=np.repeat([1, 0], [K, L]).astype(np.int64),
        ),
        scale,
    )


def _cell_rows(model: TreeModel) -> sp.csr_matrix:
    """``sum of leaves confined to the cell - sum of its options``, one row a cell."""
    K, rows = model.options, len(model.cell_start) - 1
    index: list[np.ndarray] = []
    column: list[np.ndarray] = []
    sign: list[np.ndarray] = []
    for s, (f, p) in enumerate(zip(model.scope_factor, model.scope_position)):
        first, last = model.scope_cells[s], model.scope_cells[s + 1]
        member = np.zeros((last - first, model.start[p + 1] - model.start[p]), dtype=bool)
        for c in range(first, last):
            member[c - first, model.cell_option[model.cell_start[c] : model.cell_start[c + 1]]] = 1
        outside = member.astype(np.int64) @ (~member).T.astype(np.int64)  # |a minus b|
        at = model.leaf_cell[model.scope_leaf[s] : model.scope_leaf[s + 1]]
        leaves = np.flatnonzero(at >= 0)
        inside, leaf = np.nonzero(outside[at[leaves] - first].T == 0)
        index += [first + inside, first + np.nonzero(member)[0]]
        column += [K + model.factor_start[f] + leaves[leaf], model.start[p] + np.nonzero(member)[1]]
        sign += [np.ones(len(inside)), np.full(int(member.sum()), -1.0)]
    if not index:
        return sp.csr_matrix((rows, K + len(model.value)))
    entries = (np.concatenate(sign), (np.concatenate(index), np.concatenate(column)))
    return sp.csr_matrix(entries, shape=(rows, K + len(model.value)))


def solve_lp(
    model: TreeModel, relaxation: TreeRelaxation, alive: BoolArray, limit_s: float
) -> Duals:
    """Duals of the relaxation within the options ``alive``; zeros if it did not finish.

    Whatever is returned is only a starting point: the bound of :mod:`.kernels` holds for any
    messages and any multipliers that are not negative.
    """
    highs: Any = quiet_highs()
    milp = relaxation.milp
    high = milp.high.copy()
    high[: model.options][~alive] = 0.0
    highs.setOptionValue("time_limit", max(limit_s, 0.01))
    highs.setOptionValue("threads", 1)
    highs.passModel(highs_model(replace(milp, high=high, integer=np.zeros_like(milp.integer))))
    highs.run()
    solution = highs.getSolution()
    multiplier = np.zeros(len(model.row_limit))
    if not solution.dual_valid:
        return Duals(np.zeros(message_size(model)), multiplier, np.inf)
    # Maximisation: HiGHS gives the multiplier of a `<=` row as a number that is not negative.
    dual = np.maximum(np.array(solution.row_dual), 0.0)
    skip = len(model.start) - 1 + len(model.factor_start) - 1
    cells = len(model.cell_start) - 1
    multiplier[:] = dual[skip + cells :] * relaxation.row_scale
    message = messages(model, dual[skip : skip + cells])
    return Duals(message, multiplier, float(highs.getInfo().objective_function_value))


def messages(model: TreeModel, price: FloatArray) -> FloatArray:
    """The messages that multipliers of the cells' rows amount to, shape ``(message_size,)``."""
    message = np.zeros(message_size(model))
    at = 0
    for s, p in enumerate(model.scope_position):
        for c in range(model.scope_cells[s], model.scope_cells[s + 1]):
            if price[c]:
                options = model.cell_option[model.cell_start[c] : model.cell_start[c + 1]]
                message[at + options] -= price[c]
        at += model.start[p + 1] - model.start[p]
    return message
