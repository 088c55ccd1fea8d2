"""Boosted trees on a sample, perhaps after a head start on free labels.

**Free labels.** What a design costs is known without training it. With a head start the first trees
learn such costs from many random designs, weighed as they explain the measured labels, then the usual
ones learn what is left (after the pre-training of GBDT-NAS-3S and FBNetV3). One model file as ever:
boosting goes on where it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mathdesign.programs.base import FloatArray, IntArray
from mathdesign.programs.slot_space import TableSpace
from mathdesign.programs.slots import random_points
from mathdesign.surrogate.booster import names_in_file
from mathdesign.surrogate.features import features_of, matrix

#: Random designs and rounds of the head start.
FREE_DESIGNS, FREE_ROUNDS = 2000, 60


def normal_scores(labels: FloatArray) -> FloatArray:
    """The normal quantile of each label's rank; equal labels get equal scores."""
    from scipy.stats import norm, rankdata

    found: FloatArray = norm.ppf((rankdata(labels) - 0.5) / len(labels))
    return found


@dataclass(frozen=True, eq=False)
class FreeLabels:
    """Costs as scores among random designs, shape ``(designs, metrics)``."""

    columns: FloatArray
    """The features of the random designs."""
    scores: FloatArray
    measured: FloatArray
    """The scores of the measured designs, a row each."""

    @classmethod
    def of(
        cls, space: TableSpace, names: tuple[str, ...], measured: IntArray, seed: int
    ) -> FreeLabels:
        """The metrics ``names``, on random designs and on those at the points ``measured``."""
        from scipy.stats import norm

        points = random_points(space.slots, FREE_DESIGNS, np.random.default_rng(seed))
        share = (np.arange(FREE_DESIGNS) + 0.5) / FREE_DESIGNS
        scores, there = [], []
        for name in names:
            values, asked = (space.metrics[name].at(p).astype(float) for p in (points, measured))
            scores.append(normal_scores(values))
            there.append(norm.ppf(np.interp(asked, np.sort(values), share)))
        columns = matrix(features_of(space), points)
        return cls(columns, np.stack(scores, axis=1), np.stack(there, axis=1))


@dataclass(frozen=True, eq=False)
class Grower:
    """How ensembles are grown on the rows of a sample: shape of the trees, what they learn first."""

    names: tuple[str, ...]
    columns: FloatArray
    shape: tuple[int, float, bool]
    """Leaves, learning rate, and whether thresholds are drawn at random."""
    free: FreeLabels | None
    seed: int

    @classmethod
    def of(
        cls,
        space: TableSpace,
        points: IntArray,
        shape: tuple[int, float, bool],
        free: FreeLabels | None,
        seed: int,
    ) -> Grower:
        """For the sample at ``points``."""
        features = features_of(space)
        names = tuple(names_in_file([feature.name for feature in features]))
        return cls(names, matrix(features, points), shape, free, seed)

    def held_out(self, y: FloatArray, folds: IntArray) -> tuple[FloatArray, int]:
        """Held-out predictions at the number of rounds that is best over all folds together."""
        most, parts = 300 if len(y) < 1000 else 500, []
        steps = np.arange(10, most + 1, 10)
        first = FREE_ROUNDS if self.free else 0
        for fold in np.unique(folds):
            test = folds == fold
            booster = self.train(np.flatnonzero(~test), y, most)
            asked = self.columns[test]
            parts.append(
                (test, [booster.predict(asked, num_iteration=int(n) + first) for n in steps])
            )
        errors = [
            sum(((p[k] - y[test]) ** 2).sum() for test, p in parts) for k in range(len(steps))
        ]
        best = int(np.argmin(errors))
        held = np.zeros(len(y))
        for test, predictions in parts:
            held[test] = predictions[best]
        return held, int(steps[best])

    def train(self, rows: IntArray, y: FloatArray, rounds: int) -> Any:
        """The booster: ``rounds`` on these rows, after the head start if there is one."""
        start = None
        if self.free is not None:
            slope = np.linalg.lstsq(self.free.measured[rows], y[rows], rcond=None)[0]
            start = self._boost(self.free.columns, self.free.scores @ slope, FREE_ROUNDS)
        return self._boost(self.columns[rows], y[rows], rounds, start)

    def _boost(self, columns: FloatArray, y: FloatArray, rounds: int, start: Any = None) -> Any:
        import lightgbm

        leaves, rate, drawn = self.shape
        settings = {
            "objective": "regression", "num_leaves": leaves, "learning_rate": rate,
            "extra_trees": drawn, "min_data_in_leaf": 5, "feature_fraction": 0.9,
            "bagging_fraction": 0.8, "bagging_freq": 5, "seed": self.seed, "deterministic": True,
            "force_row_wise": True, "num_threads": 1, "verbose": -1,
        }  # fmt: skip
        data = lightgbm.Dataset(columns, y, feature_name=list(self.names))
        return lightgbm.train(settings, data, rounds, init_model=start)
