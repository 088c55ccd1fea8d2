"""The mix problem: a solver-free program over layers whose order costs nothing.

The layers of a transformer's stack have one width, so that every cost and the entropy of a network
are sums over its layers, whatever their order. What remains to be chosen is a *frame* (the choices
that all layers share: widths, patch size) and, for each *group* of layers, how often each option of
a layer is taken:

    metric(f, m)    = constant_f + sum_g sum_o cost_(f,g,o) * m_(g,o)        (integers)
    objective(f, m) = value_f    + sum_g sum_o value_(f,g,o) * m_(g,o)       (reals)
    least_g <= sum_o m_(g,o) <= most_g

12 options for each of 12 layers are 12^12 networks but only 1.4 million mixes. A stack whose layers
are all alike is a group from which exactly one option is taken, each option standing for the whole
stack. This module knows no solver and no transformer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mathdesign.programs.base import Budget, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Group:
    """Layers to choose: between ``least`` and ``most`` of them, each one of the options.

    ``costs`` has shape ``(options, metrics)``, integers; ``values`` shape ``(options,)``.
    """

    costs: IntArray
    values: FloatArray
    least: int
    most: int

    def __post_init__(self) -> None:
        if self.costs.ndim != 2 or len(self.costs) != len(self.values) or not len(self.values):
            raise ValueError("a group needs at least one option, one row of costs for each")
        if not 0 <= self.least <= self.most:
            raise ValueError(f"a group of {self.least} to {self.most} layers")

    @property
    def mixes(self) -> int:
        """Number of ways to fill the group, order ignored."""
        kinds = len(self.values)
        return sum(math.comb(n + kinds - 1, n) for n in range(self.least, self.most + 1))

    @property
    def lists(self) -> int:
        """Number of ways to fill the group, order counted."""
        return sum(len(self.values) ** n for n in range(self.least, self.most + 1))


@dataclass(frozen=True, eq=False)
class Frame:
    """One choice of what all layers share. ``costs`` has shape ``(metrics,)``."""

    costs: IntArray
    value: float
    groups: tuple[Group, ...]


@dataclass(frozen=True, eq=False)
class MixProblem:
    """The whole program: maximise the objective under ``budgets`` on ``metrics``.

    A point is ``(frame, counts of the first group's options, of the second's, ...)``.
    """

    name: str
    metrics: tuple[str, ...]
    frames: tuple[Frame, ...]
    budgets: tuple[Budget, ...] = ()

    def __post_init__(self) -> None:
        for budget in self.budgets:
            if budget.metric not in self.metrics:
                raise ValueError(f"budget on unknown metric {budget.metric!r}")
        for frame in self.frames:
            shapes = {frame.costs.shape, *(g.costs.shape[1:] for g in frame.groups)}
            if shapes != {(len(self.metrics),)}:
                raise ValueError("costs: one for each metric")

    @cached_property
    def size(self) -> int:
        """Number of networks, the order of layers counted and budgets ignored."""
        return sum(math.prod(g.lists for g in frame.groups) for frame in self.frames)

    @cached_property
    def mixes(self) -> int:
        """Number of points."""
        return sum(math.prod(g.mixes for g in frame.groups) for frame in self.frames)

    def counts(self, point: Sequence[int]) -> tuple[tuple[int, ...], ...]:
        """The counts of a point, group by group. Raises ``ValueError`` for what is no point."""
        index, rest = int(point[0]), [int(k) for k in point[1:]]
        if not 0 <= index < len(self.frames):
            raise ValueError(f"no frame {index}")
        found = []
        for group in self.frames[index].groups:
            part, rest = rest[: len(group.values)], rest[len(group.values) :]
            if len(part) != len(group.values) or min(part) < 0:
                raise ValueError("one count, 0 or more, for each option")
            if not group.least <= sum(part) <= group.most:
                raise ValueError(f"{sum(part)} layers in a group of {group.least} to {group.most}")
            found.append(tuple(part))
        if rest:
            raise ValueError("more counts than options")
        return tuple(found)

    def costs(self, point: Sequence[int]) -> Mapping[str, int]:
        """Every metric of a point, in Python integers."""
        frame = self.frames[int(point[0])]
        totals = [int(c) for c in frame.costs]
        for group, counts in zip(frame.groups, self.counts(point)):
            for row, count in zip(group.costs, counts):
                if count:
                    totals = [total + count * int(c) for total, c in zip(totals, row)]
        return dict(zip(self.metrics, totals))

    def value(self, point: Sequence[int]) -> float:
        """The objective of a point, summed exactly and rounded once."""
        frame = self.frames[int(point[0])]
        terms = [frame.value]
        for group, counts in zip(frame.groups, self.counts(point)):
            terms += [float(v) * count for v, count in zip(group.values, counts)]
        return math.fsum(terms)

    def feasible(self, point: Sequence[int]) -> bool:
        """Whether a point keeps all budgets."""
        costs = self.costs(point)
        return all(
            (b.upper is None or costs[b.metric] <= b.upper)
            and (b.lower is None or costs[b.metric] >= b.lower)
            for b in self.budgets
        )

    def sides(self) -> tuple[tuple[int, int, int], ...]:
        """The budgets as rows ``sign * metric <= limit``: ``(metric position, sign, limit)``."""
        rows = []
        for budget in self.budgets:
            at = self.metrics.index(budget.metric)
            if budget.upper is not None:
                rows.append((at, 1, math.floor(budget.upper)))
            if budget.lower is not None:
                rows.append((at, -1, -math.ceil(budget.lower)))
        return tuple(rows)


def stacked(frame: Frame) -> tuple[IntArray, FloatArray]:
    """Costs, shape ``(all options, metrics)``, and values of all groups, one below the other."""
    return (
        np.concatenate([g.costs for g in frame.groups]),
        np.concatenate([g.values for g in frame.groups]),
    )
