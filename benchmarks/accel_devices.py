"""Accel-NASBench under the latency of three devices: the proven design, the best row, random, evolution.

    python benchmarks/accel_devices.py [--table accel_nasbench.csv.gz] [--labels 300] [--seeds 3] [--margin]

Latencies of an FPGA (ZCU102), a GPU (A100) and a TPU (v2), seconds an image, become sums over stages
(`mathdesign latency fit`'s non-negative least squares, R2 on rows held out), written as tables of
``slot:option`` in whole nanoseconds. A predictor is fitted on the labels of random rows alone, once a
seed, and maximised by ``mathdesign design`` under six quantiles of each device's measured latency.

With ``--margin`` designs and rivals leave room for what 95% of the rows held out take at most above
the fitted sum; rows are held to their measured latency either way.

Designs are judged by denoised accuracy (:mod:`mathdesign.evidence.denoise`): of a row, what boosted
trees that did not see it predict; of a network that nobody trained, the mean of those trees. The
best row is the best by that measure among all rows whose *measured* latency keeps the budget. Rivals
have as many queries as the predictor had labels, for each budget anew, in all of the space, and their
queries are answered by the judge itself, without the noise of a training: both favours them. A second judge of
another form, a ridge regression on pairs of choices, says whether the first is to be believed.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

import mathdesign
from mathdesign.evidence.denoise import Judge
from mathdesign.programs.base import FloatArray, IntArray
from mathdesign.programs.slot_space import TableSpace
from mathdesign.programs.slots import Feature, SlotProblem
from mathdesign.search.loop import SearchOptions, search
from mathdesign.spaces.lists.named import SPACES
from mathdesign.surrogate.features import features_of
from mathdesign.surrogate.fit import fitted, sample_of
from mathdesign.surrogate.latency import LatencyFit, fit_latency, option_columns, option_costs
from mathdesign.surrogate.reading import with_slots

TABLE = Path(__file__).parents[2] / "shared/data/accel_nasbench/accel_nasbench.csv.gz"
FAMILY, TARGET = "accel_nasbench", "val_top1"
#: Device -> the column that holds its latency, and nanoseconds of what stands there.
DEVICES: Mapping[str, tuple[str, Callable[[FloatArray], FloatArray]]] = {
    "zcu102": ("latency_zcu102", lambda ms: 1e6 * ms),
    "a100": ("throughput_a100", lambda images_s: 1e9 / images_s),
    "tpuv2": ("throughput_tpuv2", lambda images_s: 1e9 / images_s),
}
QUANTILES = np.linspace(0.1, 0.95, 6)
METHODS = ("random", "evolution")
#: Of the second judge.
FOLDS, RIDGE = 5, 5.0


@dataclass(frozen=True, slots=True)
class Row:
    """One device, budget (ns) and seed: denoised accuracies in points, processor seconds of the design.

    ``second`` is how far the design lies behind the best row by the second judge; ``labelled``
    the best by label of the rows that the predictor was fitted on.
    """

    device: str
    limit: int
    seed: int
    best: float
    design: float
    second: float
    labelled: float
    rivals: Mapping[str, float]
    seconds: float
    proven: bool

    @property
    def behind(self) -> float:
        """Points that the design lacks to the best row."""
        return self.best - self.design


def costs_text(fit: LatencyFit, space: TableSpace, points: IntArray, device: str) -> str:
    """A fitted latency as a table of ``slot:option`` and ``base``, whole nanoseconds."""
    base, costs = option_costs(fit, space, points, 1.0)
    lines = ["# mathdesign latency table 1", "# unit: ns", f"# device: {device}"]
    lines += ["operator,latency", f"base,{base}"]
    for slot in space.slots:
        lines += [f"{slot.name}:{o},{c}" for o, c in zip(slot.options, costs[slot.name])]
    return "\n".join(lines) + "\n"


def repeatable(points: IntArray, times: FloatArray) -> float:
    """The R2 that no model exceeds: 1 less the variance between measurements of equal designs.

    ``nan`` where no design was measured twice.
    """
    _, inverse = np.unique(points, axis=0, return_inverse=True)
    inverse = inverse.ravel()
    count, mean = np.bincount(inverse), np.bincount(inverse, times) / np.bincount(inverse)
    apart = float(((times - mean[inverse]) ** 2).sum())
    free = int((count - 1).sum())
    return 1 - apart / free / float(times.var()) if free else float("nan")


def seen_by(space: TableSpace, features: Sequence[Feature]) -> list[FloatArray]:
    """Features as a table a slot, shape ``(options, features)``: a design's are the sum of its rows."""
    tables = [np.zeros((len(slot.options), len(features))) for slot in space.slots]
    for k, feature in enumerate(features):
        for slot, table in zip(feature.slots, feature.tables):
            tables[slot][:, k] = table
    return tables


