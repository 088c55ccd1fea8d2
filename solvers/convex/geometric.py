r"""DesignProblem -> a geometric program, where its relaxation is one.

Where the objective is a sum of logarithms of choices, :math:`\sum_j\omega_j\ln v_j`, it is the
logarithm of a monomial, budgets are posynomials, and the only thing that a geometric program cannot
say is a block that occurs :math:`d-1` times. Per stage, with a monomial :math:`u` of costs that
occurs :math:`C^0+C^1(d-1)` times:

* a fixed depth: :math:`(C^0+C^1(d-1))\,u`, a monomial;
* :math:`C^0\ge C^1` in all costs of the stage: :math:`(C^0-C^1)\,u+C^1 d\,u`, with :math:`d` a variable;
* depths of at least 2: :math:`C^0u+C^1Mu` with :math:`M=d-1` a variable. Then :math:`1+M` in the
  objective is no monomial: for :math:`\omega>0` it is at most the chord :math:`c M^\delta` of its
  logarithm, for :math:`\omega<0` a variable :math:`D\ge 1+M` stands for it;
* else the relaxation is no geometric program (:mod:`.relaxation` poses it with exponential cones).

A depth that counts by width, :math:`-\omega\ln(1/d+K/w)`, is :math:`-\omega\ln t` with
:math:`t\ge 1/d+K/w`, a posynomial; of a depth counted by :math:`M`, :math:`1/d` is at least
:math:`M^{-\delta}/c` by the chord.

Domains become intervals, rules and derived symbols the convex hulls of their pairs in logarithms:
:math:`x^ay^b\le e^c`, monomials as well.

**Validity.** Every design keeps all constraints with the values of its choices, and
:math:`\ln(1+e^\mu)` is convex in :math:`\mu=\ln M`, so that its chord between the least and the
greatest depth is nowhere below it: the objective of the relaxation is not below the design's own.
"""

from __future__ import annotations

import math
from typing import Any

from mathdesign.programs.chain import DesignProblem
from mathdesign.programs.stages import DEPTH, PREV, WIDTH, DepthTerm
from mathdesign.solvers.convex.coordinates import HULL_SLACK, merged
from mathdesign.solvers.convex.hull import hull


def is_geometric(problem: DesignProblem) -> bool:
    """Whether the relaxation of ``problem`` is a geometric program."""
    objective = problem.objective
    plain = (
        any([t.weight for t in objective.logs] + [t.weight for t in objective.depths])
        and not any(scale.weight for scale in objective.scales)
        and not (objective.depth_penalty and objective.depth_penalty.weight)
        and not any(weight for _, weight in objective.metric_weights)
        and problem.effectiveness is None
        and not any(budget.lower is not None for budget in problem.budgets)
        and all(rule.allowed.any() for rule in problem.rules)
        and all(budget.upper is None or budget.upper > 0 for budget in problem.budgets)
        and all(limit > 0 and alive.terms for part in problem.held for alive, limit in part)
    )
    return plain and all(
        len(stage.domain(DEPTH)) == 1 or stage.domain(DEPTH)[0] > 1 or _by_depth(problem, s)
        for s, stage in enumerate(problem.stages)
    )


def _limited(problem: DesignProblem) -> set[str]:
    return {budget.metric for budget in problem.budgets}


def _by_depth(problem: DesignProblem, s: int) -> bool:
    """Whether every cost of the stage occurs in the first block at least as often as in others."""
    return all(
        once >= rest
        for metric in _limited(problem)
        for once, rest in merged(problem.stages[s].costs.get(metric, ())).values()
    )


