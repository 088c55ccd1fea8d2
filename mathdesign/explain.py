"""Why nothing fits: what each limit could reach at least, alone and with all the others.

One function over the protocol of programs. Alone, the extreme value of a metric under the rules is
asked of the form's own structure where that answers (a shortest path along a chain), else it is a
program. All together, the design is sought that keeps lower limits and has the least sum of
metric / limit over the upper budgets; its values are what the user can ask for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mathdesign.programs.base import Limit, Program, Reach
from mathdesign.solvers.base import Progress, SolveOptions, Status
from mathdesign.solvers.portfolio import choose
from mathdesign.spaces.kind import Lifted

#: A limit on a real number is kept to this much, relative; integers exactly.
REAL_TOLERANCE = 1e-9
#: A limit on a real number that none meets is moved this much beyond what is reachable.
BEYOND = 1e-8


@dataclass(frozen=True, slots=True)
class BudgetReach:
    """One limit against what the space can reach.

    ``limit`` is what was asked; ``alone`` the nearest value that any design reaches (the least
    for an upper limit, the greatest for a lower one); ``together`` the value in one design that
    keeps all limits as nearly as possible (``None`` if no such design was found).
    """

    metric: str
    side: str
    limit: float
    alone: float
    together: float | None

    @property
    def impossible_alone(self) -> bool:
        """No design meets this limit even with the others lifted."""
        return self.missed_by(self.alone)

    def missed_by(self, value: float) -> bool:
        """Whether ``value`` breaks the limit; a real number may by a rounding error."""
        slack = 1.0 if float(self.limit).is_integer() else 1 + REAL_TOLERANCE
        return value < self.limit if self.side == "min" else value > self.limit * slack


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a problem is infeasible. ``together_proven``: the joint design is the proven nearest."""

    budgets: tuple[BudgetReach, ...]
    together_proven: bool

    def to_dict(self) -> dict[str, Any]:
        """Words, numbers and lists only."""
        return {"budgets": [asdict(b) for b in self.budgets], "lines": self.lines()}

    def lines(self) -> list[str]:
        """Sentences for the user, the concrete cure last."""
        if not self.budgets:
            return ["no design satisfies the rules: loosen `space.rules` or the choices"]
        lines = []
        for b in self.budgets:
            reach = "least" if b.side == "max" else "greatest"
            verdict = "impossible alone" if b.impossible_alone else "possible alone"
            lines.append(
                f"{b.metric}: asked {b.side} {_number(b.limit)}; {reach} reachable alone "
                f"{_number(b.alone)} ({verdict})"
                + (f"; all together {_number(b.together)}" if b.together is not None else "")
            )
        cure = [
            f"{b.metric} {b.side} {_number(b.together)}"
            for b in self.budgets
            if b.together is not None and b.missed_by(b.together)
        ]
        if cure:
            lines.append("this works: " + ", ".join(cure) + " (other budgets as they are)")
        return lines


def explain(
    lifted: Lifted,
    *,
    time_limit_s: float = 20.0,
    on_progress: Callable[[Progress], None] | None = None,
) -> Explanation:
    """Say what an infeasible program could reach. No limits in the answer: the rules conflict.

    ``lifted`` also names limits that are no part of the program, with the least that is needed.
    """
    program = lifted.program
    options = SolveOptions(time_limit_s=time_limit_s, gap=1e-3, on_progress=on_progress)
    bare = program.unlimited()
    alone = {
        limit: extreme(
            bare if limit.metric in program.metric_names else program,
            limit.metric, largest=limit.side == "min", options=options,
        )
        for limit in program.limits
    }  # fmt: skip
    if any(reach.value is None for reach in alone.values()):
        return Explanation((), True)
    point, proven = _nearest(program, alone, options)
    measured = program.measured(point) if point is not None else {}
    reaches = [
        BudgetReach(
            limit.metric, limit.side, limit.bound, float(reach.value or 0),
            float(measured[limit.metric]) if measured else None,
        )
        for limit, reach in alone.items()
    ]  # fmt: skip
    for limit, least in lifted.needs:
        reaches.append(BudgetReach(limit.metric, limit.side, limit.bound, least, None))
    return Explanation(tuple(reaches), proven)


