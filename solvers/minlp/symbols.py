"""The variables of the integer nonlinear program: choices, logarithms, log-widths.

See :mod:`mathdesign.solvers.minlp.model` for the program they belong to and why it is valid.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mathdesign.programs.chain import DesignProblem
from mathdesign.programs.stages import DEPTH, PREV, WIDTH, Repeat, Stage
from mathdesign.solvers.minlp.tools import LARGEST_ONE_HOT, Symbol, Toolkit, even, hull_rows

#: Bounds of defined variables are wider than implied by this, relative: no solver's tolerance may
#: round a design at the edge of its domain away.
WIDENED = 1e-4


@dataclass(slots=True)
class Symbols:
    """Decisions as one-hots or integers, with logarithms; log-widths stage by stage."""

    problem: DesignProblem
    tools: Toolkit
    symbols: list[dict[str, Symbol]] = field(default_factory=list)
    blocks: list[Any] = field(default_factory=list)
    """M = depth - 1 per stage."""
    hulls: list[list[tuple[float, float, float]] | None] = field(default_factory=list)
    tables: set[tuple[int, str]] = field(default_factory=set)
    """Decisions that need their one-hot."""
    log_width: list[Any] = field(default_factory=list)
    log_width_range: list[tuple[float, float]] = field(default_factory=list)

    def declare(self) -> None:
        """All stages, first to last."""
        self.hulls = [hull_rows(self.problem, rule) for rule in self.problem.rules]
        self.tables = self._need_one_hot()
        for s, stage in enumerate(self.problem.stages):
            self.symbols.append(self._select(s, stage))
            self.blocks.append(self.symbols[s][DEPTH].value - 1)
        for s in range(len(self.problem.stages)):
            self._accumulate(s)

    def _need_one_hot(self) -> set[tuple[int, str]]:
        needed = {(s, d.source) for s, st in enumerate(self.problem.stages) for d in st.derived}
        for rule, rows in zip(self.problem.rules, self.hulls):
            if rows is None:
                needed |= {(rule.first_stage, rule.first), (rule.second_stage, rule.second)}
        return needed

    def _select(self, s: int, stage: Stage) -> dict[str, Symbol]:
        """The symbols of a stage, ``prev`` included."""
        symbols: dict[str, Symbol] = {}
        if s:
            symbols[PREV] = self.symbols[s - 1][WIDTH]
        else:
            (channels,) = self.problem.prev_domain(0)
            symbols[PREV] = Symbol((channels,), channels, math.log(channels))
        for decision in stage.decisions:
            label, values = f"{stage.name}_{decision.name}", decision.values
            if len(values) == 1:
                symbols[decision.name] = Symbol(values, values[0], math.log(values[0]))
            elif (
                len(values) > LARGEST_ONE_HOT
                and even(values)
                and (s, decision.name) not in self.tables
            ):
                symbols[decision.name] = self._counted(label, values, decision.name != DEPTH)
            else:
                choice = tuple(self.tools.binary(f"{label}_{v}") for v in values)
                self.tools.require(f"{label}_one", self.total(choice) == 1)
                symbols[decision.name] = self._chosen(label, values, choice, decision.name != DEPTH)
        for derived in stage.derived:
            source = symbols[derived.source]
            if source.fixed:
                (value,) = derived.values
                symbols[derived.name] = Symbol(derived.values, value, math.log(value))
            else:
                label = f"{stage.name}_{derived.name}"
                symbols[derived.name] = self._chosen(label, derived.values, source.choice, True)
        return symbols

    def real(self, name: str, low: float, high: float) -> Any:
        """A variable defined by an equation: its bounds are implied, and widened against rounding."""
        slack = WIDENED * max(abs(low), abs(high), 1.0)
        return self.tools.real(name, low - slack, high + slack)

    def _chosen(
        self, label: str, values: tuple[int, ...], choice: tuple[Any, ...], with_log: bool
    ) -> Symbol:
        """A symbol selected by a one-hot."""
        log: Any = None
        if with_log:
            logs = [math.log(v) for v in values]
            log = self.real(f"{label}_log", min(logs), max(logs))
            self.tools.require(f"{label}_is_log", self.chosen_of(choice, logs) == log)
        return Symbol(values, self.chosen_of(choice, values), log, choice)

    def _counted(self, label: str, values: tuple[int, ...], with_log: bool) -> Symbol:
        """A symbol selected by its position in an evenly spaced domain."""
        position = self.tools.integer(f"{label}_position", 0, len(values) - 1)
        value = values[0] + (values[1] - values[0]) * position
        log: Any = None
        if with_log:
            log = self.real(f"{label}_log", math.log(values[0]), math.log(values[-1]))
            self.tools.require(f"{label}_is_log", self.tools.log(value) - log == 0.0)
        return Symbol(values, value, log, (), position)

    def total(self, terms: Sequence[Any]) -> Any:
        """The sum of expressions and numbers; a number where all are."""
        constant = sum(t for t in terms if isinstance(t, float | int))
        others = [t for t in terms if not isinstance(t, float | int)]
        if not others:
            return constant
        return self.tools.total([*others, constant] if constant else others)

    def chosen_of(self, choice: Sequence[Any], values: Sequence[float]) -> Any:
        """The chosen one of ``values``: linear in the one-hot."""
        return self.total([v * y for v, y in zip(values, choice) if v])

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
        here = self.real(f"{stage.name}_log_width", low, high)
        if each_high > 0.0 and depths[-1] > 1:
            block = self.real(f"{stage.name}_block_log_width", each_low, each_high)
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
