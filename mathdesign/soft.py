r"""MnasNet's soft rule (arXiv 1807.11626, equation 3), read off exact optima under hard limits.

With objective :math:`o > 0`, cost :math:`t` and target :math:`T`,

.. math:: \max\; o \cdot (t / T)^{w}, \qquad w = \alpha \text{ for } t \le T, \text{ else } \beta; \quad \alpha, \beta \le 0,

(soft: both -0.07; hard: 0 and -1) is no program of ours: its logarithm
:math:`f(o, t) = \ln o + w \ln (t / T)` rises in :math:`o` and never rises in :math:`t`. So the best
design under the limit :math:`t \le m`, of objective at most :math:`b` and cost :math:`t_m`, settles all
costs from :math:`t_m` to :math:`m`: there :math:`f \le \ln b + w \ln (t_m / T)`. What is left of an interval
of costs :math:`[l, h]` in which objectives are at most :math:`b` is worth at most :math:`f(b, l)`. Intervals
of the greatest bound are cut by another limit until none can be better than the best that was found by
more than the gap: the answer is proven, and it lies on the front of objective and cost.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction

from mathdesign.explain import extreme
from mathdesign.programs.base import Budget, Program
from mathdesign.solvers.base import SolveOptions, Status
from mathdesign.solvers.portfolio import choose

#: More solves than this, and the bound reached is told instead.
MOST_SOLVES = 200


class NoSoftRule(ValueError):
    """A rule or a program that has no soft optimum; the message says why."""


@dataclass(frozen=True, slots=True)
class SoftRule:
    """The target in the metric's integers, and the exponents below and above it."""

    target: Fraction
    below: float = -0.07
    above: float = -0.07

    def __post_init__(self) -> None:
        if self.target <= 0:
            raise NoSoftRule("a target above 0")
        if not all(-100 <= w <= 0 for w in (self.below, self.above)):
            raise NoSoftRule("exponents from -100 to 0: dearer is not better")

    def factor(self, cost: int) -> float:
        """The logarithm of what a cost multiplies an objective with."""
        share = math.log(max(cost, 1)) - math.log(self.target)
        return share * (self.below if cost <= self.target else self.above)

    def worth(self, objective: float, cost: int) -> float:
        """The rule's value."""
        return math.exp(math.log(objective) + self.factor(cost))


@dataclass(frozen=True, slots=True)
class Seen:
    """The best design under one limit on the metric: its objective, a bound on it, its cost."""

    limit: int | None
    point: tuple[int, ...]
    objective: float
    bound: float
    cost: int


@dataclass(frozen=True, slots=True)
class SoftAnswer:
    """The best design by the rule, its value and a bound on that; the best under the target as limit.

    ``proven``: no design is worth more by a share of ``gap``. ``front``: the designs seen, none worse
    than another in both.
    """

    best: Seen
    value: float
    bound: float
    proven: bool
    hard: Seen | None
    front: tuple[Seen, ...]
    solves: int


@dataclass(order=True, slots=True)
class _Interval:
    """Costs that nothing has settled, and what a design there is worth at most, negated."""

    key: float
    low: int
    high: int
    objective: float


def soft_optimum(
    program: Program,
    metric: str,
    rule: SoftRule,
    *,
    gap: float = 1e-3,
    options: SolveOptions | None = None,
    on_solve: Callable[[Seen], None] | None = None,
) -> SoftAnswer | None:
    """The design of the greatest value by the rule; ``None``: no design keeps the other limits.

    ``gap`` is relative, of the rule's value. Raises :class:`NoSoftRule` for objectives that are not
    above 0.
    """
    return _Search(program, metric, rule, gap, options or SolveOptions(gap=gap / 4), on_solve).run()


