"""A tree model, a box of it and a stack of boxes as flat arrays: what the compiled kernels work on."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mathdesign.programs.base import BoolArray, FloatArray, IntArray
from mathdesign.solvers.trees.model import Model


class Arrays(NamedTuple):
    """A :class:`Model` as the kernels read it.

    The last cell of every scope is the one of all its options, so that each leaf has a cell there.
    """

    start: IntArray
    unary: FloatArray
    row_cost: FloatArray
    row_limit: FloatArray
    integer_cost: IntArray
    integer_leaf_cost: IntArray
    integer_limit: IntArray
    factor_start: IntArray
    value: FloatArray
    leaf_cost: FloatArray
    costly: IntArray
    scope_factor: IntArray
    scope_position: IntArray
    scope_cells: IntArray
    """Cells of scope ``s``: ``scope_cells[s]`` to ``scope_cells[s + 1]``."""
    cell_start: IntArray
    cell_option: IntArray
    cell_bits: np.ndarray
    """The same as bits, for the first 64 options of the position."""
    leaf_cell: IntArray
    scope_shift: IntArray
    """The cell of ``leaf`` in scope ``s``: ``leaf_cell[scope_shift[s] + leaf]``."""
    scope_message: IntArray
    """Where the messages of a scope start."""
    at_start: IntArray
    at_scope: IntArray
    """Scopes of position ``p``: ``at_scope[at_start[p]:at_start[p + 1]]``."""
    factor_scope: IntArray
    """Scopes of factor ``f``: ``factor_scope[f]`` to ``factor_scope[f + 1]``."""
    link_start: IntArray
    link_slot: IntArray
    link_table: FloatArray
    """Tables of the aggregates over the options of all slots, a row a link."""
    threshold_start: IntArray
    threshold: FloatArray


def arrays(model: Model) -> Arrays:
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


class Box(NamedTuple):
    """A part of the space, and what bounds it: messages ``(one a scope and option)``, multipliers.

    ``live`` are the leaves of each factor that are reached, the first ``counts`` from where the
    factor starts; ``active`` the scopes that still confine one of them.
    """

    alive: BoolArray
    message: FloatArray
    mu: FloatArray
    live: npt.NDArray[np.int32]
    counts: npt.NDArray[np.int32]
    active: BoolArray


class Work(NamedTuple):
    """Room for one bound; nothing in it outlives a call but ``own``."""

    own: FloatArray
    """For each option the bound of the part of the box where it is taken."""
    residual: FloatArray
    theta: FloatArray
    unary_top: FloatArray
    cell: FloatArray
    """The greatest message within each cell."""
    rest: FloatArray
    part: BoolArray
    """Cells that allow some of the options left, not all."""
    score: FloatArray
    top: FloatArray
    marginal: FloatArray


class Stack(NamedTuple):
    """Boxes from the first to the deepest, and at each the children that are left to visit.

    Children are sorted by their bounds; the last is tried first, and ``left`` are not yet tried.
    """

    boxes: Box
    option: IntArray
    bound: FloatArray
    slot: IntArray
    children: IntArray
    left: IntArray
    depth: IntArray
    """One entry: the deepest box that has children left, -1 at the end."""


def work(a: Arrays) -> Work:
    """Room for bounds of this model."""
    K, P, F = len(a.unary), len(a.start) - 1, len(a.factor_start) - 1
    L, C = len(a.value), len(a.cell_start) - 1
    return Work(
        own=np.empty(K), residual=np.empty(K), theta=np.empty(K), unary_top=np.empty(P),
        cell=np.empty(C), rest=np.empty(C), part=np.empty(C, dtype=bool), score=np.empty(L),
        top=np.empty(F), marginal=np.empty(message_size(a)),
    )  # fmt: skip


def message_size(a: Arrays | Model) -> int:
    """How many messages there are: one a scope and option."""
    return int(np.diff(a.start)[a.scope_position].sum())


def box(a: Arrays, alive: BoolArray, message: FloatArray, mu: FloatArray) -> Box:
    """A box with all leaves and scopes, of its own memory."""
    leaves, scopes = np.arange(len(a.value), dtype=np.int32), len(a.scope_position)
    counts = np.diff(a.factor_start).astype(np.int32)
    return Box(alive.copy(), message.copy(), mu.copy(), leaves, counts, np.ones(scopes, dtype=bool))


def stack(a: Arrays, first: Box, slots: int) -> Stack:
    """Room for a search below ``first`` that decides a slot at each step."""
    depths = slots + 2
    boxes = Box(*(_below(part, depths) for part in first))
    most = int(np.diff(a.start)[:slots].max(initial=1))
    return Stack(
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
