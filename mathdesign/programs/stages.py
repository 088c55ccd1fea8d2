"""What a chain of stages is made of: the bricks of the program in :mod:`.chain`.

A network is a chain of *stages* (stem, body stages, head, classifier). Each stage has a few
*decisions* with finite integer domains, among them its output ``width`` and its ``depth`` (number
of blocks). Everything the program talks about is built from one brick, the :class:`Monomial`:

    coefficient * repeats(depth) * prev^p * width^w * bottleneck^b * kernel_size^k * ...

where ``prev`` is the width of the previous stage. A symbol may be a table over other choices
(:class:`Tabled`), so that measured costs are monomials as well. Hence

* every metric (params, MACs, ...) is a sum of monomials over stages and couples neighbours only,
* every entropy is a sum of *logarithms* of monomials (:attr:`Stage.layer_widths`),
* in log-space every metric is a sum of exponentials of affine functions (a posynomial), which is
  what the exact engine relaxes, and for fixed choices it is a number, which is what MILPs use.

This module knows no solver, no file format and no network library. Units: resolutions in pixels,
widths in channels, depth in blocks, ``params`` in weights, ``macs`` in multiply-adds.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np

from mathdesign.programs.base import (
    BoolArray,
    Budget,
    Distance,
    FloatArray,
    IntArray,
    check_ceilings,
    refuse_infinite,
    refuse_large,
    refuse_overflow,
)

PREV = "prev"
WIDTH = "width"
DEPTH = "depth"


class Repeat(enum.Enum):
    """How often a monomial occurs in a stage of ``depth`` blocks."""

    FIRST = "first"
    """Once: only the first block of the stage has it."""
    REST = "rest"
    """``depth - 1`` times: every block but the first."""
    EACH = "each"
    """``depth`` times: every block."""

    def times(self, depth: IntArray | int) -> IntArray | int:
        """The number of occurrences in a stage of ``depth`` blocks (elementwise on arrays)."""
        if self is Repeat.EACH:
            return depth
        if self is Repeat.REST:
            return depth - 1
        return np.ones_like(depth) if isinstance(depth, np.ndarray) else 1


@dataclass(frozen=True, slots=True)
class Monomial:
    """``coefficient * repeats(depth) * product(symbol ** power)``.

    ``powers`` maps symbol names to positive integer exponents. A symbol is ``prev`` (width of the
    previous stage), a decision of the stage, or one of its derived symbols; never ``depth``,
    which enters through ``repeat`` alone, or a tabled one (in costs). Coefficients are positive integers.
    """

    coefficient: int
    repeat: Repeat = Repeat.FIRST
    powers: tuple[tuple[str, int], ...] = ()

    def power(self, symbol: str) -> int:
        """The exponent of ``symbol``, 0 where it does not occur."""
        return dict(self.powers).get(symbol, 0)


def term(coefficient: int, repeat: Repeat, **powers: int) -> Monomial:
    """Shorthand: ``term(9, Repeat.REST, bottleneck=2)`` is ``9 * (depth-1) * bottleneck^2``."""
    return Monomial(coefficient, repeat, tuple(sorted((s, p) for s, p in powers.items() if p)))


class When(enum.Enum):
    """In which networks an operator of a stage runs."""

    ALWAYS = "always"
    AGAIN = "again"
    """Where the stage has a second block: ``depth >= 2``."""
    SAME = "same"
    """Where the width that enters is the stage's own: ``prev == width``."""


@dataclass(frozen=True, slots=True)
class Alive:
    """What is held at once while one operator runs: ``(constant + sum of terms) / parts``.

    A *peak* is the greatest of these over all operators that run, in its unit. A term is a symbol,
    as in :class:`Monomial`, and its coefficient; none is negative. ``parts`` divides the sum wherever
    the stage may be built (a quarter of a width).
    """

    name: str
    terms: tuple[tuple[str, int], ...]
    constant: int = 0
    when: When = When.ALWAYS
    parts: int = 1

    def below(self, other: Alive, sources: Mapping[str, str]) -> bool:
        """Whether ``other`` is never less wherever this one runs.

        ``sources`` are the derived symbols that never exceed what they are derived from.
        """
        if other.when not in (When.ALWAYS, self.when):
            return False
        if self.constant * other.parts > other.constant * self.parts:
            return False
        room = {symbol: coefficient * self.parts for symbol, coefficient in other.terms}
        for symbol, coefficient in sorted(self.terms, key=lambda term: term[0] in sources):
            coefficient *= other.parts
            held = min(coefficient, room.get(symbol, 0))
            room[symbol] = room.get(symbol, 0) - held
            source = sources.get(symbol, symbol)
            if room.get(source, 0) < coefficient - held:
                return False
            room[source] = room.get(source, 0) - (coefficient - held)
        return True


