"""The coordinates of the log-convex relaxation: logarithms, depths, and their products.

See :mod:`mathdesign.solvers.convex.relaxation` for what they mean and why it is valid.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from mathdesign.programs.chain import DesignProblem
from mathdesign.programs.stages import DEPTH, PREV, WIDTH, Monomial, Repeat
from mathdesign.solvers.convex.hull import hull

#: Hulls of rules are widened by this, in logarithms, against rounding.
HULL_SLACK = 1e-9

Range = tuple[float, float]
Box = dict[tuple[int, str], Range]
"""Per decision, its least and greatest logarithm; a depth as depth - 1."""
Counts = dict[tuple[tuple[str, int], ...], tuple[int, int]]
"""By its powers: how often a monomial of costs occurs, once and for each further block."""


def whole_box(problem: DesignProblem) -> Box:
    """The ranges of all decisions."""
    return {
        (s, d.name): (
            (float(d.values[0] - 1), float(d.values[-1] - 1))
            if d.name == DEPTH
            else (math.log(d.values[0]), math.log(d.values[-1]))
        )
        for s, stage in enumerate(problem.stages)
        for d in stage.decisions
    }


@dataclass(slots=True)
class Coordinates:
    """Variables stage by stage, with the constraints that tie them."""

    problem: DesignProblem
    box: Box
    x: list[dict[str, Any]] = field(default_factory=list)
    """Per stage: coordinate of each symbol but the depth."""
    span: list[dict[str, Range]] = field(default_factory=list)
    blocks: list[Any] = field(default_factory=list)
    product: dict[tuple[int, str], Any] = field(default_factory=dict)
    """V of a stage and a symbol."""
    constraints: list[Any] = field(default_factory=list)
    log_width: list[Any] = field(default_factory=list)
    log_width_range: list[Range] = field(default_factory=list)
    coordinate: dict[tuple[int, str], Any] = field(default_factory=dict)

    def variable(self, low: float, high: float) -> Any:
        """A variable within a range, a constant where the range is a point."""
        import cvxpy as cp

        if high <= low:
            return cp.Constant(low)
        variable = cp.Variable()
        self.constraints += [variable >= low, variable <= high]
        return variable

    def add_symbols(self, s: int) -> None:
        """The symbols of stage ``s``, ``prev`` and derived ones included."""
        import cvxpy as cp

        stage = self.problem.stages[s]
        if s:
            symbols, spans = {PREV: self.x[s - 1][WIDTH]}, {PREV: self.span[s - 1][WIDTH]}
        else:
            log = math.log(self.problem.prev_domain(0)[0])
            symbols, spans = {PREV: cp.Constant(log)}, {PREV: (log, log)}
        for decision in stage.decisions:
            variable = self.variable(*self.box[s, decision.name])
            self.coordinate[s, decision.name] = variable
            if decision.name == DEPTH:
                self.blocks.append(variable)
            else:
                symbols[decision.name] = variable
                spans[decision.name] = self.box[s, decision.name]
        for derived in stage.derived:
            low, high = self.box[s, derived.source]
            pairs = [
                (math.log(v), math.log(w))
                for v, w in zip(stage.domain(derived.source), derived.values)
                if low - HULL_SLACK <= math.log(v) <= high + HULL_SLACK
            ]
            logs = [w for _, w in pairs]
            spans[derived.name] = (min(logs), max(logs))
            symbols[derived.name] = self.variable(*spans[derived.name])
            self.within_hull(symbols[derived.source], symbols[derived.name], pairs)
        self.x.append(symbols)
        self.span.append(spans)

    def within_hull(self, x: Any, y: Any, pairs: list[tuple[float, float]]) -> None:
        """Keep ``(x, y)`` within the convex hull of ``pairs``."""
        for a, b, c in hull(pairs):
            self.constraints.append(a * x + b * y <= c + HULL_SLACK * (abs(a) + abs(b)))

    def depth_product(self, s: int, symbol: str) -> Any:
        """V = M x by McCormick's planes, made once; exact where either is fixed."""
        if (s, symbol) in self.product:
            return self.product[s, symbol]
        x, (low, high) = self.x[s][symbol], self.span[s][symbol]
        m, (least, most) = self.blocks[s], self.box[s, DEPTH]
        if most <= least:
            result = least * x
        elif high <= low:
            result = low * m
        else:
            result = self.variable(min(0.0, least * low), most * high)
            self.constraints += [
                result >= least * x + low * m - least * low,
                result >= most * x + high * m - most * high,
                result <= most * x + low * m - most * low,
                result <= least * x + high * m - least * high,
            ]
        self.product[s, symbol] = result
        return result

    def accumulate(self, s: int) -> None:
        """W and its range, stage by stage."""
        width: Any = self.log_width[-1] if s else 0.0
        low, high = self.log_width_range[-1] if s else (0.0, 0.0)
        least, most = self.box[s, DEPTH]
        for monomial in self.problem.stages[s].layer_widths:
            bottom, top = self.log_range(s, monomial)
            once, rest = repeats(monomial)
            width = width + once * self.log(s, monomial) + rest * self.rest_log(s, monomial)
            low += (once + rest * least) * bottom
            high += (once + rest * most) * top
        self.log_width.append(width)
        self.log_width_range.append((low, high))

    def log(self, s: int, monomial: Monomial) -> Any:
        """Ln of one occurrence (repeats left out): affine in x."""
        total: Any = math.log(monomial.coefficient)
        for name, power in monomial.powers:
            total = total + power * self.x[s][name]
        return total

    def rest_log(self, s: int, monomial: Monomial) -> Any:
        """M times that: affine in M and V; 0 where the stage has one block at most."""
        if self.box[s, DEPTH][1] <= 0:
            return 0.0
        total: Any = math.log(monomial.coefficient) * self.blocks[s]
        for name, power in monomial.powers:
            total = total + power * self.depth_product(s, name)
        return total

    def log_range(self, s: int, monomial: Monomial) -> Range:
        """The range of :meth:`log` over the box."""
        low = high = math.log(monomial.coefficient)
        for name, power in monomial.powers:
            low += power * self.span[s][name][0]
            high += power * self.span[s][name][1]
        return low, high


def repeats(monomial: Monomial) -> tuple[int, int]:
    """Occurrences in the first block, and in each later one."""
    return int(monomial.repeat is not Repeat.REST), int(monomial.repeat is not Repeat.FIRST)


def merged(costs: Iterable[Monomial]) -> Counts:
    """Costs with the same symbols as one."""
    found: Counts = {}
    for m in costs:
        once, rest = repeats(m)
        a, b = found.get(m.powers, (0, 0))
        found[m.powers] = (a + once * m.coefficient, b + rest * m.coefficient)
    return found


def expression(value: Any) -> Any:
    """A cvxpy expression, also of a plain number."""
    import cvxpy as cp

    return cp.Constant(value) if isinstance(value, float | int) else value
