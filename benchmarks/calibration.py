"""`calibrate` on the NATS-Bench size space: regret with the default weights and with fitted ones.

For each number of labels, 10 seeds draw the labelled rows. "fitted": as the command ends, equal
weights where it refuses; "forced": the fitted weights even where it refuses. Regret over 18 budgets
on multiply-adds against the raw table and against the denoised one (see docs/evidence.md).

    python benchmarks/calibration.py --labels 50,100,200,400 --seeds 10
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from mathdesign.evidence.calibrate import calibrate
from mathdesign.evidence.regret import denoised, limits, pick
from mathdesign.programs.slots import SlotObjective
from mathdesign.spaces.lists.named import SPACES
from mathdesign.spaces.lists.pose import log_values
from mathdesign.surrogate.fit import sample_of

TABLES = Path(__file__).parents[2] / "shared/data/nats_sss"


class Regret:
    """Mean regret of weights over budgets, raw and denoised, in points."""

    def __init__(self, space, points, truth, clean, budgets) -> None:  # type: ignore[no-untyped-def]
        self.space, self.budgets, self.truth, self.clean = space, budgets, truth, clean
        self.row_of = {tuple(map(int, p)): i for i, p in enumerate(points)}
        kept = [space.metrics["macs"].at(points) <= b for b in budgets]
        self.best = np.array([(truth[k].max(), clean[k].max()) for k in kept])

    def __call__(self, weights: tuple[float, ...]) -> tuple[float, float]:
        """Of the proven picks under :attr:`budgets`."""
        objective = log_values(self.space, weights)
        at = [
            self.row_of[pick(self.space, SlotObjective(objective), "macs", b)] for b in self.budgets
        ]
        raw, clean = (self.best - np.stack([self.truth[at], self.clean[at]], axis=1)).mean(axis=0)
        return float(raw), float(clean)


def main() -> None:
    """Print one line for each target and number of labels."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--labels", default="50,100,200,400")
    parser.add_argument("--seeds", type=int, default=10)
    options = parser.parse_args()
    files = sorted(TABLES.glob("*.csv*"))
    if not files:
        sys.exit(f"no table in {TABLES}")
    table, space = pd.read_csv(files[0]), SPACES["nats_size"]()
    print(f"{'target':20}{'labels':>7}{'kept':>6}{'default raw':>13}{'denoised':>10}"
          f"{'fitted raw':>12}{'denoised':>10}{'forced raw':>12}{'denoised':>10}")  # fmt: skip
    for target in ("val_acc_cifar10", "val_acc_cifar100"):
        sample = sample_of(table, space, target)
        points, truth = sample.points, sample.labels
        clean = denoised(points, truth, space)
        costs = space.metrics["macs"].at(points)
        budgets = limits(costs, 0.1, 0.95, 18)
        regret = Regret(space, points, truth, clean, budgets)
        logs = np.log(space.values(points))
        default = regret((1.0,) * len(space.slots))
        for count in map(int, options.labels.split(",")):
            found = []
            for seed in range(options.seeds):
                rows = np.random.default_rng(seed).choice(len(truth), count, replace=False)
                found.append(calibrate(logs[rows], truth[rows], seed))
            fitted = np.mean([regret(c.weights) for c in found], axis=0)
            forced = np.mean([regret(c.fitted) for c in found], axis=0)
            kept = sum(c.recommended for c in found)
            print(f"{target:20}{count:7}{kept:4}/{len(found)}{default[0]:13.3f}{default[1]:10.3f}"
                  f"{fitted[0]:12.3f}{fitted[1]:10.3f}{forced[0]:12.3f}{forced[1]:10.3f}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
