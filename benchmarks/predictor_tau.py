"""Prediction quality of `fit` against the best measured row of each space and sample size.

    python benchmarks/predictor_tau.py [--seeds 10]

Kendall's tau on 4,000 held-out designs (measured tables beside the repository), mean over seeds;
the best of the baselines is read from ``baselines/prediction_tau.csv``.
``--pretrain params,macs`` also tries trees with a head start.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd
from tree_instances import DATA

from mathdesign.programs.slot_space import TableSpace
from mathdesign.spaces.lists.named import SPACES
from mathdesign.surrogate.fit import fitted, kendall, sample_of

TABLES = {
    "nb201_cifar10": ("nasbench201", "nasbench201/nb201.csv.gz", "val_acc_cifar10"),
    "nb201_cifar100": ("nasbench201", "nasbench201/nb201.csv.gz", "val_acc_cifar100"),
    "sss_cifar10": ("nats_size", "nats_sss/sss.csv.gz", "val_acc_cifar10"),
    "sss_cifar100": ("nats_size", "nats_sss/sss.csv.gz", "val_acc_cifar100"),
}


def coded_slots(space: TableSpace) -> list[str]:
    """The slots whose cells are codes in the stored tables: operations, by position."""
    return [slot.name for slot in space.slots if slot.values is None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--sizes", type=int, nargs="*", default=[100, 424, 1000, 2000])
    parser.add_argument("--pretrain", default="", help="Free labels, e.g. params,macs.")
    parser.add_argument("--model", default="auto")
    options = parser.parse_args()
    free = tuple(name for name in options.pretrain.split(",") if name)
    known = pd.read_csv(DATA / "baselines" / "prediction_tau.csv")
    print(f"{'space':<15} {'n':>5} {'ours':>6} {'std':>6} {'best known':>10} {'by':<22} chosen")
    for name, (space_name, file, target) in TABLES.items():
        space, table = SPACES[space_name](), pd.read_csv(DATA / file)
        coded = coded_slots(space)
        for size in options.sizes:
            taus, kinds = [], []
            for seed in range(options.seeds):
                train = table.sample(size, random_state=seed)
                test = table.drop(train.index).sample(4000, random_state=seed)
                sample = sample_of(train, space, target, positions=coded)
                found = fitted(
                    sample, space, target, model=options.model, pretrain=free, seed=seed
                ).predictor
                guess = found.predict(space, space.points(test, coded))
                taus.append(kendall(guess, test[target].to_numpy()))
                kinds.append(found.kind)
            names = [name, name.replace("sss", "sss_int"), name.replace("sss", "sss_onehot")]
            rows = known[known["space"].isin(names) & (known["n_train"] == size)].dropna()
            best = rows.loc[rows["tau"].idxmax()] if len(rows) else None
            said = "-" if best is None else f"{best['tau']:.3f}"
            chosen = ", ".join(f"{kinds.count(k)} {k}" for k in sorted(set(kinds)))
            print(f"{name:<15} {size:>5} {np.mean(taus):>6.3f} {np.std(taus):>6.3f} {said:>10} "
                  f"{'' if best is None else best['space'] + ' ' + best['model']:<22} {chosen}",
                  flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
