"""One candidate at a time, fast: what the sequential heuristics run on.

Candidates are *index vectors*: a tuple with the position of every decision in its domain, in the
order of ``DesignProblem.variables``. A stage's share of every metric depends on the width before
it and on its own decisions, so shares are cached per stage: a search that changes one stage of a
candidate computes two shares anew, at most. Pure Python integers: exact without a size limit.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Sequence

from mathdesign.programs.base import EFFECTIVENESS_TOLERANCE, LARGEST_OBJECTIVE
from mathdesign.programs.chain import DesignProblem
from mathdesign.programs.stages import DEPTH, PREV, WIDTH, Alive, Monomial, When

Index = tuple[int, ...]
Share = tuple[tuple[int, ...], float, int, float]
"""Cost per metric, log-width and number of main-path layers of one stage, excess over ceilings."""

#: Shares kept per stage; a few hundred bytes each.
CACHE = 1 << 16


class Scoring:
    """Scores of one problem: ``scoring(index) -> (objective, violation)``.

    ``violation`` is 0.0 for a feasible candidate; otherwise the sum of the relative excesses over
    budgets and ceilings and of ``ln(rho / rho0)``, plus 1 for each broken rule: zero only where all hold. The
    effectiveness tolerance is half the evaluator's, so that rounding cannot set the two apart.
    """

    def __init__(self, problem: DesignProblem) -> None:
        self.problem = problem
        self.domains = [problem.stages[s].domain(name) for s, name in problem.variables]
        objective = problem.objective
        named = [b.metric for b in problem.budgets] + [m for m, _ in objective.metric_weights]
        self._metrics = tuple(dict.fromkeys(named))
        self._spans = _spans(problem)
        self._shares = [self._cached_share(s) for s in range(len(problem.stages))]
        self._budgets = [
            (self._metrics.index(b.metric), b.lower or 0, math.inf if b.upper is None else b.upper)
            for b in problem.budgets
        ]
        self._weights = [(self._metrics.index(m), w) for m, w in objective.metric_weights]
        self._scales = [self._scale_tables(i) for i in range(len(objective.scales))]
        self._constant = objective.constant
        self._gains = [
            (
                problem.columns[log.stage, log.decision],
                [log.weight * math.log(v) for v in problem.stages[log.stage].domain(log.decision)],
            )
            for log in objective.logs
        ]
        self._depths = [
            (problem.columns[t.stage, DEPTH], problem.columns[t.stage, WIDTH], t)
            for t in objective.depths
        ]
        self._rules = [
            (
                problem.columns[r.first_stage, r.first],
                problem.columns[r.second_stage, r.second],
                [bytes(row) for row in r.allowed],
            )
            for r in problem.rules
        ]
        penalty = objective.depth_penalty
        stages = penalty.stages if penalty else ()
        self._penalty_columns = [problem.columns[s, DEPTH] for s in stages]

    def __call__(self, index: Index) -> tuple[float, float]:
        """Objective and violation of one candidate."""
        shares = [
            share(index[before], index[start:stop])
            for (before, start, stop), share in zip(self._spans, self._shares)
        ]
        log_widths = list(itertools.accumulate([log_width for _, log_width, _, _ in shares]))
        layers = list(itertools.accumulate([count for _, _, count, _ in shares]))
        totals = [sum(column) for column in zip(*[costs for costs, _, _, _ in shares])]
        excess = sum(over for _, _, _, over in shares)
        objective = self._entropy(index, log_widths) - self._penalty(index) + self._constant
        for column, gains in self._gains:
            objective += gains[index[column]]
        for d, w, term in self._depths:
            depth, width = self.domains[d][index[d]], self.domains[w][index[w]]
            objective -= term.weight * math.log(1.0 / depth + term.per_block / width)
        for m, weight in self._weights:
            objective += weight * totals[m]
        return objective, excess + self._violation(index, totals, log_widths, layers)

    def point(self, index: Index) -> tuple[int, ...]:
        """The values of a candidate: a point of the problem."""
        return tuple(domain[i] for domain, i in zip(self.domains, index))

    def index(self, point: Sequence[int]) -> Index | None:
        """The positions of a point's values, ``None`` if one lies outside its domain."""
        if len(point) != len(self.domains):
            return None
        if any(value not in domain for domain, value in zip(self.domains, point)):
            return None
        return tuple(domain.index(value) for domain, value in zip(self.domains, point))

    def _entropy(self, index: Index, log_widths: list[float]) -> float:
        """Each scale is ``a(width) + b(width) * (log-width of the prefix)``, from two tables."""
        total = 0.0
        for stage, column, constant, slope in self._scales:
            i = index[column]
            total += constant[i] + slope[i] * log_widths[stage]
        return total

    def _scale_tables(self, i: int) -> tuple[int, int, list[float], list[float]]:
        objective = self.problem.objective
        scale = objective.scales[i]
        factor = scale.weight * objective.log_factor
        widths = self.problem.stages[scale.stage].domain(WIDTH)
        column = self.problem.columns[scale.stage, WIDTH]
        if objective.combine == "product":
            slopes = [factor * math.log(scale.area * w) for w in widths]
            return scale.stage, column, [0.0] * len(widths), slopes
        return (
            scale.stage,
            column,
            [scale.weight * math.log(w) for w in widths],
            [factor] * len(widths),
        )

    def _penalty(self, index: Index) -> float:
        penalty = self.problem.objective.depth_penalty
        if penalty is None:
            return 0.0
        depths = [self.domains[c][index[c]] for c in self._penalty_columns]
        mean = sum(depths) / len(depths)
        spread = sum((d - mean) ** 2 for d in depths) / len(depths)
        if penalty.form == "std":
            spread = math.sqrt(spread)
        return saturating(penalty.weight, spread)

    def _violation(
        self, index: Index, totals: list[int], log_widths: list[float], layers: list[int]
    ) -> float:
        violation = 0.0
        for first, second, allowed in self._rules:
            if not allowed[index[first]][index[second]]:
                violation += 1.0
        for m, lower, upper in self._budgets:
            if totals[m] > upper:
                violation += (totals[m] - upper) / max(abs(upper), 1)
            if totals[m] < lower:
                violation += (lower - totals[m]) / max(abs(lower), 1)
        if self.problem.effectiveness is not None:
            limit = self.problem.effectiveness.limit
            for end in self.problem.effectiveness.prefixes:
                depth = layers[end]
                rho = depth * math.exp(-log_widths[end] / max(depth, 1))
                if rho > limit * (1 + 0.5 * EFFECTIVENESS_TOLERANCE):
                    violation += math.log(rho / limit) if limit > 0 else rho
        return violation

    def _cached_share(self, s: int) -> Callable[[int, Index], Share]:
        """The share of stage ``s`` as a cached function of indices."""
        stage = self.problem.stages[s]
        names = [d.name for d in stage.decisions]
        prev = self.problem.prev_domain(s)

        @functools.lru_cache(maxsize=CACHE)
        def share(before: int, own: Index) -> Share:
            symbols = {d.name: d.values[i] for d, i in zip(stage.decisions, own)}
            for derived in stage.derived:
                symbols[derived.name] = derived.values[own[names.index(derived.source)]]
            symbols[PREV] = prev[before if s else 0]
            for table in stage.tables:
                at = tuple(
                    (before if s else 0) if x == PREV else own[names.index(x)]
                    for x in table.sources
                )
                symbols[table.name] = int(table.values[at])
            depth = symbols[DEPTH]
            costs = tuple(
                sum(monomial_value(m, symbols) for m in stage.costs.get(metric, ()))
                for metric in self._metrics
            )
            log_width = sum(
                int(m.repeat.times(depth)) * monomial_log(m, symbols) for m in stage.layer_widths
            )
            over = sum(_excess(alive, limit, symbols) for alive, limit in self.problem.held[s])
            return costs, log_width, stage.layers_per_block * depth, over

        return share


