r"""Bounds of everything that may follow a node, by dynamic programming under prices.

**The relaxation.** A point is a path of :class:`~.steps.Graph`. With :math:`E_s` its log-width after
stage :math:`s`, :math:`d_s` its depths, :math:`c_r` its metrics and :math:`D_s` its layers so far,

.. math:: f = \sum_s \bigl(\text{gain}_s + \text{base}_s(w_s) + \text{slope}_s(w_s) E_s\bigr) - p(d)

is the objective. Everything is a sum along the path but the penalty :math:`p`, and three kinds of
limits couple the stages. Each is replaced by a *linear* inequality that every feasible point keeps:

* a budget :math:`l \le c \le u`: for any real :math:`y`,
  :math:`0 \le y^+ (u - c) + y^- (c - l)`;
* effectiveness at a prefix, :math:`D e^{-E/D} \le \rho`, which is :math:`E \ge h(D)` with
  :math:`h(D) = D \ln (D/\rho)`. :math:`h` is convex, so that for any :math:`D_0 > 0` and
  :math:`\mu \ge 0`, :math:`0 \le \mu\,(E - h(D_0) - h'(D_0)(D - D_0))`;
* the penalty, convex in the depths: for any :math:`d^0` and a subgradient :math:`g` there,
  :math:`-p(d) \le -p(d^0) - g \cdot (d - d^0)`.

Adding them to :math:`f` gives for *any* such numbers an upper bound on the objective of every
feasible point (weak duality), and it is a sum along the path again: :class:`Prices` holds its
coefficients, and since they enter linearly, every convex combination of prices are prices.

**The dynamic program.** Let :math:`V_s(w, E)` be the greatest priced sum of what follows a path that
enters stage :math:`s` with width :math:`w` and log-width :math:`E`. Over arcs :math:`a` to :math:`w'`,

.. math:: V_s(w, E) = \max_a \; q_a + \text{base}(w') + \sigma (E + L_a) + V_{s+1}(w', E + L_a)

with :math:`\sigma` the slope at the end of the stage, prices of prefixes included. By induction
:math:`V_s(w, \cdot)` is a maximum of affine functions: one of :math:`V_{s+1}` with slope :math:`\alpha`
and intercept :math:`\beta` becomes one with slope :math:`\alpha + \sigma` and intercept
:math:`\beta + \text{base} + (\alpha + \sigma) L_a + q_a`. So products of widths and log-widths are *not*
relaxed. Only the upper envelope over the log-widths with which a node is entered is kept, and of an
envelope of more than :data:`MOST_PIECES` pieces the last are replaced by the chord over them, which
lies above a convex function. Hence for a path so far of priced value :math:`v`, no completion is
worth more than :math:`v + V_s(w, E)` -- and at the root, where :math:`v` is the prices' constant, no
point at all.

**Rounding.** Sums of doubles of :math:`n` terms err by at most :math:`n 2^{-53}` of the sum of absolute
values; :attr:`Completion.room` is :data:`ROOM` times that sum at its greatest, more than any chain
of thousands of terms needs, and is added to every bound that is used. Budgets are not decided here:
labels count in exact integers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

import numpy as np

from mathdesign.programs.base import FloatArray, IntArray
from mathdesign.programs.stages import DepthPenalty
from mathdesign.solvers.paths.steps import Graph

#: Pieces of an envelope that are kept exactly.
MOST_PIECES = 24
#: Room for the rounding of sums, relative to the sum of absolute values.
ROOM = 1e-12


@dataclass(frozen=True, eq=False)
class Prices:
    """Coefficients of a valid linear relaxation; see the module. Linear: prices may be mixed."""

    rows: FloatArray
    """(rows,) price of a unit of each metric."""
    depth: FloatArray
    """(stages,) price of a block of each stage, the penalty aside."""
    bend: FloatArray
    """(stages,) price of a block of each stage by tangents of the penalty."""
    slope: FloatArray
    """(stages,) worth of a unit of log-width at the end of each stage, beside the objective's."""
    constant: float
    bend_constant: float
    magnitude: float
    """Sum of the absolute values that the constants were summed from."""

    @classmethod
    def none(cls, graph: Graph) -> Prices:
        """No relaxed limit is worth anything, no penalty is paid (it is positive)."""
        zero = np.zeros(len(graph.steps))
        return cls(np.zeros(len(graph.rows)), zero, zero, zero, 0.0, 0.0, 0.0)

    def plus(self, other: Prices, times: float = 1.0) -> Prices:
        """The sum of the inequalities, the other ``times`` over."""
        return Prices(
            *(getattr(self, f.name) + times * getattr(other, f.name) for f in fields(self))
        )

    def scaled(self, times: float) -> Prices:
        """The inequalities ``times`` over."""
        return Prices(*(times * getattr(self, f.name) for f in fields(self)))

    def mixed(self, other: Prices, share: float) -> Prices:
        """``share`` of the other and the rest of this one."""
        return self.scaled(1.0 - share).plus(other, share)

    def unbent(self) -> Prices:
        """The same with the penalty left out."""
        return replace(self, bend=np.zeros_like(self.bend), bend_constant=0.0)

    @property
    def bent(self) -> bool:
        """Whether tangents of the penalty are in the prices."""
        return self.bend_constant != 0.0 or bool(self.bend.any())


