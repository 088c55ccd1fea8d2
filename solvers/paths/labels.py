r"""Labels: the partial paths that may still become the best, from one end of the chain to the other.

A label is a path up to a node with its exact sums. It is dropped where

* no sum that may follow ends within a budget, in exact integers (the least and greatest are known
  everywhere, all sums of narrow budgets as far as they can be listed), or a prefix is less effective
  than allowed by more than rounding: nothing that follows is feasible;
* what :class:`~.bound.Completion` says of all that may follow is at most the cut;
* another label at the same node is at least as good in all that what follows may look at
  (*dominance*): every feasible continuation of the one is feasible for the other, and worth no less;
* too many are held: the best bounded stay, and the greatest bound that goes is remembered.

**What dominance compares.** Of a continuation only these depend on what came before: budgets, through
the sums so far -- of an upper limit only as far as the greatest rest could break it, of a lower one
as far as the least rest leaves it open; the worth of the log-width so far, whose factor lies between
the least and greatest worth of a unit from here on (linear, so the two ends decide); effectiveness,
which wants more log-width and, where :math:`h` rises (:math:`\rho \le e`), fewer layers, else as many;
and the penalty, a function of the number, sum and sum of squares of depths that rises in the last.
Equal sums and fewer squares are at least as good.

So after the last step the best label is the best point, but for what was dropped at a cut or for want
of room; the greatest bound among those is the bound of the whole. Which labels are compared with
which is a matter of speed alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields

import numpy as np

from mathdesign.programs.base import BoolArray, FloatArray, IntArray, saturated
from mathdesign.solvers.paths.bound import Completion
from mathdesign.solvers.paths.steps import FREE, Graph, Step

#: Relative room for the rounding of an effectiveness on the way.
BLUR = 1e-12
#: Arcs that are looked at in one piece.
CHUNK = 200_000
#: How many neighbours in each order a label is compared with, where more than two figures count.
NEIGHBOURS = 12


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels at the nodes between two stages, arrays of one length."""

    width: IntArray
    value: FloatArray
    """Objective so far, the penalty left out."""
    log_width: FloatArray
    costs: IntArray
    """(labels, rows)"""
    depths: IntArray
    """(labels, 2): sum and sum of squares of penalised depths."""
    layers: IntArray
    priced: FloatArray
    """(labels, completions): the priced sum so far."""
    bound: FloatArray
    """Nothing that follows is worth more."""
    parent: IntArray
    """Position among the labels before."""
    arc: IntArray
    """(labels, 2): width out and choice of the last arc."""

    def taken(self, keep: IntArray | BoolArray) -> Labels:
        """Only the labels that ``keep`` names."""
        return Labels(*(getattr(self, f.name)[keep] for f in fields(self)))

    @classmethod
    def joined(cls, parts: Sequence[Labels]) -> Labels:
        """One after the other."""
        names = [f.name for f in fields(cls)]
        return cls(*(np.concatenate([getattr(p, name) for p in parts]) for name in names))


