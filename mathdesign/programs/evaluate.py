"""Vectorised evaluation of a design problem over arrays of candidates.

Works in chunks that fit the cache; integer metrics are exact int64. This is what the heuristics
and the exhaustive oracle run on; the final check of an answer does *not* use it
(:mod:`mathdesign.validators.convnet.recheck` counts layer by layer instead).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mathdesign.programs.base import (
    EFFECTIVENESS_TOLERANCE,
    BoolArray,
    FloatArray,
    IntArray,
    rows_apart,
    saturated,
)
from mathdesign.programs.stages import (
    DEPTH,
    PREV,
    WIDTH,
    Alive,
    Chain,
    Monomial,
    Repeat,
    Stage,
    When,
)

CHUNK = 8192
SCORES = ("entropy", "penalty", "volume", "effectiveness", "objective", "feasible")

Symbols = dict[str, IntArray]


@dataclass(frozen=True, slots=True)
class Scores:
    """Values of ``n`` candidates, each array of shape ``(n,)``.

    ``volume`` is the sum of logarithms of choices, constant included; ``effectiveness`` is the
    maximum over the problem's prefixes (0 if it has none); ``feasible``
    says whether rules, budgets, ceilings and effectiveness hold; ``objective`` ignores feasibility.
    """

    metrics: dict[str, IntArray]
    peaks: dict[str, IntArray]
    entropy: FloatArray
    penalty: FloatArray
    volume: FloatArray
    effectiveness: FloatArray
    objective: FloatArray
    feasible: BoolArray


class Evaluator:
    """Evaluates points of one problem; build once, call often."""

    def __init__(self, problem: Chain) -> None:
        self.problem = problem
        self._operators = {
            peak: [stage.heaviest(peak) for stage in problem.stages] for peak in problem.peak_names
        }
        self._rules = [
            (
                problem.columns[r.first_stage, r.first],
                np.array(problem.stages[r.first_stage].domain(r.first)),
                problem.columns[r.second_stage, r.second],
                np.array(problem.stages[r.second_stage].domain(r.second)),
                r.allowed,
            )
            for r in problem.rules
        ]

    def __call__(self, points: IntArray) -> Scores:
        """Scores of ``points``, shape ``(n, variables)`` or ``(variables,)``, values in domains."""
        points = np.atleast_2d(np.asarray(points, dtype=np.int64))
        parts = [self._chunk(points[i : i + CHUNK]) for i in range(0, len(points), CHUNK)]
        return parts[0] if len(parts) == 1 else _joined(parts, self.problem.metrics)

    def metrics(self, points: IntArray) -> dict[str, IntArray]:
        """Integer metrics only: the fast path, ``{metric: (n,)}``."""
        points = np.atleast_2d(np.asarray(points, dtype=np.int64))
        parts = [
            {m: self._metric(m, symbols) for m in self.problem.metrics}
            for symbols in (
                self._symbols(points[i : i + CHUNK]) for i in range(0, len(points), CHUNK)
            )
        ]
        return {m: np.concatenate([p[m] for p in parts]) for m in self.problem.metrics}

    def _chunk(self, points: IntArray) -> Scores:
        symbols = self._symbols(points)
        metrics = {m: self._metric(m, symbols) for m in self.problem.metrics}
        log_width, layers = self._prefixes(symbols)
        entropy = self._entropy(symbols, log_width)
        penalty = self._penalty(symbols)
        effectiveness = self._effectiveness(log_width, layers)
        volume = self._volume(symbols)
        objective = entropy - penalty + volume
        for metric, weight in self.problem.objective.metric_weights:
            objective = objective + weight * metrics[metric]
        feasible = self._rules_hold(points) & self._budgets_hold(metrics, len(points))
        feasible &= rows_apart(points, self.problem.distances)
        peaks = {name: self._peak(name, symbols) for name in self.problem.peak_names}
        for budget in self.problem.ceilings:
            if budget.upper is not None:
                feasible &= peaks[budget.metric] <= budget.upper
        if self.problem.effectiveness is not None:
            feasible &= effectiveness <= self.problem.effectiveness.limit * (
                1 + EFFECTIVENESS_TOLERANCE
            )
        return Scores(
            metrics, peaks, entropy, penalty, volume, effectiveness, saturated(objective), feasible
        )

    def _symbols(self, points: IntArray) -> list[Symbols]:
        """The value of every symbol of every stage, contiguous arrays of shape ``(n,)``."""
        columns = np.ascontiguousarray(points.T)
        prev = np.full(len(points), self.problem.input_channels, dtype=np.int64)
        result: list[Symbols] = []
        for s, stage in enumerate(self.problem.stages):
            symbols: Symbols = {PREV: prev}
            for decision in stage.decisions:
                symbols[decision.name] = columns[self.problem.columns[s, decision.name]]
            for derived in stage.derived:
                domain = np.array(stage.domain(derived.source))
                position = np.searchsorted(domain, symbols[derived.source])
                symbols[derived.name] = np.array(derived.values, dtype=np.int64)[position]
            self.problem.add_tables(s, symbols)
            prev = symbols[WIDTH]
            result.append(symbols)
        return result

    def _metric(self, metric: str, symbols: list[Symbols]) -> IntArray:
        total = np.zeros_like(symbols[0][PREV])
        for stage, values in zip(self.problem.stages, symbols):
            total += stage_cost(stage.costs.get(metric, ()), values)
        return total

    def _peak(self, peak: str, symbols: list[Symbols]) -> IntArray:
        highest = np.zeros_like(symbols[0][PREV])
        for operators, values in zip(self._operators[peak], symbols):
            highest = np.maximum(highest, stage_peak(operators, values))
        return highest

    def _prefixes(self, symbols: list[Symbols]) -> tuple[list[FloatArray], list[IntArray]]:
        """Log-width and number of layers accumulated up to and including each stage."""
        log_width: FloatArray = np.zeros(len(symbols[0][PREV]))
        layers: IntArray = np.zeros(len(symbols[0][PREV]), dtype=np.int64)
        log_widths, layer_counts = [], []
        for stage, values in zip(self.problem.stages, symbols):
            log_width = log_width + stage_log_width(stage, values)
            layers = layers + stage.layers_per_block * values[DEPTH]
            log_widths.append(log_width)
            layer_counts.append(layers)
        return log_widths, layer_counts

    def _entropy(self, symbols: list[Symbols], log_width: list[FloatArray]) -> FloatArray:
        objective = self.problem.objective
        total: FloatArray = np.zeros(len(symbols[0][PREV]))
        for scale in objective.scales:
            entropy = objective.log_factor * log_width[scale.stage]
            width = symbols[scale.stage][WIDTH]
            if objective.combine == "product":
                total += scale.weight * np.log(scale.area * width) * entropy
            else:
                total += scale.weight * (np.log(width) + entropy)
        return total

    def _volume(self, symbols: list[Symbols]) -> FloatArray:
        objective = self.problem.objective
        total: FloatArray = np.full(len(symbols[0][PREV]), objective.constant)
        for log in objective.logs:
            total += log.weight * np.log(symbols[log.stage][log.decision])
        for depth in objective.depths:
            total += depth.at(symbols[depth.stage][DEPTH], symbols[depth.stage][WIDTH])
        return total

    def _penalty(self, symbols: list[Symbols]) -> FloatArray:
        penalty = self.problem.objective.depth_penalty
        if penalty is None:
            return np.zeros(len(symbols[0][PREV]))
        depths = np.stack([symbols[s][DEPTH] for s in penalty.stages]).astype(np.float64)
        spread = depths.std(axis=0) if penalty.form == "std" else depths.var(axis=0)
        with np.errstate(over="ignore"):  # a hopelessly uneven design scores the least, and loses
            return saturated(penalty.weight * np.exp(spread))

    def _effectiveness(self, log_width: list[FloatArray], layers: list[IntArray]) -> FloatArray:
        worst: FloatArray = np.zeros(len(log_width[0]))
        if self.problem.effectiveness is None:
            return worst
        for end in self.problem.effectiveness.prefixes:
            depth = np.maximum(layers[end], 1)
            worst = np.maximum(worst, layers[end] * np.exp(-log_width[end] / depth))
        return worst

    def _rules_hold(self, points: IntArray) -> BoolArray:
        holds: BoolArray = np.ones(len(points), dtype=np.bool_)
        for first, first_domain, second, second_domain, allowed in self._rules:
            i = np.searchsorted(first_domain, points[:, first])
            j = np.searchsorted(second_domain, points[:, second])
            holds &= allowed[i, j]
        return holds

    def _budgets_hold(self, metrics: dict[str, IntArray], count: int) -> BoolArray:
        holds: BoolArray = np.ones(count, dtype=np.bool_)
        for budget in self.problem.budgets:
            if budget.upper is not None:
                holds &= metrics[budget.metric] <= budget.upper
            if budget.lower is not None:
                holds &= metrics[budget.metric] >= budget.lower
        return holds


def stage_cost(monomials: tuple[Monomial, ...], values: Symbols) -> IntArray:
    """One stage's share of a metric, exact int64, shape of ``values['depth']``."""
    total = np.zeros_like(values[DEPTH])
    for monomial in monomials:
        product = monomial.coefficient * np.asarray(monomial.repeat.times(values[DEPTH]))
        for symbol, power in monomial.powers:
            for _ in range(power):
                product = product * values[symbol]
        total = total + product
    return total


