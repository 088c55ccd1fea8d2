"""Queries to the global optimum on measured tables: ours, random, evolution, the stored baselines.

    python benchmarks/search_queries.py [--seeds 20] [--budget 30]

``--budget 30`` also runs every space under a limit on multiply-adds at that percentage of their
greatest value. A query is one distinct design's validation accuracy; a run stops at the best design.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pandas as pd
from predictor_tau import TABLES, coded_slots
from tree_instances import DATA

from mathdesign.programs.base import Budget
from mathdesign.programs.slots import SlotObjective, SlotProblem, TableSum
from mathdesign.search.loop import SearchOptions, search
from mathdesign.spaces.lists.named import SPACES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--budget", type=int)
    parser.add_argument("--methods", default="models,evolution")
    parser.add_argument("--spaces", default=",".join(TABLES))
    options = parser.parse_args()
    known = pd.read_csv(DATA / "baselines" / "search_queries.csv")
    header = f"{'space':<15} {'budget':>6} {'method':<10} {'mean':>7} {'median':>7} {'95%':>7} {'s/run':>6}"
    print(header + "  baselines (mean)")
    for name in options.spaces.split(","):
        space_name, file, target = TABLES[name]
        space, table = SPACES[space_name](), pd.read_csv(DATA / file)
        points = space.points(table, coded_slots(space))
        values = {tuple(map(int, p)): float(v) for p, v in zip(points, table[target])}
        costs = space.metrics["macs"].at(points)
        for percent in (None, options.budget) if options.budget else (None,):
            limit = None if percent is None else int(costs.max() * percent / 100)
            budgets = () if limit is None else (Budget("macs", limit),)
            zero = TableSum(0.0, tuple(np.zeros(len(s.options)) for s in space.slots))
            problem = SlotProblem(name, space.slots, SlotObjective(zero), space.metrics, budgets)
            best = table[target][problem.feasible_rows(points)].max()
            for method in options.methods.split(","):
                counts, start = [], time.perf_counter()
                for seed in range(options.seeds):
                    found = search(
                        problem, space, values.__getitem__, SearchOptions(5000, seed=seed),
                        method=method, done=lambda query, best=best: query.value == best,
                    )  # fmt: skip
                    counts.append(len(found))
                seconds = (time.perf_counter() - start) / options.seeds
                rows = known[known["space"] == name] if percent is None else known[:0]
                said = ", ".join(f"{r.alg} {r.mean_q:.0f}" for r in rows.itertuples())
                print(f"{name:<15} {'' if percent is None else f'{percent}%':>6} {method:<10} "
                      f"{np.mean(counts):>7.1f} {np.median(counts):>7.1f} "
                      f"{np.percentile(counts, 95):>7.1f} {seconds:>6.1f}  "
                      f"{said if method == 'models' else ''}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
