"""Training-free metrics as one score: weights by Bayesian optimisation, then greedy queries.

RoBoT (arXiv 2403.07591): a weighted sum of metrics ranks a pool of designs; the value of the
design ranked first judges the weights. What is left of the query budget is spent on walking down
the best ranking. Two differences from the published code (decision 0028): metrics enter by their
ranks, because an outlier decides the scale of a min-max normalised metric; and optuna's
tree-structured Parzen estimator proposes the weights, not a Gaussian process.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mathdesign.formulation import FloatArray

#: Of the queries, at most this share goes to the weights; the rest walks down the best ranking.
SHARE = 0.7
#: Weights drawn at random before the estimator proposes any.
STARTUP = 5


@dataclass(frozen=True, slots=True)
class EnsembleResult:
    """The best queried design (its position in the pool) and how it was found."""

    best: int
    value: float
    weights: tuple[float, ...]
    queried: tuple[int, ...]
    """Positions in the order in which they were asked."""
    exploited: int
    """How many of them came from walking down the best ranking."""


def ranked(metrics: FloatArray) -> FloatArray:
    """Each column of ``metrics``, shape ``(designs, metrics)``, as ranks in 0..1, ties averaged.

    NaN and infinite values rank last (0). Raises ``ValueError`` where a column has no finite value.
    """
    from scipy.stats import rankdata

    finite = np.isfinite(metrics)
    if not finite.any(axis=0).all():
        raise ValueError(f"metric {int(np.argmin(finite.any(axis=0)))} has no finite value")
    ranks = rankdata(np.where(finite, metrics, -np.inf), axis=0) - 1
    scaled = np.where(finite, ranks, 0.0) / max(1, len(metrics) - 1)
    return np.asarray(scaled, dtype=np.float64)


def search_ensemble(
    metrics: FloatArray, measure: Callable[[int], float], queries: int, seed: int = 0
) -> EnsembleResult:
    """At most ``queries`` calls of ``measure`` (greater is better) on a pool of designs.

    ``metrics`` has shape ``(designs, metrics)``. Ties in a ranking go to the earlier design. Same
    seed, same result. Raises ``ValueError`` for an empty pool or no queries.
    """
    import optuna

    if queries < 1 or not len(metrics):
        raise ValueError("a search needs a design and a query at least")
    scaled = ranked(metrics)
    values: dict[int, float] = {}
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP),
    )
    for _ in range(math.ceil(SHARE * queries)):
        trial = study.ask()
        weights = [trial.suggest_float(f"w{i}", -1.0, 1.0) for i in range(scaled.shape[1])]
        first = int(np.argmax(scaled @ np.array(weights)))
        if first not in values:
            values[first] = measure(first)
        study.tell(trial, values[first])
    names = [f"w{i}" for i in range(scaled.shape[1])]
    best = tuple(float(study.best_params[name]) for name in names)
    asked = len(values)
    for position in np.argsort(-(scaled @ np.array(best)), kind="stable"):
        if len(values) >= min(queries, len(metrics)):
            break
        if int(position) not in values:
            values[int(position)] = measure(int(position))
    winner = max(values, key=lambda p: (values[p], -p))
    return EnsembleResult(winner, values[winner], best, tuple(values), len(values) - asked)
