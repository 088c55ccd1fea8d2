"""Training-free metrics as an ensemble on NAS-Bench-201: 20 queries, against each metric alone.

A query is the validation accuracy after 12 epochs on CIFAR-10; what is reported is the test accuracy
after 200 epochs of the best queried cell. A single metric walks down its own ranking with as many
queries. Data: NAS-Bench-Suite-Zero's metrics of 9,445 cells, in ../shared/data/nasbench201.

    python benchmarks/metric_ensemble.py --queries 20 --seeds 10
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from mathdesign.search.ensemble import ranked, search_ensemble

DATA = Path(__file__).parents[2] / "shared/data/nasbench201"
METRICS = (
    "epe_nas", "fisher", "flops", "grad_norm", "grasp", "jacov", "l2_norm", "nwot", "params",
    "plain", "snip", "synflow", "zen",
)  # fmt: skip
TARGETS = ("test_acc_cifar10", "test_acc_cifar100")


def main() -> None:
    """Print one line a method."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=10)
    options = parser.parse_args()
    if not DATA.exists():
        sys.exit(f"no tables at {DATA}")
    cells = pd.read_csv(DATA / "nb201.csv.gz").set_index("index")
    proxies = pd.read_csv(DATA / "zc_proxies_cifar10.csv.gz").set_index("index")
    cells = cells.loc[proxies.index]
    scores = ranked(proxies[list(METRICS)].to_numpy(float))
    asked = cells["val_acc_12ep_cifar10"].to_numpy()
    truth = cells[list(TARGETS)].to_numpy()
    print(f"{len(cells):,} cells, {options.queries} queries, {options.seeds} seeds")
    print(f"{'method':24}{'CIFAR-10':>10}{'sd':>7}{'CIFAR-100':>11}{'sd':>7}")
    seeds = range(options.seeds)
    found = [search_ensemble(scores, lambda p: float(asked[p]), options.queries, s) for s in seeds]
    line("ensemble", truth[[f.best for f in found]])
    singles = []
    for i, name in enumerate(METRICS):
        walked = np.argsort(-scores[:, i], kind="stable")[: options.queries]
        singles.append((name, truth[[walked[np.argmax(asked[walked])]]], truth[walked[:1]]))
    for name, queried, first in sorted(singles, key=lambda s: -s[1][0, 0]):
        line(f"{name}, {options.queries} queries", queried)
        line(f"{name}, first", first)
    picks = []
    for seed in range(1000):
        drawn = np.random.default_rng(seed).choice(len(cells), options.queries, replace=False)
        picks.append(drawn[np.argmax(asked[drawn])])
    line("random (1,000 seeds)", truth[picks])


def line(name: str, accuracy: np.ndarray) -> None:
    """Mean and standard deviation over seeds."""
    mean, sd = accuracy.mean(axis=0), accuracy.std(axis=0)
    print(f"{name:24}{mean[0]:10.2f}{sd[0]:7.2f}{mean[1]:11.2f}{sd[1]:7.2f}")


if __name__ == "__main__":
    main()
