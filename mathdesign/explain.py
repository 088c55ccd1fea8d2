"""Why nothing fits: what each limit could reach at least, alone and with all the others.

One function over the protocol of programs. Alone, the extreme value of a metric under the rules is
asked of the form's own structure where that answers (a shortest path along a chain), else it is a
program. All together, the design is sought that keeps lower limits and has the least sum of
metric / limit over the upper budgets; its values are what the user can ask for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from mathdesign.programs.base import (
    Budget,
    Limit,
    Program,
    keeps_effectiveness,
    rounded_up,
)
from mathdesign.solvers.base import Clock, Progress, SolveOptions, Status
from mathdesign.solvers.portfolio import choose
from mathdesign.spaces.kind import Lifted
from mathdesign.spec.pins import words
from mathdesign.spec.quantities import counted, is_told

#: Significant digits of a real number in words, rounded up so that a proposed limit really works.
DIGITS = 6
#: A limit on a real number that none meets is moved this much beyond what is reachable.
BEYOND = 1e-8


@dataclass(frozen=True, slots=True)
class Extreme:
    """The least or greatest value of a metric, and a point that has it.

    ``proven``: no design has less (more), or there is none where ``value`` is ``None``. Else it is
    the best that was found before a limit of time, ``None`` where nothing was.
    """

    value: int | float | None
    point: tuple[int, ...] | None
    proven: bool = True

    @property
    def impossible(self) -> bool:
        """Proven: nothing satisfies the rules."""
        return self.proven and self.value is None


@dataclass(frozen=True, slots=True)
class BudgetReach:
    """One limit against what the space can reach.

    ``limit`` is what was asked; ``alone`` the nearest value that any design reaches (the least
    for an upper limit, the greatest for a lower one), ``proven`` or the nearest that was found in
    time (``None``: nothing was); ``together`` the value in one design that keeps all limits as
    nearly as possible (``None`` if no such design was found).
    """

    metric: str
    side: Literal["max", "min"]
    limit: int | float
    alone: int | float | None
    together: int | float | None
    proven: bool = True
    unit: str = ""
    """What integers are steps of, where that is to be told (:func:`counted`)."""

    @property
    def impossible_alone(self) -> bool:
        """Proven: no design meets this limit even with the others lifted."""
        return self.proven and self.alone is not None and self.missed_by(self.alone)

    def line(self) -> str:
        """One sentence for the user."""
        reach = "least" if self.side == "max" else "greatest"
        text = f"{self.metric}: asked {self.side} {_number(self.limit, self.unit)}; {reach} reachable alone "
        if self.alone is None:
            text += "unknown (nothing found in time)"
        elif not self.missed_by(self.alone):
            text += f"{_number(self.alone, self.unit)} (possible alone)"
        else:
            verdict = "impossible alone" if self.proven else "nothing nearer found in time"
            text += f"{_number(self.alone, self.unit)} ({verdict})"
        return text + (
            f"; all together {_number(self.together, self.unit)}"
            if self.together is not None
            else ""
        )

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
    pins: str = ""
    """What was pinned, in words."""

    def to_dict(self) -> dict[str, Any]:
        """Words, numbers and lists only."""
        told = [{k: v for k, v in asdict(b).items() if k != "unit" or v} for b in self.budgets]
        pins = {"pins": self.pins} if self.pins else {}
        return {"budgets": told, **pins, "lines": self.lines()}

    def lines(self) -> list[str]:
        """Sentences for the user, the concrete cure last."""
        if not self.budgets:
            return [no_design(self.pins)]
        lines = [budget.line() for budget in self.budgets]
        if self.pins:
            lines.append(f"all of it with what is pinned: {self.pins}")
        if cure := self.cure:
            units = {budget.metric: budget.unit for budget in self.budgets}
            words = [
                f"{limit.metric} {limit.side} {_number(limit.bound, units[limit.metric])}"
                for limit in cure
            ]
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


def no_design(pins: str = "") -> str:
    """The sentence for a space that holds nothing, budgets aside."""
    if not pins:
        return "no design satisfies the rules: loosen `space.rules` or the choices"
    return (
        f"no design satisfies the rules and what is pinned ({pins}): pin less, or loosen "
        "`space.rules` or the choices"
    )


def explain(
    lifted: Lifted,
    *,
    pins: Mapping[str, int | str] | None = None,
    time_limit_s: float = 20.0,
    on_progress: Callable[[Progress], None] | None = None,
) -> Explanation:
    """Say what an infeasible program could reach. No limits in the answer: the rules conflict.

    ``lifted`` also names limits that are no part of the program, with the least that is needed.
    """
    program = lifted.program
    options = SolveOptions(time_limit_s=time_limit_s, gap=0.0, on_progress=on_progress)
    bare = program.unlimited()
    alone = {
        limit: _alone(bare if _is_whole(program, limit.metric) else program, limit, options)
        for limit in _tightest(program.limits)
    }
    if any(reach.impossible for reach in alone.values()):
        return Explanation((), True, words(pins or {}))
    if lifted.held is not None:
        program = lifted.held()
    point, proven = _nearest(program, alone, replace(options, gap=1e-3))
    measured = program.measured(point) if point is not None else {}
    reaches = [
        BudgetReach(
            limit.metric, limit.side, limit.bound, reach.value,
            measured[limit.metric] if measured else None, reach.proven, _unit(program, limit.metric),
        )
        for limit, reach in alone.items()
    ]  # fmt: skip
    for limit, least in lifted.needs:
        # What the joint design keeps of such a limit is known where it was held to the least.
        kept = point is not None and limit.metric in lifted.holds and least > limit.bound
        together = least if kept else None
        reaches.append(BudgetReach(limit.metric, limit.side, limit.bound, least, together))
    return Explanation(tuple(reaches), proven, words(pins or {}))


@dataclass(frozen=True, slots=True)
class MetricReach:
    """What one metric can be in the whole space, budgets lifted, and what was asked of it.

    ``greatest`` is ``None`` for limits of which only the least is known (effectiveness).
    ``open`` names the ends that a limit of time left open: there it is the nearest that was found.
    """

    metric: str
    least: int | float | None
    greatest: int | float | None
    asked: tuple[Limit, ...]
    open: tuple[str, ...] = ()
    unit: str = ""

    def document(self) -> dict[str, Any]:
        """For ``--json``; what is not known is left out."""
        found = {"least": self.least, "greatest": self.greatest}
        known: dict[str, Any] = {side: v for side, v in found.items() if v is not None}
        return known | ({"open": list(self.open)} if self.open else {})

    def _end(self, side: str, value: int | float | None) -> str:
        if side not in self.open:
            return "" if value is None else _plain(value, self.unit)
        sign = "<=" if side == "least" else ">="
        return "not found in time" if value is None else f"{sign} {_plain(value, self.unit)}"

    def row(self) -> tuple[str, str, str, str]:
        """For a table: metric, least, greatest, budget."""
        sides = {limit.side: limit.bound for limit in self.asked}
        words = [f"{sign} {_plain(sides[side], self.unit)}" for side, sign in (("min", ">="), ("max", "<="))
                 if side in sides]  # fmt: skip
        least, greatest = (
            self._end(side, end)
            for side, end in (("least", self.least), ("greatest", self.greatest))
        )
        return self.metric, least, greatest, " ".join(words)


def reaches_of(
    lifted: Lifted, metrics: Sequence[str], clock: Clock | None = None
) -> list[MetricReach] | None:
    """What each of ``metrics``, and each other limit, can be; ``None``: the rules conflict.

    ``clock``: how long all of it may take together; ends that it leaves open are marked.
    """
    clock = clock or Clock(SolveOptions(time_limit_s=math.inf))
    program = lifted.program
    bare, found = program.unlimited(), list[MetricReach]()
    others = [x.metric for x in program.limits if not _is_whole(program, x.metric)]
    for metric in (*metrics, *others):
        real = metric in others
        clock.report(None, None, 0, f"reach of {metric}")
        least = extreme(program if real else bare, metric, largest=False, options=_rest(clock))
        greatest = Extreme(None, None)
        if not real:
            greatest = extreme(bare, metric, largest=True, options=_rest(clock))
        if least.impossible:
            return None
        asked = tuple(limit for limit in program.limits if limit.metric == metric)
        ends = () if real else (("least", least), ("greatest", greatest))
        left = tuple(side for side, end in ends if not end.proven)
        unit = _unit(program, metric)
        found.append(MetricReach(metric, least.value, greatest.value, asked, left, unit))
    for limit, needed in lifted.needs:
        found.append(MetricReach(limit.metric, needed, None, (limit,)))
    return found


def _rest(clock: Clock) -> SolveOptions:
    """The options of one of several questions: proofs, in the time that is left."""
    return replace(clock.options, gap=0.0, time_limit_s=clock.remaining_s)


def extreme(
    program: Program, metric: str, *, largest: bool, options: SolveOptions | None = None
) -> Extreme:
    """The least or greatest value of a metric over the points of ``program``, budgets kept.

    Of a limit on a real number only what the form's structure says, and where that is silent what
    it says of more points (a bound, so not proven to be reached).
    """
    real = not _is_whole(program, metric)
    if real or not program.limits:
        reach = program.reach(metric, largest=largest)
        if reach is not None:
            return Extreme(reach.value, reach.point)
    if metric in program.peak_names:
        return _extreme_peak(program, metric, largest=largest, options=options)
    if real:
        wider = program.widened().reach(metric, largest=largest)
        return Extreme(None if wider is None else wider.value, None, proven=False)
    aim = program.maximising if largest else program.minimising
    solution = _solved(aim({metric: 1.0}), options or SolveOptions(gap=0.0))
    if solution.point is None:
        return Extreme(None, None, proven=solution.status is Status.INFEASIBLE)
    value, proven = program.costs(solution.point)[metric], solution.status is Status.OPTIMAL
    return Extreme(value, solution.point, proven)


def _extreme_peak(
    program: Program, peak: str, *, largest: bool, options: SolveOptions | None
) -> Extreme:
    """The least ceiling that leaves a design, by bisection; no program says the greatest."""
    options = options or SolveOptions(gap=0.0)
    if largest:
        wider = program.widened().reach(peak, largest=True)
        return Extreme(None if wider is None else wider.value, None, proven=False)
    clock, point, proven = Clock(options), None, True
    found = _solved(program.maximising({}), options)
    if found.point is None:
        return Extreme(None, None, proven=found.status is Status.INFEASIBLE)
    low, high = -1, program.peaks(found.point)[peak]
    point = found.point
    while high - low > 1:
        middle = (low + high) // 2
        below = program.with_budgets([*_others(program, peak), Budget(peak, middle)])
        found = _solved(below, replace(options, time_limit_s=clock.remaining_s))
        if found.point is not None:
            high, point = program.peaks(found.point)[peak], found.point
        else:
            proven &= found.status is Status.INFEASIBLE
            low = middle
    return Extreme(high, point, proven)


def _others(program: Program, metric: str) -> list[Budget]:
    return [budget for budget in program.asked if budget.metric != metric]


def _is_whole(program: Program, metric: str) -> bool:
    """Whether a limit is one of integers: a metric or a peak."""
    return metric in program.metric_names or metric in program.peak_names


def _tightest(limits: Iterable[Limit]) -> tuple[Limit, ...]:
    """One limit for each metric and side: the one that decides."""
    found: dict[tuple[str, str], Limit] = {}
    for limit in limits:
        key = limit.metric, limit.side
        known = found.get(key)
        if known is None or (known.bound < limit.bound) == (limit.side == "min"):
            found[key] = limit
    return tuple(found.values())


def _alone(program: Program, limit: Limit, options: SolveOptions) -> Extreme:
    """The nearest value that any design has. Where a solver's tolerance leaves it open whether one
    keeps the limit, that is asked for itself.
    """
    largest = limit.side == "min"
    reach = extreme(program, limit.metric, largest=largest, options=options)
    value, bound = reach.value, limit.bound
    if (
        value is None
        or not _is_whole(program, limit.metric)
        or (value >= bound if largest else value <= bound)
        or program.reach(limit.metric, largest=largest) is not None
    ):
        return reach
    least, most = (int(bound), None) if largest else (None, int(bound))
    asked = program.with_budgets([Budget(limit.metric, most, least)])
    within = extreme(asked, limit.metric, largest=largest, options=options)
    return reach if within.value is None else within


def _nearest(
    program: Program, alone: dict[Limit, Extreme], options: SolveOptions
) -> tuple[tuple[int, ...] | None, bool]:
    """The design with the least sum of metric / limit under the other limits; whether proven.

    A limit that no design meets is moved to what is reachable, lower ones in their order as far as
    those before them leave it: the others still count.
    """
    relaxed, weights, lower = program, {}, []
    for limit, reach in alone.items():
        value = limit.bound if reach.value is None else reach.value
        if limit.metric in program.peak_names:
            relaxed = relaxed.relimited(replace(limit, bound=max(limit.bound, value)))
            continue
        if limit.metric not in program.metric_names:
            least = max(limit.bound, value * (1 + BEYOND))
            relaxed = relaxed.relimited(Limit(limit.metric, limit.side, least))
            continue
        if limit.side == "max":
            weights[limit.metric] = 1 / max(abs(limit.bound), 1)
        else:
            lower.append(Limit(limit.metric, "min", min(limit.bound, int(value))))
        relaxed = relaxed.relimited(limit, lift=True)
    kept = relaxed
    for limit in lower:
        kept = kept.with_budgets([*kept.asked, Budget(limit.metric, lower=int(limit.bound))])
    solution = _solved(kept.minimising(weights), options)
    if solution.point is None and lower:
        kept = relaxed
        for limit in lower:
            most = extreme(kept, limit.metric, largest=True, options=options).value
            if most is None:
                return None, False
            bound = min(int(limit.bound), int(most))
            kept = kept.with_budgets([*kept.asked, Budget(limit.metric, lower=bound)])
        solution = _solved(kept.minimising(weights), options)
        return solution.point, False
    return solution.point, solution.status in (Status.OPTIMAL, Status.WITHIN_GAP)


def _solved(program: Program, options: SolveOptions) -> Any:
    return choose(program).backend.solve(program, options)


def _plain(value: int | float, unit: str = "") -> str:
    return counted(value, unit) if isinstance(value, int) else f"{value:.6f}"


def _unit(program: Program, metric: str) -> str:
    """What the integers of a metric are steps of, where that is to be told."""
    unit = program.unit(metric)
    return unit if is_told(unit) else ""


def _number(value: int | float, unit: str = "") -> str:
    """Integers exactly; reals rounded up, so that a proposed limit really works."""
    return counted(value, unit) if isinstance(value, int) else rounded_up(value, DIGITS)
