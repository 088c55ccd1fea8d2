"""What the kernels of the trees read and write: named tuples of arrays, and the numbers they share."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mathdesign.programs.base import BoolArray, FloatArray, IntArray

ROUNDING = 1e-11
NEVER = -np.inf
#: Why a search came back: nothing is left, the work allowed is done, a point is to be scored.
DONE, WORKED, POINT = 0, 1, 2


class Arrays(NamedTuple):
    """A :class:`~mathdesign.solvers.trees.model.TreeModel` as the kernels read it.

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
    """Room for one bound; nothing in it outlives a call but ``own`` and ``dropped``."""

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
    dropped: FloatArray
    """One entry: the greatest bound of anything that was dropped for its bound, in all calls."""


class BoxStack(NamedTuple):
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
