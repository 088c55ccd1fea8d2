r"""The free weights of an objective, fitted on a few labelled networks, or refused.

The default over a space of widths is :math:`\sum_i \ln w_i`. With labels, the weights
:math:`b_i \ge 0` of :math:`\sum_i b_i \ln w_i` are a ridge regression shrunk towards equal weights
instead of towards zero. How far is chosen by repeated cross-validation on Kendall's tau, with the
equal weights themselves among the choices. They are recommended only if their gain over equal
weights exceeds its standard error, corrected for the overlap of the folds (Nadeau and Bengio 2003,
Machine Learning 52, 239-281).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mathdesign.programs.base import FloatArray

FOLDS, REPEATS = 5, 6
#: Shrinkage in units of the mean eigenvalue of the design matrix; infinity: equal weights.
SHRINKAGE = (np.inf, 30.0, 10.0, 3.0, 1.0, 0.3, 0.1, 0.03)
LEAST_LABELS = 20


class CalibrationError(ValueError):
    """The labels cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """``weights`` have mean 1 and sum the logarithms; equal where labels did not help.

    ``tau_default`` and ``tau_fitted`` are cross-validated on the labelled rows; ``gain`` is their
    difference and ``gain_error`` its corrected standard error. ``recommended``: gain > error.
    """

    weights: tuple[float, ...]
    fitted: tuple[float, ...]
    shrinkage: float
    tau_default: float
    tau_fitted: float
    gain: float
    gain_error: float
    recommended: bool
    labels: int


def calibrate(logs: FloatArray, labels: FloatArray, seed: int = 0) -> Calibration:
    """Fit the weights. ``logs``: natural logarithms of the widths, shape (networks, stages).

    Raises :class:`CalibrationError` for too few labels, constant ones or values that are not finite.
    """
    if len(labels) < LEAST_LABELS:
        raise CalibrationError(f"{len(labels)} labels; at least {LEAST_LABELS} are needed")
    if not (np.isfinite(labels).all() and np.isfinite(logs).all()):
        raise CalibrationError("a label or a width is not finite")
    if np.ptp(labels) == 0:
        raise CalibrationError("all labels are equal: there is nothing to rank")
    taus = _cross_validated(logs, labels, seed)
    best = int(np.argmax(taus.mean(axis=0)))
    gains = taus[:, best] - taus[:, 0]
    overlap = 1 / len(gains) + 1 / (FOLDS - 1)
    error = float(np.sqrt(gains.var(ddof=1) * overlap))
    gain = float(gains.mean())
    equal = (1.0,) * logs.shape[1]
    fitted = tuple(float(w) for w in weights(logs, labels, SHRINKAGE[best]))
    good = gain > error
    return Calibration(
        fitted if good else equal, fitted, SHRINKAGE[best], float(taus[:, 0].mean()),
        float(taus[:, best].mean()), gain, error, good, len(labels),
    )  # fmt: skip


def on_some(
    logs: FloatArray, labels: FloatArray, count: int, seed: int = 0
) -> tuple[Calibration, int, dict[str, float]]:
    """As :func:`calibrate` on ``count`` random rows; how many are left, and Kendall's tau on these.

    Of the ``default`` and the ``fitted`` weights; none where fewer than two rows are left.
    """
    from scipy.stats import kendalltau

    rows = np.random.default_rng(seed).permutation(len(labels))
    used, held = rows[:count], rows[count:]
    found = calibrate(logs[used], labels[used], seed)
    if len(held) < 2:
        return found, len(held), {}
    scores = {"default": logs[held].sum(axis=1), "fitted": logs[held] @ found.fitted}
    taus = {k: float(kendalltau(v, labels[held]).statistic) for k, v in scores.items()}
    return found, len(held), taus


def weights(logs: FloatArray, labels: FloatArray, shrinkage: float) -> FloatArray:
    """Ridge regression shrunk towards equal weights, clipped at 0, scaled to mean 1."""
    x, y = logs - logs.mean(axis=0), labels - labels.mean()
    total = x.sum(axis=1)
    slope = float(total @ y / max(float(total @ total), 1e-300))
    if slope <= 0 or not np.isfinite(shrinkage):
        return np.ones(logs.shape[1])
    gram = x.T @ x
    ridge = shrinkage * np.trace(gram) / len(gram)
    change = np.linalg.solve(gram + ridge * np.eye(len(gram)), x.T @ (y - slope * total))
    found = np.maximum(slope + change, 0.0)
    return np.asarray(found / found.mean() if found.any() else np.ones(len(found)))


def _cross_validated(logs: FloatArray, labels: FloatArray, seed: int) -> FloatArray:
    """Kendall's tau on held-out folds, shape (repeats * folds, shrinkages)."""
    from scipy.stats import kendalltau

    rng = np.random.default_rng(seed)
    found = []
    for _ in range(REPEATS):
        folds = rng.permutation(len(labels)) % FOLDS
        for fold in range(FOLDS):
            test = folds == fold
            row = []
            for shrinkage in SHRINKAGE:
                score = logs[test] @ weights(logs[~test], labels[~test], shrinkage)
                tau = float(kendalltau(score, labels[test]).statistic)
                row.append(tau if np.isfinite(tau) else 0.0)
            found.append(row)
    return np.array(found)
