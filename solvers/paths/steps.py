"""A chain as a layered graph: one step a stage, one arc for each choice that may be taken there.

A node is a width between two stages, an arc a choice of the stage between two widths. What an arc
costs and adds depends on the width that enters, on its own choice and on nothing else, so that a
point of the program is a path, and sums along paths are all that its metrics and entropies are.
Arrays have the shape ``(widths in, widths out, choices)``, padded; ``allowed`` says what exists.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from mathdesign.programs import reach
from mathdesign.programs.base import EFFECTIVENESS_TOLERANCE, BoolArray, FloatArray, IntArray
from mathdesign.programs.chain import DesignProblem
from mathdesign.programs.evaluate import Symbols, runs, stage_cost, stage_log_width
from mathdesign.programs.stages import DEPTH, PREV, WIDTH
from mathdesign.solvers.paths.sums import Sums, sums

#: Budgets beyond this bind nowhere: metrics are at most 2^62.
FREE = 2**62 + 1


@dataclass(frozen=True, eq=False)
class Step:
    """One stage: its arcs, and what happens at its end."""

    allowed: BoolArray
    """(in, out, choices)"""
    costs: IntArray
    """(rows, in, out, choices) share of each metric that has a budget."""
    gain: FloatArray
    """(in, out, choices) the arc's share of weighted metrics and of logarithms of choices."""
    log_width: FloatArray
    """(in, out, choices) added to the log-width."""
    depth: IntArray
    """(out, choices)"""
    choice: IntArray
    """(out, choices, decisions) the values of the stage's decisions."""
    slope: FloatArray
    """(out,) what a unit of log-width is worth at the end of this stage."""
    base: FloatArray
    """(out,) what the width itself is worth there."""
    layers: int
    """Main-path layers of a block."""
    penalised: bool
    """Whether the depth counts in the depth penalty."""
    prefix: bool
    """Whether the effectiveness is limited at the end of this stage."""


@dataclass(frozen=True, eq=False)
class Row:
    """The two sides of the budget on a metric; ``lower`` 0 and ``upper`` ``FREE`` where absent."""

    metric: str
    lower: int
    upper: int


@dataclass(frozen=True, eq=False)
class Graph:
    """The whole chain."""

    problem: DesignProblem
    rows: tuple[Row, ...]
    steps: tuple[Step, ...]

    @classmethod
    def of(cls, problem: DesignProblem) -> Graph:
        """The graph of a chain whose arcs are few enough to be listed."""
        rows = _rows(problem)
        steps = [_step(problem, rows, s) for s in range(len(problem.stages))]
        for s in range(len(steps) - 2, -1, -1):  # no arc leads to where none goes on
            goes_on: BoolArray = np.any(steps[s + 1].allowed, axis=(1, 2))
            steps[s] = replace(steps[s], allowed=steps[s].allowed & goes_on[:, None])
        return cls(problem, rows, tuple(steps))

    @property
    def bytes(self) -> int:
        """Memory of the arcs."""
        return sum(a.nbytes for s in self.steps for a in (s.allowed, s.costs, s.gain, s.log_width))

    @property
    def limit(self) -> float | None:
        """The limit on effectiveness, with the tolerance that every backend grants."""
        rule = self.problem.effectiveness
        return None if rule is None else rule.limit * (1 + EFFECTIVENESS_TOLERANCE)

    @cached_property
    def rest(self) -> tuple[tuple[IntArray, IntArray], ...]:
        """For each node the least and greatest of each metric from there on: ``(rows, widths)``.

        Entry ``s`` is about the widths that enter stage ``s``; exact. Nodes from which no path goes
        on have a least above all budgets.
        """
        last = len(self.steps[-1].slope)
        zero = np.zeros((len(self.rows), last), dtype=np.int64)
        found = [(zero, zero.copy())]
        for step in reversed(self.steps):
            least, most = found[-1]
            low = np.where(step.allowed, step.costs + least[:, None, :, None], FREE)
            high = np.where(step.allowed, step.costs + most[:, None, :, None], -1)
            found.append((np.minimum(low.min(axis=(2, 3)), FREE), high.max(axis=(2, 3))))
        return tuple(reversed(found))

    @cached_property
    def sums(self) -> tuple[Sums | None, ...]:
        """For each row what its sums may end in; ``None`` for budgets of one side, where the ends
        of the range say as much.
        """
        allowed = [step.allowed for step in self.steps]
        return tuple(
            sums([step.costs[r] for step in self.steps], allowed, row.lower, row.upper)
            if row.lower > 0 and row.upper < FREE and allowed[0].any()
            else None
            for r, row in enumerate(self.rows)
        )

    @cached_property
    def reached(self) -> tuple[tuple[FloatArray, FloatArray], ...]:
        """For each node the least and greatest log-width with which it is entered: ``(widths,)``.

        Widths that no path reaches have an empty interval of ``0..0``.
        """
        found = [(np.zeros(1), np.zeros(1))]
        for step in self.steps:
            low, high = found[-1]
            least = np.where(step.allowed, step.log_width + low[:, None, None], np.inf)
            most = np.where(step.allowed, step.log_width + high[:, None, None], -np.inf)
            lows, highs = least.min(axis=(0, 2)), most.max(axis=(0, 2))
            empty = ~np.isfinite(lows)
            lows[empty] = highs[empty] = 0.0
            found.append((lows, highs))
        return tuple(found)

    @cached_property
    def penalised(self) -> IntArray:
        """The stages whose depths count in the penalty."""
        return np.flatnonzero([step.penalised for step in self.steps])

    @cached_property
    def worth(self) -> tuple[tuple[FloatArray, FloatArray], ...]:
        """For each node the least and greatest worth of a unit of log-width from there on."""
        last = len(self.steps[-1].slope)
        found = [(np.zeros(last), np.zeros(last))]
        for step in reversed(self.steps):
            exists: BoolArray = np.any(step.allowed, axis=2)
            low, high = (side + step.slope for side in found[-1])
            least = np.where(exists, low, np.inf).min(axis=1)
            most = np.where(exists, high, -np.inf).max(axis=1)
            dead = ~np.any(exists, axis=1)
            least[dead] = most[dead] = 0.0
            found.append((least, most))
        return tuple(reversed(found))


