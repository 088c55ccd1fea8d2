"""Why nothing fits: what each limit could reach at least, alone and with all the others.

One function over the protocol of programs. Alone, the extreme value of a metric under the rules is
asked of the form's own structure where that answers (a shortest path along a chain), else it is a
program. All together, the design is sought that keeps lower limits and has the least sum of
metric / limit over the upper budgets; its values are what the user can ask for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from mathdesign.programs.base import (
    Budget,
    Limit,
    Program,
    Reach,
    keeps_effectiveness,
    rounded_up,
)
from mathdesign.solvers.base import Progress, SolveOptions, Status
from mathdesign.solvers.portfolio import choose
from mathdesign.spaces.kind import Lifted

#: Significant digits of a real number in words, rounded up so that a proposed limit really works.
DIGITS = 6
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
    side: Literal["max", "min"]
    limit: int | float
    alone: int | float
    together: int | float | None

    @property
    def impossible_alone(self) -> bool:
        """No design meets this limit even with the others lifted."""
        return self.missed_by(self.alone)

    def missed_by(self, value: int | float) -> bool:
        """Whether ``value`` breaks the limit: integers exactly, a real as every backend decides."""
        if self.side == "min":
            return value < self.limit
        if isinstance(value, int):
            return value > self.limit
        return not keeps_effectiveness(value, self.limit)

    @property
    def cure(self) -> Limit | None:
        """What to ask for instead, ``None`` where the limit can stay as it is."""
        if self.together is None or not self.missed_by(self.together):
            return None
        real = isinstance(self.together, float)
        bound = float(rounded_up(self.together, DIGITS)) if real else self.together
        return Limit(self.metric, self.side, bound)


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
        if cure := self.cure:
            words = [f"{limit.metric} {limit.side} {_number(limit.bound)}" for limit in cure]
            lines.append("this works: " + ", ".join(words) + " (other budgets as they are)")
        return lines

    @property
    def cure(self) -> tuple[Limit, ...]:
        """Limits that, put in place of those of the same metric and side, leave a design.

        Empty where none was found, and where a limit that is no part of the program is missed.
        """
        if any(b.together is None and b.impossible_alone for b in self.budgets):
            return ()
        return tuple(limit for b in self.budgets if (limit := b.cure) is not None)


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
        limit: _alone(bare if limit.metric in program.metric_names else program, limit, options)
        for limit in _tightest(program.limits)
    }
    if any(reach.value is None for reach in alone.values()):
        return Explanation((), True)
    point, proven = _nearest(program, alone, options)
    measured = program.measured(point) if point is not None else {}
    reaches = [
        BudgetReach(
            limit.metric, limit.side, limit.bound, reach.value or 0,
            measured[limit.metric] if measured else None,
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


def _tightest(limits: Iterable[Limit]) -> tuple[Limit, ...]:
    """One limit for each metric and side: the one that decides."""
    found: dict[tuple[str, str], Limit] = {}
    for limit in limits:
        key = limit.metric, limit.side
        known = found.get(key)
        if known is None or (known.bound < limit.bound) == (limit.side == "min"):
            found[key] = limit
    return tuple(found.values())


def _alone(program: Program, limit: Limit, options: SolveOptions) -> Reach:
    """The nearest value that any design has. Where a solver's tolerance leaves it open whether one
    keeps the limit, that is asked for itself.
    """
    largest = limit.side == "min"
    reach = extreme(program, limit.metric, largest=largest, options=options)
    value, bound = reach.value, limit.bound
    if (
        value is None
        or limit.metric not in program.metric_names
        or (value >= bound if largest else value <= bound)
        or program.reach(limit.metric, largest=largest) is not None
    ):
        return reach
    side = int(bound)
    budget = Budget(limit.metric, None if largest else side, side if largest else None)
    asked = program.with_budgets([budget])
    within = extreme(asked, limit.metric, largest=largest, options=options)
    return reach if within.value is None else within


def _nearest(
    program: Program, alone: dict[Limit, Reach], options: SolveOptions
) -> tuple[tuple[int, ...] | None, bool]:
    """The design with the least sum of metric / limit under the other limits; whether proven.

    A limit that no design meets is moved to what is reachable, lower ones in their order as far as
    those before them leave it: the others still count.
    """
    relaxed, weights, lower = program, {}, []
    for limit, reach in alone.items():
        assert reach.value is not None
        if limit.metric not in program.metric_names:
            least = max(limit.bound, reach.value * (1 + BEYOND))
            relaxed = relaxed.relimited(Limit(limit.metric, limit.side, least))
            continue
        if limit.side == "max":
            weights[limit.metric] = 1 / max(abs(limit.bound), 1)
        else:
            lower.append(Limit(limit.metric, "min", min(limit.bound, int(reach.value))))
        relaxed = relaxed.relimited(limit, lift=True)
    kept = relaxed
    for limit in lower:
        kept = kept.with_budgets([*_asked(kept), Budget(limit.metric, lower=int(limit.bound))])
    solution = _solved(kept.minimising(weights), options)
    if solution.point is None and lower:
        kept = relaxed
        for limit in lower:
            most = extreme(kept, limit.metric, largest=True, options=options).value
            if most is None:
                return None, False
            bound = min(int(limit.bound), int(most))
            kept = kept.with_budgets([*_asked(kept), Budget(limit.metric, lower=bound)])
        solution = _solved(kept.minimising(weights), options)
        return solution.point, False
    return solution.point, solution.status in (Status.OPTIMAL, Status.WITHIN_GAP)


def _asked(program: Program) -> list[Budget]:
    """The budgets that are not inherent."""
    return [budget for budget in program.budgets if not budget.inherent]


def _solved(program: Program, options: SolveOptions) -> Any:
    return choose(program).backend.solve(program, options)


def _plain(value: int | float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.6f}"


def _number(value: int | float) -> str:
    """Integers exactly; reals rounded up, so that a proposed limit really works."""
    return f"{value:,}" if isinstance(value, int) else rounded_up(value, DIGITS)