class Pairs:
    """The second judge: a ridge on every value of every choice and every pair of them.

    ``rows`` are its predictions of rows left out (five folds), ``at`` those of any points.
    """

    def __init__(self, said: Sequence[Feature], points: IntArray, labels: FloatArray) -> None:
        self.said = said
        self.levels = [np.unique(np.concatenate([np.ravel(t) for t in f.tables])) for f in said]
        design = self._bits(points)
        fold = np.random.default_rng(0).permutation(len(labels)) % FOLDS
        self.rows = np.zeros(len(labels))
        for k in range(FOLDS):
            test = fold == k
            mean, weights = _ridge(design[~test], labels[~test])
            self.rows[test] = mean + design[test] @ weights
        self.mean, self.weights = _ridge(design, labels)

    def at(self, points: IntArray) -> FloatArray:
        """Predictions, shape ``(rows,)``."""
        found: FloatArray = self.mean + self._bits(points) @ self.weights
        return found

    def _bits(self, points: IntArray) -> FloatArray:
        columns = [f.at(points)[:, None] == levels for f, levels in zip(self.said, self.levels)]
        single = [bits.astype(float) for bits in columns]
        pairs = [
            (a[:, :, None] * b[:, None, :]).reshape(len(points), -1) / 2
            for j, b in enumerate(single)
            for a in single[:j]
        ]
        return np.concatenate([*single, *pairs], axis=1)


def _ridge(design: FloatArray, labels: FloatArray) -> tuple[float, FloatArray]:
    mean = float(labels.mean())
    gram = design.T @ design + RIDGE * np.eye(design.shape[1])
    return mean, np.linalg.solve(gram, design.T @ (labels - mean))


class Study:
    """The table with its judges and the latencies of each device."""

    def __init__(self, table: pd.DataFrame, folder: Path, *, margin: bool = False) -> None:
        self.table, self.folder = table, folder
        self.room = margin
        self.margins: dict[str, float] = {}
        self.space = SPACES[FAMILY]()
        self.points = self.space.points(with_slots(table, self.space))
        self.labels = table[TARGET].to_numpy()
        self.seen = seen_by(self.space, features_of(self.space))
        self.judge = Judge(self._features(self.points), self.labels)
        self.second = Pairs(self.space.described, self.points, self.labels)
        self.times: dict[str, FloatArray] = {}
        self.known = {tuple(map(int, p)): k for k, p in enumerate(self.points)}
        for name in DEVICES:
            self._fit(name)

    def _fit(self, name: str) -> None:
        column, nanoseconds = DEVICES[name]
        times = nanoseconds(self.table[column].to_numpy())
        seen = np.isfinite(times)
        points = self.points[seen]
        fit = fit_latency(option_columns(self.space, points), times[seen])
        self.times[name] = times
        self.margins[name] = max(0.0, fit.excess) if self.room else 0.0
        (self.folder / f"{name}.csv").write_text(costs_text(fit, self.space, points, name))
        print(f"{name:<7} {column:<16} {fit.rows:>5} rows: R2 held out {fit.r2:.5f} (equal designs measured "
              f"twice leave {repeatable(points, times[seen]):.5f}), median error {fit.error:.2%}, "
              f"95% are at most {fit.excess:.2%} slower, margin {self.margins[name]:.2%}")  # fmt: skip

    def _features(self, points: IntArray) -> FloatArray:
        found: FloatArray = sum(table[points[:, i]] for i, table in enumerate(self.seen))
        return found

    def denoised(self, point: Sequence[int]) -> float:
        """Of one design: of a row, by trees that did not see it."""
        row = self.known.get(tuple(point))
        at = self._features(np.array([point]))
        return float(self.judge.at(at)[0] if row is None else self.judge.rows[row])

    def by_pairs(self, point: Sequence[int]) -> float:
        """The same by the second judge."""
        row = self.known.get(tuple(point))
        found = self.second.at(np.array([point]))[0] if row is None else self.second.rows[row]
        return float(found)

    def learn(self, seed: int, labels: int) -> IntArray:
        """Fit a predictor on random rows and write its folder; the rows."""
        rows = np.random.default_rng(seed).choice(len(self.table), labels, replace=False)
        sample = sample_of(self.table.iloc[rows], self.space, TARGET, duplicates="mean")
        found = fitted(sample, self.space, TARGET, seed=seed)
        found.save(self.folder / f"model{seed}")
        quality = found.predictor.quality
        print(f"seed {seed}: {labels} labels, {found.predictor.kind}, held-out tau {quality.tau:.3f}, "
              f"RMSE {quality.rmse:.2f} points", flush=True)  # fmt: skip
        return rows

    def rows(self, seed: int, fitted_on: IntArray) -> list[Row]:
        """Every device and budget."""
        found = []
        for device, times in self.times.items():
            for limit in map(int, np.nanquantile(times, QUANTILES)):
                found.append(self._row(device, limit, seed, fitted_on))
        return found

    def _row(self, device: str, limit: int, seed: int, fitted_on: IntArray) -> Row:
        file = self.folder / "design.yaml"
        file.write_text(_words(device, limit, seed, self.margins[device]))
        spec = mathdesign.load(file)
        start = time.process_time()
        design = mathdesign.design(spec)
        seconds = time.process_time() - start
        point = self.space.point(design.network.options)
        within = np.flatnonzero(self.times[device] <= limit)
        ours = np.intersect1d(within, fitted_on)
        labelled = self.judge.rows[ours[np.argmax(self.labels[ours])]] if len(ours) else np.nan
        problem = mathdesign.problem(spec)
        assert isinstance(problem, SlotProblem)
        return Row(
            device, limit, seed, float(self.judge.rows[within].max()), self.denoised(point),
            float(self.second.rows[within].max()) - self.by_pairs(point), float(labelled),
            {m: self._rival(problem, m, seed, len(fitted_on)) for m in METHODS}, seconds,
            design.certificate.status == "optimal",
        )  # fmt: skip

    def _rival(self, problem: SlotProblem, method: str, seed: int, queries: int) -> float:
        """The best of its queries, by the judge that answered them."""
        options = SearchOptions(queries, seed=seed)
        found = search(problem, self.space, self.denoised, options, method=method)
        best = options.best(found)
        return float("nan") if best is None or best.value is None else best.value