@dataclass(frozen=True, eq=False)
class Tangent:
    """``slopes . depths + constant``, nowhere above the penalty; slopes by penalised stage."""

    slopes: FloatArray
    constant: float
    """At depths of 0."""


def tangent(penalty: DepthPenalty, depths: FloatArray, most: float) -> Tangent:
    r"""The tangent of the penalty at ``depths``, drawn towards their mean where it exceeds ``most``.

    With spread :math:`\sigma` (standard deviation or variance), :math:`p = w e^\sigma` has gradient
    :math:`p \cdot \nabla\sigma`; at equal depths zero is a subgradient.
    """
    n, mean = len(depths), float(depths.mean())
    off = depths - mean
    largest = math.log(max(most / penalty.weight, math.e)) if penalty.weight > 0 else 1.0
    spread = float(off.std() if penalty.form == "std" else off.var())
    if spread > largest:
        off = off * (largest / spread if penalty.form == "std" else math.sqrt(largest / spread))
        spread = largest
    value = penalty.weight * math.exp(spread)
    if penalty.form == "variance":
        slopes = value * 2.0 * off / n
    else:
        slopes = value * off / (n * spread) if spread > 1e-9 else np.zeros(n)
    # Room: the tangent may be rounded above the penalty where it touches it.
    value -= ROOM * (abs(value) + float(np.abs(slopes) @ np.abs(mean + off)))
    return Tangent(slopes, value - float(slopes @ (mean + off)))


