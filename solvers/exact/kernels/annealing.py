"""Simulated annealing: the first incumbent."""

from __future__ import annotations

import math

from mathdesign.programs.base import IntArray
from mathdesign.solvers.compiled import inner, kernel
from mathdesign.solvers.exact.kernels.points import follow_sources, judge
from mathdesign.solvers.exact.kernels.state import NEVER, copy
from mathdesign.solvers.exact.model import BoxModel


@inner
def uniform(seed: IntArray) -> float:
    """The next number in [0, 1) of a 48-bit linear congruential generator (as POSIX drand48)."""
    seed[0] = (seed[0] * 25214903917 + 11) & ((1 << 48) - 1)
    return float(seed[0]) / float(1 << 48)


@inner
def move(m: BoxModel, point: IntArray, trial: IntArray, seed: IntArray) -> None:
    """Change one to three decisions, mostly by a step or two."""
    n = m.size.shape[0]
    copy(trial, point)
    changes = 1 + int(3.0 * uniform(seed) * uniform(seed))
    for _ in range(changes):
        j = int(uniform(seed) * n)
        while m.source[j] >= 0:
            j = int(uniform(seed) * n)
        reach = 1 + int(m.size[j] * 0.5 * uniform(seed) ** 6)
        step = 1 + int(reach * uniform(seed))
        i = trial[j] + (step if uniform(seed) < 0.5 else -step)
        trial[j] = min(max(i, 0), m.size[j] - 1)
    follow_sources(m, trial)
    for g in range(m.pair.shape[0]):  # a second block comes without others
        if m.value[m.pair[g, 0], trial[m.pair[g, 0]]] == 0:
            trial[m.pair[g, 1]] = 0


@kernel
def anneal(m: BoxModel, point: IntArray, best: IntArray, moves: int, seed: IntArray) -> float:
    """Simulated annealing from ``point`` on objective minus a price on violations.

    ``best`` receives the best feasible point; its objective is returned (``NEVER``: none).
    """
    trial = point.copy()
    violation, objective = judge(m, point)
    top = NEVER
    unit = max(abs(objective), 1.0) if math.isfinite(objective) else 1.0
    for i in range(moves):
        heat = 0.03 * (1.0 - i / moves) ** 3 + 1e-7
        move(m, point, trial, seed)
        v, f = judge(m, trial)
        gain = (f - objective) / unit - 3.0 * (v - violation)
        if gain >= 0.0 or uniform(seed) < math.exp(gain / heat) or not math.isfinite(gain):
            if not math.isfinite(f):
                continue
            copy(point, trial)
            violation, objective = v, f
            if v == 0.0:
                unit = max(unit, abs(f))
                if f > top:
                    top = f
                    copy(best, trial)
    return top
