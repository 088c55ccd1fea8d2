r"""DesignProblem -> its log-convex relaxation, an exponential-cone program for cvxpy.

Coordinates: :math:`x=\ln(\text{value})` of every decision but depths, :math:`M=\text{depth}-1`,
both between their least and greatest values, and :math:`V=Mx`. Then

.. math::
    \text{metric} = \sum_k C^0_k e^{p_k^\top x} + C^1_k M_k e^{p_k^\top V_k/M_k},\qquad
    W = a + b^\top x + c^\top M + d^\top V ,

the first jointly convex (the second summand is a perspective: the cone
:math:`(p^\top V, M, u)\in K_{\exp}`), the second linear. Relaxed are only

* domains to intervals and rules to the convex hull of the allowed pairs :math:`(x, x')`;
* :math:`V=Mx` to its four McCormick planes over the box;
* a metric from above (minimum budgets, positive weights): :math:`e^g` by its chord
  :math:`\gamma+\delta g` on the range of :math:`g`, and :math:`Me^g` by
  :math:`\gamma M+\delta p^\top V`;
* a scale :math:`z_iW_i`, with :math:`z_i=\ln(r_i^2w_i)`, both within their ranges and not negative:
  the least of the two McCormick planes and, with :math:`s=\sqrt{z_iW_i}\in[s_l,s_u]`,
  :math:`s^2\le(s_l+s_u)s-s_ls_u` for the concave :math:`s\le\sqrt{zW}`;
* a logarithm :math:`\omega\ln v` of a choice is linear in :math:`x`; of a depth, :math:`\omega\ln(1+M)`
  is concave for :math:`\omega>0` and at most its chord for :math:`\omega<0`;
* a depth that counts by width, :math:`-\ln(e^{-\ln(1+M)}+Ke^{-x})`, is concave as it stands;
* the depth penalty above a cap by its tangent, as in :mod:`mathdesign.solvers.minlp.model`.

Effectiveness :math:`D\ln D-D\ln\rho_0\le W` is convex as it stands.

**Validity.** Every design, put into these coordinates, satisfies all constraints (each is an
identity or one of the over-estimates above, and a chord, a plane or a hull over a box contains
the function on it), with an objective that is not below its own. So the optimum of the
relaxation bounds that of the design problem. Floating point: an interior-point solver stops at
a duality gap and residuals of about 1e-8; whoever uses its value as a bound loosens it
(:mod:`mathdesign.solvers.convex.cvxpy_backend`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from mathdesign.programs.base import EFFECTIVENESS_TOLERANCE
from mathdesign.programs.chain import DesignProblem
from mathdesign.programs.stages import DEPTH, WIDTH, DepthTerm, Monomial, Repeat
from mathdesign.solvers.convex.coordinates import (
    Box,
    Coordinates,
    Range,
    expression,
    merged,
    whole_box,
)
from mathdesign.solvers.convex.geometric import Geometric, is_geometric

LEAST_LIMIT = 1e-300


@dataclass(frozen=True, slots=True)
class Relaxation:
    """The cvxpy program (maximise, in multiples of ``unit``) and its variables.

    ``coordinate[(stage, decision)]`` is :math:`x` or :math:`M`. ``gp``: a geometric program, to be
    solved by ``program.solve(gp=True)``; its objective is ``constant + unit * ln(value)``.
    """

    program: Any
    unit: float
    coordinate: dict[tuple[int, str], Any]
    gp: bool = False
    constant: float = 0.0

    def objective(self, value: float) -> float:
        """The design problem's objective where the program's is ``value``."""
        return self.constant + self.unit * math.log(value) if self.gp else self.unit * value


def refuses(problem: DesignProblem) -> str | None:
    """Why the relaxation would not be an upper bound for ``problem``."""
    objective = problem.objective
    if objective.log_factor < 0 or any(s.weight < 0 for s in objective.scales):
        return "it bounds entropies with positive weights only"
    if any(s.area < 1 for s in objective.scales):
        return "it needs output areas of at least one pixel"
    if objective.depth_penalty is not None and objective.depth_penalty.weight < 0:
        return "a negative depth penalty is not convex"
    if problem.tabled:
        return "a cost in a table over several choices has no logarithm of its own"
    if any(d.source == DEPTH for stage in problem.stages for d in stage.derived):
        return "a symbol that follows a depth has no logarithm of its own"
    return None


def to_cvxpy(problem: DesignProblem, box: Box | None = None) -> Relaxation:
    """The relaxation over ``box`` (default: the whole space). Raises ``ValueError`` if refused.

    Of the whole space it is handed out as a geometric program where it is one (:mod:`.geometric`).
    """
    if reason := refuses(problem):
        raise ValueError(reason)
    if box is None and is_geometric(problem):
        found = Geometric(problem)
        return Relaxation(found.program, found.unit, found.coordinate, True, found.constant)
    return _Relax(problem, box or whole_box(problem)).run()


@dataclass(slots=True)
class _Relax(Coordinates):
    def run(self) -> Relaxation:
        import cvxpy as cp

        for s in range(len(self.problem.stages)):
            self.add_symbols(s)
            self.accumulate(s)
        self._rules()
        self._budgets()
        self._ceilings()
        self._effectiveness(cp)
        unit = self._largest_entropy()
        entropy = self._entropy(cp) + self._logs(cp)
        objective = (entropy - self._penalty(cp, unit)) * (1.0 / unit)
        for metric, weight in self.problem.objective.metric_weights:
            if weight > 0:
                objective = objective + self._over(metric, weight / unit)
            elif weight < 0:
                objective = objective - self._under(metric, -weight / unit)
        program = cp.Problem(cp.Maximize(expression(objective)), self.constraints)
        return Relaxation(program, unit, self.coordinate)

    def _rules(self) -> None:
        for rule in self.problem.rules:
            if DEPTH in (rule.first, rule.second):
                continue  # left out: a relaxation
            first = self.problem.stages[rule.first_stage].domain(rule.first)
            second = np.log(self.problem.stages[rule.second_stage].domain(rule.second))
            pairs = [
                (math.log(v), float(end))
                for v, row in zip(first, rule.allowed)
                if row.any()
                for end in (second[row][0], second[row][-1])
            ]
            x, y = self.x[rule.first_stage][rule.first], self.x[rule.second_stage][rule.second]
            if pairs:
                self.within_hull(x, y, pairs)
            else:
                self.constraints.append(x >= x + 1)

    def _budgets(self) -> None:
        """Rows in units of their limit."""
        for budget in self.problem.budgets:
            if budget.upper is not None:
                unit = 1.0 / max(abs(budget.upper), 1)
                row = self._under(budget.metric, unit)
                self.constraints.append(expression(row) <= unit * budget.upper)
            if budget.lower is not None:
                unit = 1.0 / max(abs(budget.lower), 1)
                row = self._over(budget.metric, unit)
                self.constraints.append(expression(row) >= unit * budget.lower)

    def _ceilings(self) -> None:
        """Of the operators that run in every network: those that may not are left out, a relaxation."""
        for s in range(len(self.problem.stages)):
            for alive, limit in self.problem.always_held(s):
                unit = 1.0 / max(abs(limit), 1)
                total: Any = 0.0
                for name, c in alive.terms:
                    one = Monomial(1, Repeat.FIRST, ((name, 1),))
                    total = total + self._exponential(self.log(s, one) + math.log(unit * c), 1.0)
                self.constraints.append(expression(total) <= unit * limit)

    def _signatures(self, s: int, metric: str) -> list[tuple[Monomial, int, int]]:
        """Monomials with the same symbols merged: one of them, coefficients once and per M."""
        counts = merged(self.problem.stages[s].costs.get(metric, ()))
        return [(Monomial(1, Repeat.FIRST, p), a, b) for p, (a, b) in counts.items()]

    def _under(self, metric: str, unit: float) -> Any:
        """A convex expression at least ``unit * metric`` in its epigraph, exact on designs."""
        total: Any = 0.0
        for s in range(len(self.problem.stages)):
            for monomial, once, rest in self._signatures(s, metric):
                if once:
                    total = total + self._exponential(
                        self.log(s, monomial) + math.log(unit * once), 1.0
                    )
                if rest and self.box[s, DEPTH][1] > 0:
                    scaled = self.rest_log(s, monomial) + math.log(unit * rest) * self.blocks[s]
                    total = total + self._exponential(scaled, self.blocks[s])
        return total

    def _exponential(self, exponent: Any, scale: Any) -> Any:
        """A new u with ``u >= scale * exp(exponent / scale)``."""
        import cvxpy as cp
        from cvxpy.constraints.exponential import ExpCone

        u = cp.Variable()
        one = cp.Constant(scale) if isinstance(scale, float) else scale
        self.constraints.append(ExpCone(expression(exponent), one, u))
        return u

    def _over(self, metric: str, unit: float) -> Any:
        """A linear expression at least ``unit * metric``."""
        total: Any = 0.0
        for s in range(len(self.problem.stages)):
            for monomial, once, rest in self._signatures(s, metric):
                low, high = self.log_range(s, monomial)
                slope = (math.exp(high) - math.exp(low)) / (high - low) if high > low else 0.0
                base = math.exp(high) - slope * high
                if once:
                    total = total + unit * once * (base + slope * self.log(s, monomial))
                if rest and self.box[s, DEPTH][1] > 0:
                    later = base * self.blocks[s] + slope * self.rest_log(s, monomial)
                    total = total + unit * rest * later
        return total

    def _effectiveness(self, cp: Any) -> None:
        effectiveness = self.problem.effectiveness
        if effectiveness is None:
            return
        limit = max(effectiveness.limit * (1 + EFFECTIVENESS_TOLERANCE), LEAST_LIMIT)
        for end in effectiveness.prefixes:
            layers: Any = 0.0
            for stage, m in zip(self.problem.stages[: end + 1], self.blocks):
                layers = layers + stage.layers_per_block * (1 + m)
            needed = -cp.entr(expression(layers)) - math.log(limit) * layers
            self.constraints.append(needed <= self.log_width[end])

    def _entropy(self, cp: Any) -> Any:
        objective = self.problem.objective
        total: Any = 0.0
        for scale in objective.scales:
            weight = scale.weight * objective.log_factor
            width, span = self.x[scale.stage][WIDTH], self.span[scale.stage][WIDTH]
            if not weight:
                continue
            if objective.combine == "sum":
                total = total + scale.weight * width + weight * self.log_width[scale.stage]
            else:
                log_area = math.log(scale.area)
                z_range = (log_area + span[0], log_area + span[1])
                product = self._scale(cp, scale.stage, log_area + width, z_range)
                total = total + weight * product
        return total

    def _logs(self, cp: Any) -> Any:
        """Logarithms of choices, never below their value."""
        total: Any = self.problem.objective.constant
        for log in self.problem.objective.logs:
            if log.decision != DEPTH:
                total = total + log.weight * self.x[log.stage][log.decision]
                continue
            least, most = self.box[log.stage, DEPTH]
            blocks = self.blocks[log.stage]
            if most <= least:
                total = total + log.weight * math.log1p(least)
            elif log.weight > 0:
                total = total + log.weight * cp.log1p(blocks)
            else:
                slope = (math.log1p(most) - math.log1p(least)) / (most - least)
                total = total + log.weight * (math.log1p(least) + slope * (blocks - least))
        for term in self.problem.objective.depths:
            total = total + self._depth_by_width(cp, term)
        return total

    def _depth_by_width(self, cp: Any, term: DepthTerm) -> Any:
        blocks, width = self.blocks[term.stage], self.x[term.stage][WIDTH]
        parts = [-cp.log1p(expression(blocks))]
        if term.per_block:
            parts.append(expression(math.log(term.per_block) - width))
        return -term.weight * cp.log_sum_exp(cp.hstack(parts))

    def _scale(self, cp: Any, stage: int, z: Any, z_range: Range) -> Any:
        """A new variable at most ``z W``, relaxed from above. Both factors are >= 0."""
        w, (low, high) = self.log_width[stage], self.log_width_range[stage]
        least, most = z_range
        if most * high <= 0.0:
            return cp.Constant(0.0)
        z, w = z * (1.0 / most), w * (1.0 / high)  # both now at most 1
        z_low, w_low = least / most, low / high
        product = cp.Variable()
        self.constraints += [product <= w + w_low * z - w_low, product <= z_low * w + z - z_low]
        root_low = math.sqrt(z_low * w_low)
        root = cp.geo_mean(cp.hstack([expression(z), expression(w)]))
        self.constraints.append(product <= (root_low + 1.0) * root - root_low)
        return most * high * product

    def _penalty(self, cp: Any, largest: float) -> Any:
        """exp(spread), above ``largest`` its tangent, so that no coefficient dwarfs the others."""
        penalty = self.problem.objective.depth_penalty
        if penalty is None or penalty.weight == 0:
            return 0.0
        depths = cp.hstack([expression(self.blocks[s]) for s in penalty.stages])
        n = len(penalty.stages)
        centred = depths - cp.sum(depths) / n
        if penalty.form == "std":
            spread = cp.norm2(centred) / math.sqrt(n)
        else:
            spread = cp.sum_squares(centred) / n
        cap = math.log(max(largest / penalty.weight, math.e))
        exact, over = cp.Variable(), cp.Variable(nonneg=True)
        self.constraints += [exact <= cap, spread <= exact + over]
        top = penalty.weight * math.exp(cap)
        return top * (cp.exp(exact - cap) + over)

    def _largest_entropy(self) -> float:
        """An upper bound on the entropy term, at least 1."""
        objective = self.problem.objective
        largest = 0.0
        for scale in objective.scales:
            top = math.log(scale.area) + self.span[scale.stage][WIDTH][1]
            reach = objective.log_factor * self.log_width_range[scale.stage][1]
            largest += scale.weight * reach * max(top, 1.0)
        return max(largest + objective.largest_logs(self.problem.stages), 1.0)