class Geometric:
    """The program as it is built: variables stage by stage, constraints, the objective's monomial.

    ``coordinate[(stage, decision)]`` is the logarithm of a choice, ``depth - 1`` of a depth;
    ``objective = constant + unit * ln(program.value)``.
    """

    def __init__(self, problem: DesignProblem) -> None:
        import cvxpy as cp

        if not is_geometric(problem):
            raise ValueError("its relaxation is no geometric program")
        self.problem = problem
        self.constraints: list[Any] = []
        self.coordinate: dict[tuple[int, str], Any] = {}
        self.constant = problem.objective.constant
        self.unit = max(1.0, problem.objective.largest_logs(problem.stages))
        self._symbols: list[dict[str, Any]] = []
        self._counted: list[tuple[bool, Any]] = []
        """Per stage: whether its depth is counted by ``d`` itself, and ``d`` or ``d - 1``."""
        for s in range(len(problem.stages)):
            self._add_stage(s)
        self._rules()
        self._budgets()
        self._ceilings()
        self.program = cp.Problem(cp.Maximize(self._volume()), self.constraints)

    def _variable(self, low: float, high: float) -> Any:
        import cvxpy as cp

        if high <= low:
            return cp.Constant(low)
        variable = cp.Variable(pos=True)
        self.constraints += [variable >= low, variable <= high]
        return variable

    def _add_stage(self, s: int) -> None:
        import cvxpy as cp
        from cvxpy.atoms.elementwise.log import log

        stage = self.problem.stages[s]
        before = self._symbols[-1][WIDTH] if s else cp.Constant(self.problem.input_channels)
        symbols: dict[str, Any] = {PREV: before}
        for decision in stage.decisions:
            low, high = float(decision.values[0]), float(decision.values[-1])
            if decision.name != DEPTH:
                symbols[decision.name] = self._variable(low, high)
                self.coordinate[s, decision.name] = log(symbols[decision.name])
                continue
            whole = high > low and _by_depth(self.problem, s)
            depth = self._variable(low, high) if whole else self._variable(low - 1, high - 1)
            self._counted.append((whole, depth))
            self.coordinate[s, DEPTH] = depth - 1 if whole else depth
        for derived in stage.derived:
            symbol = self._variable(min(derived.values), max(derived.values))
            symbols[derived.name] = symbol
            source = stage.domain(derived.source)
            self._within_hull(symbols[derived.source], symbol, list(zip(source, derived.values)))
        self._symbols.append(symbols)

    def _within_hull(self, x: Any, y: Any, pairs: list[tuple[int, int]]) -> None:
        """Keep the logarithms of ``x`` and ``y`` within the convex hull of ``pairs``."""
        for a, b, c in hull([(math.log(v), math.log(w)) for v, w in pairs]):
            room = c + HULL_SLACK * (abs(a) + abs(b))
            self.constraints.append(x**a * y**b <= math.exp(room))

    def _rules(self) -> None:
        for rule in self.problem.rules:
            if DEPTH in (rule.first, rule.second):
                continue  # left out: a relaxation
            first = self.problem.stages[rule.first_stage].domain(rule.first)
            second = self.problem.stages[rule.second_stage].domain(rule.second)
            pairs = [
                (v, second[int(j)])
                for v, row in zip(first, rule.allowed)
                if row.any()
                for j in (row.argmax(), len(row) - 1 - row[::-1].argmax())
            ]
            x = self._symbols[rule.first_stage][rule.first]
            y = self._symbols[rule.second_stage][rule.second]
            self._within_hull(x, y, pairs)

    def _budgets(self) -> None:
        for budget in self.problem.budgets:
            if budget.upper is None:
                continue
            terms = [
                times * (share / budget.upper)
                for s, stage in enumerate(self.problem.stages)
                for powers, (once, rest) in merged(stage.costs.get(budget.metric, ())).items()
                for share, times in self._shares(s, once, rest, self._product(s, powers))
                if share
            ]
            if terms:
                self.constraints.append(sum(terms) <= 1.0)

    def _ceilings(self) -> None:
        """Of the operators that run in every network: those that may not are left out, a relaxation."""
        for s in range(len(self.problem.stages)):
            for alive, limit in self.problem.always_held(s):
                terms = [c / limit * self._symbols[s][name] for name, c in alive.terms]
                self.constraints.append(sum(terms) <= 1.0)

    def _product(self, s: int, powers: tuple[tuple[str, int], ...]) -> Any:
        import cvxpy as cp

        product: Any = cp.Constant(1.0)
        for name, power in powers:
            product = product * self._symbols[s][name] ** power
        return product

    def _shares(self, s: int, once: int, rest: int, product: Any) -> list[tuple[int, Any]]:
        """``(once + rest * (d - 1)) * product`` as coefficients and monomials."""
        domain = self.problem.stages[s].domain(DEPTH)
        whole, depth = self._counted[s]
        if len(domain) == 1:
            return [(once + rest * (domain[0] - 1), product)]
        return [(once - rest if whole else once, product), (rest, depth * product)]

    def _volume(self) -> Any:
        """The objective's monomial, to the power of 1 / unit."""
        import cvxpy as cp

        total: Any = cp.Constant(1.0)
        for log in self.problem.objective.logs:
            power, domain = (
                log.weight / self.unit,
                self.problem.stages[log.stage].domain(log.decision),
            )
            if not power:
                continue
            if len(domain) == 1:
                self.constant += log.weight * math.log(domain[0])
            elif log.decision != DEPTH:
                total = total * self._symbols[log.stage][log.decision] ** power
            else:
                total = total * self._depth_power(log.stage, power)
        for term in self.problem.objective.depths:
            if term.weight:
                total = total * self._depth_by_width(term) ** (-term.weight / self.unit)
        return total

    def _depth_by_width(self, term: DepthTerm) -> Any:
        """A variable at least ``1 / depth + per_block / width``."""
        import cvxpy as cp

        domain = self.problem.stages[term.stage].domain(DEPTH)
        shares: Any = cp.Constant(1.0 / domain[0])
        if len(domain) > 1:
            shares = self._depth_power(term.stage, -1.0, over=True)
        if term.per_block:
            shares = shares + term.per_block * self._symbols[term.stage][WIDTH] ** -1.0
        total = cp.Variable(pos=True)
        self.constraints.append(shares <= total)
        return total

    def _depth_power(self, s: int, power: float, *, over: bool = False) -> Any:
        """A power of a depth, ``over``: of what is never below it."""
        import cvxpy as cp

        whole, depth = self._counted[s]
        if whole:
            return depth**power
        least, most = (float(self.problem.stages[s].domain(DEPTH)[i]) for i in (0, -1))
        if power < 0 and not over:
            total = cp.Variable(pos=True)
            self.constraints.append(1.0 + depth <= total)
            return total**power
        rise = math.log(most / least) / math.log((most - 1) / (least - 1))
        return (least * (least - 1) ** -rise) ** power * depth ** (rise * power)
