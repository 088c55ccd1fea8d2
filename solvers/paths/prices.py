r"""The prices of least bound, by column generation.

The bound of :mod:`.bound` is convex in the prices, and each path that attains it is a subgradient.
The master program mixes the paths found so far,

.. math:: \max \sum_k \alpha_k v_k - \theta \quad\text{with}\quad \sum_k \alpha_k = 1,\;
          \text{budgets of the mix},\; \theta \ge \text{tangents of the penalty at the mix's depths},

and the multipliers of its rows are the next prices. New tangents are laid where the last mix is.
Any multipliers are prices, so that nothing here has to be exact: the linear program may stop early,
err or fail, the bound of what it says is computed by the dynamic program. Multipliers jump about;
the next prices are drawn towards the best so far (Wentges smoothing).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from mathdesign.programs.base import FloatArray, IntArray
from mathdesign.solvers.paths.bound import Completion, Prices, Tangent, tangent
from mathdesign.solvers.paths.steps import FREE, Graph

#: Rounds of column generation, and how close (relative) the mix must come to the bound to stop.
ROUNDS = 80
CLOSE = 1e-9
#: Share of the new multipliers in the next prices.
STEP = 0.6
#: What breaking a whole budget costs in the master program, in units of the greatest objective.
BROKEN = 8.0


@dataclass(frozen=True, eq=False)
class Path:
    """A path of the graph and its sums. ``value`` leaves the penalty out."""

    point: tuple[int, ...]
    value: float
    costs: tuple[int, ...]
    depths: FloatArray
    """(stages,)"""
    log_widths: FloatArray
    """(stages,) up to the end of each stage."""
    layers: FloatArray
    """(stages,) the same."""


def path_of(graph: Graph, taken: tuple[IntArray, ...]) -> Path:
    """The path over arcs ``(width in, width out, choice)``, one a stage."""
    value, log_width, layers = 0.0, 0.0, 0
    point: list[int] = []
    costs = [0] * len(graph.rows)
    depths, log_widths, counts = [], [], []
    for step, (i, j, o) in zip(graph.steps, taken):
        log_width += float(step.log_width[i, j, o])
        layers += step.layers * int(step.depth[j, o])
        value += float(step.gain[i, j, o] + step.base[j] + step.slope[j] * log_width)
        costs = [c + int(own) for c, own in zip(costs, step.costs[:, i, j, o])]
        point += [int(v) for v in step.choice[j, o]]
        depths.append(float(step.depth[j, o]))
        log_widths.append(log_width)
        counts.append(float(layers))
    return Path(
        tuple(point), value, tuple(costs), np.array(depths), np.array(log_widths), np.array(counts)
    )


@dataclass(frozen=True, eq=False)
class Cut:
    """What every feasible point keeps: ``per_layer * layers + floor <= log-width`` of a prefix."""

    stage: int
    per_layer: float
    floor: float


@dataclass
class Pricing:
    """Column generation on one graph. ``offer`` is shown every path that is found."""

    graph: Graph
    offer: Callable[[tuple[int, ...]], object]
    stop: Callable[[], bool]
    best: Completion = field(init=False)
    paths: list[Path] = field(default_factory=list)
    tangents: list[Tangent] = field(default_factory=list)
    cuts: list[Cut] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.best = Completion(self.graph, Prices.none(self.graph))

    def run(self, rounds: int = ROUNDS) -> Completion:
        """The best completion found."""
        if not math.isfinite(self.best.bound):
            return self.best
        self._take(self.best)
        self._bend(self.paths[-1].depths, self.paths[-1].layers)
        for _ in range(rounds):
            if self.stop():
                break
            found = self._master()
            if found is None:
                break
            prices, mixed, weights = found
            tried = Completion(self.graph, self.best.prices.mixed(prices, STEP))
            if tried.bound < self.best.bound:
                self.best = tried
            self._take(tried)
            self._bend(*self._mix(weights))
            if self.best.bound - mixed <= CLOSE * max(abs(self.best.bound), 1.0):
                break
        return self.best

    def _take(self, completion: Completion) -> None:
        path = path_of(self.graph, completion.path())
        self.paths.append(path)
        self.offer(path.point)

    def _mix(self, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Depths and layers of the mix of paths."""
        some = list(zip(weights, self.paths))
        return (
            np.sum([w * p.depths for w, p in some], axis=0),
            np.sum([w * p.layers for w, p in some], axis=0),
        )

    def _bend(self, depths: FloatArray, layers: FloatArray) -> None:
        """Tangents of what is convex at the given depths and layers."""
        penalty = self.graph.problem.objective.depth_penalty
        if penalty is not None and penalty.weight > 0:
            most = 1e3 * (1.0 + self._scale) + 1e3 * penalty.weight
            self.tangents.append(tangent(penalty, depths[self.graph.penalised], most))
        limit = self.graph.limit
        if limit is None or limit <= 0:
            return
        for s, step in enumerate(self.graph.steps):
            if step.prefix:
                self.cuts.append(floor_at(s, float(layers[s]), limit))

    @property
    def _scale(self) -> float:
        return max(1e-300, *(abs(path.value) for path in self.paths))

    def _master(self) -> tuple[Prices, float, FloatArray] | None:
        """The multipliers as prices, the value of the mix, and the mix; ``None``: no answer."""
        soft = [*self._budgets(), *self._floors()]
        hard = [
            Relaxed(paid(self.graph, bent), np.array([self._bent(bent, p) for p in self.paths]),
                    -bent.constant)
            for bent in self.tangents
        ]  # fmt: skip
        found = _solved([path.value for path in self.paths], soft, hard, self._scale)
        if found is None:
            return None
        multipliers, value, weights = found
        total = Prices.none(self.graph)
        for row, multiplier in zip([*soft, *hard], multipliers):
            total = total.plus(row.prices, float(multiplier))
        return total, value, weights

    def _budgets(self) -> Iterator[Relaxed]:
        """The sides of the budgets, in units of the objective."""
        for r, row in enumerate(self.graph.rows):
            costs = np.array([float(path.costs[r]) for path in self.paths])
            for sign, bound in ((1.0, row.upper), (-1.0, row.lower)):
                if 0 < bound < FREE or (sign > 0 and bound <= 0):
                    size = sign * self._scale / max(abs(float(bound)), 1.0)
                    yield Relaxed(kept(self.graph, r, size), size * costs, size * float(bound))

    def _floors(self) -> Iterator[Relaxed]:
        """The tangents of what effectiveness asks for, in units of the objective."""
        for cut in self.cuts:
            size = self._scale / max(abs(cut.floor), 1.0)
            s = cut.stage
            short = [cut.per_layer * p.layers[s] - p.log_widths[s] for p in self.paths]
            yield Relaxed(reached(self.graph, cut, size), size * np.array(short), -size * cut.floor)

    def _bent(self, bent: Tangent, path: Path) -> float:
        return float(bent.slopes @ path.depths[self.graph.penalised])


