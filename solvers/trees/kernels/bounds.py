r"""The bound of a box of options, valid for any messages and multipliers.

**The bound.** For any *messages* :math:`m_{fp}(k)` and any :math:`\mu \ge 0`,

.. math:: B = c + \sum_f \max_{\ell \in f} \Bigl(v_\ell - \mu a_\ell
              + \sum_p \max_{k \in M_{\ell p} \cap D_p} m_{fp}(k)\Bigr)
            + \sum_p \max_{k \in D_p} r_p(k) + \mu b,
          \qquad r_p(k) = u_p(k) - \mu a_p(k) - \sum_f m_{fp}(k)

is at least the objective of every feasible point of the box :math:`\prod D_p`: at the point the
messages cancel, its leaf is among those maximised over, and :math:`\mu (b - a) \ge 0`. So nothing
that follows needs to converge.

**Sweeps.** For one position all max-marginals are collected and shared out equally (block
coordinate descent on B, cf. Werner, IEEE TPAMI 29, 2007, on max-sum diffusion): B never rises.
An option whose own bound, :math:`B` with :math:`x_p = k`, does not exceed the cutoff is removed.
Multipliers follow by exact line search: B is convex and piecewise linear in each.

**What is dropped.** The bound of each box and option that is dropped for it enters ``w.dropped``, so
that the greatest of them, the incumbent and what is still open bound the program: the gap reached.

**What is no longer needed.** A leaf with an empty :math:`M_{\ell p} \cap D_p` is reached by no point
of the box, nor of any part of it. Where the leaves left of a factor all have
:math:`M_{\ell p} \supseteq D_p`, its messages to ``p`` are set to 0: they are then the same for every
leaf, so B cannot rise, :math:`\max_k m(k) + \max_k r(k) \ge \max_k (m(k) + r(k))`.
Deep in a search little is left of most factors, which is what makes a box there cheap.

**Rounding.** The bound is raised by ``ROUNDING`` times the sum of the absolute values summed; sums of
N doubles err by less than N * 2^-53 of that, and N stays in the thousands: a box is loaded from
its messages, not from the sums of the box above.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mathdesign.solvers.compiled import inner, kernel
from mathdesign.solvers.trees.kernels.layout import NEVER, ROUNDING
from mathdesign.solvers.trees.kernels.messages import load
from mathdesign.solvers.trees.kernels.multipliers import price_row
from mathdesign.solvers.trees.kernels.sweeps import drop, sweep
from mathdesign.solvers.trees.kernels.tightening import tighten


@kernel
def bound_box(a: Any, constant: float, box: Any, w: Any, cutoff: float, sweeps: int) -> float:
    """Tighten and bound a box, in place; ``NEVER`` if no feasible point in it exceeds ``cutoff``.

    ``w.own[k]`` becomes the bound of the part of the box where option ``k`` is taken.
    """
    if not tighten(a, box.alive):
        return NEVER
    bound, size = load(a, constant, box, w)
    if bound + ROUNDING * size <= cutoff:  # also where nothing is left
        return drop(w, bound + ROUNDING * size)
    for k in range(box.alive.shape[0]):
        w.own[k] = bound if box.alive[k] else NEVER
    for turn in range(sweeps):
        before = bound
        bound = sweep(a, box, w, bound, size, cutoff, turn % 2 == 0)
        if bound <= NEVER:
            return NEVER
        for r in range(a.row_limit.shape[0]):
            bound = price_row(a, box, w, r, bound)
        if bound + ROUNDING * size <= cutoff:
            return drop(w, bound + ROUNDING * size)
        if cutoff > -np.inf and before - bound < 1e-4 * (bound - cutoff):
            break
    for k in range(box.alive.shape[0]):
        w.own[k] = min(w.own[k], bound) + ROUNDING * size if box.alive[k] else NEVER
    return bound + ROUNDING * size if tighten(a, box.alive) else NEVER


@inner
def decided(a: Any, constant: float, box: Any) -> float:
    """A bound of a box of one point: its own terms, without messages, which may price more."""
    total, size = constant, abs(constant)
    for k in range(box.alive.shape[0]):
        if box.alive[k]:
            total += a.unary[k]
            size += abs(a.unary[k])
    for f in range(a.factor_start.shape[0] - 1):
        first, top = a.factor_start[f], -np.inf
        for j in range(first, first + box.counts[f]):
            top = max(top, a.value[box.live[j]])
        total += top
        size += abs(top)
    return total + ROUNDING * size
