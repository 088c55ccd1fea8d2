"""The interior-point method that feeds the certificate; it can only loosen a bound, never spoil one."""

from __future__ import annotations

import math

from mathdesign.programs.base import FloatArray
from mathdesign.solvers.compiled import inner, kernel
from mathdesign.solvers.exact.kernels.certificate import certificate
from mathdesign.solvers.exact.kernels.evaluate import evaluate, rank_one
from mathdesign.solvers.exact.kernels.products import choose_forms
from mathdesign.solvers.exact.kernels.state import LARGEST_MULTIPLIER, Work
from mathdesign.solvers.exact.model import BoxModel


@inner
def factor(h: FloatArray, active: int) -> None:
    """Cholesky in place (lower triangle); a lost pivot becomes huge, which freezes its variable."""
    for a in range(active):
        for b in range(a):
            t = h[a, b]
            for c in range(b):
                t -= h[a, c] * h[b, c]
            h[a, b] = t / h[b, b]
        t = h[a, a]
        start = t
        for c in range(a):
            t -= h[a, c] * h[a, c]
        h[a, a] = math.sqrt(t) if t > 1e-14 * abs(start) and t > 0.0 else 1e30


@inner
def substitute(h: FloatArray, x: FloatArray, active: int) -> None:
    """Solve with the factor of :func:`factor`, in place."""
    for a in range(active):
        t = x[a]
        for c in range(a):
            t -= h[a, c] * x[c]
        x[a] = t / h[a, a]
    for a in range(active - 1, -1, -1):
        t = x[a]
        for c in range(a + 1, active):
            t -= h[c, a] * x[c]
        x[a] = t / h[a, a]


@inner
def newton_step(m: BoxModel, w: Work, active: int, dense: int, linear: int, mu: float) -> None:
    """The primal-dual Newton direction into w.dy, w.ds, w.dlam."""
    n = m.size.shape[0]
    for a in range(active):
        w.curve[a] = w.hess[a, a]
        w.dy[a] = w.grad[a]
        w.hess[a, a] += 1e-11
        j = w.full[a]
        if j < n:
            w.hess[a, a] += w.zlo[a] / (w.y[j] - w.lo[j]) + w.zhi[a] / (w.hi[j] - w.y[j])
            w.dy[a] += mu / (w.y[j] - w.lo[j]) - mu / (w.hi[j] - w.y[j])
    for i in range(dense):
        ratio = w.lam[i] / w.s[i]
        pull = mu / w.s[i] + ratio * (w.g[i] + w.s[i])
        rank_one(w, w.jac[i], active, ratio)
        for a in range(active):
            w.dy[a] -= pull * w.jac[i, a]
    for c in range(linear):
        i = dense + c
        ratio = w.lam[i] / w.s[i]
        pull = mu / w.s[i] + ratio * (w.g[i] + w.s[i])
        for p in range(4):
            a = w.lin_var[c, p]
            if a < 0:
                continue
            w.dy[a] -= pull * w.lin_val[c, p]
            for q in range(4):
                b = w.lin_var[c, q]
                if 0 <= b <= a:
                    w.hess[a, b] += ratio * w.lin_val[c, p] * w.lin_val[c, q]
    factor(w.hess, active)
    substitute(w.hess, w.dy, active)
    for i in range(dense + linear):
        along = 0.0
        if i < dense:
            for a in range(active):
                along += w.jac[i, a] * w.dy[a]
        else:
            for p in range(4):
                a = w.lin_var[i - dense, p]
                if a >= 0:
                    along += w.lin_val[i - dense, p] * w.dy[a]
        w.ds[i] = -(w.g[i] + w.s[i]) - along
        w.dlam[i] = (mu - w.lam[i] * (w.s[i] + w.ds[i])) / w.s[i]


