r"""A cost model fitted on measured operators, and the correction of sums by whole networks.

For each kind of operator, overhead, seconds a multiply-add and seconds a byte by non-negative least
squares on

.. math:: \Bigl( \frac{o + m / r + b / w - t}{\sqrt t} \Bigr)^2

(Lawson and Hanson 1974; the root lets dear operators, which networks consist of, count more than by
their relative errors, and less than by their seconds). The roofline :math:`o + \max(m / r, b / w)`
is fitted once for each threshold of multiply-adds a byte, below which bytes bind. What the fit is worth is said by operators that it did not see, five folds.

A network is no sum of its operators: caches are cold, memory is fresh, Python stands in between.
*Correction*: measured = factor x sum + base, by the same least squares over whole networks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

import numpy as np

from mathdesign.devices.header import LONGEST_WORD, STEP, Header
from mathdesign.devices.model import CostModel, Form, Rates
from mathdesign.devices.operators import Operator
from mathdesign.devices.table import BASE, CostTable
from mathdesign.programs.base import FloatArray

FOLDS = 5
#: Of a kind with fewer operators nothing can be held out.
FEWEST = 2 * FOLDS
#: Thresholds that are tried for a roofline.
THRESHOLDS = 40
#: Digits of what is written.
DIGITS = 6

Wanted = Literal["auto", "additive", "roofline"]
FORMS: tuple[Form, ...] = ("additive", "roofline")


class CannotFit(ValueError):
    """Too little to fit on; the message says what is needed."""


@dataclass(frozen=True, slots=True)
class KindFit:
    """Of one kind: operators, and the median of relative errors, seen and held out (``None``: too few)."""

    kind: str
    operators: int
    error: float
    held_out: float | None


@dataclass(frozen=True, slots=True)
class ModelFit:
    """A model, how it fits each kind, and the median held-out error over all operators."""

    model: CostModel
    kinds: tuple[KindFit, ...]
    held_out: float


def fit_model(
    seconds: Mapping[Operator, float], header: Header, form: Wanted = "auto", seed: int = 0
) -> ModelFit:
    """The model of operators that took ``seconds``; ``auto``: the form that errs less on those held out.

    Raises :class:`CannotFit`.
    """
    if not seconds:
        raise CannotFit("no operators; accepted: a table of at least one")
    if wrong := [o.key for o, t in seconds.items() if not t > 0]:
        raise CannotFit(f"operators without a time above 0: {', '.join(wrong[:5])}")
    forms = FORMS if form == "auto" else (form,)
    fits = [_fitted(seconds, header, one, seed) for one in forms]
    return min(fits, key=lambda fit: fit.held_out)  # of equals the additive one


def _fitted(seconds: Mapping[Operator, float], header: Header, form: Form, seed: int) -> ModelFit:
    by_kind: dict[str, list[Operator]] = {}
    for operator in sorted(seconds, key=lambda o: o.key):
        by_kind.setdefault(operator.kind, []).append(operator)
    rates, kinds, errors = {}, [], []
    for kind, own in by_kind.items():
        counted = np.array([_counted(o, header) for o in own])
        times = np.array([seconds[o] for o in own])
        found = _numbers(counted, times, form)
        rates[kind] = Rates(*(_rounded(x) for x in found))
        seen = np.abs(_predicted(counted, found, form) / times - 1)
        held = _held_out(counted, times, form, seed)
        errors += list(held if held is not None else seen)
        told = None if held is None else float(np.median(held))
        kinds.append(KindFit(kind, len(own), float(np.median(seen)), told))
    model = CostModel(header, rates, form)
    return ModelFit(model, tuple(kinds), float(np.median(errors)))


def _counted(operator: Operator, header: Header) -> tuple[float, float]:
    """Multiply-adds and bytes of an execution."""
    moved = operator.bytes_moved(header.value_bytes, header.batch)
    return float(operator.macs * header.batch), float(moved)


def _numbers(counted: FloatArray, times: FloatArray, form: Form) -> FloatArray:
    """Overhead, seconds a multiply-add, seconds a byte."""
    if form == "additive":
        return _least(np.column_stack([np.ones(len(times)), counted]), times)
    # Bytes bind operators of few multiply-adds a byte, multiply-adds the others: one threshold.
    intensity = counted[:, 0] / np.maximum(counted[:, 1], 1.0)
    steps = np.unique(intensity)
    steps = steps[np.linspace(0, len(steps) - 1, min(len(steps), THRESHOLDS)).astype(int)]
    tried = []
    for threshold in (*steps, np.inf):
        binds = intensity >= threshold
        sides = np.column_stack(
            [np.where(binds, counted[:, 0], 0), np.where(binds, 0, counted[:, 1])]
        )
        tried.append(_least(np.column_stack([np.ones(len(times)), sides]), times))
    return min(tried, key=lambda one: _loss(counted, times, one))


def _loss(counted: FloatArray, times: FloatArray, found: FloatArray) -> float:
    return float((((_predicted(counted, found, "roofline") - times) ** 2) / times).sum())


def _least(columns: FloatArray, times: FloatArray) -> FloatArray:
    """Non-negative weights of ``columns``, errors divided by the root of the time."""
    from scipy.optimize import nnls

    most = columns.max(axis=0)
    unit = np.where(most > 0, most, 1.0)
    root: FloatArray = np.sqrt(times)
    found = nnls(columns / unit / root[:, None], root)[0] / unit
    kept: FloatArray = np.where(most > 0, found, 0.0)
    return kept


def _predicted(counted: FloatArray, found: FloatArray, form: Form) -> FloatArray:
    both = counted * found[1:]
    moved: FloatArray = both.sum(axis=1) if form == "additive" else both.max(axis=1)
    total: FloatArray = found[0] + moved
    return total


def _held_out(counted: FloatArray, times: FloatArray, form: Form, seed: int) -> FloatArray | None:
    if len(times) < FEWEST:
        return None
    folds = np.random.default_rng(seed).permutation(len(times)) % FOLDS
    errors = np.zeros(len(times))
    for fold in range(FOLDS):
        test = folds == fold
        found = _numbers(counted[~test], times[~test], form)
        errors[test] = np.abs(_predicted(counted[test], found, form) / times[test] - 1)
    return errors


def _rounded(value: float) -> Fraction:
    return Fraction(f"{value:.{DIGITS}g}")


# ---- whole networks ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Correction:
    """``measured = factor * sum + base`` (seconds), and medians of relative errors over networks.

    ``before``: of the sums as they are; ``held_out``: of each network by the others.
    """

    factor: float
    base: float
    networks: int
    before: float
    held_out: float


#: Fewer networks correct by a factor alone, and fewer than two not at all.
FEWEST_NETWORKS = 5


def correction(sums: Sequence[float], measured: Sequence[float]) -> Correction:
    """Fitted on networks whose operators sum up to ``sums`` seconds and which took ``measured``.

    Raises :class:`CannotFit`.
    """
    total, times = np.array(sums, dtype=float), np.array(measured, dtype=float)
    if len(total) < 2 or not (total > 0).all() or not (times > 0).all():
        raise CannotFit("accepted: at least two networks, with sums and times above 0")
    factor, base = _correct(total, times)
    held = []
    for i in range(len(total)):
        rest = np.arange(len(total)) != i
        f, b = _correct(total[rest], times[rest])
        held.append(abs((f * total[i] + b) / times[i] - 1))
    before = float(np.median(np.abs(total / times - 1)))
    return Correction(factor, base, len(total), before, float(np.median(held)))


def _correct(total: FloatArray, times: FloatArray) -> tuple[float, float]:
    """By relative errors: a network is a network."""
    from scipy.optimize import nnls

    columns = [total] if len(total) < FEWEST_NETWORKS else [total, np.full(len(total), times.min())]
    found = nnls(np.column_stack(columns) / times[:, None], np.ones(len(times)))[0]
    base = float(found[1] * times.min()) if len(found) > 1 else 0.0
    return float(found[0]), base


def corrected(model: CostModel, by: Correction) -> CostModel:
    """``model`` with what sums over operators miss; what it was corrected by before is kept."""
    factor = model.factor * _rounded(by.factor)
    return replace(model, factor=factor, base=_rounded(by.base) + _rounded(by.factor) * model.base)


def corrected_table(
    table: CostTable, by: Correction
) -> tuple[Header, dict[str, tuple[Fraction, Fraction | None, int | None]]]:
    """Header and rows of ``table`` with every cost times the factor, and the base added once."""
    header = table.header
    factor, unit = _rounded(by.factor), STEP[header.quantity] / header.scale
    rows = {
        key: (
            factor * row.cost * unit,
            None if row.spread is None else factor * row.spread * unit,
            row.runs,
        )
        for key, row in table.rows.items()
    }
    once, spread, runs = rows.get(BASE, (Fraction(0), None, None))
    rows[BASE] = (once + _rounded(by.base) / header.scale, spread, runs)
    words = f"corrected by {by.networks} networks: times {by.factor:.4g} and {1e3 * by.base:.4g} ms"
    versions = f"{header.versions}; {words}" if header.versions else words
    return replace(header, versions=versions[:LONGEST_WORD]), rows