@dataclass(frozen=True, slots=True)
class Decision:
    """One choice of a stage: a name and its strictly increasing positive integer domain."""

    name: str
    values: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError(f"decision {self.name!r} has an empty domain")
        if self.values[0] < 1 or any(a >= b for a, b in zip(self.values, self.values[1:])):
            raise ValueError(
                f"decision {self.name!r}: values must be positive and strictly increasing"
            )


@dataclass(frozen=True, slots=True)
class Derived:
    """A symbol that is a function of one decision, e.g. the squeeze width of an SE block.

    ``values[i]`` is the symbol's value where ``source`` takes the i-th value of its domain.
    """

    name: str
    source: str
    values: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Tabled:
    """A symbol that is a function of several choices: a measured cost, say.

    ``values[i, j, ...]`` is the symbol's value where the sources take the i-th, j-th, ... value of
    their domains. A source is ``prev`` or a decision, never ``depth``: a cost is one block's, and
    ``repeat`` says how often it occurs. Values are positive integers.
    """

    name: str
    sources: tuple[str, ...]
    values: IntArray

    def at(self, values: Mapping[str, IntArray], domains: Sequence[Sequence[int]]) -> IntArray:
        """The symbol where the sources have ``values`` (elementwise) of their ``domains``."""
        where = tuple(
            np.searchsorted(np.array(domain, dtype=np.int64), values[source])
            for source, domain in zip(self.sources, domains)
        )
        found: IntArray = self.values[where]
        return found

    def kept(self, keep: Mapping[str, Sequence[int]]) -> Tabled:
        """The table over the positions that are left of each source."""
        parts = [keep[source] for source in self.sources]
        return replace(self, values=self.values[np.ix_(*parts)])


