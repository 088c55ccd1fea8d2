r"""Bounds of all frames of a mix problem at once, by Lagrangian relaxation.

For rows :math:`a_k(f, m) \le b_k` and any multipliers :math:`\lambda \ge 0`, every feasible mix
:math:`m` of frame :math:`f` has

.. math:: v(f, m) \;\le\; v(f, m) + \sum_k \lambda_k (b_k - a_k(f, m))
          \;\le\; v_f + \sum_k \lambda_k (b_k - a_{k,f})
          + \sum_g \max_{l_g \le n \le u_g} n \cdot \max_o \bigl(v_{g,o} - \lambda \cdot a_{g,o}\bigr)

since the budgets hold (first step) and the right-hand side is separable (second step): a group
takes its best option, as often as it may if that gains, as rarely as it must if it costs. The bound
is valid for *every* :math:`\lambda \ge 0`; multipliers of one frame's linear program serve all
others, at the price of one pass over an array.
"""

from __future__ import annotations

import numpy as np

from mathdesign.programs.base import FloatArray
from mathdesign.programs.mixes import MixProblem

#: Relative room for the rounding of sums of doubles in a bound.
ROUNDING = 1e-10


class FrameBounds:
    """The least bound known of each frame, in the objective's unit."""

    def __init__(self, problem: MixProblem) -> None:
        self._sides = problem.sides()
        frames = problem.frames
        groups = max(len(f.groups) for f in frames)
        options = max(len(g.values) for f in frames for g in f.groups)
        shape = (len(frames), groups, options)
        #: Absent options never attract; absent groups have one option that costs nothing.
        self._values = np.full(shape, -np.inf)
        self._rows = np.zeros((*shape, len(self._sides)))
        self._least, self._most = np.zeros(shape[:2]), np.zeros(shape[:2])
        self._value = np.array([f.value for f in frames])
        self._slack = np.zeros((len(frames), len(self._sides)))
        at = [k for k, _, _ in self._sides]
        sign = np.array([s for _, s, _ in self._sides], dtype=np.float64)
        for i, frame in enumerate(frames):
            # In integers: of two costs of 1e18 their difference is what counts.
            self._slack[i] = [float(b - s * int(frame.costs[k])) for k, s, b in self._sides]
            self._values[i, len(frame.groups) :, 0] = 0.0
            for j, group in enumerate(frame.groups):
                n = len(group.values)
                self._values[i, j, :n] = group.values
                self._rows[i, j, :n] = sign * group.costs[:, at]
                self._least[i, j], self._most[i, j] = group.least, group.most
        self.best = np.full(len(frames), np.inf)
        self.tighten(np.zeros(len(self._sides)))

    def tighten(self, multipliers: FloatArray) -> None:
        """Take in the bounds that ``multipliers``, one a budget side, give."""
        price = np.maximum(multipliers, 0.0)
        gain = (self._values - self._rows @ price).max(axis=2)
        taken = np.where(gain > 0, self._most, self._least) * gain
        total = self._value + self._slack @ price + taken.sum(axis=1)
        # Room for rounding is measured by what was summed, not by what is left of it.
        summed = abs(self._value) + abs(self._slack) @ price + abs(taken).sum(axis=1)
        self.best = np.minimum(self.best, total + ROUNDING * (1.0 + summed))
