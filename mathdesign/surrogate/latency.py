r"""A latency as a sum, fitted on measurements: what a program can hold as a budget.

Weighted least squares with non-negative weights (NNLS, Lawson and Hanson 1974),

.. math:: \min_{w \ge 0} \sum_i \Bigl( \frac{w_0 + \sum_j w_j x_{ij} - t_i}{t_i^p} \Bigr)^2.

With :math:`p = 1` the fastest networks count as much as the slowest; with :math:`p = 0` they do not, which
is right where a few are fast for a reason that no sum knows (operations that a compiler leaves out).
The power with the least median of held-out relative errors is taken. The :math:`x_{ij}` are the options that
a design takes (a space of option lists) or columns of sums over layers (params, multiply-adds). What a
sum misses (overlap, caches, memory) is what the held-out error says.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mathdesign.programs.base import FloatArray, IntArray
from mathdesign.programs.slot_space import TableError, TableSpace

FOLDS, FEWEST_ROWS = 5, 20
#: Powers of the time by which errors are divided.
POWERS = (1.0, 0.5, 0.0)
#: Share of held-out networks whose time is at most the prediction times ``1 + excess``.
COVERED = 0.95


@dataclass(frozen=True, slots=True)
class LatencyFit:
    """``constant + columns @ weights`` in the target's unit, and how far held-out rows lie from it.

    ``r2``: share of the variance explained; ``error``: median of ``|predicted / true - 1|``;
    ``excess``: 95% of the rows are slower than predicted by at most this share (perhaps negative);
    ``power``: of the times by which errors were divided.
    """

    constant: float
    weights: tuple[float, ...]
    rows: int
    r2: float
    error: float
    excess: float
    power: float


def fit_latency(columns: FloatArray, times: FloatArray, seed: int = 0) -> LatencyFit:
    """Fit ``times``, shape ``(rows,)``, on non-negative ``columns`` of shape ``(rows, terms)``.

    Raises :class:`TableError` for too few rows, times that are not positive, negative columns.
    """
    faults = []
    if len(times) < FEWEST_ROWS:
        faults.append(f"{len(times)} rows, accepted: at least {FEWEST_ROWS}")
    if (times <= 0).any():
        row = int(np.argmax(times <= 0)) + 1
        faults.append(f"row {row}: a time of {times[row - 1]:g}, accepted: more than 0")
    if (columns < 0).any():
        row = int(np.argmax((columns < 0).any(axis=1))) + 1
        faults.append(f"row {row}: a negative term, accepted: at least 0")
    if faults:
        raise TableError("\n".join(faults))
    folds = np.random.default_rng(seed).permutation(len(times)) % FOLDS
    tried = {power: _held_out(columns, times, folds, power) for power in POWERS}
    power = min(POWERS, key=lambda p: _median_error(tried[p], times))
    held = tried[power]
    constant, weights = _weights(columns, times, power)
    spread = float(((times - times.mean()) ** 2).sum())
    r2 = 1 - float(((held - times) ** 2).sum()) / spread if spread else 0.0
    # Time over prediction; a prediction of 0 says nothing of a row.
    ratio = times / np.maximum(held, 1e-12 * times)
    excess = float(np.quantile(ratio, COVERED, method="higher")) - 1
    error = _median_error(held, times)
    return LatencyFit(constant, tuple(map(float, weights)), len(times), r2, error, excess, power)


def option_columns(space: TableSpace, points: IntArray) -> FloatArray:
    """Which options designs take: a column of 0 and 1 for each option of each slot."""
    bits = [np.eye(len(slot.options))[points[:, i]] for i, slot in enumerate(space.slots)]
    return np.concatenate(bits, axis=1)


def option_costs(
    fit: LatencyFit, space: TableSpace, points: IntArray, scale: float
) -> tuple[int, dict[str, list[int]]]:
    """Constant and costs of each slot's options as whole numbers of ``1 / scale`` of the unit.

    ``points`` are the measured designs. What all options of a slot cost is moved to the constant;
    an option that no row takes costs what the dearest of its slot does, so that nothing unknown
    looks cheap.
    """
    constant, costs, at = fit.constant, {}, 0
    for i, slot in enumerate(space.slots):
        own = np.array(fit.weights[at : at + len(slot.options)])
        at += len(slot.options)
        seen = np.bincount(points[:, i], minlength=len(slot.options)) > 0
        own = np.where(seen, own, own[seen].max())
        constant += own.min()
        costs[slot.name] = [round(float(w) * scale) for w in own - own.min()]
    return round(float(constant) * scale), costs


def _held_out(columns: FloatArray, times: FloatArray, folds: IntArray, power: float) -> FloatArray:
    held = np.zeros(len(times))
    for fold in range(FOLDS):
        test = folds == fold
        constant, weights = _weights(columns[~test], times[~test], power)
        held[test] = constant + columns[test] @ weights
    return held


def _median_error(held: FloatArray, times: FloatArray) -> float:
    return float(np.median(np.abs(held / times - 1)))


def _weights(columns: FloatArray, times: FloatArray, power: float) -> tuple[float, FloatArray]:
    from scipy.optimize import nnls

    mean = columns.mean(axis=0)
    unit = np.where(mean > 0, mean, 1.0)
    design = np.concatenate([np.ones((len(times), 1)), columns / unit], axis=1)
    importance = (times / times.mean()) ** -power
    found = nnls(design * importance[:, None], times * importance)[0]
    return float(found[0]), found[1:] / unit
