"""Measure some designs of one's own space, fit a predictor, take what is best for one shot, proven.

    python examples/20_predictor/run.py FOLDER

Here "measuring" is a made-up formula with noise; put a training run in its place. The predictor is
written to FOLDER/model; designing happens in FOLDER, where the specification finds it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd

import mathdesign
from mathdesign.spaces.lists.words import ListSpec
from mathdesign.surrogate.fit import fitted, sample_of

HERE = Path(__file__).resolve().parent


def measured(design: dict[str, str], noise: float) -> float:
    depth, width = float(design["depth"]), float(design["width"])
    bonus = {"plain": 0.0, "residual": 0.4 * np.log(depth), "separable": -0.2}[design["block"]]
    return float(70 + 3 * np.log(depth) + 5 * np.log(width) + bonus + noise)


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/predictor")
    folder.mkdir(parents=True, exist_ok=True)
    spec = mathdesign.load(HERE / "space.yaml")
    assert isinstance(spec, ListSpec)
    space, rng = spec.table_space(), np.random.default_rng(0)
    rows = []
    for _ in range(120):
        design = {slot.name: str(rng.choice(slot.options)) for slot in space.slots}
        rows.append({**design, "accuracy": measured(design, rng.normal(0, 0.1))})
    table = pd.DataFrame(rows)
    found = fitted(sample_of(table, space, "accuracy", "mean"), space, "accuracy", say=print)
    found.save(folder / "model")
    os.chdir(folder)
    answer = mathdesign.design(spec)
    print(answer.to_yaml())


if __name__ == "__main__":
    main()
