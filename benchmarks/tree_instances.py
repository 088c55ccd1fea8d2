"""Slot problems of the tree benchmark: three spaces, LightGBM ensembles of three shapes.

``nb201`` and ``sss`` are measured tables (`shared/data`, beside the repository); ``px`` is a
21-slot space of inverted residual layers (6^6 * 7^15 designs) with a synthetic landscape, exact
MACs and a synthetic latency table.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mathdesign.programs.base import Budget
from mathdesign.programs.slots import (
    Ensemble,
    Feature,
    PairTable,
    Slot,
    SlotObjective,
    SlotProblem,
    TableSum,
    Tree,
)

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"
#: trees, leaves, learning rate
SHAPES = {"100x31": (100, 31, 0.05), "30x8": (30, 8, 0.15), "300x4": (300, 4, 0.1)}
#: NAS-Bench-201, measured: FLOPs of a cell of CIFAR-10 in units of 10 (exact integers).
NB201_OPS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
WIDTHS = (24, 40, 80, 96, 192, 320)
CELLS = (4, 4, 4, 4, 4, 1)
STRIDES = (2, 2, 2, 1, 2, 1)
MB_OPS = ("mb3_k3", "mb6_k3", "mb3_k5", "mb6_k5", "mb3_k7", "mb6_k7", "zero")


@dataclass(frozen=True)
class Space:
    """Slots, features and metrics, with labelled points and budgets to try (name -> budgets)."""

    name: str
    slots: tuple[Slot, ...]
    features: tuple[Feature, ...]
    metrics: dict[str, TableSum]
    points: np.ndarray
    labels: np.ndarray
    budgets: dict[str, tuple[Budget, ...]]

    def problem(self, ensemble: Ensemble, budget: str = "none") -> SlotProblem:
        """Maximise the ensemble under the budgets of that name."""
        zero = TableSum(0.0, tuple(np.zeros(len(s.options)) for s in self.slots))
        objective = SlotObjective(zero, ((1.0, ensemble),))
        return SlotProblem(self.name, self.slots, objective, self.metrics, self.budgets[budget])

    def fit(self, shape: str, seed: int) -> tuple[Ensemble, Any, Any]:
        """The ensemble, its booster, and the feature rows it was trained on."""
        import lightgbm

        trees, leaves, rate = SHAPES[shape]
        rng = np.random.default_rng(seed)
        rows = rng.choice(len(self.points), 1000, replace=False)
        y = self.labels[rows]
        columns = matrix(self.features, self.points[rows])
        settings = {
            "objective": "regression", "num_leaves": leaves, "learning_rate": rate,
            "min_data_in_leaf": 5, "feature_fraction": 0.9, "bagging_fraction": 0.8,
            "bagging_freq": 5, "seed": seed, "verbose": -1, "num_threads": 1,
        }  # fmt: skip
        data = lightgbm.Dataset(columns, (y - y.mean()) / y.std())
        booster = lightgbm.train(settings, data, trees)
        return ensemble_of(booster, self.features), booster, columns


def matrix(features: tuple[Feature, ...], points: np.ndarray) -> np.ndarray:
    return np.stack([f.at(points) for f in features], axis=1)


def ensemble_of(booster: Any, features: tuple[Feature, ...]) -> Ensemble:
    """A LightGBM regression booster of numeric splits, read from its public dump."""
    return Ensemble(
        features, tuple(_tree(t["tree_structure"]) for t in booster.dump_model()["tree_info"])
    )


def _tree(root: dict[str, Any]) -> Tree:
    split: dict[int, dict[str, Any]] = {}
    leaves: dict[int, float] = {}

    def walk(node: dict[str, Any]) -> int:
        if "split_index" not in node:
            leaf = int(node.get("leaf_index", 0))
            leaves[leaf] = float(node["leaf_value"])
            return ~leaf
        assert node["decision_type"] == "<="
        at = split[int(node["split_index"])] = dict(node)
        at["children"] = walk(node["left_child"]), walk(node["right_child"])
        return int(node["split_index"])

    walk(root)
    nodes = [split[i] for i in range(len(split))]
    return Tree(
        np.array([n["split_feature"] for n in nodes], dtype=np.int64),
        np.array([float(n["threshold"]) for n in nodes]),
        np.array([n["children"][0] for n in nodes], dtype=np.int64),
        np.array([n["children"][1] for n in nodes], dtype=np.int64),
        np.array([leaves[i] for i in range(len(leaves))]),
    )


def one_hot(slots: tuple[Slot, ...]) -> tuple[Feature, ...]:
    return tuple(
        Feature(f"{slot.name}={option}", (i,), (np.eye(len(slot.options))[k],))
        for i, slot in enumerate(slots)
        for k, option in enumerate(slot.options)
    )


def space(name: str) -> Space:
    return {"nb201": nb201, "sss": sss, "px": px}[name]()


def nb201() -> Space:
    import pandas as pd

    edges = ("e01", "e02", "e12", "e03", "e13", "e23")
    table = pd.read_csv(DATA / "nasbench201" / "nb201.csv.gz")
    slots = tuple(Slot(e, NB201_OPS) for e in edges)
    flops = np.array([0, 0, 4_362_240, 35_819_520, 1_290_240])
    sums = {"flops": TableSum(7_943_872, (flops,) * 6)}
    budgets = {"none": ()}
    for millions in (20, 40, 80, 120):
        budgets[f"flops{millions}M"] = (Budget("flops", millions * 1_000_000),)
    return Space(
        "nb201", slots, one_hot(slots), sums, table[list(edges)].to_numpy(np.int64),
        table["val_acc_cifar10"].to_numpy(), budgets,
    )  # fmt: skip


def sss() -> Space:
    import pandas as pd

    names = ("c1", "c2", "c3", "c4", "c5")
    table = pd.read_csv(DATA / "nats_sss" / "sss.csv.gz")
    widths = np.arange(8, 65, 8)
    slots = tuple(Slot(n, tuple(map(str, widths)), tuple(map(float, widths))) for n in names)
    macs = size_macs(widths)
    points = table[list(names)].to_numpy(np.int64) // 8 - 1
    assert (macs.at(points) == table["macs"].to_numpy()).all(), "MACs tables against the data"
    features = tuple(Feature(s.name, (i,), (np.array(s.values),)) for i, s in enumerate(slots))
    budgets: dict[str, tuple[Budget, ...]] = {"none": ()}
    for percent in (10, 20, 30, 50):
        limit = int(table["macs"].max()) * percent // 100
        budgets[f"macs{percent}%"] = (Budget("macs", limit),)
    return Space(
        "sss", slots, features, {"macs": macs}, points, table["val_acc_cifar10"].to_numpy(), budgets
    )


def size_macs(widths: np.ndarray) -> TableSum:
    """Multiply-adds of the size space: stem, cell, residual, cell, residual, cell, classifier."""
    w = widths.astype(np.int64)
    a, b = w[:, None], w[None, :]

    def cell(area: int) -> np.ndarray:
        """Two 3x3 convolutions a->b, three b->b, and 1x1 a->b where the widths differ."""
        return area * (18 * a * b + 27 * b * b + (a != b) * a * b)

    def residual(area: int) -> np.ndarray:
        return area * (9 * a * b + 9 * b * b + a * b)

    zero = np.zeros(len(w), dtype=np.int64)
    first = 1024 * (27 * w + 45 * w * w)
    return TableSum(
        0, (first, zero, zero, zero, 10 * w),
        (PairTable(0, 1, residual(256)), PairTable(1, 2, cell(256)),
         PairTable(2, 3, residual(64)), PairTable(3, 4, cell(64))),
    )  # fmt: skip


def px() -> Space:
    """21 layers, a layer's first cell may not be skipped; labels: tanh of main and pair effects."""
    rng = np.random.default_rng(20)
    slots, macs, latency = [], [], []
    side, prev = 112, 24
    for stage, (width, cells, stride) in enumerate(zip(WIDTHS, CELLS, STRIDES)):
        for cell in range(cells):
            here = side // stride if cell == 0 else side
            options = MB_OPS[: 6 if cell == 0 else 7]
            slots.append(Slot(f"stage{stage + 1}.{cell + 1}", options))
            cost = [_mb_macs(option, prev, width, side, here) for option in options]
            macs.append(np.array(cost, dtype=np.int64))
            noise = rng.uniform(0.7, 1.3, len(options))
            time = [c / 50_000 + (0 if o == "zero" else 40) for c, o in zip(cost, options)]
            latency.append(np.round(np.array(time) * noise).astype(np.int64))
            side, prev = here, width
    metrics = {"macs": TableSum(0, tuple(macs)), "latency_us": TableSum(0, tuple(latency))}
    points, labels = _landscape(rng, [len(s.options) for s in slots])
    budgets: dict[str, tuple[Budget, ...]] = {"none": ()}
    for percent in (40, 50, 60):
        both = tuple(Budget(name, _share(sums, percent)) for name, sums in metrics.items())
        budgets[f"macs{percent}%"] = both[:1]
        budgets[f"both{percent}%"] = both
    return Space("px", tuple(slots), one_hot(tuple(slots)), metrics, points, labels, budgets)


