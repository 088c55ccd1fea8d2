r"""The upper bound of a box, valid at any iterate.

**The bound.** In the coordinates of :mod:`mathdesign.solvers.exact.model` a node (a box of
intervals) is relaxed to: maximise a concave :math:`f` under convex :math:`g_i \le 0`, where

* metric rows are sums of :math:`C^0 e^{p x} + C^1 M e^{p V / M}`, convex as they stand;
* :math:`V = M x` is replaced by its four McCormick planes (the hull of the product over a box);
* effectiveness is :math:`D \ln(D / \rho_0) - W \le 0`, convex in the number of layers ``D``;
* the penalty is :math:`-\beta e^{\mathrm{spread}}`, concave, its standard deviation smoothed from
  below, and continued by a tangent where it is hopeless;
* a product :math:`z E` of the objective is over-estimated by the best of its two McCormick planes
  and :math:`(l + u) \sqrt{z E} - l u \ge z E` for :math:`\sqrt{z E} \in [l, u]`, a concave
  geometric mean; ``[l, u]`` is narrow, for any *improving* design has a sum of products above
  the incumbent and below what an ancestor's bound allows;
* logarithms of choices are linear in x, those of depths :math:`\ln(1 + M)`: concave, and for
  negative weights at most the chord over the box;
* a depth that counts by width, :math:`-\ln(1/d + K/w)`, is concave in (M, x), and rises in
  :math:`\ln d`: of a depth apart it is taken at the line that is never below :math:`\ln d`;
* rules become bounds on log-ratios over the box; minimum budgets and positive metric weights
  replace each monomial by its chord in logarithms, which is linear and never below it.

For ANY point :math:`v` and ANY multipliers :math:`\lambda \ge 0` concavity gives

.. math:: f(y) \le f(v) - \lambda g(v) + \sum_j \max_{y_j \in \text{box}} r_j (y_j - v_j),
          \qquad r = \nabla f(v) - \lambda \nabla g(v),

where a residual on a ``V`` is first moved to ``M`` and ``x`` through one of its McCormick planes
(one more multiplier). The interior-point iterates only supply ``v`` and ``lambda``; stopping them
early, or a failed factorisation, loosens the bound and cannot make it wrong.

**Rounding.** :func:`certificate` adds ``ROUNDING`` times the sum of the absolute values of all
that it summed. A sum of N products of double precision numbers errs by less than N * 2^-53 times
that sum, an exponential of an argument below 50 by less than 60 * 2^-53 of itself; ``ROUNDING``
covers both for N up to thousands. Constraints are relaxed by ``RELAXED``, which only loosens.
"""

from __future__ import annotations

import math

from mathdesign.solvers.compiled import inner
from mathdesign.solvers.exact.kernels.state import RELAXED, ROUNDING, Work
from mathdesign.solvers.exact.model import BoxModel


@inner
def certificate(m: BoxModel, w: Work, active: int, dense: int, linear: int, f: float) -> float:
    """The upper bound at w.y with multipliers w.lam >= 0 (module docstring), rounding included.

    Leaves the reduced costs of base variables in w.res, multipliers moved off V in w.absorbed.
    """
    value, size = price_constraints(w, active, dense, linear, f)
    value, size = absorb_products(m, w, value, size)
    for a in range(active):
        j = w.full[a]
        if j < m.size.shape[0]:
            up, down = w.hi[j] - w.y[j], w.lo[j] - w.y[j]
            value += max(w.res[a] * up, w.res[a] * down)
            size += w.mag[a] * (up - down + abs(w.y[j]))
    value += ROUNDING * size
    return value if math.isfinite(value) else math.inf


@inner
def price_constraints(
    w: Work, active: int, dense: int, linear: int, f: float
) -> tuple[float, float]:
    """f(v) - lambda g(v), r into w.res; absolute values of what is summed, also in w.mag."""
    value, size = f, abs(f)
    for a in range(active):
        w.res[a] = w.grad[a]
        w.mag[a] = abs(w.grad[a])
    for i in range(dense):
        lam = w.lam[i]
        value -= lam * w.g[i]
        size += lam * (abs(w.g[i]) + 2.0)
        for a in range(active):
            w.res[a] -= lam * w.jac[i, a]
            w.mag[a] += lam * abs(w.jac[i, a])
    for c in range(linear):
        lam = w.lam[dense + c]
        value -= lam * w.g[dense + c]
        size += lam * (abs(w.g[dense + c]) + abs(w.lin_rhs[c]))
        for p in range(4):
            a = w.lin_var[c, p]
            if a >= 0:
                w.res[a] -= lam * w.lin_val[c, p]
                w.mag[a] += lam * abs(w.lin_val[c, p])
    return value, size


@inner
def absorb_products(m: BoxModel, w: Work, value: float, size: float) -> tuple[float, float]:
    """Move residuals on V to M and x, through the McCormick plane that is tighter at w.y."""
    n = m.size.shape[0]
    for q in range(m.product.shape[0]):
        v = w.act[n + q]
        w.absorbed[q] = 0.0
        if v < 0:
            continue
        jm, jx = m.product[q, 0], m.product[q, 1]
        r, depth, x = w.res[v], w.y[jm], w.y[jx]
        low, high = (w.lo[jm], w.hi[jx]), (w.hi[jm], w.lo[jx])
        if r < 0.0:
            low, high = (w.lo[jm], w.lo[jx]), (w.hi[jm], w.hi[jx])
        first = low[0] * x + low[1] * depth - low[0] * low[1]
        second = high[0] * x + high[1] * depth - high[0] * high[1]
        use_first = first <= second if r >= 0.0 else first >= second
        at_m, at_x = low if use_first else high
        plane = first if use_first else second
        value += r * (plane - w.y[n + q])
        size += (abs(r) + w.mag[v]) * (abs(w.y[n + q]) + abs(at_m * x) + 2.0 * abs(at_x * w.hi[jm]))
        value += abs(r) * RELAXED
        w.res[w.act[jm]] += r * at_x
        w.res[w.act[jx]] += r * at_m
        w.mag[w.act[jm]] += (abs(r) + w.mag[v]) * abs(at_x)
        w.mag[w.act[jx]] += (abs(r) + w.mag[v]) * abs(at_m)
        w.absorbed[q] = abs(r)
        w.res[v] = 0.0
    return value, size
