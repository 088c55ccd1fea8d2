"""A tree model, a box of it and a stack of boxes as flat arrays: what the compiled kernels work on."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mathdesign.programs.base import BoolArray, FloatArray
from mathdesign.solvers.trees.kernels.layout import Arrays, Box, BoxStack, Work
from mathdesign.solvers.trees.model import TreeModel


def arrays(model: TreeModel) -> Arrays:
    """The model with the indices that the kernels want."""
    sizes = np.diff(model.start)
    order = np.argsort(model.scope_position, kind="stable")
    P, F = len(sizes), len(model.factor_start) - 1
    S = len(model.scope_position)
    own = np.diff(model.cell_start)
    all_options = sizes[model.scope_position]
    last = model.scope_cells[1:]  # where the cell of all options comes after those of the model
    whole = np.concatenate([np.zeros(0, np.int64), *(np.arange(n) for n in all_options)])
    cell_option = np.insert(
        model.cell_option, np.repeat(model.cell_start[last], all_options), whole
    )
    cell_size = np.insert(own, last, all_options)
    bits = np.zeros(len(cell_size), dtype=np.uint64)
    low = cell_option < 64
    bit = np.left_shift(np.uint64(1), cell_option[low].astype(np.uint64))
    np.bitwise_or.at(bits, np.repeat(np.arange(len(cell_size)), cell_size)[low], bit)
    scope_of_leaf = np.repeat(np.arange(S), np.diff(model.scope_leaf))
    return Arrays(
        **{name: getattr(model, name) for name in Arrays._fields[:13]},
        scope_cells=model.scope_cells + np.arange(S + 1),
        cell_start=np.cumsum([0, *cell_size]).astype(np.int64),
        cell_option=cell_option,
        cell_bits=bits,
        leaf_cell=(
            np.where(model.leaf_cell < 0, last[scope_of_leaf], model.leaf_cell) + scope_of_leaf
        ).astype(np.int32),
        scope_shift=model.scope_leaf[:-1] - model.factor_start[model.scope_factor],
        scope_message=np.cumsum([0, *all_options])[:-1].astype(np.int64),
        at_start=np.searchsorted(model.scope_position[order], np.arange(P + 1)).astype(np.int64),
        at_scope=order.astype(np.int64),
        factor_scope=np.searchsorted(model.scope_factor, np.arange(F + 1)).astype(np.int64),
        **model.positions.links(),
    )


def work(a: Arrays) -> Work:
    """Room for bounds of this model."""
    K, P, F = len(a.unary), len(a.start) - 1, len(a.factor_start) - 1
    L, C = len(a.value), len(a.cell_start) - 1
    return Work(
        own=np.empty(K), residual=np.empty(K), theta=np.empty(K), unary_top=np.empty(P),
        cell=np.empty(C), rest=np.empty(C), part=np.empty(C, dtype=bool), score=np.empty(L),
        top=np.empty(F), marginal=np.empty(message_size(a)), dropped=np.full(1, -np.inf),
    )  # fmt: skip


def message_size(a: Arrays | TreeModel) -> int:
    """How many messages there are: one a scope and option."""
    return int(np.diff(a.start)[a.scope_position].sum())


def box(a: Arrays, alive: BoolArray, message: FloatArray, mu: FloatArray) -> Box:
    """A box with all leaves and scopes, of its own memory."""
    leaves, scopes = np.arange(len(a.value), dtype=np.int32), len(a.scope_position)
    counts = np.diff(a.factor_start).astype(np.int32)
    return Box(alive.copy(), message.copy(), mu.copy(), leaves, counts, np.ones(scopes, dtype=bool))


def stack(a: Arrays, first: Box, slots: int) -> BoxStack:
    """Room for a search below ``first`` that decides a slot at each step."""
    depths = slots + 2
    boxes = Box(*(_below(part, depths) for part in first))
    most = int(np.diff(a.start)[:slots].max(initial=1))
    return BoxStack(
        boxes,
        option=np.zeros((depths, most), dtype=np.int64),
        bound=np.zeros((depths, most)),
        slot=np.zeros(depths, dtype=np.int64),
        children=np.zeros(depths, dtype=np.int64),
        left=np.zeros(depths, dtype=np.int64),
        depth=np.zeros(1, dtype=np.int64),
    )


def _below(part: npt.NDArray[Any], depths: int) -> npt.NDArray[Any]:
    """Room for ``part`` at all depths; only the first is filled, and memory taken as it is needed."""
    room = np.empty((depths, *part.shape), part.dtype)
    room[0] = part
    return room