class Completion:
    """``V`` of every node under some prices."""

    def __init__(self, graph: Graph, prices: Prices) -> None:
        self.graph, self.prices = graph, prices
        last = len(graph.steps[-1].slope)
        self.pieces: list[tuple[FloatArray, FloatArray]] = [
            (np.zeros((last, 1)), np.zeros((last, 1)))
        ]
        self.priced = [self._priced(s) for s in range(len(graph.steps))]
        """By stage what each arc adds under the prices, log-widths aside; ``-inf``: none."""
        size = prices.magnitude
        for s in range(len(graph.steps) - 1, -1, -1):
            self.pieces.append(self._before(s, *self.pieces[-1]))
            size += self._size(s)
        self.pieces.reverse()
        self.room = ROOM * size
        self.start = prices.constant + prices.bend_constant
        root = self.at(0, np.zeros(1, dtype=np.int64), np.zeros(1))
        self.bound = self.start + float(root[0]) + self.room

    def _priced(self, s: int) -> FloatArray:
        step, prices = self.graph.steps[s], self.prices
        paid = np.tensordot(prices.rows, step.costs.astype(np.float64), axes=1)
        paid = paid + (prices.depth[s] + prices.bend[s]) * step.depth
        found: FloatArray = np.where(step.allowed, step.gain + step.base[:, None] - paid, -np.inf)
        return found

    def slope(self, s: int) -> FloatArray:
        """(out,) what a unit of log-width is worth at the end of stage ``s``."""
        found: FloatArray = self.graph.steps[s].slope + self.prices.slope[s]
        return found

    def at(self, s: int, width: IntArray, log_width: FloatArray) -> FloatArray:
        """``V`` at nodes that enter stage ``s``, shape of ``log_width``."""
        slope, intercept = self.pieces[s]
        found: FloatArray = slope[width, 0] * log_width + intercept[width, 0]
        for k in range(1, slope.shape[1]):
            np.maximum(found, slope[width, k] * log_width + intercept[width, k], out=found)
        return found

    def path(self) -> tuple[IntArray, ...]:
        """A path that attains the bound: ``(width in, width out, choice)`` of each stage."""
        taken: list[IntArray] = []
        width, log_width = 0, 0.0
        for s, step in enumerate(self.graph.steps):
            ends = log_width + step.log_width[width]
            outs = np.broadcast_to(np.arange(len(step.slope))[:, None], ends.shape)
            worth = self.priced[s][width] + self.slope(s)[:, None] * ends
            worth = worth + self.at(s + 1, outs.ravel(), ends.ravel()).reshape(ends.shape)
            out, choice = np.unravel_index(int(np.argmax(worth)), worth.shape)
            taken.append(np.array([width, out, choice], dtype=np.int64))
            width, log_width = int(out), float(ends[out, choice])
        return tuple(taken)

    def _before(
        self, s: int, slope: FloatArray, intercept: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """The envelopes of the nodes that enter stage ``s`` from those that leave it."""
        step, priced = self.graph.steps[s], self.priced[s]
        steeper = slope + self.slope(s)[:, None]
        # (in, out, pieces): the best choice of an arc's two widths, for each piece.
        best = np.max(
            priced[:, :, None, :] + steeper[None, :, :, None] * step.log_width[:, :, None, :],
            axis=3,
        )
        offered = (intercept[None] + best).reshape(len(best), -1)
        return envelope(steeper.ravel(), offered, *self.graph.reached[s])

    def _size(self, s: int) -> float:
        """The greatest sum of absolute values that an arc adds to a bound."""
        step, prices = self.graph.steps[s], self.prices
        costs = step.costs.max(axis=(1, 2, 3), initial=0).astype(np.float64)
        size = float(np.abs(prices.rows) @ costs) + float(np.abs(step.gain).max())
        per_block = abs(float(prices.depth[s])) + abs(float(prices.bend[s]))
        size += per_block * float(step.depth.max())
        size += float(np.abs(step.base).max())
        ends = max(float(np.abs(side).max()) for side in self.graph.reached[s + 1])
        return size + float(np.abs(self.slope(s)).max()) * ends


def envelope(
    slope: FloatArray, intercept: FloatArray, low: FloatArray, high: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Upper envelopes of lines over intervals: slopes and intercepts, shape ``(rows, pieces)``.

    ``slope`` has shape ``(lines,)``, ``intercept`` ``(rows, lines)``, ``-inf`` where a row lacks the
    line; ``low`` and ``high`` shape ``(rows,)``. Padded by lines that are nowhere above the others.
    """
    rows = np.arange(len(intercept))
    at = low.copy()
    here = slope * at[:, None] + intercept
    best = here.max(axis=1)
    current = np.argmax(np.where(here == best[:, None], slope, -np.inf), axis=1)
    found = [(slope[current], intercept[rows, current])]
    while True:
        own, level = slope[current], intercept[rows, current]
        steeper = (slope > own[:, None]) & np.isfinite(intercept)
        with np.errstate(divide="ignore", invalid="ignore"):
            meets = (level[:, None] - intercept) / (slope - own[:, None])
        meets = np.where(steeper, np.maximum(meets, at[:, None]), np.inf)
        nearest = meets.min(axis=1)
        more = nearest < high
        if not more.any():
            break
        at = np.where(more, nearest, at)
        if len(found) == MOST_PIECES - 1:
            found.append(_chord(slope, intercept, at, high, more, found[-1]))
            break
        steepest = np.argmax(np.where(meets <= nearest[:, None], slope, -np.inf), axis=1)
        current = np.where(more, steepest, current)
        found.append((slope[current], intercept[rows, current]))
    slopes, intercepts = (np.stack(side, axis=1) for side in zip(*found))
    return slopes, intercepts


def _chord(
    slope: FloatArray, intercept: FloatArray, at: FloatArray, high: FloatArray,
    more: np.ndarray, last: tuple[FloatArray, FloatArray],
) -> tuple[FloatArray, FloatArray]:  # fmt: skip
    """The line through the envelope at ``at`` and ``high``; the last piece where nothing follows."""
    left = (slope * at[:, None] + intercept).max(axis=1)
    right = (slope * high[:, None] + intercept).max(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        rise = (right - left) / (high - at)
    return np.where(more, rise, last[0]), np.where(more, left - rise * at, last[1])
