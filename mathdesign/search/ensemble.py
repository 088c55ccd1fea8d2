"""Training-free metrics as one score: weights by Bayesian optimisation, then greedy queries.

RoBoT (arXiv 2403.07591): a weighted sum of metrics ranks a pool of designs; the value of the
design ranked first judges the weights. What repeated first ranks save of the query budget is spent
on walking down the best ranking. Here optuna's tree-structured Parzen estimator proposes the
weights, where the published code uses a Gaussian process with an upper confidence bound.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mathdesign.formulation import FloatArray


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


def normalised(metrics: FloatArray) -> FloatArray:
    """Each column of ``metrics``, shape ``(designs, metrics)``, to 0..1; NaN and -inf become 0.

    Raises ``ValueError`` where a column has no finite value.
    """
    finite = np.isfinite(metrics)
    if not finite.any(axis=0).all():
        raise ValueError(f"metric {int(np.argmin(finite.any(axis=0)))} has no finite value")
    low = np.where(finite, metrics, np.inf).min(axis=0)
    high = np.where(finite, metrics, -np.inf).max(axis=0)
    scaled = (np.where(finite, metrics, low) - low) / np.where(high > low, high - low, 1.0)
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
    scaled = normalised(metrics)
    values: dict[int, float] = {}
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=max(2, queries // 3)),
    )
    for _ in range(queries):
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
