r"""DesignProblem -> choice MILP: one binary per combination of choices of a stage.

For stage :math:`s` let :math:`t` run over the allowed combinations of its decisions. With
:math:`x_{st}\in\{0,1\}`, :math:`\sum_t x_{st}=1` and :math:`y_{sc}=\sum_{t:\,w(t)=c}x_{st}`:

* a quantity that depends on one stage is linear: :math:`\sum_t q(t)\,x_{st}`;
* a cost :math:`\mathrm{prev}^p a(t)` becomes :math:`\sum_c c^p A_{c}` with
  :math:`\sum_c A_c=\sum_t a(t)x_{st}` and :math:`a_{\min}y_{s-1,c}\le A_c\le a_{\max}y_{s-1,c}`;
* a scale :math:`\alpha\ln(r^2w)E` becomes :math:`\alpha\sum_c\ln(r^2c)E_c` with
  :math:`\sum_cE_c=E` and :math:`E_{\min}y_{sc}\le E_c\le E_{\max}y_{sc}`;
* effectiveness, :math:`W\ge\varphi(D)=D\ln(D/\rho_0)` with convex :math:`\varphi` and integer
  :math:`D`, becomes the secants of :math:`\varphi` between consecutive reachable :math:`D`;
* a logarithm of a choice, :math:`\omega\ln v`, depends on one stage and is linear as such, and so
  is a depth that counts by width; where the depth is split off (below), it is
  :math:`\sum_{dc}T_{dc}u_{dc}` with :math:`\sum_cu_{dc}=z_{sd}`, :math:`\sum_du_{dc}=y_{sc}`, :math:`u\ge 0`;
* the depth penalty :math:`Q\ge\beta\exp(\mathrm{spread}(L))`, convex in :math:`L`, becomes tangents,
  added where a solution needs them (:mod:`mathdesign.solvers.milp.search`).

A ceiling forbids combinations: with :math:`T_c` those at which an operator would hold too much where
width :math:`c` enters, :math:`\sum_{t\in T_c}x_{st}+\sum_{c'\ge c}y_{s-1,c'}\le 1`, for it holds no less
where more enters; an operator of second blocks adds :math:`\sum_{d\ge 2}z_{sd}` instead, and one that
runs where the width :math:`c` stays adds :math:`y_{s-1,c}` alone.

A distance to a point adds :math:`\sum_s\sum_t e_{st}x_{st}+\sum_s z_{s,d_s}\le n-\text{at least}`, where
:math:`e_{st}` counts the decisions that :math:`t` has in common with the point, of :math:`n` in all.

A stage with many combinations does not enumerate its depth: its :math:`t` leaves the depth out,
:math:`z_{sd}` chooses it, and :math:`v_{st}=(d-1)x_{st}` is a continuous variable with
:math:`M_{\min}x_{st}\le v_{st}\le M_{\max}x_{st}`, :math:`\sum_tv_{st}=\sum_d(d-1)z_{sd}`.

**Validity.** All binaries integral, exactly one :math:`x_{st}` is 1 per stage, so exactly one of the
disaggregated variables can be non-zero and equals the aggregate: every product above holds with
equality. Conversely each feasible point gives a feasible assignment with the same objective
(:meth:`ChoiceMilp.embed`). Secants of a convex function between consecutive points of a finite
set lie on or below it at every point of the set and touch it there; tangents lie below it. So
the program is exact up to the penalty, which is underestimated until its tangents are in:
its optimum is never below that of the design problem.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from mathdesign.programs.base import (
    EFFECTIVENESS_TOLERANCE,
    BoolArray,
    Distance,
    FloatArray,
    IntArray,
)
from mathdesign.programs.chain import DesignProblem
from mathdesign.programs.stages import (
    DEPTH,
    PREV,
    WIDTH,
    DepthTerm,
    Monomial,
    Repeat,
    Stage,
    When,
)
from mathdesign.solvers.milp.arrays import Expression, Milp, MilpBuilder, Row

#: A stage with at most this many combinations enumerates its depth as well: tighter.
ENUMERATE_DEPTH_UP_TO = 600
#: Tangents of the depth penalty that the first program already holds.
FIRST_TANGENTS = 60
#: Larger programs are refused before they are built.
LARGEST_COLUMNS = 120_000
#: Solvers keep rows to 1e-6: a tangent missed by less than this is in the program already.
ROW_TOLERANCE = 2e-6


@dataclass(slots=True)
class _StageColumns:
    """Columns of one stage. ``options`` maps each symbol to its value per combination."""

    options: dict[str, IntArray]
    x: IntArray
    y: IntArray
    """One column per width of the domain."""
    v: IntArray | None = None
    z: IntArray | None = None
    deeper: int = 0
    """How many of the depths that are chosen apart have a second block: the last ones."""
    log_width: int = -1

    @property
    def split(self) -> bool:
        """The depth is chosen apart, by ``z``."""
        return self.v is not None


@dataclass(frozen=True, slots=True)
class _Filled:
    """``columns = aggregate``, or ``aggregate * selectors`` where there are selectors."""

    aggregate: Expression
    columns: IntArray
    selectors: IntArray | None = None


@dataclass(frozen=True, slots=True)
class ChoiceMilp:
    """The program as arrays, and the way back. ``penalty`` is the column of Q, if there is one."""

    problem: DesignProblem
    milp: Milp
    stages: tuple[_StageColumns, ...]
    depth: tuple[Expression, ...]
    penalty: int | None
    filled: tuple[_Filled, ...]
    """Columns that follow from others, in the order of their making: for :meth:`embed`."""
    penalty_cap: float

    def invert(self, solution: FloatArray) -> tuple[int, ...]:
        """The design point of an integral solution, in ``DesignProblem.variables`` order."""
        point: list[int] = []
        for stage, columns in zip(self.problem.stages, self.stages):
            t = int(np.argmax(solution[columns.x]))
            for decision in stage.decisions:
                if decision.name == DEPTH and columns.z is not None:
                    point.append(decision.values[int(np.argmax(solution[columns.z]))])
                else:
                    point.append(int(columns.options[decision.name][t]))
        return tuple(point)

    def selectors(self, point: tuple[int, ...]) -> list[int]:
        """The binaries that are 1 at ``point``. Raises ``ValueError`` where rules forbid it."""
        chosen: list[int] = []
        for s, (stage, columns) in enumerate(zip(self.problem.stages, self.stages)):
            value = {d.name: point[self.problem.columns[s, d.name]] for d in stage.decisions}
            match = np.ones(len(columns.x), dtype=np.bool_)
            for name in value:
                if name != DEPTH or not columns.split:
                    match &= columns.options[name] == value[name]
            if not match.any():
                raise ValueError(f"the rules of stage {stage.name!r} forbid {value}")
            chosen.append(int(columns.x[int(np.argmax(match))]))
            if columns.z is not None:
                chosen.append(int(columns.z[stage.domain(DEPTH).index(value[DEPTH])]))
        return chosen

    def embed(self, point: tuple[int, ...]) -> FloatArray:
        """The solution vector of a design point: feasible exactly where the point is."""
        solution = np.zeros(self.milp.columns)
        solution[self.selectors(point)] = 1.0
        for s, columns in enumerate(self.stages):
            width = point[self.problem.columns[s, WIDTH]]
            solution[columns.y[self.problem.stages[s].domain(WIDTH).index(width)]] = 1.0
            if columns.v is not None:
                depth = point[self.problem.columns[s, DEPTH]]
                solution[columns.v] = (depth - 1) * solution[columns.x]
        for rule in self.filled:
            value = rule.aggregate.value(solution)
            solution[rule.columns] = (
                value if rule.selectors is None else value * solution[rule.selectors]
            )
        if self.penalty is not None:
            penalty = self.problem.objective.depth_penalty
            assert penalty is not None
            depths = [point[self.problem.columns[s, DEPTH]] for s in penalty.stages]
            spread = np.std(depths) if penalty.form == "std" else np.var(depths)
            solution[self.penalty] = penalty.weight * math.exp(float(spread))
        return solution

    @property
    def names(self) -> list[str]:
        """One name per column: choices by what they choose, all others by number."""
        names = [f"c{i}" for i in range(self.milp.columns)]
        for s, (stage, columns) in enumerate(zip(self.problem.stages, self.stages)):
            for t, column in enumerate(columns.x):
                parts = [
                    f"{d.name}{int(columns.options[d.name][t])}"
                    for d in stage.decisions
                    if d.name in columns.options
                ]
                names[int(column)] = "_".join([f"x{s}", *parts])
            if columns.z is not None:
                for depth, column in zip(stage.domain(DEPTH), columns.z):
                    names[int(column)] = f"z{s}_depth{depth}"
        return names

    def no_good(self, milp: Milp, point: tuple[int, ...]) -> Milp:
        """``milp`` without ``point``: at most all but one of its binaries may be 1 again."""
        chosen = np.array(self.selectors(point))
        row = Expression(chosen, np.ones(len(chosen)))
        return milp.with_rows([(row, -math.inf, len(chosen) - 1)])

    def learn(self, solution: FloatArray, point: tuple[int, ...]) -> Row | None:
        """The tangent at the depths of ``point``, where ``solution`` underestimates the penalty."""
        penalty = self.problem.objective.depth_penalty
        if penalty is None or self.penalty is None:
            return None
        depths = np.array([point[self.problem.columns[s, DEPTH]] for s in penalty.stages])
        cut, right = self.penalty_cut(depths.astype(np.float64))
        if cut.value(solution) < right - ROW_TOLERANCE * max(abs(right), 1.0):
            return cut, right, math.inf
        return None

    def first_cuts(self) -> list[Row]:
        """Tangents to begin with: at uneven depths in every direction, at several distances."""
        penalty = self.problem.objective.depth_penalty
        if penalty is None or self.penalty is None:
            return []
        domains = [self.problem.stages[s].domain(DEPTH) for s in penalty.stages]
        rng = np.random.default_rng(0)
        cuts = []
        for _ in range(FIRST_TANGENTS if max(len(d) for d in domains) > 1 else 0):
            depths = np.array([float(rng.choice(d)) for d in domains])
            depths = depths.mean() + rng.uniform(0.1, 1.0) * (depths - depths.mean())
            cut, right = self.penalty_cut(depths)
            cuts.append((cut, right, math.inf))
        return cuts

    def penalty_cut(self, depths: FloatArray) -> tuple[Expression, float]:
        """A tangent ``expression >= right-hand side`` of the penalty at ``depths``.

        Where the spread is so large that the penalty exceeds any entropy, the tangent is taken
        nearer to the mean, on the same ray: still a tangent, with coefficients a solver can hold.
        """
        penalty = self.problem.objective.depth_penalty
        assert penalty is not None and self.penalty is not None
        std = float(np.std(depths))
        spread = std if penalty.form == "std" else std**2
        if spread > self.penalty_cap:
            ratio = self.penalty_cap / spread
            shrink = ratio if penalty.form == "std" else math.sqrt(ratio)
            depths = depths.mean() + shrink * (depths - depths.mean())
            std, spread = float(np.std(depths)), self.penalty_cap
        value = penalty.weight * math.exp(spread)
        centred = (depths - depths.mean()) / len(depths)
        slope = np.zeros(len(depths)) if std == 0 else centred / std
        gradient = value * (slope if penalty.form == "std" else 2 * centred)
        cut = Expression.column(self.penalty)
        for s, g in zip(penalty.stages, gradient):
            cut = cut + self.depth[s] * -float(g)
        return cut, value - float(gradient @ depths)


def columns_needed(problem: DesignProblem) -> int:
    """An upper estimate of the number of columns, without building anything."""
    pairs = sum(
        len(problem.stages[term.stage].domain(DEPTH))
        * len(problem.stages[term.stage].domain(WIDTH))
        for term in problem.objective.depths
        if _splits(problem.stages[term.stage])
    )
    tabled = sum(len(problem.prev_domain(s)) for s, st in enumerate(problem.stages) if st.tables)
    metrics = len({b.metric for b in problem.budgets}) + len(problem.objective.metric_weights)
    return (
        tabled * metrics
        + pairs
        + sum(_combinations(stage) * (2 if _splits(stage) else 1) for stage in problem.stages)
    )


def _combinations(stage: Stage) -> int:
    split = _splits(stage)
    sizes = [len(d.values) for d in stage.decisions if d.name != DEPTH or not split]
    return math.prod(sizes)


def _splits(stage: Stage) -> bool:
    return stage.choices > ENUMERATE_DEPTH_UP_TO and len(stage.domain(DEPTH)) > 1


def build(problem: DesignProblem) -> ChoiceMilp | None:
    """The choice MILP; ``None`` if the rules leave some stage without a choice."""
    return _Build(problem).run()


@dataclass(slots=True)
class _Build:
    problem: DesignProblem
    out: MilpBuilder = field(default_factory=MilpBuilder)
    stages: list[_StageColumns] = field(default_factory=list)
    filled: list[_Filled] = field(default_factory=list)
    objective: Expression = field(default_factory=Expression)
    depth: tuple[Expression, ...] = ()
    entropy_limit: float = 0.0

    def run(self) -> ChoiceMilp | None:
        problem = self.problem
        for s, stage in enumerate(problem.stages):
            options = combinations(problem, s, with_depth=not _splits(stage))
            if not len(options[WIDTH]):
                return None
            self.stages.append(self._choose(stage, options))
        self.depth = tuple(self._depth(s) for s in range(len(problem.stages)))
        depth = self.depth
        self._width_rules()
        self._budgets()
        self._ceilings()
        self._log_widths()
        self._effectiveness(depth)
        self._entropy()
        self._logs()
        penalty = self._penalty()
        weights = problem.objective.metric_weights
        for metric, weight in weights:
            self.objective = self.objective + self._metric(metric) * weight
        spec = problem.objective.depth_penalty
        base = spec.weight if spec is not None else 1.0
        self._distances()
        cap = math.log(max(10.0 * (self.entropy_limit + 1.0) / base, math.e)) + 1.0
        milp = self.out.finish(self.objective)
        return ChoiceMilp(
            problem, milp, tuple(self.stages), depth, penalty, tuple(self.filled), cap
        )

    def _choose(self, stage: Stage, options: dict[str, IntArray]) -> _StageColumns:
        """One-hot of the combinations, of the widths, and of the depth where it is split off."""
        out, n = self.out, len(options[WIDTH])
        x = out.add(n, 0, 1, integer=True)
        out.equal(Expression(x, np.ones(n)), 1)
        widths = stage.domain(WIDTH)
        y = out.add(len(widths), 0, 1)
        for column, width in zip(y, widths):
            members = x[options[WIDTH] == width]
            out.equal(Expression(members, np.ones(len(members))) - Expression.column(column), 0)
        columns = _StageColumns(options, x, y)
        if _splits(stage):
            blocks = np.array(stage.domain(DEPTH)) - 1
            z = out.add(len(blocks), 0, 1, integer=True)
            out.equal(Expression(z, np.ones(len(z))), 1)
            v = out.add(n, 0, float(blocks[-1]))
            out.rows_le(v, x, float(blocks[-1]))
            if blocks[0]:
                out.rows_le(x, v, 1.0 / float(blocks[0]))
            later = Expression(z, blocks.astype(np.float64))
            out.equal(Expression(v, np.ones(n)) - later, 0)
            columns.v, columns.z, columns.deeper = v, z, int((blocks > 0).sum())
        return columns

    def _depth(self, s: int) -> Expression:
        """The depth: a column of its own, so that rows on depths stay short."""
        columns, domain = self.stages[s], self.problem.stages[s].domain(DEPTH)
        if len(domain) == 1:
            return Expression(constant=float(domain[0]))
        if columns.z is not None:
            depth = Expression(columns.z, np.array(domain, dtype=np.float64))
        else:
            depth = Expression(columns.x, columns.options[DEPTH].astype(np.float64))
        column = self.out.add(1, domain[0], domain[-1])
        self.out.equal(depth - Expression.column(int(column[0])), 0)
        self.filled.append(_Filled(depth, column))
        return Expression.column(int(column[0]))

    def _width_rules(self) -> None:
        """A width needs an allowed neighbour, on either side."""
        for s in range(1, len(self.problem.stages)):
            for rule in self.problem.rules_into(s):
                before, here = self.stages[s - 1].y, self.stages[s].y
                for one, other, allowed in (
                    (before, here, rule.allowed),
                    (here, before, rule.allowed.T),
                ):
                    for i, row in enumerate(allowed):
                        if not row.all():
                            partners = Expression(other[row], np.ones(int(row.sum())))
                            self.out.at_most(Expression.column(one[i]) - partners, 0)

    def _linear(self, s: int, first: FloatArray, later: FloatArray) -> Expression:
        """``first + (depth - 1) * later`` of the chosen combination."""
        columns = self.stages[s]
        if columns.v is None:
            return Expression(columns.x, first + (columns.options[DEPTH] - 1) * later)
        return Expression(columns.x, first) + Expression(columns.v, later)

    def _product(self, s: int, aggregate: Expression, factors: FloatArray) -> Expression:
        """``factor(width of stage s) * aggregate``, exact for integral choices."""
        y = self.stages[s].y
        if len(y) == 1:
            return aggregate * float(factors[0])
        if not len(aggregate.columns):
            return Expression(y, factors * aggregate.constant)
        low, high = self.out.range_of(aggregate)
        parts = self.out.add(len(y), min(low, 0.0), max(high, 0.0))
        self.out.rows_le(parts, y, high)
        self.out.rows_ge(parts, y, low)
        self.out.equal(Expression(parts, np.ones(len(y))) - aggregate, 0)
        self.filled.append(_Filled(aggregate, parts, y))
        return Expression(parts, factors)

    def _coupled(self, s: int, aggregate: Expression, factor: FloatArray) -> Expression:
        """``factor(prev) * aggregate`` where prev is the width that enters stage ``s``."""
        if s == 0:
            return aggregate * float(factor[0])
        return self._product(s - 1, aggregate, factor)

    def _metric(self, metric: str) -> Expression:
        total = Expression()
        for s, stage in enumerate(self.problem.stages):
            by_power: dict[int, list[Monomial]] = {}
            by_width = {table.name for table in stage.tables if PREV in table.sources}
            tabled = [m for m in stage.costs.get(metric, ()) if by_width & {n for n, _ in m.powers}]
            if tabled:
                total = total + self._tabled(s, tabled)
            for monomial in stage.costs.get(metric, ()):
                if monomial not in tabled:
                    by_power.setdefault(monomial.power(PREV), []).append(monomial)
            for power, monomials in by_power.items():
                first, later = self._coefficients(s, monomials)
                aggregate = self._linear(s, first, later)
                if power:
                    prev = np.array(self.problem.prev_domain(s), dtype=np.float64) ** power
                    aggregate = self._coupled(s, aggregate, prev)
                total = total + aggregate
        return total

    def _tabled(self, s: int, monomials: list[Monomial]) -> Expression:
        """Monomials with a table over ``prev``: for each width that may enter, what they sum to then."""
        parts = []
        for prev in self.problem.prev_domain(s):
            options = dict(self.stages[s].options)
            options[PREV] = np.full_like(options[WIDTH], prev)
            self.problem.add_tables(s, options)
            first, later = self._coefficients(s, monomials, options)
            parts.append(self._linear(s, first, later))
        if s == 0:
            return parts[0]
        return self._selected(self.stages[s - 1].y, parts)

    def _selected(self, y: IntArray, aggregates: list[Expression]) -> Expression:
        """The sum of ``y[u] * aggregates[u]`` over a one-hot ``y``, exact for integral choices.

        ``p = y a`` with ``a`` in [low, high] and ``y`` binary is ``low y <= p <= high y`` and
        ``a - high (1 - y) <= p <= a - low (1 - y)``.
        """
        total = Expression()
        for u, aggregate in enumerate(aggregates):
            if len(y) == 1:
                return aggregate
            low, high = self.out.range_of(aggregate)
            part, chosen = self.out.add(1, min(low, 0.0), max(high, 0.0)), y[u : u + 1]
            self.out.rows_le(part, chosen, high)
            self.out.rows_ge(part, chosen, low)
            own, one = Expression.column(int(part[0])), Expression.column(int(chosen[0]))
            self.out.at_most(aggregate - own + one * high, high)
            self.out.at_most(own - aggregate - one * low, -low)
            self.filled.append(_Filled(aggregate, part, chosen))
            total = total + own
        return total

    def _coefficients(
        self, s: int, monomials: list[Monomial], options: Mapping[str, IntArray] | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """Values of the first block and of each later one, per combination.

        Without ``prev``, but for what ``options`` hold of it.
        """
        options = self.stages[s].options if options is None else options
        first = np.zeros(len(options[WIDTH]))
        later = np.zeros(len(options[WIDTH]))
        for monomial in monomials:
            value = np.full(len(first), float(monomial.coefficient))
            for symbol, power in monomial.powers:
                if symbol in options:
                    value = value * options[symbol].astype(np.float64) ** power
            if monomial.repeat is not Repeat.REST:
                first = first + value
            if monomial.repeat is not Repeat.FIRST:
                later = later + value
        return first, later

    def _budgets(self) -> None:
        """Integer metrics: half a unit of room costs nothing and absorbs rounding."""
        for budget in self.problem.budgets:
            metric = self._metric(budget.metric)
            if budget.upper is not None:
                scale = 1.0 / max(budget.upper, 1)
                self.out.at_most(metric * scale, (budget.upper + 0.5) * scale)
            if budget.lower is not None:
                scale = 1.0 / max(budget.lower, 1)
                self.out.at_most(metric * -scale, (0.5 - budget.lower) * scale)

    def _ceilings(self) -> None:
        """What one operator holds depends on a combination and on the width before it."""
        for s, part in enumerate(self.problem.held):
            columns, entering = self.stages[s], np.array(self.problem.prev_domain(s))
            before = self.stages[s - 1].y if s else None
            for alive, limit in part:
                symbols = {**columns.options, PREV: np.zeros(len(columns.x), dtype=np.int64)}
                own = np.zeros(len(columns.x), dtype=np.int64)
                for name, coefficient in alive.terms:
                    own += coefficient * symbols[name]
                times = dict(alive.terms).get(PREV, 0)
                beyond = own[:, None] + times * entering > limit
                if alive.when is When.AGAIN:
                    self._forbid_again(columns, beyond[:, 0])
                    continue
                if alive.when is When.SAME:
                    beyond &= columns.options[WIDTH][:, None] == entering
                for c, column in enumerate(beyond.T):
                    fresh = (
                        column if alive.when is When.SAME or not c else column & ~beyond[:, c - 1]
                    )
                    if not fresh.any():
                        continue
                    last = c + 1 if alive.when is When.SAME else None
                    entered = columns.x[:0] if before is None else before[c:last]
                    chosen = np.concatenate([columns.x[column], entered])
                    room = float(before is not None)
                    self.out.at_most(Expression(chosen, np.ones(len(chosen))), room)

    def _forbid_again(self, columns: _StageColumns, beyond: BoolArray) -> None:
        """Combinations that may not have a second block."""
        if columns.z is None:
            beyond = beyond & (columns.options[DEPTH] > 1)
        if not beyond.any():
            return
        chosen = Expression(columns.x[beyond], np.ones(int(beyond.sum())))
        if columns.z is None:
            self.out.at_most(chosen, 0.0)
            return
        deep = columns.z[len(columns.z) - columns.deeper :]
        self.out.at_most(chosen + Expression(deep, np.ones(len(deep))), 1.0)

    def _distances(self) -> None:
        """At most so many decisions in common with a given point."""
        for distance in self.problem.distances:
            shared = Expression()
            for s in range(len(self.problem.stages)):
                shared = shared + self._shared(s, distance)
            decisions = len(self.problem.variables)
            self.out.at_most(shared, decisions - distance.at_least)

    def _shared(self, s: int, distance: Distance) -> Expression:
        """How many decisions of stage ``s`` are those of a given point."""
        columns, stage = self.stages[s], self.problem.stages[s]
        value = {d.name: distance.point[self.problem.columns[s, d.name]] for d in stage.decisions}
        of_x = np.zeros(len(columns.x))
        for name, chosen in value.items():
            if name in columns.options:
                of_x += columns.options[name] == chosen
        shared = Expression(columns.x, of_x)
        if columns.z is None:
            return shared
        at = np.array(stage.domain(DEPTH)) == value[DEPTH]
        return shared + Expression(columns.z, at.astype(np.float64))

    def _log_widths(self) -> None:
        """One free column per stage: its share of the log-width."""
        for s, stage in enumerate(self.problem.stages):
            columns = self.stages[s]
            first = np.zeros(len(columns.x))
            later = np.zeros(len(columns.x))
            entering = Expression()
            for monomial in stage.layer_widths:
                value = np.full(len(first), math.log(monomial.coefficient))
                for symbol, power in monomial.powers:
                    if symbol != PREV:
                        value = value + power * np.log(columns.options[symbol])
                if monomial.repeat is not Repeat.REST:
                    first = first + value
                if monomial.repeat is not Repeat.FIRST:
                    later = later + value
                if power := monomial.power(PREV):
                    log_prev = np.log(np.array(self.problem.prev_domain(s))) * power
                    entering = entering + self._coupled(s, self._repeats(s, monomial), log_prev)
            total = self._linear(s, first, later) + entering
            low, high = self.out.range_of(total)
            column = self.out.add(1, low, high)
            self.out.equal(total - Expression.column(int(column[0])), 0)
            self.filled.append(_Filled(total, column))
            columns.log_width = int(column[0])

    def _repeats(self, s: int, monomial: Monomial) -> Expression:
        """How often the monomial occurs: a constant where the depth does not matter."""
        if monomial.repeat is Repeat.FIRST:
            return Expression(constant=1.0)
        shift = 0.0 if monomial.repeat is Repeat.EACH else -1.0
        return self.depth[s] + Expression(constant=shift)

    def _prefix(self, end: int) -> Expression:
        columns = np.array([self.stages[s].log_width for s in range(end + 1)])
        return Expression(columns, np.ones(len(columns)))

    def _effectiveness(self, depth: tuple[Expression, ...]) -> None:
        rule = self.problem.effectiveness
        if rule is None:
            return
        limit = rule.limit * (1 + EFFECTIVENESS_TOLERANCE)
        for end in rule.prefixes:
            layers = Expression()
            reachable = {0}
            for s in range(end + 1):
                stage = self.problem.stages[s]
                layers = layers + depth[s] * float(stage.layers_per_block)
                steps = {d * stage.layers_per_block for d in stage.domain(DEPTH)}
                reachable = {a + b for a in reachable for b in steps}
            knots = np.array(sorted(reachable), dtype=np.float64)
            values = np.array([d * math.log(d / limit) if d else 0.0 for d in knots])
            if len(knots) == 1:
                self.out.at_most(self._prefix(end) * -1.0, -float(values[0]))
                continue
            slopes = np.diff(values) / np.diff(knots)
            for knot, value, slope in zip(knots, values, slopes):
                secant = layers * float(slope) - self._prefix(end)
                self.out.at_most(secant, float(slope * knot - value))

    def _entropy(self) -> None:
        objective = self.problem.objective
        for scale in objective.scales:
            if not scale.weight:
                continue
            # Weighted last: solvers drop coefficients of 1e-9 from rows.
            entropy = self._prefix(scale.stage) * objective.log_factor
            widths = np.array(self.problem.stages[scale.stage].domain(WIDTH), dtype=np.float64)
            if objective.combine == "sum":
                log_width = Expression(self.stages[scale.stage].y, np.log(widths) * scale.weight)
                self.objective = self.objective + entropy * scale.weight + log_width
            else:
                logs = np.log(scale.area * widths)
                term = self._product(scale.stage, entropy, logs)
                self.objective = self.objective + term * scale.weight
                most = max(self.out.range_of(entropy)[1], 0.0) * float(logs[-1])
                self.entropy_limit += max(scale.weight, 0.0) * most

    def _logs(self) -> None:
        """Logarithms of choices, each as the entry of its combination or its depth."""
        objective = self.problem.objective
        for s, columns in enumerate(self.stages):
            terms = [log for log in objective.logs if log.stage == s]
            gains = np.zeros(len(columns.x))
            for log in terms:
                if log.decision in columns.options:
                    gains += log.weight * np.log(columns.options[log.decision])
                else:
                    assert columns.z is not None
                    depths = np.array(self.problem.stages[s].domain(DEPTH), dtype=np.float64)
                    later = Expression(columns.z, log.weight * np.log(depths))
                    self.objective = self.objective + later
            if terms:
                self.objective = self.objective + Expression(columns.x, gains)
                self.entropy_limit += sum(
                    abs(log.weight) * math.log(self.problem.stages[s].domain(log.decision)[-1])
                    for log in terms
                )
        for term in objective.depths:
            self.objective = self.objective + self._depth_by_width(term)
            self.entropy_limit += objective.largest_depth(term, self.problem.stages[term.stage])
        self.objective = self.objective + Expression(constant=objective.constant)

    def _depth_by_width(self, term: DepthTerm) -> Expression:
        """A table over the combinations, or over pairs of a depth and a width."""
        columns, stage = self.stages[term.stage], self.problem.stages[term.stage]
        if columns.z is None:
            options = columns.options
            return Expression(columns.x, term.at(options[DEPTH], options[WIDTH]))
        depths, widths = np.array(stage.domain(DEPTH)), np.array(stage.domain(WIDTH))
        pairs = self.out.add(len(depths) * len(widths), 0, 1).reshape(len(depths), len(widths))
        for one, rows in ((columns.z, pairs), (columns.y, pairs.T)):
            for column, row in zip(one, rows):
                self.out.equal(Expression(row, np.ones(len(row))) - Expression.column(column), 0)
        for column, row in zip(columns.z, pairs):
            self.filled.append(_Filled(Expression.column(int(column)), row, columns.y))
        return Expression(pairs.ravel(), term.at(depths[:, None], widths[None, :]).ravel())

    def _penalty(self) -> int | None:
        penalty = self.problem.objective.depth_penalty
        if penalty is None:
            return None
        (column,) = self.out.add(1, penalty.weight, math.inf)
        self.objective = self.objective - Expression.column(int(column))
        return int(column)


def combinations(problem: DesignProblem, s: int, *, with_depth: bool) -> dict[str, IntArray]:
    """All combinations of a stage's decisions that its own rules allow, one array per symbol."""
    stage = problem.stages[s]
    decisions = [d for d in stage.decisions if with_depth or d.name != DEPTH]
    grid = np.meshgrid(*(np.array(d.values, dtype=np.int64) for d in decisions), indexing="ij")
    options = {d.name: g.ravel() for d, g in zip(decisions, grid)}
    keep: BoolArray = np.ones(len(options[WIDTH]), dtype=np.bool_)
    for rule in problem.rules_within(s):
        if DEPTH in (rule.first, rule.second) and not with_depth:
            raise ValueError("a rule on the depth needs the depth enumerated")
        i = np.searchsorted(np.array(stage.domain(rule.first)), options[rule.first])
        j = np.searchsorted(np.array(stage.domain(rule.second)), options[rule.second])
        keep &= rule.allowed[i, j]
    options = {name: values[keep] for name, values in options.items()}
    for derived in stage.derived:
        position = np.searchsorted(np.array(stage.domain(derived.source)), options[derived.source])
        options[derived.name] = np.array(derived.values, dtype=np.int64)[position]
    for table in stage.tables:
        if PREV not in table.sources:
            domains = [stage.domain(source) for source in table.sources]
            options[table.name] = table.at(options, domains)
    return options
