"""Training-free metrics as an ensemble on NAS-Bench-201: 20 queries, against each metric alone.

A query is the validation accuracy after 12 epochs on CIFAR-10; what is reported is the test accuracy
after 200 epochs of the best queried cell, and the rank of its queried value. A single metric walks
down its own ranking with as many queries. The search has no randomness, so the seeds are pools: the
second table is the mean over random halves of the cells, each with 8 random metrics of the 13 ("best
single" is the one that is best on that pool, in hindsight; ranks are geometric means).
Data: NAS-Bench-Suite-Zero's metrics of 9,445 cells, in ../shared/data/nasbench201.

    python benchmarks/metric_ensemble.py --queries 20 --seeds 10
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mathdesign.programs.base import FloatArray
from mathdesign.search.ensemble import ranked, search_ensemble

DATA = Path(__file__).parents[2] / "shared/data/nasbench201"
METRICS = (
    "epe_nas", "fisher", "flops", "grad_norm", "grasp", "jacov", "l2_norm", "nwot", "params",
    "plain", "snip", "synflow", "zen",
)  # fmt: skip
TARGETS = ("test_acc_cifar10", "test_acc_cifar100")
VALUES = ("val_acc_12ep_cifar10", "val_acc_cifar10", "val_acc_cifar100")
SHARE, SUBSET = 0.5, 8


def main() -> None:
    """Print one line a method."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=10, help="how many random pools")
    parser.add_argument("--value", choices=VALUES, default=VALUES[0], help="what a query returns")
    options = parser.parse_args()
    if not DATA.exists():
        sys.exit(f"no tables at {DATA}")
    cells = pd.read_csv(DATA / "nb201.csv.gz").set_index("index")
    proxies = pd.read_csv(DATA / "zc_proxies_cifar10.csv.gz").set_index("index")
    cells = cells.loc[proxies.index]
    scores = proxies[list(METRICS)].to_numpy(float)
    value = cells[options.value].to_numpy()
    truth = cells[list(TARGETS)].to_numpy()
    whole(scores, value, truth, options.queries)
    pools(scores, value, truth, options.queries, options.seeds)


def whole(scores: FloatArray, value: FloatArray, truth: FloatArray, queries: int) -> None:
    """All cells and metrics: the search, each metric alone and its first cell, random."""
    head(f"{len(value):,} cells, {scores.shape[1]} metrics, {queries} queries")
    line("ensemble", [ensemble(scores, value, queries)], value, truth)
    alone = [walk(scores[:, i], value, queries) for i in range(len(METRICS))]
    for i in sorted(range(len(METRICS)), key=lambda i: -truth[alone[i], 0]):
        line(f"{METRICS[i]}, {queries} queries", [alone[i]], value, truth)
        line(f"{METRICS[i]}, first", [walk(scores[:, i], value, 1)], value, truth)
    line("random (1,000 seeds)", [drawn(value, queries, s) for s in range(1000)], value, truth)


def pools(
    scores: FloatArray, value: FloatArray, truth: FloatArray, queries: int, seeds: int
) -> None:
    """Whether the order of methods stays on random halves of the cells with random metrics."""
    found: dict[str, list[int]] = {"ensemble": [], "best single": [], "random": []}
    ranks: dict[str, list[float]] = {name: [] for name in found}
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        kept = np.sort(rng.choice(len(value), int(SHARE * len(value)), replace=False))
        chosen = np.sort(rng.choice(scores.shape[1], SUBSET, replace=False))
        part, asked = scores[kept][:, chosen], value[kept]
        alone = [walk(column, asked, queries) for column in part.T]
        picks = {
            "ensemble": ensemble(part, asked, queries),
            "best single": max(alone, key=lambda p: asked[p]),
            "random": drawn(asked, queries, seed),
        }
        for name, pick in picks.items():
            found[name].append(int(kept[pick]))
            ranks[name].append(1.0 + float((asked > asked[pick]).sum()))
    head(f"\n{seeds} pools of half the cells, {SUBSET} metrics, {queries} queries")
    for name, cells in found.items():
        line(name, cells, value, truth, ranks[name])


def ensemble(scores: FloatArray, value: FloatArray, queries: int) -> int:
    """The cell that the search returns."""
    return search_ensemble(scores, lambda p: float(value[p]), queries).best


def walk(metric: FloatArray, value: FloatArray, queries: int) -> int:
    """The best of the cells that one metric ranks first."""
    first = np.argsort(-ranked(metric[:, None])[:, 0], kind="stable")[:queries]
    return int(first[np.argmax(value[first])])


def drawn(value: FloatArray, queries: int, seed: int) -> int:
    """The best of random cells."""
    cells = np.random.default_rng(seed).choice(len(value), queries, replace=False)
    return int(cells[np.argmax(value[cells])])


def head(title: str) -> None:
    """Title and column names of a table."""
    print(f"{title}\n{'method':24}{'CIFAR-10':>10}{'sd':>7}{'CIFAR-100':>11}{'sd':>7}{'rank':>9}")


def line(
    name: str,
    cells: Sequence[int],
    value: FloatArray,
    truth: FloatArray,
    ranks: Sequence[float] | None = None,
) -> None:
    """Mean and deviation of the test accuracies of ``cells``, and their rank by queried value."""
    mean, sd = truth[cells].mean(axis=0), truth[cells].std(axis=0)
    places = ranks or [1.0 + float((value > value[cell]).sum()) for cell in cells]
    rank = np.exp(np.log(places).mean())
    print(f"{name:24}{mean[0]:10.2f}{sd[0]:7.2f}{mean[1]:11.2f}{sd[1]:7.2f}{rank:9.1f}")


if __name__ == "__main__":
    main()
