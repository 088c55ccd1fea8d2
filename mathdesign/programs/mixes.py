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
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import ClassVar, Self

import numpy as np

from mathdesign.programs.base import (
    LARGEST_OBJECTIVE,
    Budget,
    Distance,
    FloatArray,
    IntArray,
    Program,
    Reach,
    check_ceilings,
    magnitude,
    refuse_infinite,
    refuse_large,
    refuse_overflow,
    unused,
    whole,
    whole_array,
)

FRAME = "frame"
#: What two points of different frames differ by.
OTHER_FRAME = 2**62


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
        object.__setattr__(self, "costs", whole_array("costs of a group", self.costs))
        object.__setattr__(self, "values", np.asarray(self.values, dtype=np.float64))
        if self.costs.ndim != 2 or len(self.costs) != len(self.values) or not len(self.values):
            raise ValueError("a group needs at least one option, one row of costs for each")
        if not 0 <= self.least <= self.most:
            raise ValueError(f"a group of {self.least} to {self.most} layers")

    @cached_property
    def largest(self) -> tuple[int, ...]:
        """The greatest absolute value of each metric of an option."""
        low, high = self.costs.min(axis=0), self.costs.max(axis=0)
        return tuple(max(abs(a), abs(b)) for a, b in zip(low.tolist(), high.tolist()))

    @cached_property
    def largest_value(self) -> float:
        """The greatest absolute value of an option; no number where one is none."""
        return float(np.abs(self.values).max())

    @cached_property
    def mixes(self) -> int:
        """Number of ways to fill the group, order ignored."""
        kinds = len(self.values)
        return sum(math.comb(n + kinds - 1, n) for n in range(self.least, self.most + 1))

    @cached_property
    def lists(self) -> int:
        """Number of ways to fill the group, order counted."""
        return sum(len(self.values) ** n for n in range(self.least, self.most + 1))


@dataclass(frozen=True, eq=False)
class Frame:
    """One choice of what all layers share. ``costs`` has shape ``(metrics,)``."""

    costs: IntArray
    value: float
    groups: tuple[Group, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "costs", whole_array("costs of a frame", self.costs))

    @cached_property
    def largest(self) -> tuple[int, ...]:
        """An upper limit of the absolute value of each metric, itself exact."""
        total = [magnitude(c) for c in self.costs]
        for group in self.groups:
            total = [n + group.most * c for n, c in zip(total, group.largest)]
        return tuple(total)

    @cached_property
    def largest_value(self) -> float:
        """An upper limit of the absolute value of the objective, up to rounding; may be no number."""
        return abs(self.value) + sum(g.most * g.largest_value for g in self.groups)


@dataclass(frozen=True, eq=False)
class Held:
    """What is alive at once in a frame: ``always``, and at each option of each group."""

    always: int
    groups: tuple[IntArray, ...]

    @property
    def largest(self) -> int:
        """The greatest of all."""
        return max([self.always, *(magnitude(values) for values in self.groups)])


def _above(budget: Budget) -> str:
    """The metric that says a ceiling: how often what is above it is taken."""
    return f"above {budget.metric} {budget.upper}"


def _with_excess(frame: Frame, keep: list[int], ceilings: list[tuple[Held, int]]) -> Frame:
    """A frame with the metrics at ``keep`` and one for each ceiling."""
    own = [int(held.always > limit) for held, limit in ceilings]
    groups = []
    for g, group in enumerate(frame.groups):
        more = [held.groups[g] > limit for held, limit in ceilings]
        columns = [group.costs[:, keep], *(column.astype(np.int64)[:, None] for column in more)]
        groups.append(Group(np.hstack(columns), group.values, group.least, group.most))
    costs = np.array([*(frame.costs[i] for i in keep), *own], dtype=np.int64)
    return Frame(costs, frame.value, tuple(groups))