@dataclass(frozen=True, eq=False)
class Relaxed:
    """A relaxed inequality ``sums <= limit``: its prices, and its sum for each path."""

    prices: Prices
    sums: FloatArray
    limit: float


def _solved(
    values: Sequence[float], soft: Sequence[Relaxed], hard: Sequence[Relaxed], scale: float
) -> tuple[FloatArray, float, FloatArray] | None:
    """The master program: multipliers of ``soft`` and ``hard`` rows, its value and the mix.

    Columns are the paths, theta, and what each soft row is broken by.
    """
    from scipy.optimize import linprog  # takes half a second to load

    columns, many = len(values), len(soft)
    left = np.zeros((many + len(hard), columns + 1 + many))
    for k, row in enumerate([*soft, *hard]):
        left[k, :columns] = row.sums / scale
    left[:many, columns + 1 :] = -np.eye(many)
    left[many:, columns] = -1.0
    right = np.array([row.limit / scale for row in (*soft, *hard)])
    theta = 1.0 if hard else 0.0
    cost = np.concatenate([[-v / scale for v in values], [theta], np.full(many, BROKEN)])
    if not (np.isfinite(left).all() and np.isfinite(right).all()):
        return None
    found = linprog(
        cost,
        A_ub=left if len(left) else None,
        b_ub=right if len(left) else None,
        A_eq=np.concatenate([np.ones(columns), np.zeros(1 + many)])[None],
        b_eq=[1.0],
        bounds=[(0, None)] * columns + [(None if hard else 0, None)] + [(0, None)] * many,
        method="highs",
    )
    if found.status != 0:
        return None
    multipliers = np.maximum(-np.asarray(found.ineqlin.marginals), 0.0)
    if hard:  # a mix of tangents is one where its weights sum to one, exactly
        multipliers[many:] /= max(float(multipliers[many:].sum()), 1e-300)
    return multipliers, -scale * float(found.fun), found.x[:columns]


# ---- what each inequality is as prices: valid for any factor of the sign that is said --------------


def kept(graph: Graph, r: int, size: float) -> Prices:
    """``size`` times what budget ``r`` leaves: of its upper side if positive, else of its lower."""
    blank = Prices.none(graph)
    rows = blank.rows.copy()
    rows[r] = size
    at = size * float(graph.rows[r].upper if size > 0 else graph.rows[r].lower)
    return replace(blank, rows=rows, constant=at, magnitude=abs(at))


def reached(graph: Graph, cut: Cut, size: float) -> Prices:
    """``size >= 0`` times: what the log-width of a prefix exceeds the tangent of its floor by."""
    blank = Prices.none(graph)
    depth, slope = blank.depth.copy(), blank.slope.copy()
    for s in range(cut.stage + 1):
        depth[s] = size * cut.per_layer * graph.steps[s].layers
    slope[cut.stage] = size
    at = -size * cut.floor
    return replace(blank, depth=depth, slope=slope, constant=at, magnitude=abs(at))


def paid(graph: Graph, bent: Tangent) -> Prices:
    """What the penalty is at least by one of its tangents; a mix of several is another."""
    blank = Prices.none(graph)
    bend = blank.bend.copy()
    bend[graph.penalised] = bent.slopes
    at = -bent.constant
    return replace(blank, bend=bend, bend_constant=at, magnitude=abs(at))


def floor_at(stage: int, layers: float, limit: float) -> Cut:
    """The tangent of ``h(D) = D ln(D / limit)`` at ``layers``: slope ``ln(D / limit) + 1``, and
    ``h - h' D = -D``. The limit is widened by more than rounding.
    """
    at = max(layers, 1.0)
    return Cut(stage, math.log(at) - math.log(limit * (1 + 1e-9)) + 1.0, -at)
