"""What the kernels of the exact engine share: a model, scratch space, numbers and names of columns.

Kernels receive a ``StructRef``, one pointer: tuples of forty arrays took minutes to compile.
"""

# numba is untyped
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.experimental import structref

from mathdesign.programs.base import FloatArray, IntArray
from mathdesign.solvers.compiled import inner, kernel
from mathdesign.solvers.exact.model import BoxModel

ROUNDING = 1e-12
RELAXED = 1e-9
LARGEST_MULTIPLIER = 1e4
LEAF_POINTS = 32
UNBOUNDED = 2**62
#: What no objective falls to (``programs.base.LARGEST_OBJECTIVE``, and room for what is added).
NEVER = -1e304
#: The depth penalty at its greatest: what programs saturate at.
MOST_PENALTY = 1e300

#: Planes below a table: of the whole box, of the lower and of the upper halves.
PLANES = 3
#: Columns of ``Work.span``: the intervals of z, E and sqrt(z E) of a scale.
Z_LO, Z_HI, E_LO, E_HI, ROOT_LO, ROOT_HI = range(6)
#: Columns of ``Work.form``: coefficients of z, E and sqrt(z E) in an over-estimator of z E.
BY_Z, BY_E, BY_ROOT, CONST = range(4)
#: Entries of ``BoxModel.pen``.
WEIGHT, IS_STD = range(2)
#: Columns of ``BoxModel.rule_at``.
FORWARD, BACKWARD, HULL = range(3)


@structref.register
class ModelType(types.StructRef):
    """A :class:`BoxModel` as the kernels see it: one pointer, so that calls stay cheap to compile."""


@structref.register
class WorkType(types.StructRef):
    """A :class:`Work` as the kernels see it; what they set in its numbers stays with them."""


class ModelRef(structref.StructRefProxy):
    """Handle of a model."""


class WorkRef(structref.StructRefProxy):
    """Handle of a workspace."""


class Work(NamedTuple):
    """Scratch space of one thread; ``A`` active variables (those that a box leaves open)."""

    ilo: IntArray
    ihi: IntArray
    lo: FloatArray
    hi: FloatArray
    y: FloatArray
    act: IntArray
    full: IntArray
    sig: FloatArray
    row_lo: FloatArray
    row_hi: FloatArray
    poly: FloatArray
    dense_row: IntArray
    dense_end: IntArray
    dense_low: IntArray
    end_lin: FloatArray
    end_const: FloatArray
    end_lo: FloatArray
    end_hi: FloatArray
    lay_lin: FloatArray
    lay_const: FloatArray
    chord: FloatArray
    extra: FloatArray
    deep_lin: FloatArray
    form: FloatArray
    span: FloatArray
    lin_var: IntArray
    lin_val: FloatArray
    lin_rhs: FloatArray
    lin_rule: IntArray
    grad: FloatArray
    hess: FloatArray
    curve: FloatArray
    jac: FloatArray
    g: FloatArray
    s: FloatArray
    lam: FloatArray
    ds: FloatArray
    dlam: FloatArray
    zlo: FloatArray
    zhi: FloatArray
    dy: FloatArray
    res: FloatArray
    mag: FloatArray
    best_res: FloatArray
    best_y: FloatArray
    absorbed: FloatArray
    start: FloatArray
    point: IntArray
    found: IntArray
    score: FloatArray
    cell: IntArray
    slope: FloatArray
    offset: FloatArray
    active: int
    """Open variables and products; dense and sparse rows of the relaxation."""
    dense: int
    linear: int


class ActiveRows(NamedTuple):
    """What a box says of the objective before it is bounded: each part at its least and its most."""

    possible: bool
    """Whether effectiveness leaves the box a point; if not, nothing else is known."""
    rest_least: float
    rest_most: float
    """The additive part, and weighted metrics."""
    penalty_least: float
    penalty_most: float
    products_most: float
    """The sum of weighted products of the entropy."""


for _fields, _proxy, _type in (
    (BoxModel._fields, ModelRef, ModelType),
    (Work._fields, WorkRef, WorkType),
):
    structref.define_proxy(_proxy, _type, list(_fields))


@kernel
def model_ref(*arrays: Any) -> Any:
    """The handle of a model: ``model_ref(*model)``."""
    return ModelRef(*arrays)


@kernel
def work_ref(*arrays: Any) -> Any:
    """The handle of a workspace; the arrays are shared, not copied."""
    return WorkRef(*arrays)


def workspace(m: BoxModel) -> Work:
    """Scratch arrays for ``m``."""
    n, products, rows = len(m.size), len(m.product), len(m.row_upper)
    ends, scales, sigs = len(m.end_const), len(m.scale_end), len(m.sig_depth)
    every = n + products
    dense = 2 * rows + len(m.prefix_end) + 1
    linear = 4 * products + 4 * len(m.rule_var) + 3 * len(m.table_var) + len(m.held_limit) + 1
    both = dense + linear
    power = int(m.sig_pow.max(initial=1)) + 1
    f, i = (lambda *shape: np.zeros(shape)), (lambda *shape: np.zeros(shape, dtype=np.int64))
    return Work(
        ilo=i(n), ihi=i(n), lo=f(n), hi=f(n), y=f(every), act=i(every), full=i(every),
        sig=f(sigs), row_lo=f(rows), row_hi=f(rows), poly=f(rows, power),
        dense_row=i(rows), dense_end=i(len(m.prefix_end)), dense_low=i(rows),
        end_lin=f(ends, every), end_const=f(ends), end_lo=f(ends), end_hi=f(ends),
        lay_lin=f(ends, every), lay_const=f(ends), chord=f(rows, every + 1), extra=f(every + 1),
        deep_lin=f(len(m.deep), every + 1),
        form=f(scales, 4), span=f(scales, 6),
        lin_var=i(linear, 4), lin_val=f(linear, 4), lin_rhs=f(linear), lin_rule=i(linear),
        grad=f(every), hess=f(every, every), curve=f(every), jac=f(dense, every),
        g=f(both), s=f(both), lam=f(both), ds=f(both), dlam=f(both),
        zlo=f(every), zhi=f(every), dy=f(every), res=f(every), mag=f(every),
        best_res=f(every), best_y=f(every), absorbed=f(products + 1), start=f(n),
        point=i(n), found=i(LEAF_POINTS, n), score=f(n),
        cell=i(3), slope=f(PLANES, 3), offset=f(PLANES), active=0, dense=0, linear=0,
    )  # fmt: skip


# Numba compiles a slice assignment together with the formatting of its error message, which takes
# seconds; hence these two loops.


@inner
def fill(array: FloatArray, value: float) -> None:
    """Set every entry of a vector."""
    for i in range(array.shape[0]):
        array[i] = value


@inner
def copy(to: IntArray, source: IntArray) -> None:
    """Copy a vector."""
    for i in range(to.shape[0]):
        to[i] = source[i]