class Frames(tuple[Frame, ...]):
    """The frames of a program, with what is asked of all of them at once.

    Programs that differ in budgets, distances or pins of a frame share it, so that frames are looked
    at once, however many programs are made.
    """

    @cached_property
    def widths(self) -> frozenset[int]:
        """The numbers of metrics that costs have."""
        return frozenset(
            n
            for frame in self
            for n in (*frame.costs.shape, *(g.costs.shape[1] for g in frame.groups))
        )

    @cached_property
    def largest(self) -> tuple[int, ...]:
        """An upper limit of the absolute value of each metric, over all frames."""
        return tuple(max(column) for column in zip(*(frame.largest for frame in self)))

    @cached_property
    def sound(self) -> bool:
        """Whether all objectives are finite and none can exceed what objectives may be."""
        return all(frame.largest_value <= LARGEST_OBJECTIVE for frame in self)

    @cached_property
    def _flat(self) -> tuple[IntArray, IntArray, IntArray, IntArray, IntArray]:
        """Costs of all options, where groups start among them, where frames start among the groups
        (those that have any), which frames those are, and the frames' own costs.
        """
        groups = [group for frame in self for group in frame.groups]
        sizes = np.array([len(group.values) for group in groups], dtype=np.int64)
        counts = np.array([len(frame.groups) for frame in self], dtype=np.int64)
        some = np.flatnonzero(counts)
        costs = [group.costs for group in groups]
        return (
            np.concatenate(costs) if costs else np.zeros((0, 0), dtype=np.int64),
            np.cumsum(sizes) - sizes,
            (np.cumsum(counts) - counts)[some],
            some,
            np.stack([frame.costs for frame in self]),
        )

    def least(self, at: int, sign: int) -> tuple[int, int]:
        """The least of ``sign`` times a metric over all mixes, and the first frame that has it.

        Group by group: its best option as rarely as it must be taken, or as often as it may where
        that is less. Within int64, as :attr:`largest` is.
        """
        costs, groups, frames, some, own = self._flat
        total = sign * own[:, at]
        if len(groups):
            best = np.minimum.reduceat(sign * costs[:, at], groups)
            taken = best * np.where(best < 0, self._depths[1], self._depths[0])
            total[some] += np.add.reduceat(taken, frames)
        index = int(np.argmin(total))
        return int(total[index]), index

    @cached_property
    def _depths(self) -> tuple[IntArray, IntArray]:
        """Least and most options taken, by group."""
        groups = [group for frame in self for group in frame.groups]
        least, most = ([g.least for g in groups], [g.most for g in groups])
        return np.array(least, dtype=np.int64), np.array(most, dtype=np.int64)


