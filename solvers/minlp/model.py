r"""DesignProblem -> integer nonlinear program, in whatever algebra a modelling tool brings.

Source: monomials over finite domains. Target: binaries, a few real variables, ``exp``, ``log`` and
products. A decision with domain :math:`v_1<\dots<v_n` is a one-hot of binaries :math:`y`, so that
arbitrary lists are exact, with :math:`\ell=\sum_i y_i\ln v_i`. A long, evenly spaced domain is an
integer :math:`k` with :math:`v=v_1+hk` and :math:`\ell=\ln v` instead, unless a derived symbol or a
rule needs its one-hot. With :math:`M=\mathrm{depth}-1`:

.. math::
    \max\;& \textstyle\sum_i \alpha_i\,(\ln r_i^2+\ell_{w_i})\,f\,W_i + \sum_j\omega_j\ell_j
             - \beta e^{t} - B s \\
    \text{s.t. } & W_s = W_{s-1} + a_s + b_s^\top\ell + M_s q_s,\qquad q_s=c_s+d_s^\top\ell \\
    & \textstyle\sum_k (C^0_k + C^1_k M_k)\exp(p_k^\top\ell) \le \text{budget} \\
    & D_i\ln(D_i/\rho_0) \le W_i,\qquad \textstyle\sum_j (L_j-\bar L)^2\le n\,(t+s)^2

A depth that counts by width adds :math:`-\omega\ln t` with :math:`t\ge 1/d+K/w`.
A product of symbols of *one* decision is linear in its one-hot and enters as such. A rule is the
convex hull of its allowed pairs of values where that holds no forbidden pair, and else
:math:`y_i\le\sum_{j\,\mathrm{allowed}} y'_j`, both ways.

**Validity.** For integral choices every line but the penalty is an identity. The spread of the
depths is at most ``t + s``, minimised by the objective; with :math:`t\le T` and
:math:`B=\beta e^T` the last two terms are :math:`\beta e^{u}` for a spread :math:`u\le T` and its
tangent above: never more than the true penalty, and equal to it wherever it is below ten times
the largest entropy. So the optimum is never below that of the design problem.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from mathdesign.programs.base import EFFECTIVENESS_TOLERANCE
from mathdesign.programs.chain import DesignProblem
from mathdesign.programs.stages import DEPTH, PREV, WIDTH, Alive, DepthTerm, Monomial, Repeat, When
from mathdesign.solvers.minlp.symbols import WIDENED, Symbols
from mathdesign.solvers.minlp.tools import Minlp, Symbol, Toolkit

#: Rows (in units of their limit) are loosened by this, as much as solvers let them be broken: a
#: design that lies on its limit must survive cuts that are right to their last digits only, and
#: the rounding to integers of what follows from them. The exact evaluator has the last word.
ROUNDING = 1e-6
#: Metrics are integers: half a unit of room lets no other design in.
HALF = 0.5
#: Stands for an effectiveness limit of 0, whose logarithm does not exist; as impossible as 0.
LEAST_LIMIT = 1e-300


def refuses(problem: DesignProblem) -> str | None:
    """Why the program would not be an upper bound for ``problem``."""
    if problem.tabled:
        return "a cost in a table over several choices has no formula"
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
class _Build(Symbols):
    growth: dict[tuple[int, float], Any] = field(default_factory=dict)

    def run(self) -> Minlp:
        self.declare()
        self._rules()
        self._budgets()
        self._ceilings()
        self._effectiveness()
        terms = [*self._entropy(), *self._log_terms(), *self._penalty()]
        terms += [self._metric(m, w) for m, w in self.problem.objective.metric_weights]
        # Solvers keep 1e-6 and drop coefficients of 1e-9: small objectives are stated larger.
        unit = min(1.0, 2.0 ** (math.frexp(self._largest_objective())[1] - 10))
        self.tools.maximize(self.total([(1.0 / unit) * term for term in terms]))
        names = self.problem.variables
        return Minlp(self.problem, tuple(self.symbols[s][name] for s, name in names), unit)

    def _rules(self) -> None:
        """A value needs an allowed partner, on either side; ``prev`` of stage 0 takes no part."""
        for r, rule in enumerate(self.problem.rules):
            first = self.symbols[rule.first_stage][rule.first]
            second = self.symbols[rule.second_stage][rule.second]
            if (rows := self.hulls[r]) is not None:
                for i, (a, b, c) in enumerate(rows):
                    self._require(f"rule{r}_{i}", a * first.value + b * second.value - c)
                continue
            for side, (one, other, allowed) in enumerate(
                ((first, second, rule.allowed), (second, first, rule.allowed.T))
            ):
                own = one.choice or (1.0,)
                partners = other.choice or (1.0,)
                for i, row in enumerate(allowed):
                    if not row.all():
                        allowed_partners = [p for p, ok in zip(partners, row) if ok]
                        excess = self.total([own[i], *(-1.0 * p for p in allowed_partners)])
                        self._require(f"rule{r}_{side}_{i}", excess)

    def _require(self, name: str, excess: Any) -> None:
        """``excess <= 0``; a constant is decided here, for tools refuse constant constraints."""
        if not isinstance(excess, float | int):
            self.tools.require(name, excess <= ROUNDING)
        elif excess > ROUNDING:
            impossible = self.tools.binary(f"{name}_impossible")
            self.tools.require(f"{name}_never", impossible >= 2.0)

    def _budgets(self) -> None:
        """Rows in units of their limit, so that a solver's tolerance is relative."""
        for b, budget in enumerate(self.problem.budgets):
            for name, side, sign in (("most", budget.upper, 1.0), ("least", budget.lower, -1.0)):
                if side is not None:
                    unit = sign / max(abs(side), 1)
                    room = max(HALF * abs(unit) - ROUNDING, 0.0)
                    row = self._metric(budget.metric, unit) - (unit * side + room)
                    self._require(f"{budget.metric}{b}_{name}", row)

    def _ceilings(self) -> None:
        """What an operator holds is linear in values. Where it need not run, what it would hold at
        the most above its ceiling goes with what keeps it from running; without a one-hot for that
        the row is left out, and the search cuts off the points that break it, one by one.
        """
        for s, part in enumerate(self.problem.held):
            for h, (alive, limit) in enumerate(part):
                terms = [c * self.symbols[s][name].value for name, c in alive.terms]
                most = sum(c * max(self.symbols[s][name].values) for name, c in alive.terms)
                idle = self._idle(s, alive)
                unit = 1.0 / max(abs(limit), 1)
                for i, at_rest in enumerate(idle):
                    room = limit + max(HALF - ROUNDING / unit, 0.0)
                    spare = [-1.0 * max(most - limit, 0) * y for y in at_rest]
                    row = self.total([*terms, *spare, -room])
                    self._require(f"held{s}_{h}_{i}", unit * row)

    def _idle(self, s: int, alive: Alive) -> list[list[Any]]:
        """What says that an operator does not run: sums that are 0 where it does, at least 1 where not.

        One sum for each way in which it may run; it runs where any of them is 0.
        """
        symbols = self.symbols[s]
        depth, width, prev = symbols[DEPTH], symbols[WIDTH], symbols[PREV]
        if alive.when is When.AGAIN:
            if depth.values[0] > 1 or depth.values[-1] == 1:
                return [[]] if depth.values[0] > 1 else []
            return [[depth.choice[0]]] if depth.choice else []
        if alive.when is When.SAME:
            found = []
            for i, value in enumerate(width.values):
                if value not in prev.values or not (
                    (width.fixed or width.choice) and (prev.fixed or prev.choice)
                ):
                    continue
                away = [] if width.fixed else [1.0 - width.choice[i]]
                j = prev.values.index(value)
                away += [] if prev.fixed else [1.0 - prev.choice[j]]
                found.append(away)
            return found
        return [[]]

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
                terms.append(self._repeated(s, powers, unit * once, unit * later))
        return self.total(terms)

    def _repeated(
        self, s: int, powers: tuple[tuple[str, int], ...], once: float, later: float
    ) -> Any:
        """``(once + later * M) * product of symbols``.

        With both counts of one sign it is the exponential of ``ln(once + later M)`` + logarithms,
        whose convex relaxation is far tighter than that of a product with ``M``.
        """
        depth = self.symbols[s][DEPTH]
        free = [(self.symbols[s][n], p) for n, p in powers if not self.symbols[s][n].fixed]
        if depth.fixed or not later:
            return (once + later * (depth.values[0] - 1)) * self._product(s, powers)
        if not free or not once:
            return (once + later * self.blocks[s]) * self._product(s, powers)
        constant = math.prod(
            self.symbols[s][n].values[0] ** p for n, p in powers if self.symbols[s][n].fixed
        )
        logs = [p * symbol.log for symbol, p in free]
        return (
            once * constant * self.tools.exp(self.total([*logs, self._log_growth(s, later / once)]))
        )

    def _log_growth(self, s: int, ratio: float) -> Any:
        """``ln(1 + ratio * M)``, made once per stage and ratio."""
        if (s, ratio) not in self.growth:
            depth = self.symbols[s][DEPTH]
            logs = [math.log(1 + ratio * (v - 1)) for v in depth.values]
            label = f"{self.problem.stages[s].name}_growth{len(self.growth)}"
            growth = self.real(label, logs[0], logs[-1])
            truth = (
                self.chosen_of(depth.choice, logs)
                if depth.choice
                else self.tools.log(1 + ratio * self.blocks[s])
            )
            self.tools.require(f"{label}_is", truth - growth == 0.0)
            self.growth[s, ratio] = growth
        return self.growth[s, ratio]

    def _product(self, s: int, powers: tuple[tuple[str, int], ...]) -> Any:
        """The product of symbols: linear if one decision determines it, else ``exp`` of logs."""
        constant, free = 1, []
        for name, power in powers:
            symbol = self.symbols[s][name]
            if symbol.fixed:
                constant *= symbol.values[0] ** power
            else:
                free.append((symbol, power))
        if not free:
            return float(constant)
        first, power = free[0]
        if len(free) == 1 and power == 1:
            return float(constant) * first.value
        if first.choice and all(symbol.choice is first.choice for symbol, _ in free):
            values = [
                float(constant * math.prod(symbol.values[i] ** power for symbol, power in free))
                for i in range(len(first.values))
            ]
            return self.chosen_of(first.choice, values)
        logs = self.total([power * symbol.log for symbol, power in free])
        return float(constant) * self.tools.exp(logs)

    def _effectiveness(self) -> None:
        effectiveness = self.problem.effectiveness
        if effectiveness is None:
            return
        limit = max(effectiveness.limit * (1 + EFFECTIVENESS_TOLERANCE), LEAST_LIMIT)
        for end in effectiveness.prefixes:
            stages = self.problem.stages[: end + 1]
            fixed = sum(stage.layers_per_block for stage in stages)
            layers = self.total(
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
            if objective.combine == "sum":
                terms.append(scale.weight * width.log + entropy)
            elif scale.weight > 0 and not width.fixed:
                factor = objective.log_factor * scale.weight
                terms.append(factor * self._scale(scale.stage, math.log(scale.area), width))
            else:
                terms.append((math.log(scale.area) + width.log) * entropy)
        return terms

    def _log_terms(self) -> list[Any]:
        """Logarithms of choices; a depth gets a variable of its own where it has a term."""
        objective = self.problem.objective
        terms: list[Any] = [objective.constant]
        for log in objective.logs:
            symbol = self.symbols[log.stage][log.decision]
            if symbol.fixed:
                terms.append(log.weight * math.log(symbol.values[0]))
            elif log.decision == DEPTH:
                terms.append(log.weight * self._log_growth(log.stage, 1.0))
            else:
                terms.append(log.weight * symbol.log)
        return terms + [self._depth_by_width(term) for term in objective.depths]

    def _depth_by_width(self, term: DepthTerm) -> Any:
        """``-weight * ln t`` with ``t`` at least ``1 / depth + per_block / width``."""
        symbols, per = self.symbols[term.stage], term.per_block
        depth, width = symbols[DEPTH], symbols[WIDTH]
        if depth.fixed and width.fixed:
            return float(term.at(depth.values[0], width.values[0]))
        low, high = (1.0 / depth.values[i] + per / width.values[i] for i in (-1, 0))
        name = f"depth_by_width{term.stage}"
        share = self.tools.real(name, low * (1.0 - WIDENED), high * (1.0 + WIDENED))
        shares = self.total(
            [self._inverse(term.stage, DEPTH), per * self._inverse(term.stage, WIDTH)]
        )
        self.tools.require(f"{name}_is", shares - share <= 0.0)
        return -term.weight * self.tools.log(share)

    def _inverse(self, s: int, name: str) -> Any:
        """One over a choice: linear in its one-hot, the exponential of a logarithm without one."""
        symbol = self.symbols[s][name]
        if symbol.fixed:
            return 1.0 / symbol.values[0]
        if symbol.choice:
            return self.chosen_of(symbol.choice, [1.0 / v for v in symbol.values])
        log = self._log_growth(s, 1.0) if name == DEPTH else symbol.log
        return self.tools.exp(-1.0 * log)

    def _scale(self, stage: int, log_area: float, width: Symbol) -> Any:
        """A variable at most ``(ln area + ln w) W``, with a cut that a solver does not find itself.

        For ``s = sqrt(z W)`` within ``[a, b]``: ``z W = s^2 <= (a + b) s - a b``
        (:mod:`mathdesign.solvers.convex.relaxation`), far tighter than McCormick's planes.
        """
        z, w = log_area + width.log, self.log_width[stage]
        low, high = self.log_width_range[stage]
        bottom, top = (log_area + end for end in width.log_range)
        product = self.real(f"scale{stage}", bottom * low, top * high)
        self.tools.require(f"scale{stage}_is", product - z * w <= 0.0)
        if bottom >= 0.0 and low >= 0.0:
            a, b = math.sqrt(bottom * low), math.sqrt(top * high)
            root = self.real(f"scale{stage}_root", a, b)
            self.tools.require(f"scale{stage}_root_is", root * root - z * w <= 0.0)
            self.tools.require(f"scale{stage}_cut", product - ((a + b) * root - a * b) <= ROUNDING)
        return product

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
        mean = self.total(depths) * (1.0 / n)
        squares = self.total([(d - mean) * (d - mean) for d in depths])
        bound = n * (spread + over)
        if penalty.form == "std":
            bound = bound * (spread + over)
        self.tools.require("depth_spread", squares - bound <= 0.0)
        exponential = penalty.weight * self.tools.exp(spread)
        return [-1.0 * exponential, -penalty.weight * math.exp(cap) * over]

    def _cap(self, weight: float) -> float:
        """The spread whose penalty is ten times the largest entropy."""
        largest = 1.0 + self._largest_objective()
        return math.log(max(10.0 * largest / weight, math.e)) if weight > 0 else 1.0

    def _largest_objective(self) -> float:
        """An upper bound on the absolute value of the objective, its penalty aside."""
        objective = self.problem.objective
        largest = 0.0
        for scale in objective.scales:
            top = math.log(scale.area) + self.symbols[scale.stage][WIDTH].log_range[1]
            reach = objective.log_factor * self.log_width_range[scale.stage][1]
            largest += abs(scale.weight) * abs(reach) * max(top, 1.0)
        largest += objective.largest_logs(self.problem.stages)
        for metric, metric_weight in objective.metric_weights:
            largest += abs(metric_weight) * self._largest(metric)
        return largest or 1.0

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