class _Search:
    """Best bound first over intervals of costs."""

    def __init__(
        self, program: Program, metric: str, rule: SoftRule, gap: float, options: SolveOptions,
        on_solve: Callable[[Seen], None] | None,
    ) -> None:  # fmt: skip
        self.program, self.metric, self.rule, self.gap = program, metric, rule, gap
        self.options, self.on_solve = options, on_solve
        self.seen: dict[int | None, Seen | None] = {}
        self.settled = -math.inf
        """The greatest bound of what is settled, a logarithm."""
        self.open: list[_Interval] = []

    def run(self) -> SoftAnswer | None:
        """See :func:`soft_optimum`."""
        first = self.under(None)
        if first is None:
            return None
        least = extreme(self.program.unlimited(), self.metric, largest=False)
        low = 1 if least.value is None or not least.proven else max(1, int(least.value))
        self.settle(first)
        self.push(low, first.cost - 1, first.bound)
        while self.open and len(self.seen) < MOST_SOLVES:
            if -self.open[0].key <= self.best_log + math.log1p(self.gap):
                break
            self.cut(heapq.heappop(self.open))
        left = [-interval.key for interval in self.open]
        bound = max([self.settled, self.best_log, *left])
        proven = bound <= self.best_log + math.log1p(self.gap) * (1 + 1e-9)
        hard = self.under(int(self.rule.target))
        best = self.best
        value = self.rule.worth(best.objective, best.cost)
        return SoftAnswer(best, value, math.exp(bound), proven, hard, self.front(), len(self.seen))

    def cut(self, interval: _Interval) -> None:
        """Ask for the best under a limit inside, and keep what is left open on either side."""
        low, high = interval.low, interval.high
        middle = high if high - low < 2 else min(high, max(low, math.isqrt(low * high)))
        found = self.under(middle)
        self.push(middle + 1, high, interval.objective)
        if found is None:
            return
        self.settle(found)
        self.push(low, min(middle, found.cost - 1), min(found.bound, interval.objective))

    def settle(self, found: Seen) -> None:
        """All costs from that of a design to its limit."""
        self.settled = max(self.settled, math.log(found.bound) + self.rule.factor(found.cost))

    def push(self, low: int, high: int, objective: float) -> None:
        """Costs in which objectives are at most so much."""
        if low <= high:
            key = -(math.log(objective) + self.rule.factor(low))
            heapq.heappush(self.open, _Interval(key, low, high, objective))

    @property
    def best(self) -> Seen:
        """The best by the rule; the cheapest of equals."""
        found = [seen for seen in self.seen.values() if seen is not None]
        return max(found, key=lambda s: (self.rule.worth(s.objective, s.cost), -s.cost))

    @property
    def best_log(self) -> float:
        """Its value, a logarithm."""
        return math.log(self.best.objective) + self.rule.factor(self.best.cost)

    def front(self) -> tuple[Seen, ...]:
        """The designs seen, cheapest first, that no other is as good and as cheap as."""
        kept: list[Seen] = []
        every = {(s.cost, s.objective): s for s in self.seen.values() if s is not None}
        for _, seen in sorted(every.items(), key=lambda item: (item[0][0], -item[0][1])):
            if not kept or seen.objective > kept[-1].objective:
                kept.append(seen)
        return tuple(kept)

    def under(self, limit: int | None) -> Seen | None:
        """The best design of at most that cost; each limit is asked for once."""
        if limit not in self.seen:
            self.seen[limit] = self.solved(limit)
        return self.seen[limit]

    def solved(self, limit: int | None) -> Seen | None:
        every = (*self.program.budgets, *self.program.ceilings)
        own = [b for b in every if b.metric != self.metric and not b.inherent]
        if limit is not None:
            own.append(Budget(self.metric, limit))
        program = self.program.with_budgets(own)
        solution = choose(program).backend.solve(program, replace(self.options, warm_start=None))
        if solution.status is Status.INFEASIBLE:
            return None
        if (
            solution.point is None
            or solution.objective is None
            or not math.isfinite(solution.bound)
        ):
            raise NoSoftRule("a limit of time came before an answer; accepted: more of it")
        if solution.objective <= 0:
            raise NoSoftRule(
                f"an objective of {solution.objective:.6g}; accepted: above 0, for it is multiplied"
            )
        cost = program.costs(solution.point)[self.metric]
        bound = max(solution.bound, solution.objective)
        found = Seen(limit, tuple(map(int, solution.point)), solution.objective, bound, cost)
        if self.on_solve is not None:
            self.on_solve(found)
        return found