@dataclass
class Pass:
    """One walk along the chain with room for ``most`` labels between two stages.

    ``cut``: what a point must exceed to matter. Afterwards ``left`` is the greatest bound of what
    was dropped at the cut or for want of room, ``whole`` whether nothing was for want of room.
    """

    graph: Graph
    completions: Sequence[Completion]
    cut: float
    most: int
    stop: Callable[[], bool]
    left: float = -math.inf
    whole: bool = True
    trail: list[tuple[IntArray, IntArray]] = field(default_factory=list)
    seen: int = 0

    @property
    def room(self) -> float:
        """Room for rounding of sums along a path, and so of dominance."""
        return max(completion.room for completion in self.completions)

    def run(self) -> Labels | None:
        """The labels after the last stage; their bounds are their values, penalty included, with room.

        ``None`` if it was stopped; what was open then is in ``left``.
        """
        labels = self._first()
        for s in range(len(self.graph.steps)):
            following = self._next(s, labels)
            if following is None:
                self.left = max(self.left, float(labels.bound.max(initial=-math.inf)))
                self.whole = False
                return None
            labels = following
            self.trail.append((labels.parent.astype(np.int32), labels.arc.astype(np.int32)))
            self.seen += len(labels.width)
        return labels

    def point(self, label: int) -> tuple[int, ...]:
        """The point whose path ends in a label after the last stage."""
        parts: list[list[int]] = []
        for step, (parent, arc) in zip(reversed(self.graph.steps), reversed(self.trail)):
            out, choice = arc[label]
            parts.append([int(v) for v in step.choice[out, choice]])
            label = int(parent[label])
        return tuple(v for part in reversed(parts) for v in part)

    def _first(self) -> Labels:
        zero, none = np.zeros(1, dtype=np.int64), np.zeros(1)
        constants = np.array([[c.start for c in self.completions]])
        start = min(c.bound for c in self.completions)
        return Labels(
            zero, none, none, np.zeros((1, len(self.graph.rows)), dtype=np.int64),
            np.zeros((1, 2), dtype=np.int64), zero, constants, np.array([start]), zero,
            np.zeros((1, 2), dtype=np.int64),
        )  # fmt: skip

    # ---- one stage further -----------------------------------------------------------------------

    def _next(self, s: int, labels: Labels) -> Labels | None:
        """The labels after stage ``s``, never many more than there is room for at once.

        ``None``: it was stopped.
        """
        parts = [labels.taken(np.zeros(0, dtype=np.int64))]
        held = 0
        for part in self._expanded(s, labels):
            if self.stop():
                return None
            parts.append(part)
            held += len(part.width)
            if held > 2 * (self.most + CHUNK):
                parts = [self._thinned(s + 1, Labels.joined(parts))]
                held = len(parts[0].width)
        return self._thinned(s + 1, Labels.joined(parts))

    def _expanded(self, s: int, labels: Labels) -> Iterator[Labels]:
        step = self.graph.steps[s]
        for i in range(len(step.allowed)):
            outs, choices = np.nonzero(step.allowed[i])
            here = np.flatnonzero(labels.width == i)
            if not len(outs) or not len(here):
                continue
            size = max(CHUNK // len(outs), 1)
            for start in range(0, len(here), size):
                yield self._along(s, step, i, outs, choices, labels, here[start : start + size])

    def _along(
        self, s: int, step: Step, i: int, outs: IntArray, choices: IntArray, labels: Labels,
        here: IntArray,
    ) -> Labels:  # fmt: skip
        """The labels that arcs from width ``i`` make of those at ``here``, hopeless ones left out."""
        of = np.repeat(here, len(outs))
        arc = np.tile(np.arange(len(outs)), len(here))
        out, choice = outs[arc], choices[arc]
        costs = labels.costs[of] + step.costs[:, i, outs, choices].T[arc]
        least, most = self.graph.rest[s + 1]
        good = np.ones(len(of), dtype=np.bool_)
        for r, row in enumerate(self.graph.rows):
            if row.upper < FREE:
                good &= costs[:, r] <= row.upper - least[r, out]
            if row.lower > 0:
                good &= costs[:, r] >= row.lower - most[r, out]
            if (sums := self.graph.sums[r]) is not None:
                good[good] = sums.ends_within(s + 1, out[good], costs[good, r])
        keep = np.flatnonzero(good)
        of, arc, out, choice, costs = of[keep], arc[keep], out[keep], choice[keep], costs[keep]
        depth = step.depth[out, choice]
        log_width = labels.log_width[of] + step.log_width[i, out, choice]
        layers = labels.layers[of] + step.layers * depth
        gained = step.gain[i, out, choice] + step.base[out] + step.slope[out] * log_width
        value = labels.value[of] + gained
        depths = labels.depths[of]
        if step.penalised:
            depths = depths + np.stack([depth, depth * depth], axis=1)
        priced = np.empty((len(of), len(self.completions)))
        bound = np.full(len(of), np.inf)
        spread = self._penalty(s + 1, depths)
        for c, completion in enumerate(self.completions):
            own = completion.priced[s][i, out, choice] + completion.slope(s)[out] * log_width
            priced[:, c] = labels.priced[of, c] + own
            follows = priced[:, c] + completion.at(s + 1, out, log_width) + completion.room
            if not completion.prices.bent:
                follows = follows - spread
            np.minimum(bound, follows, out=bound)
        if s + 1 == len(self.graph.steps):
            np.minimum(bound, saturated(value - spread) + self.room, out=bound)
        good = self._effective(step, log_width, layers)
        worth = bound > self.cut
        dropped = bound[good & ~worth]
        self.left = max(self.left, float(dropped.max(initial=-math.inf)))
        keep = np.flatnonzero(good & worth)
        return Labels(
            out[keep], value[keep], log_width[keep], costs[keep], depths[keep], layers[keep],
            priced[keep], bound[keep], of[keep], np.stack([out[keep], choice[keep]], axis=1),
        )  # fmt: skip

    def _penalty(self, s: int, depths: IntArray) -> FloatArray:
        """What the penalty is at least, whatever the stages from ``s`` on are; at the end, what it is.

        Depths to come are nearest to those before at their mean: the squares within remain.
        """
        penalty = self.graph.problem.objective.depth_penalty
        if penalty is None or not penalty.weight:
            return np.zeros(len(depths))
        penalised = self.graph.penalised
        before, n = int(np.searchsorted(penalised, s)), len(penalised)
        sums = depths.astype(np.float64)
        # n S2 - S1^2 in integers where they fit, so that nothing cancels.
        within = before * sums[:, 1] - sums[:, 0] ** 2
        exact = before * depths[:, 1] - depths[:, 0] ** 2
        within = np.where(np.abs(within) < 2.0**52, exact, within * (1 - 1e-12))
        variance = np.maximum(within, 0.0) / max(before * n, 1)
        with np.errstate(over="ignore"):
            found = saturated(
                penalty.weight * np.exp(np.sqrt(variance) if penalty.form == "std" else variance)
            )
        return found * (1 - 1e-12)

    def _effective(self, step: Step, log_width: FloatArray, layers: IntArray) -> BoolArray:
        limit = self.graph.limit
        if not step.prefix or limit is None:
            return np.ones(len(layers), dtype=np.bool_)
        found = layers * np.exp(-log_width / np.maximum(layers, 1))
        return found <= limit + BLUR * abs(limit)

    # ---- which labels stay -----------------------------------------------------------------------

    def _thinned(self, s: int, labels: Labels) -> Labels:
        if len(labels.width) > 1:
            labels = labels.taken(undominated(*self._compared(s, labels)))
        if len(labels.width) > self.most:
            order = np.argsort(-labels.bound, kind="stable")
            self.left = max(self.left, float(labels.bound[order[self.most]]))
            self.whole = False
            labels = labels.taken(np.sort(order[: self.most]))
        return labels

    def _compared(
        self, s: int, labels: Labels
    ) -> tuple[list[IntArray], list[FloatArray | IntArray]]:
        """What must be equal, and what must be no less, for a label to dominate another."""
        low, high = self.graph.worth[s]
        equal: list[IntArray] = [labels.width]
        figures: list[FloatArray | IntArray] = [
            labels.value + low[labels.width] * labels.log_width,
            labels.value + high[labels.width] * labels.log_width,
        ]
        least, most = self.graph.rest[s]
        for r, row in enumerate(self.graph.rows):
            costs = labels.costs[:, r]
            if row.upper < FREE:
                figures.append(-np.maximum(costs, row.upper - most[r, labels.width]))
            if row.lower > 0:
                figures.append(np.minimum(costs, row.lower - least[r, labels.width]))
        limit = self.graph.limit
        if limit is not None and any(step.prefix for step in self.graph.steps[s:]):
            figures.append(labels.log_width)
            if limit <= math.e:
                figures.append(-labels.layers)
            else:
                equal.append(labels.layers)
        if self.graph.problem.objective.depth_penalty is not None:
            equal.append(labels.depths[:, 0])
            figures.append(-labels.depths[:, 1])
        return equal, figures


def undominated(equal: Sequence[IntArray], figures: Sequence[FloatArray | IntArray]) -> IntArray:
    """Positions, ascending, of rows that no other row of equal ``equal`` matches in all ``figures``.

    Of rows alike the first stays. Complete where at most two figures differ; else each row is
    compared with some, so that dominated rows may stay.
    """
    ranks = [np.unique(f, return_inverse=True)[1] for f in figures]  # exact: integers stay integers
    ranks = _distinct([rank for rank in ranks if rank.max(initial=0) > 0])
    key = np.zeros(len(equal[0]), dtype=np.int64)
    for column in equal:
        held = np.unique(column, return_inverse=True)[1]
        key = np.unique(key * (int(held.max()) + 1) + held, return_inverse=True)[1]
    rows = np.arange(len(key))
    if len(ranks) <= 2:
        first, second = (*ranks, np.zeros_like(key), np.zeros_like(key))[:2]
        order = np.lexsort((rows, -second, -first, key))
        lifted = second[order] + key[order] * (int(second.max(initial=0)) + 2) + 1
        before = np.concatenate([[0], np.maximum.accumulate(lifted)[:-1]])
        start = key[order] * (int(second.max(initial=0)) + 2)
        return np.sort(order[lifted > np.maximum(before, start)])
    for lead in range(len(ranks)):
        turned = [*ranks[lead:], *ranks[:lead]]
        order = np.lexsort((rows, *(-r for r in reversed(turned)), key))
        table = np.stack([rank[order] for rank in ranks], axis=1)
        group = key[order]
        lost = np.zeros(len(order), dtype=np.bool_)
        for shift in range(1, min(NEIGHBOURS, len(order) - 1) + 1):
            same = group[shift:] == group[:-shift]
            lost[shift:] |= same & (table[:-shift] >= table[shift:]).all(axis=1)
        keep = np.sort(order[~lost])
        rows, key = rows[keep], key[keep]
        ranks = [rank[keep] for rank in ranks]
    return rows


def _distinct(ranks: list[IntArray]) -> list[IntArray]:
    """Figures that rank rows differently; the same ranking twice says nothing more."""
    found: list[IntArray] = []
    for rank in ranks:
        if not any(np.array_equal(rank, other) for other in found):
            found.append(rank)
    return found
