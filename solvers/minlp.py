r"""DesignProblem -> integer nonlinear program, in whatever algebra a modelling tool brings.

Source: monomials over finite domains. Target: binaries, a few real variables, ``exp``, ``log`` and
products. Each decision with domain :math:`v_1<\dots<v_n` is a one-hot of binaries :math:`y`, so
that arbitrary lists are exact, with :math:`\ell=\sum_i y_i\ln v_i` and :math:`M=\mathrm{depth}-1`:

.. math::
    \max\;& \textstyle\sum_i \alpha_i\,(\ln r_i^2+\ell_{w_i})\,f\,W_i - \beta e^{t} - B s \\
    \text{s.t. } & W_s = W_{s-1} + a_s + b_s^\top\ell + M_s q_s,\qquad q_s=c_s+d_s^\top\ell \\
    & \textstyle\sum_k (C^0_k + C^1_k M_k)\exp(p_k^\top\ell) \le \text{budget} \\
    & D_i\ln(D_i/\rho_0) \le W_i,\qquad \textstyle\sum_j (L_j-\bar L)^2\le n\,(t+s)^2

A product of symbols of *one* decision is linear in its one-hot and enters as such. The
allowed pairs of a rule are :math:`y_i\le\sum_{j\,\mathrm{allowed}} y'_j`, both ways.

**Validity.** For binaries in {0, 1} every line but the penalty is an identity. The spread of the
depths is at most ``t + s``, minimised by the objective; with :math:`t\le T` and
:math:`B=\beta e^T` the last two terms are :math:`\beta e^{u}` for a spread :math:`u\le T` and its
tangent above: never more than the true penalty, and equal to it wherever it is below ten times
the largest entropy. So the optimum is never below that of the design problem.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mathdesign.formulation import (
    DEPTH,
    PREV,
    WIDTH,
    DesignProblem,
    Monomial,
    Repeat,
    Stage,
)
from mathdesign.metrics.evaluate import EFFECTIVENESS_TOLERANCE
from mathdesign.solvers.minlp_tools import Minlp, Symbol, Toolkit

#: Stands for an effectiveness limit of 0, whose logarithm does not exist; as impossible as 0.
LEAST_LIMIT = 1e-300


def refuses(problem: DesignProblem) -> str | None:
    """Why the program would not be an upper bound for ``problem``."""
    penalty = problem.objective.depth_penalty
    if penalty is not None and penalty.weight < 0:
        return "a negative depth penalty has no epigraph"
    if any(s.area < 1 for s in problem.objective.scales):
        return "it needs output areas of at least one pixel"
    return None


def build(problem: DesignProblem, tools: Toolkit) -> Minlp:
    """Write ``problem`` with ``tools``."""
    return _Build(problem, tools).run()


@dataclass(slots=True)
class _Build:
    problem: DesignProblem
    tools: Toolkit
    symbols: list[dict[str, Symbol]] = field(default_factory=list)
    blocks: list[Any] = field(default_factory=list)
    """M = depth - 1 per stage."""
    log_width: list[Any] = field(default_factory=list)
    log_width_range: list[tuple[float, float]] = field(default_factory=list)

    def run(self) -> Minlp:
        for s, stage in enumerate(self.problem.stages):
            self.symbols.append(self._select(s, stage))
            depth = self.symbols[s][DEPTH]
            self.blocks.append(self._sum(depth.choice, [v - 1 for v in depth.values]))
        for s in range(len(self.problem.stages)):
            self._accumulate(s)
        self._rules()
        self._budgets()
        self._effectiveness()
        terms = [*self._entropy(), *self._penalty()]
        terms += [self._metric(m, w) for m, w in self.problem.objective.metric_weights]
        self.tools.maximize(self._total(terms))
        names = self.problem.variables
        return Minlp(self.problem, tuple(self.symbols[s][name].choice for s, name in names))

    def _select(self, s: int, stage: Stage) -> dict[str, Symbol]:
        """The symbols of a stage, ``prev`` included."""
        symbols: dict[str, Symbol] = {}
        if s:
            symbols[PREV] = self.symbols[s - 1][WIDTH]
        else:
            (channels,) = self.problem.prev_domain(0)
            symbols[PREV] = Symbol((channels,), (), math.log(channels))
        for decision in stage.decisions:
            label = f"{stage.name}_{decision.name}"
            choice: tuple[Any, ...] = ()
            if len(decision.values) > 1:
                choice = tuple(self.tools.binary(f"{label}_{v}") for v in decision.values)
                self.tools.require(f"{label}_one", self._total(choice) == 1)
            symbols[decision.name] = self._symbol(label, decision.values, choice)
        for derived in stage.derived:
            choice = symbols[derived.source].choice
            label = f"{stage.name}_{derived.name}"
            symbols[derived.name] = self._symbol(label, derived.values, choice)
        return symbols

    def _symbol(self, label: str, values: tuple[int, ...], choice: tuple[Any, ...]) -> Symbol:
        logs = [math.log(v) for v in values]
        if not choice:
            return Symbol(values, choice, logs[0])
        log = self.tools.real(f"{label}_log", min(logs), max(logs))
        self.tools.require(f"{label}_is_log", self._sum(choice, logs) == log)
        return Symbol(values, choice, log)

    def _total(self, terms: Sequence[Any]) -> Any:
        """The sum of expressions and numbers; a number where all are."""
        constant = sum(t for t in terms if isinstance(t, float | int))
        others = [t for t in terms if not isinstance(t, float | int)]
        if not others:
            return constant
        return self.tools.total([*others, constant] if constant else others)

    def _sum(self, choice: Sequence[Any], values: Sequence[float]) -> Any:
        """The chosen one of ``values``: linear in the one-hot."""
        if not choice:
            return values[0]
        return self._total([v * y for v, y in zip(values, choice) if v])

    def _accumulate(self, s: int) -> None:
        """W_s = W_{s-1} + first block + M * (one later block)."""
        stage, symbols = self.problem.stages[s], self.symbols[s]
        before = self.log_width[-1] if s else 0.0
        low, high = self.log_width_range[-1] if s else (0.0, 0.0)
        if not stage.layer_widths:
            self.log_width.append(before)
            self.log_width_range.append((low, high))
            return
        first, later = Repeat.REST, Repeat.FIRST
        total, total_low, total_high = self._logs(stage, symbols, skip=first)
        each, each_low, each_high = self._logs(stage, symbols, skip=later)
        depths = symbols[DEPTH].values
        low += total_low + (depths[0] - 1) * each_low
        high += total_high + (depths[-1] - 1) * each_high
        here = self.tools.real(f"{stage.name}_log_width", low, high)
        if each_high > 0.0 and depths[-1] > 1:
            block = self.tools.real(f"{stage.name}_block_log_width", each_low, each_high)
            self.tools.require(f"{stage.name}_block", each == block)
            total = total + self.blocks[s] * block
        self.tools.require(f"{stage.name}_accumulates", before + total == here)
        self.log_width.append(here)
        self.log_width_range.append((low, high))

    def _logs(
        self, stage: Stage, symbols: dict[str, Symbol], skip: Repeat
    ) -> tuple[Any, float, float]:
        """Sum of the logarithms of the layer widths but those that occur as ``skip``; its range."""
        total: Any = 0.0
        low = high = 0.0
        for monomial in stage.layer_widths:
            if monomial.repeat is skip:
                continue
            constant = math.log(monomial.coefficient)
            total, low, high = total + constant, low + constant, high + constant
            for name, power in monomial.powers:
                total = total + power * symbols[name].log
                bottom, top = symbols[name].log_range
                low, high = low + power * bottom, high + power * top
        return total, low, high

    def _rules(self) -> None:
        """A value needs an allowed partner, on either side; ``prev`` of stage 0 takes no part."""
        for r, rule in enumerate(self.problem.rules):
            first = self.symbols[rule.first_stage][rule.first]
            second = self.symbols[rule.second_stage][rule.second]
            for side, (one, other, allowed) in enumerate(
                ((first, second, rule.allowed), (second, first, rule.allowed.T))
            ):
                own = one.choice or (1.0,)
                partners = other.choice or (1.0,)
                for i, row in enumerate(allowed):
                    if not row.all():
                        allowed_partners = [p for p, ok in zip(partners, row) if ok]
                        excess = self._total([own[i], *(-1.0 * p for p in allowed_partners)])
                        self._require(f"rule{r}_{side}_{i}", excess)

    def _require(self, name: str, excess: Any) -> None:
        """``excess <= 0``; a constant is decided here, for tools refuse constant constraints."""
        if not isinstance(excess, float | int):
            self.tools.require(name, excess <= 0.0)
        elif excess > 0:
            impossible = self.tools.binary(f"{name}_impossible")
            self.tools.require(f"{name}_never", impossible >= 2.0)

    def _budgets(self) -> None:
        """Rows in units of their limit, so that a solver's tolerance is relative."""
        for b, budget in enumerate(self.problem.budgets):
            for name, side, sign in (("most", budget.upper, 1.0), ("least", budget.lower, -1.0)):
                if side is not None:
                    unit = sign / max(abs(side), 1)
                    row = self._metric(budget.metric, unit) - unit * side
                    self._require(f"{budget.metric}{b}_{name}", row)

    def _metric(self, metric: str, unit: float) -> Any:
        """``unit`` times a metric. Monomials with the same symbols share one product."""
        terms: list[Any] = []
        for s, stage in enumerate(self.problem.stages):
            groups: dict[tuple[tuple[str, int], ...], list[Monomial]] = {}
            for monomial in stage.costs.get(metric, ()):
                groups.setdefault(monomial.powers, []).append(monomial)
            for powers, monomials in groups.items():
                once = sum(m.coefficient for m in monomials if m.repeat is not Repeat.REST)
                later = sum(m.coefficient for m in monomials if m.repeat is not Repeat.FIRST)
                product = self._product(s, powers)
                if once:
                    terms.append(unit * once * product)
                if later and self.symbols[s][DEPTH].values[-1] > 1:
                    terms.append(unit * later * (self.blocks[s] * product))
        return self._total(terms)

    def _product(self, s: int, powers: tuple[tuple[str, int], ...]) -> Any:
        """The product of symbols: linear if one decision determines it, else ``exp`` of logs."""
        constant, free = 1, []
        for name, power in powers:
            symbol = self.symbols[s][name]
            if symbol.choice:
                free.append((symbol, power))
            else:
                constant *= symbol.values[0] ** power
        if not free:
            return float(constant)
        if all(symbol.choice is free[0][0].choice for symbol, _ in free):
            values = [
                float(constant * math.prod(symbol.values[i] ** power for symbol, power in free))
                for i in range(len(free[0][0].values))
            ]
            return self._sum(free[0][0].choice, values)
        logs = self._total([power * symbol.log for symbol, power in free])
        return float(constant) * self.tools.exp(logs)

    def _effectiveness(self) -> None:
        effectiveness = self.problem.effectiveness
        if effectiveness is None:
            return
        limit = max(effectiveness.limit * (1 + EFFECTIVENESS_TOLERANCE), LEAST_LIMIT)
        for end in effectiveness.prefixes:
            stages = self.problem.stages[: end + 1]
            fixed = sum(stage.layers_per_block for stage in stages)
            layers = self._total(
                [float(fixed), *(st.layers_per_block * m for st, m in zip(stages, self.blocks))]
            )
            if fixed == 0:
                continue
            if isinstance(layers, float | int):
                needed: Any = layers * math.log(layers / limit)
            else:
                needed = layers * (self.tools.log(layers) - math.log(limit))
            self._require(f"effectiveness{end}", needed - self.log_width[end])

    def _entropy(self) -> list[Any]:
        objective = self.problem.objective
        terms = []
        for scale in objective.scales:
            width = self.symbols[scale.stage][WIDTH]
            entropy = objective.log_factor * scale.weight * self.log_width[scale.stage]
            if objective.combine == "product":
                terms.append((math.log(scale.area) + width.log) * entropy)
            else:
                terms.append(scale.weight * width.log + entropy)
        return terms

    def _penalty(self) -> list[Any]:
        """``-weight * (exp(t) + exp(T) s)`` with the spread at most ``t + s``."""
        penalty = self.problem.objective.depth_penalty
        if penalty is None:
            return []
        depths = [self.blocks[s] for s in penalty.stages]
        domains = [self.symbols[s][DEPTH].values for s in penalty.stages]
        n = len(depths)
        widest = max(d[-1] for d in domains) - min(d[0] for d in domains)
        most = widest / 2 if penalty.form == "std" else widest**2 / 4  # Popoviciu's inequality
        if n == 1 or most == 0:
            return [-penalty.weight]
        cap = min(most, self._cap(penalty.weight))
        spread = self.tools.real("spread", 0.0, cap)
        over = self.tools.real("spread_over", 0.0, max(most - cap, 0.0))
        mean = self._total(depths) * (1.0 / n)
        squares = self._total([(d - mean) * (d - mean) for d in depths])
        bound = n * (spread + over)
        if penalty.form == "std":
            bound = bound * (spread + over)
        self.tools.require("depth_spread", squares - bound <= 0.0)
        exponential = penalty.weight * self.tools.exp(spread)
        return [-1.0 * exponential, -penalty.weight * math.exp(cap) * over]

    def _cap(self, weight: float) -> float:
        """The spread whose penalty is ten times the largest entropy."""
        objective = self.problem.objective
        largest = 1.0
        for scale in objective.scales:
            top = math.log(scale.area) + self.symbols[scale.stage][WIDTH].log_range[1]
            reach = objective.log_factor * self.log_width_range[scale.stage][1]
            largest += abs(scale.weight) * abs(reach) * max(top, 1.0)
        for metric, metric_weight in objective.metric_weights:
            largest += abs(metric_weight) * self._largest(metric)
        return math.log(max(10.0 * largest / weight, math.e)) if weight > 0 else 1.0

    def _largest(self, metric: str) -> float:
        """An upper bound on a metric."""
        total = 0.0
        for symbols, stage in zip(self.symbols, self.problem.stages):
            for monomial in stage.costs.get(metric, ()):
                value = float(monomial.coefficient * symbols[DEPTH].values[-1])
                for name, power in monomial.powers:
                    value *= float(max(symbols[name].values)) ** power
                total += value
        return total
