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
from collections.abc import Callable
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
    """A linear inequality that every feasible point keeps: ``row . depths + floor <= E`` of a prefix."""

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

    @property
    def _penalised(self) -> IntArray:
        return np.flatnonzero([step.penalised for step in self.graph.steps])

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
            self.tangents.append(tangent(penalty, depths[self._penalised], most))
        limit = self.graph.limit
        if limit is None or limit <= 0:
            return
        for s, step in enumerate(self.graph.steps):
            at = max(float(layers[s]), 1.0)
            if step.prefix:
                # h(D) = D ln(D / limit): h' = ln(D / limit) + 1, and h(D) - h'(D) D = -D.
                rise = math.log(at) - math.log(limit * (1 + 1e-9)) + 1.0
                self.cuts.append(Cut(s, rise, -at))

    @property
    def _scale(self) -> float:
        return max(1e-300, *(abs(path.value) for path in self.paths))

    def _master(self) -> tuple[Prices, float, FloatArray] | None:
        """The multipliers as prices, the value of the mix, and the mix."""
        from scipy.optimize import linprog  # takes half a second to load

        columns, scale = len(self.paths), self._scale
        rows: list[FloatArray] = []
        limits: list[float] = []
        own: list[Prices] = []
        blank = Prices.none(self.graph)
        for r, row in enumerate(self.graph.rows):
            costs = np.array([float(path.costs[r]) for path in self.paths])
            unit = np.zeros(len(self.graph.rows))
            for sign, bound in ((1.0, row.upper), (-1.0, row.lower)):
                if (sign > 0 and bound >= FREE) or (sign < 0 and bound <= 0):
                    continue
                size = scale / max(abs(float(bound)), 1.0)
                unit[r] = sign * size
                rows.append(sign * costs * size / scale)
                limits.append(sign * float(bound) * size / scale)
                at = sign * size * float(bound)
                own.append(replace(blank, rows=unit.copy(), constant=at, magnitude=abs(at)))
        for cut in self.cuts:
            needs = [
                cut.per_layer * p.layers[cut.stage] - p.log_widths[cut.stage] for p in self.paths
            ]
            size = scale / max(abs(cut.floor), 1.0)
            rows.append(np.array(needs) * size / scale)
            limits.append(-cut.floor * size / scale)
            own.append(self._priced(cut, size))
        soft = len(rows)
        matrix = np.array(rows).reshape(soft, columns)
        bent = np.array(
            [
                [float(t.slopes @ p.depths[self._penalised]) for p in self.paths]
                for t in self.tangents
            ]
        ).reshape(len(self.tangents), columns)
        own += [self._paid(t) for t in self.tangents]
        hard = len(self.tangents)
        # Columns: the paths, theta, and what each soft row is broken by.
        left = np.zeros((soft + hard, columns + 1 + soft))
        left[:soft, :columns] = matrix
        left[:soft, columns + 1 :] = -np.eye(soft)
        left[soft:, :columns] = bent / scale
        left[soft:, columns] = -1.0
        right = np.array([*limits, *(-t.constant / scale for t in self.tangents)])
        cost = np.concatenate(
            [[-p.value / scale for p in self.paths], [1.0 if hard else 0.0], np.full(soft, BROKEN)]
        )
        total = np.concatenate([np.ones(columns), np.zeros(1 + soft)])[None]
        sides = [(0, None)] * columns + [(None if hard else 0, None)] + [(0, None)] * soft
        if not np.isfinite(left).all() or not np.isfinite(right).all():
            return None
        found = linprog(
            cost, A_ub=left if len(left) else None, b_ub=right if len(left) else None,
            A_eq=total, b_eq=[1.0], bounds=sides, method="highs",
        )  # fmt: skip
        if found.status != 0:
            return None
        multipliers = np.maximum(-np.asarray(found.ineqlin.marginals), 0.0)
        if hard:
            multipliers[soft:] /= max(float(multipliers[soft:].sum()), 1e-300)
        return self._summed(own, multipliers), -scale * found.fun, found.x[:columns]

    def _summed(self, own: list[Prices], multipliers: FloatArray) -> Prices:
        """Prices of a sum of inequalities."""
        total = Prices.none(self.graph)
        for prices, multiplier in zip(own, multipliers):
            total = total.plus(prices, float(multiplier))
        return total

    def _priced(self, cut: Cut, size: float) -> Prices:
        """``size`` times: what the log-width of a prefix exceeds the tangent of its floor by."""
        blank = Prices.none(self.graph)
        depth, slope = blank.depth.copy(), blank.slope.copy()
        for s in range(cut.stage + 1):
            depth[s] = size * cut.per_layer * self.graph.steps[s].layers
        slope[cut.stage] = size
        at = -size * cut.floor
        return replace(blank, depth=depth, slope=slope, constant=at, magnitude=abs(at))

    def _paid(self, bent: Tangent) -> Prices:
        blank = Prices.none(self.graph)
        bend = blank.bend.copy()
        bend[self._penalised] = bent.slopes
        at = -bent.constant
        return replace(blank, bend=bend, bend_constant=at, magnitude=abs(at))
