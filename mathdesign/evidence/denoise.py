"""Labels without the luck of a single training: what boosted trees predict of networks left out."""

from __future__ import annotations

import numpy as np

from mathdesign.programs.base import FloatArray

#: Of the ensemble.
FOLDS, ROUNDS, LEAVES, RATE = 5, 400, 31, 0.05


def cross_validated(features: FloatArray, labels: FloatArray, seed: int = 0) -> FloatArray:
    """5-fold cross-validated predictions (LightGBM), shape as ``labels``: one a row of features."""
    import lightgbm

    settings = {
        "objective": "regression", "num_leaves": LEAVES, "learning_rate": RATE, "seed": seed,
        "min_data_in_leaf": 5, "num_threads": 1, "deterministic": True, "verbose": -1,
    }  # fmt: skip
    folds = np.random.default_rng(seed).permutation(len(labels)) % FOLDS
    found = np.zeros(len(labels))
    for fold in range(FOLDS):
        test = folds == fold
        data = lightgbm.Dataset(features[~test], labels[~test])
        found[test] = lightgbm.train(settings, data, ROUNDS).predict(features[test])
    return found