@dataclass(frozen=True, eq=False, repr=False)
class MixProblem(Program):
    """The whole program: maximise the objective under ``budgets`` on ``metrics``.

    A point is ``(frame, counts of the first group's options, of the second's, ...)``. Decisions are
    ``frame`` and ``group0.option0``, ...: how often an option is taken. Points of one frame are
    apart by the sum of the differences of their counts; points of two frames share no layer.
    """

    name: str
    metrics: tuple[str, ...]
    frames: Frames
    budgets: tuple[Budget, ...] = ()
    distances: tuple[Distance, ...] = ()
    units: Mapping[str, str] = field(default_factory=dict)
    pins: tuple[tuple[str, int], ...] = ()
    """What :meth:`pinned` was told: said by metrics of their own, kept here to be counted."""

    ceilings: tuple[Budget, ...] = ()
    """Said by metrics of their own, as pins are: how often something is taken that holds more."""
    alive: Mapping[str, tuple[Held, ...]] = field(default_factory=dict)
    """For each peak what each frame holds."""

    form: ClassVar[str] = "mixes"

    def __post_init__(self) -> None:
        if len(set(self.metrics)) < len(self.metrics):
            raise ValueError("metrics need distinct names")
        for budget in self.budgets:
            if budget.metric not in self.metrics:
                raise ValueError(f"budget on unknown metric {budget.metric!r}")
        if not isinstance(self.frames, Frames):
            object.__setattr__(self, "frames", Frames(self.frames))
        self._check_frames(self.frames)
        check_ceilings(self.ceilings, self.peak_names)
        for peak, held in self.alive.items():
            if len(held) != len(self.frames):
                raise ValueError(f"{peak}: what each frame holds")
            refuse_large(peak, max((h.largest for h in held), default=0))
        for distance in self.distances:
            self.counts(distance.point)

    def _check_frames(self, frames: Frames) -> None:
        """Raise ``ValueError`` for costs of other metrics, numbers too large or not finite."""
        if frames and frames.widths != {len(self.metrics)}:
            raise ValueError("costs: one for each metric")
        for metric, greatest in zip(self.metrics, frames.largest):
            refuse_large(metric, greatest)
        if frames.sound:
            return
        for index, frame in enumerate(frames):
            refuse_infinite(f"value of frame {index}", frame.value)
            for g, group in enumerate(frame.groups):
                refuse_infinite(f"values of frame {index}, group {g}", group.values)
            refuse_overflow("the objective", frame.largest_value)

    @cached_property
    def size(self) -> int:
        """Number of networks, the order of layers counted and budgets ignored."""
        return sum(math.prod(g.lists for g in frame.groups) for frame in self.frames)

    @cached_property
    def points(self) -> int:
        """Number of points: mixes of layers."""
        return sum(math.prod(g.mixes for g in frame.groups) for frame in self.frames)

    def counts(self, point: Sequence[int]) -> tuple[tuple[int, ...], ...]:
        """The counts of a point, group by group. Raises ``ValueError`` for what is no point."""
        index, *rest = whole(point) or (-1,)
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

    @property
    def extent(self) -> str:
        """The number of frames."""
        return f"in {len(self.frames)} choices of widths"

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Names of the metrics."""
        return self.metrics

    @property
    def peak_names(self) -> tuple[str, ...]:
        """Names of the peaks."""
        return tuple(self.alive)

    def peaks(self, point: Sequence[int]) -> dict[str, int]:
        """Every peak of a point, exact. Raises ``ValueError`` for what is no point."""
        taken = self.counts(point)
        found = {}
        for name, held in self.alive.items():
            own = held[int(point[0])]
            options = [values[np.array(counts) > 0] for values, counts in zip(own.groups, taken)]
            found[name] = max([own.always, *(int(v.max(initial=0)) for v in options)])
        return found

    def _limited(self, budgets: tuple[Budget, ...], ceilings: tuple[Budget, ...]) -> Self:
        """With a metric for each new ceiling instead of those for the old ones."""
        old = {_above(budget) for budget in self.ceilings}
        keep = [i for i, name in enumerate(self.metrics) if name not in old]
        metrics = tuple(self.metrics[i] for i in keep)
        rows = tuple(b for b in budgets if b.metric not in old)
        frames = self.frames
        if old or ceilings:
            frames = Frames(
                _with_excess(
                    frame, keep, [(self.alive[b.metric][f], b.upper or 0) for b in ceilings]
                )
                for f, frame in enumerate(frames)
            )
        new = tuple(_above(budget) for budget in ceilings)
        rows += tuple(Budget(name, 0, None, inherent=True) for name in new)
        return replace(
            self, budgets=rows, ceilings=ceilings, metrics=(*metrics, *new), frames=frames
        )

    @property
    def decisions(self) -> Mapping[str, tuple[int, ...]]:
        """``frame`` and, for each option of each group, how often any frame may take it."""
        found: dict[str, tuple[int, ...]] = {FRAME: tuple(range(len(self.frames)))}
        most: dict[str, int] = {}
        for frame in self.frames:
            for g, group in enumerate(frame.groups):
                for o in range(len(group.values)):
                    name = option_name(g, o)
                    most[name] = max(most.get(name, 0), group.most)
        found |= {name: tuple(range(n + 1)) for name, n in most.items()}
        for name, value in self.pins:
            found[name] = tuple(v for v in found[name] if v == value)
        return found

    def count(self) -> int:
        """Number of networks that hold what was pinned, the order of layers counted."""
        at = [value for name, value in self.pins if name == FRAME]
        counts = [(name, value) for name, value in self.pins if name != FRAME]
        if len(set(at)) > 1 or len(dict(counts)) < len(set(counts)):
            return 0
        return sum(
            _lists_holding(frame, dict(counts))
            for index, frame in enumerate(self.frames)
            if not at or index == at[0]
        )

    def costs(self, point: Sequence[int]) -> dict[str, int]:
        """Every metric of a point, in Python integers. Raises ``ValueError`` for what is no point."""
        taken = self.counts(point)
        frame = self.frames[int(point[0])]
        totals = [int(c) for c in frame.costs]
        for group, counts in zip(frame.groups, taken):
            for row, count in zip(group.costs, counts):
                if count:
                    totals = [total + count * int(c) for total, c in zip(totals, row)]
        return dict(zip(self.metrics, totals))

    def value(self, point: Sequence[int]) -> float:
        """The objective of a point, summed exactly and rounded once."""
        taken = self.counts(point)
        frame = self.frames[int(point[0])]
        terms = [frame.value]
        for group, counts in zip(frame.groups, taken):
            terms += [float(v) * count for v, count in zip(group.values, counts)]
        return math.fsum(terms)

    def feasible(self, point: Sequence[int]) -> bool:
        """Whether ``point`` is one and keeps all budgets and distances."""
        try:
            costs = self.costs(point)
        except ValueError:
            return False
        return all(b.admits(costs[b.metric]) for b in self.budgets) and all(
            differing(point, d.point) >= d.at_least for d in self.distances
        )

    def reach(self, metric: str, *, largest: bool = False) -> Reach | None:
        """Frame by frame, group by group, where nothing couples them or that point keeps what does."""
        self._known([metric], (*self.metrics, *self.alive), "metric")
        if metric in self.alive:
            return self._reach_of_peak(metric, largest=largest)
        at, sign = self.metrics.index(metric), -1 if largest else 1
        if not self.frames:
            return Reach(None, None)
        total, index = self.frames.least(at, sign)
        point = [index]
        for group in self.frames[index].groups:
            costs = sign * group.costs[:, at]
            option = int(np.argmin(costs))
            count = group.most if costs[option] < 0 else group.least
            point += [count if o == option else 0 for o in range(len(costs))]
        return self._kept(Reach(sign * total, tuple(point)))

    def _reach_of_peak(self, peak: str, *, largest: bool) -> Reach | None:
        """Frame by frame: the option of each group that holds least, as rarely as it must be taken,
        or the one that holds most, as often as one may.
        """
        best: Reach | None = None
        for f, (frame, held) in enumerate(zip(self.frames, self.alive[peak])):
            point = [f]
            for group, values in zip(frame.groups, held.groups):
                option = int(np.argmax(values) if largest else np.argmin(values))
                times = group.most if largest else group.least
                point += [times if o == option else 0 for o in range(len(values))]
            value = self.peaks(point)[peak]
            if best is None or best.value is None or (value > best.value) == largest:
                best = Reach(value, tuple(point)) if best is None or value != best.value else best
        return Reach(None, None) if best is None else self._kept(best)

    def pinned(self, choices: Mapping[str, int]) -> Self:
        """A metric that counts what breaks a pin, and the budget that it is nothing."""
        self._check_pins(choices, replace(self, pins=()).decisions)
        program = self
        for name, value in choices.items():
            program = program._pinned_once(name, value)
        return program

    def maximising(self, weights: Mapping[str, float]) -> Self:
        """The weighted sum of metrics as the objective."""
        self._check_weights(weights)
        at = np.array([weights.get(name, 0.0) for name in self.metrics])
        frames = tuple(
            Frame(
                frame.costs,
                float(frame.costs @ at),
                tuple(Group(g.costs, g.costs @ at, g.least, g.most) for g in frame.groups),
            )
            for frame in self.frames
        )
        return replace(self, frames=Frames(frames))

    def _pinned_once(self, name: str, value: int) -> Self:
        """One pin as a metric of its own: how often the option is taken, or 1 in other frames."""
        frames = []
        for index, frame in enumerate(self.frames):
            other = int(name == FRAME and index != value)
            groups = tuple(
                Group(
                    np.hstack([group.costs, _is_called(name, g, len(group.values))]),
                    group.values,
                    group.least,
                    group.most,
                )
                for g, group in enumerate(frame.groups)
            )
            frames.append(Frame(np.append(frame.costs, other), frame.value, groups))
        metric = unused(f"pin {name}", self.metrics)
        limit = 0 if name == FRAME else value
        return replace(
            self,
            metrics=(*self.metrics, metric),
            frames=Frames(frames),
            budgets=(*self.budgets, Budget(metric, limit, limit, inherent=True)),
            pins=(*self.pins, (name, value)),
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


def _lists_holding(frame: Frame, counts: Mapping[str, int]) -> int:
    """Ways to fill the groups of a frame, order counted, with options taken so often by name."""
    left, total = dict(counts), 1
    for g, group in enumerate(frame.groups):
        names = [option_name(g, o) for o in range(len(group.values))]
        held = [left.pop(name) for name in names if name in left]
        free, taken = len(names) - len(held), sum(held)
        total *= sum(
            math.perm(n, taken) // math.prod(map(math.factorial, held)) * free ** (n - taken)
            for n in range(max(group.least, taken), group.most + 1)
        )
    return 0 if any(left.values()) else total  # an option that a frame lacks is taken never


def option_name(group: int, option: int) -> str:
    """How the decision "how often is this option taken" is called."""
    return f"group{group}.option{option}"


def _is_called(name: str, group: int, options: int) -> IntArray:
    """1 for the option whose decision has this name, shape ``(options, 1)``."""
    found = [[int(option_name(group, o) == name)] for o in range(options)]
    return np.array(found, dtype=np.int64)


def differing(first: Sequence[int], second: Sequence[int]) -> int:
    """By how much the counts of two points differ; more than any layers where frames do."""
    if first[0] != second[0]:
        return OTHER_FRAME
    return sum(abs(a - b) for a, b in zip(first[1:], second[1:], strict=True))


def stacked(frame: Frame) -> tuple[IntArray, FloatArray]:
    """Costs, shape ``(all options, metrics)``, and values of all groups, one below the other."""
    return (
        np.concatenate([g.costs for g in frame.groups]),
        np.concatenate([g.values for g in frame.groups]),
    )
