"""Training-free metrics as one search, with and without its fall-back, on every table at hand.

13 tables of ../shared/data, each with what it holds without training (scores of untrained networks,
costs, counts of choices). Pools are random halves (at most 4,000 networks) with 60% of the metrics, 8 at
most. For each method log2 of the rank of the best queried network, averaged over pools (0: the best,
1: the second): "search" as it is, "sum only" without the fall-back to single metrics, "best single" the
one that is best on that pool (known only afterwards), "mean single", "random".

    python benchmarks/metric_fallback.py [--queries 20] [--seeds 30]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from metric_ensemble import METRICS, VALUES, walk

from mathdesign.programs.base import FloatArray
from mathdesign.search.ensemble import SINGLE_EVERY, search_ensemble

DATA = Path(__file__).parents[2] / "shared/data"
METHODS = ("search", "sum only", "best single", "mean single", "random")
SHARE, MOST, METRIC_SHARE, MOST_METRICS, DRAWS = 0.5, 4000, 0.6, 8, 20

Table = tuple[str, FloatArray, FloatArray]


def tables() -> Iterator[Table]:
    """Name, metrics of shape (networks, metrics), quality."""
    cells = pd.read_csv(DATA / "nasbench201/nb201.csv.gz").set_index("index")
    scores = pd.read_csv(DATA / "nasbench201/zc_proxies_cifar10.csv.gz").set_index("index")
    for value in VALUES:
        yield _table(f"nb201 {value}", scores[[*METRICS]], cells.loc[scores.index][value])
    cells = pd.read_csv(DATA / "nasbench101_subsets/zc_nasbench101_500.csv.gz")
    names = [n for n in cells if n not in ("task", "arch", "val_acc")]
    yield _table("nb101, 500 cells", cells[names], cells.val_acc)
    yield _ecnas()
    widths = pd.read_csv(DATA / "nats_sss/sss.csv.gz")
    five = [f"c{i}" for i in range(1, 6)]
    columns = widths[["params", "macs", *five]].assign(logs=np.log(widths[five]).sum(axis=1))
    for value in ("val_acc_cifar10", "val_acc_cifar100"):
        yield _table(f"sss {value}", columns, widths[value])
    rows = pd.read_csv(DATA / "accel_nasbench/accel_nasbench.csv.gz")
    costs = ["macs", "params", "latency_zcu102", "throughput_a100", "throughput_tpuv2"]
    costs = [name for name in costs if rows[name].notna().all()]
    yield _table("accel top-1", _sums(rows, costs, ("_l", "_k")), rows.val_top1)
    rows = pd.read_csv(DATA / "fbnet_ofa_latency/ofa_mbv3_accuracy_dynast.csv.gz").drop_duplicates()
    sums = {kind: rows.filter(regex=rf"^{kind}\d+$").sum(axis=1) for kind in ("d", "e", "ks")}
    yield _table("ofa top-1", rows[["params", "macs"]].assign(**sums), rows.top1_imagenet)
    for graph in ("cora", "citeseer", "arxiv"):
        rows = pd.read_csv(DATA / f"nas_bench_graph/{graph}.csv.gz")
        chosen = rows[[f"op{i}" for i in range(4)]]
        counts = {op: (chosen == op).sum(axis=1) for op in ("gat", "gcn", "skip", "fc", "cheb")}
        yield _table(f"graph {graph}", rows[["params_m", "latency_s"]].assign(**counts), rows.valid)
    rows = pd.read_csv(DATA / "hw_gpt_bench/gpt_s.csv.gz")
    sums = {n: rows[n].map(lambda t: sum(map(int, t.split()))) for n in ("n_head", "mlp_ratio")}
    costs = ["params", "macs", "embed_dim", "n_layer", "lat_ms_a100", "mem_mib_a100"]
    yield _table("gpt perplexity", rows[costs].assign(**sums), -rows.perplexity)


def _ecnas() -> Table:
    rows = pd.read_csv(DATA / "nasbench101_subsets/ecnas_4v.csv.gz")
    groups = rows[rows.epochs == 108].groupby("hash")
    numbers, words = groups[["params", "train_time_s", "val_acc"]].mean(), groups.first()
    counts = {op: words.ops.str.count(op) for op in ("C3", "C1")}
    edges = words.adjacency.astype(str).str.count("1")
    columns = numbers[["params", "train_time_s"]].assign(edges=edges, **counts)
    return _table("ec-nas, 91 cells", columns, numbers.val_acc)


def _sums(rows: pd.DataFrame, names: list[str], ends: tuple[str, ...]) -> pd.DataFrame:
    added = {end: rows[[n for n in rows if n.endswith(end)]].sum(axis=1) for end in ends}
    return rows[names].assign(**added)


def _table(name: str, metrics: pd.DataFrame, value: pd.Series) -> Table:
    return name, metrics.to_numpy(float), value.to_numpy(float)


def main() -> None:
    """Print a line a table and their mean."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=30, help="random pools of each table")
    options = parser.parse_args()
    if not DATA.exists():
        sys.exit(f"no tables at {DATA}")
    print(f"{'table':28}" + "".join(f"{m:>13}" for m in METHODS) + f"{'gain':>9}{'error':>7}")
    means = []
    for name, metrics, value in tables():
        ranks = np.array([pool(metrics, value, options.queries, s) for s in range(options.seeds)])
        gains = ranks[:, 1] - ranks[:, 0]
        means.append([*ranks.mean(axis=0), gains.mean(), gains.std() / options.seeds**0.5])
        show(name, means[-1])
    for name, rows in (("mean", means), ("mean without nb201", means[len(VALUES) :])):
        error = np.square([row[-1] for row in rows]).sum() ** 0.5 / len(rows)
        show(name, [*np.mean(rows, axis=0)[:-1], error])


def show(name: str, values: list[float]) -> None:
    """One line."""
    print(f"{name:28}" + "".join(f"{v:13.2f}" for v in values[:5]), end="")
    print(f"{values[5]:+9.2f}{values[6]:7.2f}", flush=True)


def pool(metrics: FloatArray, value: FloatArray, queries: int, seed: int) -> list[float]:
    """log2 of the rank of each method's best, on one random part."""
    rng = np.random.default_rng(seed)
    kept = np.sort(rng.choice(len(value), min(int(SHARE * len(value)), MOST), replace=False))
    count = max(2, min(MOST_METRICS, round(METRIC_SHARE * metrics.shape[1])))
    part = metrics[kept][:, np.sort(rng.choice(metrics.shape[1], count, replace=False))]
    asked = value[kept]

    def rank(found: float) -> float:
        return float(np.log2(1 + (asked > found).sum()))

    def search(every: int) -> float:
        found = search_ensemble(part, lambda p: float(asked[p]), queries, single_every=every)
        return rank(found.value)

    alone = [rank(asked[walk(column, asked, queries)]) for column in part.T]
    drawn = [rank(rng.choice(asked, queries, replace=False).max()) for _ in range(DRAWS)]
    return [
        search(SINGLE_EVERY),
        search(0),
        min(alone),
        float(np.mean(alone)),
        float(np.mean(drawn)),
    ]


if __name__ == "__main__":
    main()
