r"""Training-free metrics as one search: Bayesian optimisation over the designs, placed by metrics.

After RoBoT (arXiv 2403.07591): a weighted sum of metrics ranks a pool, Bayesian optimisation spends
few queries on making that ranking better. RoBoT's optimiser learns weights, and learns them only
from the design that each ranks first. Here every query counts for every design near it (decision
0028): the value of a design is a Gaussian process over the metrics' scores

    mean  m(x) = (x_1 + ... + x_d) / d,    covariance  k(x, y) = exp(-|x - y|^2 / 2d)

and the next query is where the upper confidence bound is greatest (Srinivas et al., arXiv
0912.3995). Before the first query that is the sum of all metrics with equal weights. Metrics and
values enter as normal scores of their ranks, so no outlier decides a scale and 0 and 1 are mean
and deviation of both; the process therefore needs no fitting, and the search has no randomness.

A sum of metrics that do not belong to the table can be worse than one that does. So every fourth query
falls back to the single metric that the values speak for, and asks what that one ranks first
(decision 0053): it costs a quarter of the queries where the sum is right.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mathdesign.programs.base import FloatArray

#: Deviation of a queried value about the process, in deviations of all values.
NOISE = 0.5
#: Deviations above the mean at which a design is judged.
CONFIDENCE = 2.0
#: Every so many queries one is the best single metric's.
SINGLE_EVERY = 4


@dataclass(frozen=True, slots=True)
class EnsembleResult:
    """The best queried design (its position in the pool) and how it was found."""

    best: int
    value: float
    queried: tuple[int, ...]
    """Positions in the order in which they were asked."""


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


def normal_scores(metrics: FloatArray) -> FloatArray:
    """Each column as the normal quantiles of its ranks (Blom 1958): mean 0, deviation about 1."""
    from scipy.special import ndtri

    count = len(metrics)
    return np.asarray(ndtri((ranked(metrics) * (count - 1) + 0.5) / count), dtype=np.float64)


def search_ensemble(
    metrics: FloatArray,
    measure: Callable[[int], float],
    queries: int,
    *,
    single_every: int = SINGLE_EVERY,
) -> EnsembleResult:
    """At most ``queries`` calls of ``measure`` (greater is better) on a pool of designs.

    ``metrics`` has shape ``(designs, metrics)``. Of equally good designs the earlier is asked, and
    returned. ``single_every``: of so many queries the last is the best single metric's (0: none is).
    Raises ``ValueError`` for an empty pool, no queries or a value that is not finite.
    """
    if queries < 1 or not metrics.size:
        raise ValueError("a search needs a design, a metric and a query at least")
    scores = normal_scores(metrics)
    bound = scores.mean(axis=1)
    values: dict[int, float] = {}
    while len(values) < min(queries, len(metrics)):
        if single_every and len(values) % single_every == single_every - 1 and len(values) > 1:
            bound = scores[:, best_single(scores, values)].copy()
        bound[list(values)] = -np.inf
        asked = int(np.argmax(bound))
        values[asked] = float(measure(asked))
        if not np.isfinite(values[asked]):
            raise ValueError(f"the value of design {asked} is not finite")
        mean, deviation = posterior(scores, values)
        bound = mean + CONFIDENCE * deviation
    winner = max(values, key=lambda p: (values[p], -p))
    return EnsembleResult(winner, values[winner], tuple(values))


def best_single(scores: FloatArray, values: dict[int, float]) -> int:
    """The metric whose favourites among the designs of known ``values`` are the best.

    By the mean normal score of the values, weighed by ``exp`` of the metric's own score: the first
    count most, as they do in a walk down its ranking. Ties: the earlier metric.
    """
    asked = list(values)
    seen = normal_scores(np.array(list(values.values()))[:, None])[:, 0]
    weights = np.exp(scores[asked])
    return int(np.argmax(seen @ weights / weights.sum(axis=0)))


def posterior(scores: FloatArray, values: dict[int, float]) -> tuple[FloatArray, FloatArray]:
    """Mean and deviation of every design's normal score, given the ``values`` of some.

    Rasmussen and Williams, Gaussian Processes for Machine Learning (2006), algorithm 2.1.
    """
    from scipy.linalg import solve_triangular
    from scipy.spatial.distance import cdist

    asked = list(values)
    prior = scores.mean(axis=1)
    seen = normal_scores(np.array(list(values.values()))[:, None])[:, 0]
    near = np.exp(-cdist(scores[asked], scores, "sqeuclidean") / (2 * scores.shape[1]))
    root = np.linalg.cholesky(near[:, asked] + NOISE**2 * np.eye(len(asked)))
    half = solve_triangular(root, near, lower=True)
    mean = prior + half.T @ solve_triangular(root, seen - prior[asked], lower=True)
    return mean, np.sqrt(np.maximum(0.0, 1.0 - (half**2).sum(axis=0)))
