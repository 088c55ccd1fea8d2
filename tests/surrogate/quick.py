"""A predictor of trees in a hundredth of a second: a few rounds, nothing cross-validated."""

import lightgbm
import numpy as np

from mathdesign.surrogate.booster import names_in_file
from mathdesign.surrogate.features import features_of, matrix
from mathdesign.surrogate.learned import LearnedSpace
from mathdesign.surrogate.predictor import Predictor, Quality


def quick_trees(space, points, labels, members=4, rounds=12) -> Predictor:
    """``members`` ensembles on the standardised labels; the first on all rows, the others on parts."""
    features, scores = features_of(space), (labels - labels.mean()) / labels.std()
    columns = matrix(features, points)
    names = names_in_file([feature.name for feature in features])
    settings = {
        "objective": "regression", "num_leaves": 4, "min_data_in_leaf": 1, "learning_rate": 0.3,
        "verbose": -1, "num_threads": 1, "seed": 0, "deterministic": True,
    }  # fmt: skip
    texts = []
    for member in range(members):
        rows = np.random.default_rng(member).permutation(len(labels))[member * 3 :]
        data = lightgbm.Dataset(columns[rows], scores[rows], feature_name=names)
        texts.append(lightgbm.train(settings, data, rounds).model_to_string())
    levels = tuple(sorted({float(s): float(v) for s, v in zip(scores, labels)}.items()))
    quality = Quality(len(labels), 0.5, 0.75, 0.1, {"trees": 0.5})
    return Predictor(LearnedSpace.of(space), "acc", "trees", levels, quality, tuple(texts))
