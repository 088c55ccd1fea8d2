"""Labels without the luck of a single training: what boosted trees predict of networks left out."""

from __future__ import annotations

import numpy as np

from mathdesign.programs.base import FloatArray

#: Of the ensemble.
FOLDS, ROUNDS, LEAVES, RATE = 5, 400, 31, 0.05


class Judge:
    """Boosted trees (LightGBM), one ensemble a fold, each fitted on the other folds.

    ``rows``: what is predicted of each row by the ensemble that did not see it, shape as ``labels``.
    """

    def __init__(self, features: FloatArray, labels: FloatArray, seed: int = 0) -> None:
        import lightgbm

        settings = {
            "objective": "regression", "num_leaves": LEAVES, "learning_rate": RATE, "seed": seed,
            "min_data_in_leaf": 5, "num_threads": 1, "deterministic": True, "verbose": -1,
        }  # fmt: skip
        folds = np.random.default_rng(seed).permutation(len(labels)) % FOLDS
        self.rows = np.zeros(len(labels))
        self._models = []
        for fold in range(FOLDS):
            test = folds == fold
            data = lightgbm.Dataset(features[~test], labels[~test])
            self._models.append(lightgbm.train(settings, data, ROUNDS))
            self.rows[test] = self._models[-1].predict(features[test])

    def at(self, features: FloatArray) -> FloatArray:
        """Of networks that are no rows: the mean of all ensembles, one a row of features."""
        found: FloatArray = np.mean([model.predict(features) for model in self._models], axis=0)
        return found


def cross_validated(features: FloatArray, labels: FloatArray, seed: int = 0) -> FloatArray:
    """5-fold cross-validated predictions (LightGBM), shape as ``labels``: one a row of features."""
    return Judge(features, labels, seed).rows
