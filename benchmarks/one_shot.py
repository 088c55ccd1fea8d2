"""The design for one shot against the best labelled row, on the two tables of all their networks.

    python benchmarks/one_shot.py [--labels 100,424,1000] [--seeds 5] [--tables nb201_cifar10,...]

Each run draws labels, fits as `mathdesign fit` does, and designs without a budget and under limits on
multiply-adds at 60%, 30% and 15% of the table's networks. Regret: the best network that keeps the
budget less the pick, in points of validation accuracy, over seeds. "row": the best labelled network;
"predicted": the proven best of the predictor (`pick: predicted`); "sound": the default; "unmeasured":
how often the sound pick is no labelled network. Tables of ``shared/data`` beside the repository.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from predictor_tau import TABLES, coded_slots
from tree_instances import DATA

import mathdesign
from mathdesign.programs.base import IntArray
from mathdesign.programs.slot_space import TableSpace
from mathdesign.spaces.lists.named import SPACES
from mathdesign.surrogate.fit import Sample, fitted

BUDGETS = (1.0, 0.6, 0.3, 0.15)
COLUMNS = ("row", "predicted", "sound", "unmeasured")


def main() -> None:
    """Print a line a table, size and budget."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--labels", default="100,424,1000")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--tables", default=",".join(TABLES))
    options = parser.parse_args()
    print(f"{'table':15}{'labels':>7}{'budget':>8}" + "".join(f"{c:>12}" for c in COLUMNS))
    worse = cells = 0
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name in options.tables.split(","):
            for labels in map(int, options.labels.split(",")):
                found = np.mean([run(name, labels, s) for s in range(options.seeds)], axis=0)
                for share, row in zip((*BUDGETS, None), [*found, found.mean(axis=0)]):
                    budget = "all" if share is None else "none" if share == 1 else f"{share:.0%}"
                    values = "".join(f"{v:12.2f}" for v in row[:3]) + f"{row[3]:12.0%}"
                    print(f"{name:15}{labels:7}{budget:>8}{values}", flush=True)
                worse += int((found[:, 2] > found[:, 0] + 1e-9).sum())
                cells += len(found)
    print(f"sound worse than the row in {worse} of {cells} cells")


def run(name: str, count: int, seed: int) -> list[list[float]]:
    """For each budget the regrets of :data:`COLUMNS`, one seed."""
    family, file, target = TABLES[name]
    space, table = SPACES[family](), pd.read_csv(DATA / file)
    points = space.points(table, coded_slots(space))
    labels = table[target].to_numpy(float)
    drawn = np.random.default_rng(1000 + seed).choice(len(points), count, replace=False)
    fitted(Sample(points[drawn], labels[drawn]), space, target, seed=seed).save(Path("model"))
    costs = space.metrics["macs"].at(points)
    rows = []
    for share in BUDGETS:
        limit = int(np.quantile(costs, share))
        kept = costs <= limit
        row = labels[drawn[kept[drawn]]].max()
        picks = [design(space, family, limit, pick) for pick in ("predicted", "sound")]
        at = [index(points, space, pick) for pick in picks]
        regret = labels[kept].max() - np.array([row, *labels[at]])
        rows.append([*regret, float(at[1] not in drawn)])
    return rows


def design(space: TableSpace, family: str, limit: int, pick: str) -> dict[str, str]:
    """The options of the design under a limit on multiply-adds."""
    found = mathdesign.design(
        mathdesign.load(
            {
                "space": {"family": family}, "budgets": {"macs": limit}, "solve": {"gap": 0},
                "objective": {"predictor": "model", "pick": pick},
            }
        )
    )  # fmt: skip
    return dict(found.network.options)


def index(points: IntArray, space: TableSpace, options: dict[str, str]) -> int:
    """The row of a design."""
    return int(np.flatnonzero((points == np.array(space.point(options))).all(axis=1))[0])


if __name__ == "__main__":
    main()