@inner
def take_step(m: BoxModel, w: Work, active: int, both: int, mu: float) -> tuple[float, float]:
    """Step to 0.99 of the nearest bound; returns the smaller step length, mean complementarity."""
    n = m.size.shape[0]
    primal = dual = 1.0 / 0.99
    for i in range(both):
        if w.ds[i] < 0.0:
            primal = min(primal, -w.s[i] / w.ds[i])
        if w.dlam[i] < 0.0:
            dual = min(dual, -w.lam[i] / w.dlam[i])
    for a in range(active):
        j = w.full[a]
        if j >= n:
            continue
        up, down, dy = w.hi[j] - w.y[j], w.y[j] - w.lo[j], w.dy[a]
        if dy > 0.0:
            primal = min(primal, up / dy)
        if dy < 0.0:
            primal = min(primal, -down / dy)
        dz = mu / down - w.zlo[a] - w.zlo[a] / down * dy
        if dz < 0.0:
            dual = min(dual, -w.zlo[a] / dz)
        dz = mu / up - w.zhi[a] + w.zhi[a] / up * dy
        if dz < 0.0:
            dual = min(dual, -w.zhi[a] / dz)
    primal *= 0.99
    dual *= 0.99
    total, count = 0.0, both
    for i in range(both):
        w.s[i] += primal * w.ds[i]
        w.lam[i] = min(w.lam[i] + dual * w.dlam[i], LARGEST_MULTIPLIER)
        total += w.s[i] * w.lam[i]
    for a in range(active):
        j = w.full[a]
        dy = w.dy[a]
        if j < n:
            up, down = w.hi[j] - w.y[j], w.y[j] - w.lo[j]
            w.zlo[a] += dual * (mu / down - w.zlo[a] - w.zlo[a] / down * dy)
            w.zhi[a] += dual * (mu / up - w.zhi[a] + w.zhi[a] / up * dy)
            total += w.zlo[a] * (down + primal * dy) + w.zhi[a] * (up - primal * dy)
            count += 2
        w.y[j] += primal * dy
    return min(primal, dual), total / max(count, 1)


@inner
def start_point(m: BoxModel, w: Work, active: int, dense: int, linear: int, mu: float) -> None:
    """w.start pushed off the bounds, V = M x, so that McCormick planes hold strictly."""
    n = m.size.shape[0]
    for a in range(active):
        j = w.full[a]
        if j < n:
            push = 0.1 * (w.hi[j] - w.lo[j])
            w.y[j] = min(max(w.start[j], w.lo[j] + push), w.hi[j] - push)
            w.zlo[a], w.zhi[a] = mu / (w.y[j] - w.lo[j]), mu / (w.hi[j] - w.y[j])
    for q in range(m.product.shape[0]):
        if w.act[n + q] >= 0:
            w.y[n + q] = w.y[m.product[q, 0]] * w.y[m.product[q, 1]]
    for i in range(dense + linear):
        w.lam[i] = 0.0


@kernel
def maximise(
    m: BoxModel, w: Work, scale: float, room: float, full: bool, cut: float, iterations: int,
) -> tuple[float, int]:  # fmt: skip
    """The best certificate (scaled) among the interior-point iterates, and their number.

    Stops once the bound is at most ``cut``, once it cannot fall much further, or after
    ``iterations`` (any number is valid). Leaves the best iterate in w.best_y, w.best_res.
    """
    active, dense, linear = w.active, w.dense, w.linear
    choose_forms(m, w)
    both, mu, best, it = dense + linear, 2e-3, math.inf, 0
    planes = 0
    while planes < linear and w.lin_var[planes, 2] >= 0:
        planes += 1
    start_point(m, w, active, dense, linear, mu)
    evaluate(m, w, active, dense, linear, scale, room, full)
    for i in range(both):
        # McCormick planes hold strictly at the start and, being linear, stay so: V / M never runs away
        plane = dense <= i < dense + planes
        w.s[i] = max(-w.g[i], 1e-9 if plane else 0.02)
        w.lam[i] = min(mu / w.s[i], LARGEST_MULTIPLIER)
    for a in range(active):
        w.best_res[a], w.best_y[a] = 0.0, w.y[w.full[a]]
    while it < iterations:
        it += 1
        f = evaluate(m, w, active, dense, linear, scale, room, full)
        bound = certificate(m, w, active, dense, linear, f)
        if bound < best:
            best = bound
            for a in range(active):
                w.best_res[a] = w.res[a]
                w.best_y[a] = w.y[w.full[a]]
        if best <= cut or active == 0:
            break
        broken = 0.0
        for i in range(both):
            broken = max(broken, w.g[i])
        if not math.isfinite(f) or not math.isfinite(broken):
            break
        if broken < 1e-6 and best - f < max(0.05 * (best - cut), 1e-9) and best - f < 0.02:
            break
        newton_step(m, w, active, dense, linear, mu)
        step, mean = take_step(m, w, active, both, mu)
        mu = max((0.1 if step > 0.8 else 0.25 if step > 0.4 else 0.6) * mean, 1e-13)
    for a in range(active):
        w.y[w.full[a]] = w.best_y[a]
    return best, it