def stage_peak(operators: Iterable[Alive], values: Symbols) -> IntArray:
    """The greatest of what is alive at operators of one stage, 0 where none of them runs."""
    highest = np.zeros_like(values[DEPTH])
    for alive in operators:
        highest = np.maximum(highest, np.where(runs(alive, values), held_at(alive, values), 0))
    return highest


def held_at(alive: Alive, values: Symbols) -> IntArray:
    """What is alive at an operator wherever it runs, exact int64."""
    total = np.full_like(values[DEPTH], alive.constant)
    for symbol, coefficient in alive.terms:
        total = total + coefficient * values[symbol]
    return total // alive.parts


def runs(alive: Alive, values: Symbols) -> BoolArray:
    """Whether an operator runs at all."""
    if alive.when is When.AGAIN:
        return np.asarray(values[DEPTH] > 1)
    if alive.when is When.SAME:
        return np.asarray(values[PREV] == values[WIDTH])
    return np.ones(values[DEPTH].shape, dtype=np.bool_)


def stage_log_width(stage: Stage, values: Symbols) -> FloatArray:
    """Sum of ``ln(c_in k^2 / groups)`` over the stage's main-path convolutions."""
    total: FloatArray = np.zeros(values[DEPTH].shape)
    for monomial in stage.layer_widths:
        log = np.full(values[DEPTH].shape, np.log(monomial.coefficient))
        for symbol, power in monomial.powers:
            log += power * np.log(values[symbol])
        total += (
            log if monomial.repeat is Repeat.FIRST else monomial.repeat.times(values[DEPTH]) * log
        )
    return total


def _joined(parts: list[Scores], metrics: tuple[str, ...]) -> Scores:
    return Scores(
        {m: np.concatenate([p.metrics[m] for p in parts]) for m in metrics},
        {m: np.concatenate([p.peaks[m] for p in parts]) for m in parts[0].peaks},
        *(np.concatenate([getattr(p, name) for p in parts]) for name in SCORES),
    )