@dataclass(frozen=True, slots=True)
class Stage:
    """A link of the chain: what may be chosen and what each choice costs and contributes.

    ``costs[metric]`` are the monomials whose sum is the stage's share of that metric.
    ``layer_widths`` are monomials whose product (over repeats) is the product of the widths
    ``c_in * k^2 / groups`` of all convolutions on the stage's main path: the stage's log-width
    is ``sum(repeats * ln(monomial))``. ``layers_per_block`` counts those convolutions per block.
    ``alive[peak]`` are the operators among which the stage's greatest is looked for.
    """

    name: str
    decisions: tuple[Decision, ...]
    costs: Mapping[str, tuple[Monomial, ...]]
    layer_widths: tuple[Monomial, ...] = ()
    layers_per_block: int = 0
    derived: tuple[Derived, ...] = ()
    alive: Mapping[str, tuple[Alive, ...]] = field(default_factory=dict)
    tables: tuple[Tabled, ...] = ()

    def __post_init__(self) -> None:
        names = [d.name for d in self.decisions]
        if len(set(names)) != len(names) or WIDTH not in names or DEPTH not in names:
            raise ValueError(
                f"stage {self.name!r} needs distinct decisions with 'width' and 'depth'"
            )
        known = {PREV, *names, *(d.name for d in self.derived)} - {DEPTH}
        self._check_tables(known)
        known |= {table.name for table in self.tables}
        for monomial in [*self.layer_widths, *(m for ms in self.costs.values() for m in ms)]:
            unknown = {symbol for symbol, _ in monomial.powers} - known
            if unknown or monomial.coefficient < 1 or any(p < 1 for _, p in monomial.powers):
                raise ValueError(f"stage {self.name!r}: malformed {monomial} (unknown: {unknown})")
        for alive in (a for operators in self.alive.values() for a in operators):
            unknown = {symbol for symbol, _ in alive.terms} - (
                known - {t.name for t in self.tables}
            )
            least = min([alive.parts, *(coefficient for _, coefficient in alive.terms)])
            if unknown or alive.constant < 0 or least < 1:
                raise ValueError(f"stage {self.name!r}: malformed {alive} (unknown: {unknown})")
        for derived in self.derived:
            if len(derived.values) != len(self.domain(derived.source)):
                raise ValueError(f"stage {self.name!r}: {derived.name!r} does not match its source")

    def _check_tables(self, known: set[str]) -> None:
        """Raise ``ValueError`` for tables over other things than choices, or of values below 1."""
        sources = {PREV, *(d.name for d in self.decisions)} - {DEPTH}
        for table in self.tables:
            where = f"stage {self.name!r}: table {table.name!r}"
            if table.name in known or not table.sources or not sources >= set(table.sources):
                accepted = ", ".join(sorted(sources))
                raise ValueError(f"{where} needs a name of its own, and sources among {accepted}")
            own = [s for s in table.sources if s != PREV]
            sizes = [n for s, n in zip(table.sources, table.values.shape) if s != PREV]
            if len(set(table.sources)) < len(table.sources) or sizes != [
                len(self.domain(s)) for s in own
            ]:
                raise ValueError(f"{where} does not match its sources")
            if table.values.dtype != np.int64 or table.values.min(initial=1) < 1:
                raise ValueError(f"{where}: values must be positive integers")
        if len({table.name for table in self.tables}) < len(self.tables):
            raise ValueError(f"stage {self.name!r} needs distinct names of tables")

    def domain(self, name: str) -> tuple[int, ...]:
        """The values that decision ``name`` may take. Raises ``KeyError`` if there is none."""
        for decision in self.decisions:
            if decision.name == name:
                return decision.values
        raise KeyError(f"stage {self.name!r} has no decision {name!r}")

    def heaviest(self, peak: str) -> tuple[Alive, ...]:
        """The operators of a peak but those that another one never falls below."""
        sources = {
            d.name: d.source
            for d in self.derived
            if all(a <= b for a, b in zip(d.values, self.domain(d.source)))
        }
        kept: list[Alive] = []
        for alive in self.alive.get(peak, ()):
            if not any(alive.below(other, sources) for other in kept):
                kept = [other for other in kept if not other.below(alive, sources)] + [alive]
        return tuple(kept)

    @property
    def choices(self) -> int:
        """Size of the Cartesian product of the stage's domains (rules ignored)."""
        return int(np.prod([len(d.values) for d in self.decisions], dtype=object))


@dataclass(frozen=True, eq=False)
class PairRule:
    """Which pairs of values two decisions may take together.

    Either both decisions belong to one stage (``first_stage == second_stage``), or they are the
    ``width`` of a stage and the ``width`` of the next. ``allowed[i, j]`` is true where the i-th
    value of the first and the j-th value of the second may occur together. Ratios (bottleneck to
    width, growth), monotone widths and expansion lists are all rules of this one form.
    """

    first_stage: int
    first: str
    second_stage: int
    second: str
    allowed: BoolArray
    reason: str = ""

    def __post_init__(self) -> None:
        same = self.first_stage == self.second_stage
        chain = self.second_stage == self.first_stage + 1 and self.first == self.second == WIDTH
        if not (same and self.first != self.second) and not chain:
            raise ValueError(
                "a rule couples two decisions of one stage, or the widths of neighbouring stages"
            )


@dataclass(frozen=True, slots=True)
class Effectiveness:
    """``rho = D / (product of layer widths)^(1/D) <= limit`` at the end of each prefix.

    ``D`` counts main-path convolutions from the input up to and including stage ``prefixes[i]``
    (DeepMAD section 3.2; the published code takes the maximum over the ends of its scales, the
    paper the end of the network alone: then ``prefixes`` has one element).
    """

    limit: float
    prefixes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Scale:
    """One term ``weight * ln(area * width) * E`` of the multi-scale entropy.

    ``stage`` is the last stage of the scale, ``area`` its output resolution squared (pixels), and
    ``E`` the entropy accumulated from the input to the end of ``stage``.
    """

    stage: int
    weight: float
    area: int