@dataclass(frozen=True, slots=True)
class MetricReach:
    """What one metric can be in the whole space, budgets lifted, and what was asked of it.

    ``greatest`` is ``None`` for limits of which only the least is known (effectiveness).
    """

    metric: str
    least: int | float
    greatest: int | float | None
    asked: tuple[Limit, ...]

    def document(self) -> dict[str, int | float]:
        """For ``--json``."""
        found = {"least": self.least}
        return found if self.greatest is None else {**found, "greatest": self.greatest}

    def row(self) -> tuple[str, str, str, str]:
        """For a table: metric, least, greatest, budget."""
        sides = {limit.side: limit.bound for limit in self.asked}
        words = [f"{sign} {_plain(sides[side])}" for side, sign in (("min", ">="), ("max", "<="))
                 if side in sides]  # fmt: skip
        greatest = "" if self.greatest is None else _plain(self.greatest)
        return self.metric, _plain(self.least), greatest, " ".join(words)


def reaches_of(program: Program, metrics: Sequence[str]) -> list[MetricReach] | None:
    """What each of ``metrics``, and each other limit, can be; ``None``: the rules conflict."""
    bare, found = program.unlimited(), []
    others = [limit.metric for limit in program.limits if limit.metric not in program.metric_names]
    for metric in (*metrics, *others):
        real = metric in others
        least = extreme(program if real else bare, metric, largest=False)
        greatest = Reach(None, None) if real else extreme(bare, metric, largest=True)
        if least.value is None:
            return None
        asked = tuple(limit for limit in program.limits if limit.metric == metric)
        found.append(MetricReach(metric, least.value, greatest.value, asked))
    return found


def extreme(
    program: Program, metric: str, *, largest: bool, options: SolveOptions | None = None
) -> Reach:
    """The least or greatest value of a metric over the points of ``program``, budgets kept.

    Values are ``None`` where nothing is feasible (or nothing was found in time).
    """
    if metric not in program.metric_names or not program.limits:
        reach = program.reach(metric, largest=largest)
        if reach is not None:
            return reach
    aim = program.maximising if largest else program.minimising
    solution = _solved(aim({metric: 1.0}), options or SolveOptions(gap=0.0))
    if solution.point is None:
        return Reach(None, None)
    return Reach(program.costs(solution.point)[metric], solution.point)


def _nearest(
    program: Program, alone: dict[Limit, Reach], options: SolveOptions
) -> tuple[tuple[int, ...] | None, bool]:
    """The design with the least sum of metric / limit under the other limits; whether proven.

    A limit that no design meets alone is moved to what is reachable: the others still count.
    """
    relaxed, weights = program, {}
    for limit, reach in alone.items():
        assert reach.value is not None
        if limit.metric not in program.metric_names:
            least = max(limit.bound, reach.value * (1 + BEYOND))
            relaxed = relaxed.relimited(Limit(limit.metric, limit.side, least))
        elif limit.side == "max":
            weights[limit.metric] = 1 / max(limit.bound, 1)
            relaxed = relaxed.relimited(limit, lift=True)
        else:
            relaxed = relaxed.relimited(
                Limit(limit.metric, "min", min(limit.bound, int(reach.value)))
            )
    solution = _solved(relaxed.minimising(weights), options)
    return solution.point, solution.status in (Status.OPTIMAL, Status.WITHIN_GAP)


def _solved(program: Program, options: SolveOptions) -> Any:
    return choose(program).backend.solve(program, options)


def _plain(value: int | float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.6f}"


def _number(value: float) -> str:
    """Integers exactly; reals to six digits, rounded up, so that a proposed limit really works."""
    if float(value).is_integer():
        return f"{int(value):,}"
    unit = 10.0 ** (math.floor(math.log10(abs(value))) - 5)
    return f"{math.ceil(value / unit) * unit:.6g}"
