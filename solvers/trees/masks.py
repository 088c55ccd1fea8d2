r"""Trees as boxes: every split becomes a set of options, every leaf a set of options a position.

A split ``value <= threshold`` on a feature of one slot is evaluated for each option in double
precision, as the predictor itself does; from there on no number is compared again, so that no
solver tolerance can send a design down the wrong branch.

A feature of several slots (an aggregate such as the total depth) becomes a *derived position*. Its
options are the intervals between the thresholds that the trees use,

.. math:: b(x) = |\{\theta : \theta < f(x)\}|, \qquad f(x) \le \theta_j \iff b(x) \le j,

so its splits are sets of options too. What ties ``b`` to the slots is left to the backends.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mathdesign.programs.base import BoolArray, FloatArray, IntArray
from mathdesign.programs.slots import Ensemble, Feature, SlotProblem, Tree


@dataclass(frozen=True, eq=False)
class Derived:
    """A position that follows from several slots: between which ``thresholds`` a feature lies."""

    feature: Feature
    thresholds: FloatArray
    """Increasing; option ``b`` means ``thresholds[b - 1] < value <= thresholds[b]``."""

    def at(self, points: IntArray) -> IntArray:
        """Options at ``points`` of shape ``(n, slots)``: shape ``(n,)``."""
        return np.searchsorted(self.thresholds, self.feature.at(points), side="left")


@dataclass(frozen=True, eq=False)
class Positions:
    """The slots, and after them the derived positions."""

    slot_sizes: tuple[int, ...]
    derived: tuple[Derived, ...] = ()

    @classmethod
    def of(cls, problem: SlotProblem, ensembles: Sequence[Ensemble]) -> Positions:
        """The positions that the trees of ``ensembles`` look at."""
        sizes = tuple(len(slot.options) for slot in problem.slots)
        used: dict[_Key, tuple[Feature, set[float]]] = {}
        for ensemble in ensembles:
            for tree in ensemble.trees:
                for f, threshold in zip(tree.split_feature, tree.threshold):
                    feature = ensemble.features[f]
                    if len(set(feature.slots)) > 1:
                        used.setdefault(_key(feature), (feature, set()))[1].add(float(threshold))
        return cls(sizes, tuple(Derived(f, np.array(sorted(t))) for f, t in used.values()))

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """Number of options of every position."""
        return (*self.slot_sizes, *(len(d.thresholds) + 1 for d in self.derived))

    @cached_property
    def _index(self) -> dict[_Key, int]:
        n = len(self.slot_sizes)
        return {_key(d.feature): n + j for j, d in enumerate(self.derived)}

    def all_at(self, points: IntArray) -> IntArray:
        """Points of shape ``(n, slots)`` with the derived options appended."""
        return np.column_stack([points, *(d.at(points) for d in self.derived)]).astype(np.int64)

    def links(self) -> dict[str, np.ndarray]:
        """The features behind derived positions as flat arrays, for compiled code.

        Feature ``d`` sums the rows ``link_start[d]`` to ``link_start[d + 1]`` of ``link_table``, each
        the table of slot ``link_slot`` over the options of all slots, and has the thresholds from
        ``threshold_start[d]`` to ``threshold_start[d + 1]``.
        """
        start, derived = np.cumsum([0, *self.slot_sizes]), self.derived
        links = [(s, table) for d in derived for s, table in zip(d.feature.slots, d.feature.tables)]
        table = np.zeros((len(links), start[-1]))
        for j, (slot, entries) in enumerate(links):
            table[j, start[slot] : start[slot + 1]] = entries
        ends = [len(d.thresholds) for d in derived]
        return {
            "link_start": np.cumsum([0, *(len(d.feature.slots) for d in derived)]).astype(np.int64),
            "link_slot": np.array([slot for slot, _ in links], dtype=np.int64),
            "link_table": table,
            "threshold_start": np.cumsum([0, *ends]).astype(np.int64),
            "threshold": np.concatenate([np.zeros(0), *(d.thresholds for d in derived)]),
        }

    def split(self, feature: Feature, threshold: float) -> tuple[int, BoolArray]:
        """The position that ``feature`` lives on, and its options that go left."""
        slots = sorted(set(feature.slots))
        if len(slots) > 1:
            position = self._index[_key(feature)]
            thresholds = self.derived[position - len(self.slot_sizes)].thresholds
            last = int(np.searchsorted(thresholds, threshold))
            return position, np.arange(len(thresholds) + 1) <= last
        position = slots[0] if slots else 0
        points = np.zeros((self.slot_sizes[position], len(self.slot_sizes)), dtype=np.int64)
        points[:, position] = np.arange(len(points))
        return position, feature.at(points) <= threshold


@dataclass(frozen=True, eq=False)
class LeafMasks:
    """The leaves of all trees of an ensemble that some combination of options can reach.

    ``tree`` and ``value`` have one entry a leaf, trees in order; ``allowed[p]`` is a boolean
    table ``(leaves, options of position p)``. The leaves of a tree are disjoint and cover all.
    """

    tree: IntArray
    value: FloatArray
    allowed: tuple[BoolArray, ...]

    def at(self, points: IntArray) -> FloatArray:
        """Sum of the trees at ``points`` of shape ``(n, positions)``; trees in order."""
        inside = np.ones((len(points), len(self.tree)), dtype=bool)
        for p, allowed in enumerate(self.allowed):
            inside &= allowed[:, points[:, p]].T
        total = np.zeros(len(points))
        for t in np.unique(self.tree):
            here = self.tree == t
            total = total + self.value[here][np.argmax(inside[:, here], axis=1)]
        return total


def leaf_masks(trees: Sequence[Tree], features: Sequence[Feature], to: Positions) -> LeafMasks:
    """The leaves of ``trees`` over the positions ``to``."""
    splits: dict[tuple[int, float], tuple[int, int]] = {}
    owner: list[int] = []
    values: list[float] = []
    boxes: list[tuple[int, ...]] = []
    for t, tree in enumerate(trees):
        for leaf, box in _leaves(tree, features, to, splits):
            owner.append(t)
            values.append(float(tree.leaf_values[leaf]))
            boxes.append(box)
    columns = zip(*boxes) if boxes else [()] * len(to.sizes)
    allowed = tuple(_table(column, size) for column, size in zip(columns, to.sizes))
    return LeafMasks(np.array(owner, dtype=np.int64), np.array(values), allowed)


def _table(masks: tuple[int, ...], size: int) -> BoolArray:
    """Bit masks as rows of booleans; there are few different ones."""
    number = {mask: i for i, mask in enumerate(dict.fromkeys(masks))}
    rows = [[mask >> k & 1 for k in range(size)] for mask in number]
    table = np.array(rows, dtype=bool).reshape(len(rows), size)
    return table[[number[mask] for mask in masks]]


_Key = tuple[tuple[int, ...], bytes]


def _key(feature: Feature) -> _Key:
    """Features with equal tables are one feature, whichever ensemble they come from."""
    return feature.slots, b"".join(
        np.asarray(t, dtype=np.float64).tobytes() for t in feature.tables
    )


def _leaves(
    tree: Tree,
    features: Sequence[Feature],
    to: Positions,
    splits: dict[tuple[int, float], tuple[int, int]],
) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Reachable leaves, left to right, each with a bit mask of options a position."""
    everything = tuple((1 << size) - 1 for size in to.sizes)
    stack = [(0 if len(tree.split_feature) else -1, everything)]
    feature, thresholds = tree.split_feature.tolist(), tree.threshold.tolist()
    left, right = tree.left.tolist(), tree.right.tolist()
    while stack:
        node, box = stack.pop()
        if node < 0:
            yield ~node, box
            continue
        key = feature[node], thresholds[node]
        if key not in splits:
            position, side = to.split(features[key[0]], key[1])
            splits[key] = position, sum(1 << int(k) for k in np.flatnonzero(side))
        position, bits = splits[key]
        for child, side_bits in ((right[node], ~bits), (left[node], bits)):
            if reached := box[position] & side_bits:
                stack.append((child, (*box[:position], reached, *box[position + 1 :])))