@dataclass(frozen=True, slots=True)
class DepthPenalty:
    """``weight * exp(spread(depths of stages))``, subtracted from the objective.

    ``form`` is ``std`` (population standard deviation, the published code) or ``variance`` (the
    paper). Both are convex in the depths.
    """

    weight: float
    form: Literal["std", "variance"]
    stages: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LogTerm:
    """``weight * ln(value of a decision of a stage)``; any decision, the depth among them.

    A weighted sum of logarithms of monomials is a sum of these: it is linear in the logarithms of
    the choices, so that under posynomial budgets its relaxation is a geometric program.
    """

    stage: int
    decision: str
    weight: float


@dataclass(frozen=True, slots=True)
class DepthTerm:
    """``-weight * ln(1 / depth + per_block / width)`` of a stage, ``weight`` not negative.

    Depth counts in full while it is far below ``width / per_block``, and as that at the most. It rises
    in both, and is concave in (ln depth, ln width) as in (depth, ln width): the negative of
    ``ln(exp(a) + exp(b))``, which is convex and rises, of the convex ``a = -ln depth`` and the
    linear ``b = ln per_block - ln width``.
    """

    stage: int
    weight: float
    per_block: float

    def at(self, depth: IntArray | int, width: IntArray | int) -> FloatArray:
        """Its value (elementwise on arrays)."""
        found: FloatArray = -self.weight * np.log(1.0 / depth + self.per_block / np.asarray(width))
        return found


@dataclass(frozen=True, slots=True)
class Objective:
    """Maximise entropy minus depth penalty, plus logarithms of choices, plus weighted metrics.

    With ``combine='product'`` (DeepMAD) the entropy is
    ``sum_i weight_i * ln(area_i * width_i) * E_i``; with ``'sum'`` (MAE-DET)
    ``sum_i weight_i * (ln(width_i) + E_i)``. ``E_i = log_factor * (log-width of the prefix)``:
    1.0 in the paper, 0.5 in the published code (logarithm of a square root).
    ``metric_weights`` adds ``weight * metric`` for each pair, ``logs`` and ``depths`` their terms (the
    log-volume) and ``constant`` what no choice changes, such as the worth of units that are always there.
    """

    scales: tuple[Scale, ...] = ()
    log_factor: float = 0.5
    combine: Literal["product", "sum"] = "product"
    depth_penalty: DepthPenalty | None = None
    metric_weights: tuple[tuple[str, float], ...] = ()
    logs: tuple[LogTerm, ...] = ()
    depths: tuple[DepthTerm, ...] = ()
    constant: float = 0.0

    def largest_logs(self, stages: tuple[Stage, ...]) -> float:
        """An upper limit of the absolute sum of ``logs`` and ``depths``."""
        logs = [abs(t.weight) * math.log(stages[t.stage].domain(t.decision)[-1]) for t in self.logs]
        return sum(logs) + sum(self.largest_depth(t, stages[t.stage]) for t in self.depths)

    @staticmethod
    def largest_depth(term: DepthTerm, stage: Stage) -> float:
        """An upper limit of the absolute value of a term: it rises, so that its ends limit it."""
        ends = ((stage.domain(DEPTH)[i], stage.domain(WIDTH)[i]) for i in (0, -1))
        return term.weight * max(abs(math.log(1.0 / d + term.per_block / w)) for d, w in ends)