def _share(sums: TableSum, percent: int) -> int:
    """A limit at ``percent`` of the way from the least to the greatest value."""
    low, high = (sum(int(f(u)) for u in sums.unary) for f in (np.min, np.max))
    return low + (high - low) * percent // 100


def _mb_macs(option: str, c_in: int, c_out: int, before: int, after: int) -> int:
    if option == "zero":
        return 0
    expansion, kernel = int(option[2]), int(option[-1])
    inner = expansion * c_in
    return c_in * inner * before**2 + kernel**2 * inner * after**2 + inner * c_out * after**2


def _landscape(rng: np.random.Generator, sizes: list[int]) -> tuple[np.ndarray, np.ndarray]:
    count = 20_000
    points = np.stack([rng.integers(0, n, count) for n in sizes], axis=1)
    total = np.zeros(count)
    size = np.array([0.0, 0.9, 0.3, 1.2, 0.6, 1.5, -0.9])  # larger layers are better, mostly
    for i, n in enumerate(sizes):
        total += (size[:n] + rng.normal(0, 0.5, n))[points[:, i]]
    pairs = [(i, i + 1) for i in range(len(sizes) - 1)]
    pairs += [tuple(sorted(rng.choice(len(sizes), 2, replace=False))) for _ in range(15)]
    for i, j in pairs:
        total += rng.normal(0, 0.5, (sizes[i], sizes[j]))[points[:, i], points[:, j]]
    total = (total - total.mean()) / total.std() + rng.normal(0, 0.3, count)
    return points, np.vectorize(math.tanh)(total / 2)