def _words(device: str, limit: int, seed: int, margin: float) -> str:
    return f"""
version: 1
name: {device}
space: {{family: {FAMILY}}}
objective: {{predictor: model{seed}, pick: predicted}}
devices:
  {device}: {{max: {limit} ns, table: {device}.csv, margin: {margin:.6f}}}
solve: {{gap: 0, time_limit: 120 s}}
"""


def shown(found: Sequence[Row]) -> list[str]:
    """The table: a line a device and budget, means over seeds, and what they come to."""
    head = (f"{'device':<7} {'budget ms':>9} {'best row':>8} {'design':>7} {'behind':>7} {'worst':>6} "
            f"{'2nd':>6} {'labelled':>8} {'random':>7} {'evolution':>9} {'cpu s':>6}")  # fmt: skip
    lines, every = [head], []
    for key in dict.fromkeys((r.device, r.limit) for r in found):
        rows = [r for r in found if (r.device, r.limit) == key]
        every.append(rows)
        lines.append(f"{key[0]:<7} {key[1] / 1e6:>9.4g} {_numbers(rows)}")
    lines.append(f"{'all':<7} {len(every):>9} {_numbers(found)}")
    open_ = sum(not r.proven for r in found)
    within = sum(np.mean([r.behind for r in rows]) <= 0.5 for rows in every)
    lines.append(
        f"within 0.5 points of the best row: {within} of {len(every)} budgets (mean over seeds), "
        f"{sum(r.behind <= 0.5 for r in found)} of {len(found)} designs; {open_} not proven"
    )
    return lines


def _numbers(rows: Sequence[Row]) -> str:
    def mean(values: Sequence[float]) -> float:
        return float(np.nanmean(values))

    rivals = [mean([r.rivals[m] for r in rows]) for m in METHODS]
    return (f"{mean([r.best for r in rows]):>8.2f} {mean([r.design for r in rows]):>7.2f} "
            f"{mean([r.behind for r in rows]):>+7.2f} {max(r.behind for r in rows):>+6.2f} "
            f"{mean([r.second for r in rows]):>+6.2f} {mean([r.labelled for r in rows]):>8.2f} "
            f"{rivals[0]:>7.2f} {rivals[1]:>9.2f} {mean([r.seconds for r in rows]):>6.1f}")  # fmt: skip


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", type=Path, default=TABLE)
    parser.add_argument("--labels", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--margin", action="store_true", help="room for the error of the latencies")
    words = parser.parse_args()
    if not words.table.is_file():
        sys.exit(f"SKIPPED: no table at {words.table}; --table FILE says where it is")
    table, start = pd.read_csv(words.table), time.perf_counter()
    # Files that a specification names lie below the working directory.
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        study = Study(table, Path(), margin=words.margin)
        for judge, rows in (("denoised", study.judge.rows), ("second", study.second.rows)):
            error = float(np.sqrt(np.mean((rows - study.labels) ** 2)))
            print(f"judge, {judge}: {error:.3f} points from the labels of rows held out (RMSE)")
        found: list[Row] = []
        for seed in range(words.seeds):
            found += study.rows(seed, study.learn(seed, words.labels))
            print(f"seed {seed}: {time.perf_counter() - start:.0f} s in all", flush=True)
    print("", *shown(found), sep="\n")


if __name__ == "__main__":
    main()