def saturating(weight: float, spread: float) -> float:
    """``weight * exp(spread)``, saturated as the program does: the product, not the exponential."""
    if weight == 0.0:
        return 0.0
    try:
        found = weight * math.exp(spread)
    except OverflowError:
        found = math.copysign(math.inf, weight)
    return min(max(found, -LARGEST_OBJECTIVE), LARGEST_OBJECTIVE)


def _excess(alive: Alive, limit: int, symbols: dict[str, int]) -> float:
    """By how much an operator holds too much, relative; 0 where it does not or does not run."""
    runs = {
        When.ALWAYS: True,
        When.AGAIN: symbols[DEPTH] > 1,
        When.SAME: symbols[PREV] == symbols[WIDTH],
    }
    total = sum(coefficient * symbols[name] for name, coefficient in alive.terms)
    return (total - limit) / max(abs(limit), 1) if runs[alive.when] and total > limit else 0.0


def monomial_value(monomial: Monomial, symbols: dict[str, int]) -> int:
    """The exact value of a monomial, repeats included."""
    value = monomial.coefficient * int(monomial.repeat.times(symbols[DEPTH]))
    for symbol, power in monomial.powers:
        value *= symbols[symbol] ** power
    return value


def monomial_log(monomial: Monomial, symbols: dict[str, int]) -> float:
    """The logarithm of one occurrence of a monomial (repeats left out)."""
    return math.log(monomial.coefficient) + sum(
        power * math.log(symbols[symbol]) for symbol, power in monomial.powers
    )


def _spans(problem: DesignProblem) -> list[tuple[int, int, int]]:
    """Per stage: column of the width before it (0 where there is none), its columns' span."""
    spans, start = [], 0
    for s, stage in enumerate(problem.stages):
        before = problem.columns[s - 1, WIDTH] if s else 0
        spans.append((before, start, start + len(stage.decisions)))
        start += len(stage.decisions)
    return spans
