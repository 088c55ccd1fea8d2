"""Fit a predictor on measured designs; boosted trees or separable tables, by cross-validated tau.

Each is tried on the labels themselves and on their normal scores (van der Waerden): what matters is
the order, and labels of cells have a long lower tail. Settings follow measurements (``benchmarks/predictor_tau.py``): five
rows a leaf at least, thresholds drawn at random for larger trees (extremely randomised trees, Geurts
et al. 2006), the number of rounds by cross-validation. A separable model is better on few widths.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mathdesign.programs.base import FloatArray, IntArray
from mathdesign.programs.slot_space import TableError, TableSpace
from mathdesign.spec.faults import did_you_mean
from mathdesign.surrogate.growing import FreeLabels, Grower, normal_scores
from mathdesign.surrogate.learned import LearnedSpace
from mathdesign.surrogate.measured import Measured
from mathdesign.surrogate.predictor import Predictor, Quality, read_back
from mathdesign.surrogate.reading import numbers_of, with_slots

if TYPE_CHECKING:
    from pandas import DataFrame

FOLDS = 5
FEWEST_ROWS = 20
#: Strengths of the separable model's penalty that are tried.
RIDGES = (0.1, 1.0, 10.0)
#: Leaves, learning rate, and whether thresholds are drawn at random.
SHAPES: Mapping[str, tuple[int, float, bool]] = {
    "trees of 4 leaves": (4, 0.1, False),
    "trees of 8 leaves": (8, 0.1, False),
    "trees of 31 leaves": (31, 0.05, True),
}
#: The scores are read back through so many levels at most.
MOST_LEVELS = 201


@dataclass(frozen=True, slots=True)
class Sample:
    """Measured designs: points of shape ``(rows, slots)``, labels of shape ``(rows,)``."""

    points: IntArray
    labels: FloatArray


def sample_of(
    table: DataFrame, space: TableSpace, target: str, duplicates: str = "refuse",
    fewest: int = FEWEST_ROWS, positions: Collection[str] = (),
) -> Sample:  # fmt: skip
    """The measured designs in ``table``, at least ``fewest`` of them.

    ``duplicates="mean"`` averages the labels of a design that occurs with several; the cells of
    the slots in ``positions`` are positions of options, those of the others names. Raises
    :class:`TableError` with every fault: columns, cells, labels, a constant target, duplicates.
    """
    faults: list[str] = []
    points, labels = np.zeros((0, len(space.slots)), dtype=np.int64), np.zeros(0)
    try:
        points = space.points(with_slots(table, space, positions), positions)
    except TableError as error:
        faults.append(str(error))
    try:
        labels = _labels(table, target)
    except TableError as error:
        faults.append(str(error))
    if not faults and len(table) < fewest:
        faults.append(f"{len(table)} rows, accepted: at least {fewest}")
    if faults:
        raise TableError("\n".join(faults))
    unique, inverse, counts = np.unique(points, axis=0, return_inverse=True, return_counts=True)
    inverse = inverse.ravel()
    if len(unique) < len(points):
        mean = np.bincount(inverse, labels) / counts
        contradicting = np.unique(inverse[np.abs(labels - mean[inverse]) > 0])
        if len(contradicting) and duplicates != "mean":
            rows = np.flatnonzero(inverse == contradicting[0])[:2] + 1
            raise TableError(
                f"{len(contradicting)} designs occur with different labels (e.g. rows {rows[0]} and "
                f"{rows[1]}): keep one row each, or average them with --duplicates mean"
            )
        first = np.sort(np.unique(inverse, return_index=True)[1])
        points, labels = points[first], mean[inverse[first]]
    return Sample(points, labels)


def _labels(table: DataFrame, target: str) -> FloatArray:
    if target not in table:
        names = [*map(str, table.columns)]
        cure = did_you_mean(target, names)
        raise TableError(f"no column {target!r} to predict; found: {', '.join(names[:20])}{cure}")
    labels = numbers_of(table, target)
    if len(labels) > 1 and np.ptp(labels) == 0:
        raise TableError(
            f"{target}: every row has the value {float(labels[0])!r}; nothing can be learned"
        )
    found: FloatArray = labels
    return found


@dataclass(frozen=True, slots=True)
class Fitted:
    """A predictor, its held-out predictions in the target's unit, and the rows behind it."""

    predictor: Predictor
    held_out: FloatArray
    measured: Measured

    def save(self, folder: Path) -> list[Path]:
        """Write the predictor's folder with what was measured."""
        return [self.measured.save(folder), *self.predictor.save(folder)]