@dataclass(frozen=True, eq=False, repr=False)
class Chain:
    """What there is to know of a chain: stages, objective, limits. The program over it is
    :class:`mathdesign.programs.chain.DesignProblem`.

    A *point* is an int64 array of shape ``(variables,)`` (or ``(n, variables)`` for a batch)
    holding the value of every decision, stage by stage in declaration order.
    """

    name: str
    stages: tuple[Stage, ...]
    objective: Objective
    budgets: tuple[Budget, ...] = ()
    rules: tuple[PairRule, ...] = ()
    effectiveness: Effectiveness | None = None
    input_channels: int = 3
    distances: tuple[Distance, ...] = ()
    units: Mapping[str, str] = field(default_factory=dict)
    ceilings: tuple[Budget, ...] = ()
    variables: tuple[tuple[int, str], ...] = field(init=False)

    def __post_init__(self) -> None:
        if not self.stages:
            raise ValueError("a design problem needs at least one stage")
        if len({stage.name for stage in self.stages}) < len(self.stages):
            raise ValueError("stages need distinct names")
        variables = tuple((s, d.name) for s, st in enumerate(self.stages) for d in st.decisions)
        object.__setattr__(self, "variables", variables)
        for rule in self.rules:
            shape = (
                len(self.stages[rule.first_stage].domain(rule.first)),
                len(self.stages[rule.second_stage].domain(rule.second)),
            )
            if rule.allowed.shape != shape:
                raise ValueError(f"rule {rule.reason!r}: expected a {shape} table")
        self._check_tables()
        for budget in self.budgets:
            if budget.metric not in self.metrics:
                raise ValueError(f"budget on unknown metric {budget.metric!r}")
        for distance in self.distances:
            if len(distance.point) != len(variables):
                raise ValueError(f"a distance to {distance.point}, which is no point of the space")
        check_ceilings(self.ceilings, self.peak_names)
        first = (a for operators in self.stages[0].alive.values() for a in operators)
        if any(alive.when is When.SAME for alive in first):
            raise ValueError("no operator of the first stage depends on the width before it")
        for metric in self.metrics:
            refuse_large(metric, self._largest(metric))
        for peak in self.peak_names:
            refuse_large(peak, self._highest(peak))
        self._check_objective()

    @cached_property
    def columns(self) -> Mapping[tuple[int, str], int]:
        """Position of each decision ``(stage index, name)`` in a point."""
        return {variable: column for column, variable in enumerate(self.variables)}

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics, in order of first appearance."""
        return tuple(dict.fromkeys(name for stage in self.stages for name in stage.costs))

    @cached_property
    def peak_names(self) -> tuple[str, ...]:
        """Names of the peaks, in order of first appearance."""
        return tuple(dict.fromkeys(name for stage in self.stages for name in stage.alive))

    @cached_property
    def held(self) -> tuple[tuple[tuple[Alive, int], ...], ...]:
        """By stage, the operators that a ceiling may forbid, and what it leaves for their terms."""
        return tuple(
            tuple(
                (alive, budget.upper * alive.parts - alive.constant)
                for budget in self.ceilings
                if budget.upper is not None
                for alive in stage.heaviest(budget.metric)
                if self._top(s, alive) > budget.upper * alive.parts
            )
            for s, stage in enumerate(self.stages)
        )

    def always_held(self, stage: int) -> tuple[tuple[Alive, int], ...]:
        """Those of :attr:`held` that run in every network."""
        deep = self.stages[stage].domain(DEPTH)[0] > 1
        return tuple(
            (alive, limit)
            for alive, limit in self.held[stage]
            if alive.when is When.ALWAYS or (alive.when is When.AGAIN and deep)
        )

    def rules_within(self, stage: int) -> tuple[PairRule, ...]:
        """Rules between two decisions of ``stage``."""
        return tuple(r for r in self.rules if r.first_stage == r.second_stage == stage)

    def rules_into(self, stage: int) -> tuple[PairRule, ...]:
        """Rules between the widths of the previous stage and of ``stage``."""
        return tuple(
            r for r in self.rules if r.first_stage == stage - 1 and r.second_stage == stage
        )

    def prev_domain(self, stage: int) -> tuple[int, ...]:
        """Widths that may enter ``stage``: the input channels for the first stage."""
        return self.stages[stage - 1].domain(WIDTH) if stage else (self.input_channels,)

    def domain_of(self, stage: int, symbol: str) -> tuple[int, ...]:
        """The values that ``prev`` or a decision of ``stage`` may take."""
        return self.prev_domain(stage) if symbol == PREV else self.stages[stage].domain(symbol)

    def add_tables(self, stage: int, symbols: dict[str, IntArray]) -> None:
        """Put the tabled symbols of ``stage`` beside its choices and ``prev`` (elementwise)."""
        for table in self.stages[stage].tables:
            domains = [self.domain_of(stage, source) for source in table.sources]
            symbols[table.name] = table.at(symbols, domains)

    @property
    def tabled(self) -> bool:
        """Whether a stage has costs in tables over several choices."""
        return any(stage.tables for stage in self.stages)

    def _check_tables(self) -> None:
        """Raise ``ValueError`` for a table that does not match the widths before its stage."""
        for s, stage in enumerate(self.stages):
            for table in stage.tables:
                if table.values.shape != tuple(len(self.domain_of(s, x)) for x in table.sources):
                    raise ValueError(
                        f"stage {stage.name!r}: table {table.name!r} does not match its sources"
                    )

    def _check_objective(self) -> None:
        """Raise ``ValueError`` for numbers that are not finite, and for metrics unknown."""
        objective = self.objective
        for scale in objective.scales:
            refuse_infinite(f"weight of scale {self.stages[scale.stage].name}", scale.weight)
        refuse_infinite("log factor", objective.log_factor)
        if objective.depth_penalty is not None:
            refuse_infinite("weight of the depth penalty", objective.depth_penalty.weight)
        for metric, weight in objective.metric_weights:
            if metric not in self.metrics:
                raise ValueError(f"weight of unknown metric {metric!r}")
            refuse_infinite(f"weight of {metric}", weight)
        refuse_infinite("constant of the objective", objective.constant)
        for log in objective.logs:
            where = f"{self.stages[log.stage].name}.{log.decision}"
            if (log.stage, log.decision) not in self.columns:
                raise ValueError(f"logarithm of unknown decision {where!r}")
            refuse_infinite(f"weight of ln {where}", log.weight)
        for depth in objective.depths:
            where = self.stages[depth.stage].name
            refuse_infinite(f"weight of the depth of {where}", depth.weight)
            refuse_infinite(f"channels per block of {where}", depth.per_block)
            if depth.weight < 0 or depth.per_block < 0:
                raise ValueError(f"the depth of {where} needs a weight and channels not below 0")
        logs = self._largest_logs()
        terms = [abs(w) * float(self._largest(metric)) for metric, w in objective.metric_weights]
        for scale in objective.scales:
            entropy = abs(objective.log_factor) * logs[scale.stage]
            width = math.log(max(scale.area, 1) * self.stages[scale.stage].domain(WIDTH)[-1])
            product = objective.combine == "product"
            terms.append(abs(scale.weight) * (width * entropy if product else width + entropy))
        terms += [objective.largest_logs(self.stages), abs(objective.constant)]
        refuse_overflow("the objective", sum(terms))

    def _largest_logs(self) -> list[float]:
        """An upper limit of the absolute log-width up to each stage."""
        logs, total = [], 0.0
        for s, stage in enumerate(self.stages):
            top = {d.name: d.values[-1] for d in stage.decisions}
            top |= {d.name: max(d.values) for d in stage.derived} | {PREV: self.prev_domain(s)[-1]}
            for monomial in stage.layer_widths:
                log = math.log(monomial.coefficient)
                log += sum(power * math.log(top[symbol]) for symbol, power in monomial.powers)
                total += log * int(monomial.repeat.times(top[DEPTH]))
            logs.append(total)
        return logs

    def _tops(self, s: int) -> dict[str, int]:
        """The greatest value of each symbol of a stage."""
        stage = self.stages[s]
        top = {d.name: d.values[-1] for d in stage.decisions}
        top |= {d.name: max(d.values) for d in stage.derived} | {PREV: self.prev_domain(s)[-1]}
        return top | {table.name: int(table.values.max()) for table in stage.tables}

    def _top(self, s: int, alive: Alive) -> int:
        """An upper limit of what is alive at an operator of a stage, times its parts."""
        top = self._tops(s)
        return alive.constant + sum(c * top[symbol] for symbol, c in alive.terms)

    def _highest(self, peak: str) -> int:
        """An upper limit of a peak over the whole space, in exact integers."""
        stages = enumerate(self.stages)
        every = (self._top(s, a) for s, stage in stages for a in stage.alive.get(peak, ()))
        return max(every, default=0)

    def _largest(self, metric: str) -> int:
        """An upper limit of a metric over the whole space, in exact integers."""
        total = 0
        for s, stage in enumerate(self.stages):
            top = self._tops(s)
            for monomial in stage.costs.get(metric, ()):
                value = monomial.coefficient * int(monomial.repeat.times(top[DEPTH]))
                for symbol, power in monomial.powers:
                    value *= top[symbol] ** power
                total += value
        return total
