"""Additive slot programs, larger than can be enumerated: drawn by size, and FBNet's from a table of latencies."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mathdesign.programs.base import Budget, FloatArray, IntArray
from mathdesign.programs.slots import (
    PairTable,
    Slot,
    SlotObjective,
    SlotProblem,
    TableSum,
    random_points,
)

Tables = tuple[np.ndarray, ...]


def drawn(
    seed: int, slots: int, options: int, budgets: int, pairs: bool = False, alike: bool = False
) -> SlotProblem:
    """Values of 0 to 1, costs of 1 to 1000 and upper budgets below what half of the points cost.

    ``pairs``: tables over neighbours as well. ``alike``: values follow the costs, which is hard.
    """
    rng = np.random.default_rng(seed)
    costs = [_sums(rng, slots, options, pairs, whole=True) for _ in range(budgets)]
    values = _sums(rng, slots, options, pairs, whole=False)
    if alike:
        follow = [sum(c.unary[i] for c in costs) / (1000 * budgets) for i in range(slots)]
        unary = tuple(f + 0.2 * v for f, v in zip(follow, values.unary))
        values = TableSum(0.0, unary, values.pairs)
    names = tuple(Slot(f"s{i}", tuple(map(str, range(options)))) for i in range(slots))
    metrics = {f"m{k}": table for k, table in enumerate(costs)}
    points = random_points(names, 500, rng)
    limits = [Budget(m, int(0.9 * np.median(t.at(points)))) for m, t in metrics.items()]
    return SlotProblem("drawn", names, SlotObjective(values), metrics, tuple(limits))


def _sums(
    rng: np.random.Generator, slots: int, options: int, pairs: bool, *, whole: bool
) -> TableSum:
    def table(*shape: int) -> np.ndarray:
        return rng.integers(1, 1000, shape) if whole else rng.random(shape)

    unary = tuple(table(options) for _ in range(slots))
    beside = range(slots - 1 if pairs else 0)
    shares = [table(options, options) for _ in beside]
    shares = [t // 4 if whole else t / 4 for t in shares]
    couples = tuple(PairTable(i, i + 1, t) for i, t in zip(beside, shares))
    return TableSum(0 if whole else 0.0, unary, couples)


# ---- FBNet: 22 slots of 9 blocks -------------------------------------------------------------------

#: Channels, blocks and stride of each stage, behind a stem of 16 at 112 x 112.
STAGES = (
    (16, 1, 1),
    (24, 4, 2),
    (32, 4, 2),
    (64, 4, 2),
    (112, 4, 1),
    (184, 4, 2),
    (352, 1, 1),
)
#: Kernel, expansion and groups of the 1 x 1 convolutions of each block; the ninth is left out.
BLOCKS = ((3, 1, 1), (3, 1, 2), (3, 3, 1), (3, 6, 1), (5, 1, 1), (5, 1, 2), (5, 3, 1), (5, 6, 1))
#: Multiply-adds of the stem, the head of 1,984 channels and the classifier.
AROUND = 9 * 3 * 16 * 112**2 + 352 * 1984 * 49 + 1984 * 1000
#: Rows of the table that latencies are fitted on, and their unit in milliseconds.
FITTED, UNIT_MS = 2500, 1e-6


def fbnet(table: Path, devices: Sequence[str]) -> SlotProblem:
    """The most multiply-adds within the median latency of each device.

    Latencies are sums of a time a slot and option, by least squares on the first rows of ``table``.
    """
    points, times = measured(table, devices)
    slots = tuple(Slot(f"op{i}", tuple(map(str, range(9)))) for i in range(22))
    macs = tuple(np.array([_macs(*place, *block) for block in BLOCKS] + [0]) for place in places())
    metrics = {"macs": TableSum(AROUND, macs)}
    metrics |= {name: latency(points, times[name]) for name in devices}
    limits = [Budget(name, int(np.median(times[name]) / UNIT_MS)) for name in devices]
    values = SlotObjective(TableSum(0.0, tuple(t.astype(float) for t in macs)))
    program = SlotProblem("fbnet", slots, values, metrics, tuple(limits))
    skipped = {
        i: [8] for i, (cin, out, stride, _) in enumerate(places()) if (cin, stride) != (out, 1)
    }
    return program.maximising({"macs": 1.0}).barring(skipped)


def measured(table: Path, devices: Sequence[str]) -> tuple[IntArray, dict[str, FloatArray]]:
    """Blocks of the measured networks, and their latencies in milliseconds."""
    with gzip.open(table, "rt") as file:
        head, *rows = list(csv.reader(file))
    numbers = np.array(rows, dtype=float)
    times = {name: numbers[:, head.index(name)] for name in devices}
    return numbers[:, :22].astype(np.int64), times


def latency(points: IntArray, times: FloatArray) -> TableSum:
    """Times by slot and option in whole units, the ninth option's in the constant."""
    bits = [np.eye(9)[points[:, i]][:, :8] for i in range(22)]
    columns = np.concatenate([np.ones((len(points), 1)), *bits], axis=1)
    found = np.linalg.lstsq(columns[:FITTED], times[:FITTED], rcond=None)[0] / UNIT_MS
    own = [np.append(found[1 + 8 * i : 9 + 8 * i], 0) for i in range(22)]
    return TableSum(round(found[0]), tuple(np.round(t).astype(np.int64) for t in own))


def places() -> list[tuple[int, int, int, int]]:
    """Channels in and out, stride and input resolution of each slot."""
    found, channels, size = [], 16, 112
    for out, blocks, stride in STAGES:
        for block in range(blocks):
            found.append((channels, out, 1 if block else stride, size))
            size //= 1 if block else stride
            channels = out
    return found


def _macs(cin: int, out: int, stride: int, size: int, kernel: int, expand: int, groups: int) -> int:
    """Expanded unless by 1, depthwise, and back to ``out``."""
    inner, after = cin * expand, (size // stride) ** 2
    first = cin * inner * size**2 // groups if expand > 1 else 0
    return first + inner * kernel**2 * after + inner * out * after // groups