def fitted(
    sample: Sample,
    space: TableSpace,
    target: str,
    *,
    model: str = "auto",
    ensemble: int = 0,
    pretrain: tuple[str, ...] = (),
    seed: int = 0,
    say: Callable[[str], None] = lambda _: None,
) -> Fitted:
    """The predictor with the best cross-validated tau.

    ``model`` is ``auto``, ``trees`` or ``tables``; ``ensemble`` adds that many trees' ensembles
    on bootstrap samples; ``pretrain`` names metrics of the space as free labels. Same sample and
    seed, same bytes.
    """
    forms = {"scores": normal_scores(sample.labels), "values": _standardised(sample.labels)}
    folds = np.random.default_rng(seed).permutation(len(sample.labels)) % FOLDS
    if unknown := sorted(set(pretrain) - set(space.metrics)):
        known = ", ".join(space.metrics)
        raise TableError(f"no metric {unknown[0]!r} to pre-train on; accepted: {known}")
    free = FreeLabels.of(space, pretrain, sample.points, seed) if pretrain else None
    growers = {
        f"{name}, {{}}{' after ' + ', '.join(pretrain) if start else ''}": Grower.of(
            space, sample.points, shape, start, seed
        )
        for name, shape in SHAPES.items()
        for start in dict.fromkeys((None, free))
    }
    tried: dict[str, _Trial] = {}
    for form, y in forms.items():
        if model in ("auto", "tables") and not ensemble:  # only trees have an ensemble
            for ridge in RIDGES:
                held = _held_out_tables(sample.points, y, folds, space, ridge)
                tau = kendall(held, sample.labels)
                tried[f"tables of {form}, ridge {ridge:g}"] = _Trial(tau, held, form, ridge=ridge)
        if model in ("auto", "trees"):
            for name, grower in growers.items():
                held, rounds = grower.held_out(y, folds)
                tau = kendall(held, sample.labels)
                trial = _Trial(tau, held, form, grower=grower, rounds=rounds)
                tried[name.format(form)] = trial
    for name, trial in tried.items():
        say(f"{name}: cross-validated tau {trial.tau:.3f}")
    best = max(tried.values(), key=lambda trial: trial.tau)
    y, levels = forms[best.form], _levels(forms[best.form], sample.labels)
    predicted = read_back(best.held, levels)
    rmse = float(np.sqrt(np.mean((predicted - sample.labels) ** 2)))
    rivals = {name: round(trial.tau, 6) for name, trial in tried.items()}
    quality = Quality(len(y), best.tau, (1 + best.tau) / 2, rmse, rivals)
    empty = Predictor(LearnedSpace.of(space), target, "tables", levels, quality)
    measured = Measured.of(space, sample.points, sample.labels, y, best.held)
    if best.grower is None:
        tables = tuple(map(tuple, _tables(sample.points, y, space, best.ridge)))
        return Fitted(replace(empty, tables=tables), predicted, measured)
    rng = np.random.default_rng(seed)
    every = np.arange(len(y))
    members = [best.grower.train(every, y, best.rounds).model_to_string()]
    for number in range(ensemble):
        rows = rng.integers(0, len(y), len(y))
        other = replace(best.grower, seed=seed + 1 + number)
        members.append(other.train(rows, y, best.rounds).model_to_string())
    trees = replace(empty, kind="trees", members=tuple(members))
    return Fitted(trees, predicted, measured)


@dataclass(frozen=True, slots=True)
class _Trial:
    """A model that was tried: its tau and predictions on held-out rows, and its setting."""

    tau: float
    held: FloatArray
    form: str
    ridge: float = 0.0
    grower: Grower | None = None
    rounds: int = 0


def _standardised(labels: FloatArray) -> FloatArray:
    found: FloatArray = (labels - labels.mean()) / labels.std()
    return found


def _levels(scores: FloatArray, labels: FloatArray) -> tuple[tuple[float, float], ...]:
    """Pairs (score, label), rising in both, spread evenly over the ranks."""
    order = np.argsort(scores, kind="stable")
    chosen = order[np.unique(np.linspace(0, len(order) - 1, MOST_LEVELS).round().astype(int))]
    pairs = {float(scores[i]): float(labels[i]) for i in chosen}
    return tuple(sorted(pairs.items()))


def kendall(a: FloatArray, b: FloatArray) -> float:
    """Kendall's tau-b; 0 where one side is constant."""
    from scipy.stats import kendalltau

    tau = float(kendalltau(a, b).statistic)
    return tau if np.isfinite(tau) else 0.0


def _one_hot(points: IntArray, space: TableSpace) -> FloatArray:
    return np.concatenate(
        [np.eye(len(slot.options))[points[:, i]] for i, slot in enumerate(space.slots)], axis=1
    )


def _tables(points: IntArray, y: FloatArray, space: TableSpace, ridge: float) -> list[list[float]]:
    """Ridge regression on one-hot options; on log and squared log of the values where ordered."""
    design = np.concatenate([_one_hot(points, space), np.ones((len(y), 1))], axis=1)
    basis = _basis(space)
    x = design @ basis
    penalty = ridge * np.eye(x.shape[1])
    penalty[-1, -1] = 1e-9
    weights = basis @ np.linalg.solve(x.T @ x + penalty, x.T @ y)
    found, at = [], 0
    for slot in space.slots:
        found.append([float(w) for w in weights[at : at + len(slot.options)]])
        at += len(slot.options)
    found[0] = [value + float(weights[-1]) for value in found[0]]  # the constant
    return found


def _basis(space: TableSpace) -> FloatArray:
    """One-hot bits (rows) as a smooth basis (columns): log, log^2 of ordered values, else themselves."""
    from scipy.linalg import block_diag

    blocks = []
    for slot in space.slots:
        values = np.array(slot.values or ())
        if len(values) > 3 and (values > 0).all():
            logs = np.log(values)
            logs = (logs - logs.mean()) / max(float(logs.std()), 1e-12)
            blocks.append(np.stack([logs, logs**2], axis=1))
        else:
            blocks.append(np.eye(len(slot.options)))
    found: FloatArray = block_diag(*blocks, np.ones((1, 1)))
    return found


def _held_out_tables(
    points: IntArray, y: FloatArray, folds: IntArray, space: TableSpace, ridge: float
) -> FloatArray:
    held = np.zeros(len(y))
    for fold in range(FOLDS):
        test = folds == fold
        tables = _tables(points[~test], y[~test], space, ridge)
        held[test] = sum(np.array(t)[points[test, i]] for i, t in enumerate(tables))
    return held
