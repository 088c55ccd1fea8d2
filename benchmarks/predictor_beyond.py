"""Predictions beyond the table's best row: read back along a line, or held at that row.

    python benchmarks/predictor_beyond.py [--seeds 5]

The size space of NATS-Bench with its best tenth left out of the fit: of the designs whose score is
above every fitted row's, the error of both readings. Needs the tables of ``shared/data`` beside the
repository.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from mathdesign.spaces.lists.named import nats_size
from mathdesign.surrogate.fit import fitted, sample_of
from mathdesign.surrogate.predictor import read_back

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "nats_sss" / "sss.csv.gz"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--target", default="val_acc_cifar10")
    options = parser.parse_args()
    space, table = nats_size(), pd.read_csv(DATA)
    points, truth = space.points(table), table[options.target].to_numpy()
    low = np.flatnonzero(truth < np.quantile(truth, 0.9))
    print(f"{'rows':>5} {'designs above':>14} {'line':>7} {'held':>7}  RMSE in {options.target}")
    for count in (100, 424):
        line, held = [], []
        for seed in range(options.seeds):
            rows = np.random.default_rng(seed).choice(low, count, replace=False)
            sample = sample_of(table.iloc[rows], space, options.target)
            found = fitted(sample, space, options.target, model="tables").predictor
            scores, (top, best) = found.objective(space).at(points), found.levels[-1]
            above = scores > top
            line.append(read_back(scores[above], found.levels) - truth[above])
            held.append(best - truth[above])
        errors = [float(np.sqrt(np.mean(np.concatenate(e) ** 2))) for e in (line, held)]
        print(f"{count:>5} {sum(map(len, line)):>14,} {errors[0]:>7.3f} {errors[1]:>7.3f}")


if __name__ == "__main__":
    main()