def arcs(problem: DesignProblem, most: int) -> int:
    """How many arcs the graph has, counted without making it.

    Where there are more than ``most`` without rules, those without rules: a count takes long too.
    """
    stages = range(len(problem.stages))
    free = sum(len(problem.prev_domain(s)) * problem.stages[s].choices for s in stages)
    return free if free > most else sum(reach.transitions(problem, s) for s in stages)


def _rows(problem: DesignProblem) -> tuple[Row, ...]:
    sides: dict[str, tuple[int, int]] = {}
    for budget in problem.budgets:
        low, high = sides.get(budget.metric, (0, FREE))
        if budget.lower is not None:
            low = min(max(low, budget.lower), FREE)
        if budget.upper is not None:
            high = max(min(high, budget.upper), -1)
        sides[budget.metric] = low, high
    return tuple(Row(metric, *pair) for metric, pair in sides.items())


def _step(problem: DesignProblem, rows: tuple[Row, ...], s: int) -> Step:
    stage = problem.stages[s]
    widths, entering = stage.domain(WIDTH), problem.prev_domain(s)
    listed = reach.choices(problem, s)
    padded, exists = _by_width(listed, widths)
    shape = (len(entering), *exists.shape)
    symbols = {name: np.broadcast_to(values, shape) for name, values in padded.items()}
    symbols[PREV] = np.broadcast_to(np.array(entering, dtype=np.int64)[:, None, None], shape)
    problem.add_tables(s, symbols)
    allowed = exists & reach.width_pairs(problem, s)[:, :, None]
    for alive, limit in problem.held[s]:
        terms = sum(coefficient * symbols[name] for name, coefficient in alive.terms)
        allowed = allowed & ~(runs(alive, symbols) & (terms > limit))
    costs = [stage_cost(stage.costs.get(row.metric, ()), symbols) for row in rows]
    gain = np.zeros(shape)
    for metric, weight in problem.objective.metric_weights:
        gain += weight * stage_cost(stage.costs.get(metric, ()), symbols)
    for log in problem.objective.logs:
        if log.stage == s:
            gain += log.weight * np.log(symbols[log.decision])
    for depth in problem.objective.depths:
        if depth.stage == s:
            gain += depth.at(symbols[DEPTH], symbols[WIDTH])
    gain += 0.0 if s else problem.objective.constant
    penalty, rule = problem.objective.depth_penalty, problem.effectiveness
    slope, base = _ends(problem, s, np.array(widths, dtype=np.float64))
    return Step(
        allowed,
        np.array(costs, dtype=np.int64).reshape(len(rows), *shape),
        gain,
        stage_log_width(stage, symbols),
        padded[DEPTH],
        np.stack([padded[d.name] for d in stage.decisions], axis=-1),
        slope,
        base,
        stage.layers_per_block,
        penalty is not None and s in penalty.stages,
        rule is not None and s in rule.prefixes,
    )


def _by_width(listed: Symbols, widths: tuple[int, ...]) -> tuple[Mapping[str, IntArray], BoolArray]:
    """Choices as ``(widths, most choices of one)``, padded with the first; and which exist."""
    at = np.searchsorted(np.array(widths), listed[WIDTH])
    order = np.argsort(at, kind="stable")
    counts = np.bincount(at, minlength=len(widths))
    shape = (len(widths), max(int(counts.max(initial=0)), 1))
    exists = np.arange(shape[1])[None, :] < counts[:, None]
    padded = {}
    for name, values in listed.items():
        padded[name] = np.ones(shape, dtype=np.int64)
        padded[name][exists] = values[order]
    return padded, exists


def _ends(problem: DesignProblem, s: int, widths: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Worth of the log-width, and of the width itself, where scales end with stage ``s``."""
    objective = problem.objective
    slope, base = np.zeros(len(widths)), np.zeros(len(widths))
    for scale in objective.scales:
        if scale.stage != s:
            continue
        if objective.combine == "product":
            slope += scale.weight * objective.log_factor * np.log(scale.area * widths)
        else:
            slope += scale.weight * objective.log_factor
            base += scale.weight * np.log(widths)
    return slope, base
