"""The protocol of every program: what may be asked of it, and how it turns into another one.

There are four *forms*, each with a structure that its solvers live by: chains of stages whose costs
are monomials (:mod:`.chain`), slots of options whose costs are tables (:mod:`.slots`), mixes of
layers whose order costs nothing (:mod:`.mixes`), and unions of programs of these forms, one for each
value of a decision that changes every cost (:mod:`.union`). What is asked of a program is the same for all, so
it is asked here: size, metrics with units, budgets, value and feasibility of a point, and an
*algebra* whose operations return new programs. Enumeration, explanations, alternatives and pages
are written against this protocol once.

A *point* is a sequence of integers whose meaning belongs to the form. This module knows no solver,
no file format and no network library.
"""

from __future__ import annotations

import abc
import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt

from mathdesign.notebook import html_lines
from mathdesign.programs.counts import rough

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
Point = Sequence[int]

#: Integers above this are refused: int64 arithmetic in the vectorised evaluators must not wrap.
LARGEST_METRIC = 2**62
#: Objectives beyond this, either way, count as this: a feasible point has a finite value, whatever
#: exponential is in it, so that "worse than can be said" never reads as "infeasible". Far enough
#: from the largest double that gaps and bounds do not overflow either.
LARGEST_OBJECTIVE = 1e300
#: Relative tolerance of the limit on effectiveness, a real number: a point keeps the limit where its
#: effectiveness is at most ``limit * (1 + this)``, which covers the rounding of its sums. Every
#: backend and the recheck read it here. What is printed is rounded up (:func:`rounded_up`), so that
#: a printed effectiveness is a limit that its own design keeps. Integer budgets have no tolerance.
EFFECTIVENESS_TOLERANCE = 1e-9


class TooLarge(ValueError):
    """Numbers that a program cannot hold exactly; the message names them and the way out."""


#: How the sides of a limit are written.
SIGNS = {"max": "<=", "min": ">="}


@dataclass(frozen=True, slots=True)
class Budget:
    """``lower <= metric <= upper`` in the metric's unit; either side may be absent.

    ``inherent`` budgets are part of what the space is (a cell has at most nine edges): nobody asked
    for them, nobody can lift them, and no explanation proposes to.
    """

    metric: str
    upper: int | None = None
    lower: int | None = None
    inherent: bool = False

    @property
    def sides(self) -> tuple[tuple[Literal["max", "min"], int], ...]:
        """The sides that there are, the upper one first."""
        upper: tuple[tuple[Literal["max", "min"], int], ...] = ()
        if self.upper is not None:
            upper = (("max", self.upper),)
        return upper if self.lower is None else (*upper, ("min", self.lower))

    def admits(self, value: int) -> bool:
        """Whether ``value`` lies within both sides."""
        return not (
            (self.upper is not None and value > self.upper)
            or (self.lower is not None and value < self.lower)
        )


@dataclass(frozen=True, slots=True)
class Limit:
    """One side of what somebody asked for: a budget on a metric, or on a real number.

    ``side`` is ``max`` or ``min``.
    """

    metric: str
    side: Literal["max", "min"]
    bound: int | float


@dataclass(frozen=True, slots=True)
class Distance:
    """A point must differ from ``point`` in ``at_least`` decisions (1: it is another point)."""

    point: tuple[int, ...]
    at_least: int = 1


@dataclass(frozen=True, slots=True)
class Reach:
    """The least or greatest value of a limit, and a point that has it.

    Both are ``None`` where no point is left to have one; ``point`` alone where only the value is
    known.
    """

    value: int | float | None
    point: tuple[int, ...] | None


class Program(abc.ABC):
    """A solver-free mathematical program: maximise ``value`` over the points that are ``feasible``.

    Immutable: every operation of the algebra returns a new program. Its points are points of the
    old one and cost the same there, so that whatever solves it has solved part of the old one.
    """

    name: str
    budgets: tuple[Budget, ...]
    distances: tuple[Distance, ...]
    units: Mapping[str, str]
    """Unit of each metric, where it has been told."""
    ceilings: tuple[Budget, ...]
    """Upper limits of :attr:`peak_names`, apart from :attr:`budgets`, whose metrics are sums."""

    form: ClassVar[str]
    """The form's name in messages: ``chain``, ``slots``, ``mixes`` or ``union``."""

    def __repr__(self) -> str:
        limits = [f"{limit.metric} {SIGNS[limit.side]} {limit.bound:,}" for limit in self.limits]
        words = [f"{rough(self.size, 4)} designs before rules, {self.extent}", *limits]
        return f"<{type(self).__name__} {self.name}: {', '.join(words)}>"

    def _repr_html_(self) -> str:
        size = f"{rough(self.size, 4)} designs before rules, {self.extent}"
        rows = [("size", size), ("form", self.form)]
        rows += [("metrics", ", ".join(self.metric_names))]
        rows += [(limit.metric, f"{SIGNS[limit.side]} {limit.bound:,}") for limit in self.limits]
        return html_lines(self.name, ("program", ""), rows)

    # ---- what may be asked -----------------------------------------------------------------------

    @property
    @abc.abstractmethod
    def size(self) -> int:
        """Number of designs, rules and budgets ignored."""

    @property
    def points(self) -> int:
        """Number of points; several designs may share one (layers whose order costs nothing)."""
        return self.size

    def count(self) -> int:
        """Number of designs that keep pins, and rules where the form can count those."""
        return self.size

    @property
    def uncounted(self) -> bool:
        """Whether rules that :meth:`count` does not see may leave fewer designs."""
        return False

    def census(self) -> str:
        """How many designs there are, in words: those that the rules leave, and of how many."""
        left, every = self.count(), self.size
        if self.uncounted:
            return f"{rough(left)} designs before rules"
        if left == every:
            return f"{rough(every)} designs"
        return f"{rough(left)} designs ({rough(every)} before rules)"

    @property
    @abc.abstractmethod
    def extent(self) -> str:
        """How far the space extends, in words that follow a number of designs: ``in 7 stages``."""

    @property
    @abc.abstractmethod
    def metric_names(self) -> tuple[str, ...]:
        """Names of the integer metrics."""

    @property
    def peak_names(self) -> tuple[str, ...]:
        """Names of what is the *greatest* of several integers: memory alive at any one step.

        An upper limit of a peak is that limit for each step, so that no solver needs the peak
        itself; a lower one would ask for one step among many, and is refused.
        """
        return ()

    @property
    @abc.abstractmethod
    def decisions(self) -> Mapping[str, tuple[int, ...]]:
        """What is decided: the integers that a point may hold, by name."""

    def only(self) -> tuple[int, ...]:
        """The point of a space of one. Raises ``ValueError`` where decisions are left."""
        return tuple(value for (value,) in self.decisions.values())

    @abc.abstractmethod
    def costs(self, point: Point) -> dict[str, int]:
        """Every metric of a point, exact. Raises ``ValueError`` for what is no point."""

    @abc.abstractmethod
    def value(self, point: Point) -> float:
        """The objective of a point, whether it is feasible or not."""

    def values(self, points: Sequence[Point]) -> FloatArray:
        """The objective of each of ``points``, shape ``(points,)``; forms have faster ways."""
        return np.array([self.value(point) for point in points], dtype=np.float64)

    @abc.abstractmethod
    def feasible(self, point: Point) -> bool:
        """Whether ``point`` is one, and keeps all rules, budgets and distances."""

    def worth(self, point: Point) -> float | None:
        """The objective of a feasible point, ``None`` of any other."""
        return self.value(point) if self.feasible(point) else None

    @property
    def limits(self) -> tuple[Limit, ...]:
        """What somebody asked for, side by side: what an explanation is about."""
        return tuple(
            Limit(budget.metric, side, bound)
            for budget in self.asked
            for side, bound in budget.sides
        )

    @property
    def asked(self) -> tuple[Budget, ...]:
        """The budgets on integers that are not inherent, those on peaks last."""
        return (*(budget for budget in self.budgets if not budget.inherent), *self.ceilings)

    def peaks(self, point: Point) -> dict[str, int]:
        """Every peak of a point, exact. Raises ``ValueError`` for what is no point."""
        return {}

    def measured(self, point: Point) -> dict[str, int | float]:
        """What :attr:`limits` bound, of a point: metrics, peaks, reals where the form has them."""
        return {**self.costs(point), **self.peaks(point)}

    def reach(self, metric: str, *, largest: bool = False) -> Reach | None:
        """The least (``largest``: greatest) value of a limit, whatever the other limits say.

        Rules, inherent budgets and distances count. ``None``: the form's structure does not answer
        it; a solver can. Raises ``KeyError`` for what is no metric and no limit.
        """
        return None

    def unit(self, metric: str) -> str:
        """The unit of a metric, empty where none is known."""
        return self.units.get(metric, "")

    # ---- the algebra -----------------------------------------------------------------------------

    def with_budgets(self, budgets: Iterable[Budget]) -> Self:
        """Other budgets on metrics and peaks instead of those that it has.

        Inherent budgets stay, and so do limits on real numbers (effectiveness).

        Raises ``ValueError`` for a budget on an unknown metric, and a lower limit of a peak.
        """
        rows, ceilings = self._told_apart(budgets)
        kept = tuple(budget for budget in self.budgets if budget.inherent)
        return self._limited((*kept, *rows), ceilings)

    def _told_apart(
        self, budgets: Iterable[Budget]
    ) -> tuple[tuple[Budget, ...], tuple[Budget, ...]]:
        """Budgets on metrics, and those on peaks."""
        every = tuple(budgets)
        rows = tuple(b for b in every if b.metric not in self.peak_names)
        return rows, tuple(b for b in every if b.metric in self.peak_names)

    def _limited(self, budgets: tuple[Budget, ...], ceilings: tuple[Budget, ...]) -> Self:
        """Other budgets, inherent ones among them, and other ceilings."""
        return self._with(budgets=budgets, ceilings=ceilings)

    def without(self, *metrics: str) -> Self:
        """The program without the budgets on ``metrics``. Raises ``KeyError`` if there is none."""
        known = {limit.metric for limit in self.limits}
        if missing := [metric for metric in metrics if metric not in known]:
            raise KeyError(f"no budget on {', '.join(missing)}")
        kept = tuple(b for b in self.budgets if b.inherent or b.metric not in metrics)
        return self._limited(kept, tuple(b for b in self.ceilings if b.metric not in metrics))

    def unlimited(self) -> Self:
        """The program without any budget but the inherent ones."""
        return self.without(*{limit.metric for limit in self.limits})

    def relimited(self, limit: Limit, *, lift: bool = False) -> Self:
        """Another bound on one side of a budget (``lift``: none), the other side as it is."""
        bound = None if lift else int(limit.bound)
        rows, ceilings = (
            tuple(
                _moved(b, limit.side, bound) if b.metric == limit.metric and not b.inherent else b
                for b in every
            )
            for every in (self.budgets, self.ceilings)
        )
        return self._limited(rows, tuple(b for b in ceilings if b.upper is not None))

    def widened(self) -> Self:
        """Without any budget, inherent ones too, and without distances: more points, never fewer."""
        return self._limited((), ())._with(distances=())

    def apart_from(self, *points: Point, at_least: int = 1) -> Self:
        """Only points that differ from each of ``points`` in ``at_least`` decisions.

        Raises ``ValueError`` for what cannot be a point.
        """
        added = tuple(Distance(whole(point), at_least) for point in points)
        return self._with(distances=(*self.distances, *added))

    @abc.abstractmethod
    def pinned(self, choices: Mapping[str, int]) -> Self:
        """Only points whose decisions hold what ``choices`` say.

        ``decisions`` hold what is left, nothing where two pins contradict each other, and ``count``
        tells how many designs do. A form that says a pin with a rule or a helper metric
        (``pin ...``) keeps its points and their numbering, so that its ``size`` is that of the space
        without pins, as it is without rules.

        Raises ``KeyError`` for an unknown decision, ``ValueError`` for a value it cannot take.
        """

    @abc.abstractmethod
    def maximising(self, weights: Mapping[str, float]) -> Self:
        """Another objective: the weighted sum of metrics.

        Raises ``KeyError`` for an unknown metric, ``ValueError`` for a weight that is not finite.
        """

    def minimising(self, weights: Mapping[str, float]) -> Self:
        """The program whose best point has the least weighted sum of metrics."""
        return self.maximising({metric: -weight for metric, weight in weights.items()})

    def _kept(self, found: Reach) -> Reach | None:
        """An extreme found without inherent budgets, distances or rules, if its point keeps them."""
        at = found.point
        return found if at is not None and self.unlimited().feasible(at) else None

    def _check_pins(self, choices: Mapping[str, int], among: Mapping[str, Sequence[int]]) -> None:
        """Raise as :meth:`pinned` says, of decisions that may hold what is ``among``."""
        self._known(choices, among, "decision")
        for name, value in choices.items():
            if value not in among[name]:
                raise ValueError(f"{name}: found {value}, accepted: {_listed(among[name])}")

    def _check_weights(self, weights: Mapping[str, float]) -> None:
        """Raise as :meth:`maximising` says."""
        self._known(weights, self.metric_names, "metric")
        for metric, weight in weights.items():
            refuse_infinite(f"weight of {metric}", weight)

    def _with(self, **changes: Any) -> Self:
        return replace(self, **changes)  # type: ignore[type-var]  # every form is a dataclass

    def _known(self, names: Iterable[str], among: Iterable[str], what: str) -> None:
        """Raise ``KeyError`` for names that are not ``among`` the known ones."""
        accepted = tuple(among)
        if unknown := [name for name in names if name not in accepted]:
            listed = ", ".join(accepted[:12])
            raise KeyError(f"no {what} {', '.join(unknown)}; accepted: {listed}")

    # ---- hand-outs -------------------------------------------------------------------------------

    def to_pyomo(self, form: str = "") -> Any:
        """A Pyomo model for any solver a user owns.

        ``form``: ``milp`` for the multiple-choice program (any form), ``minlp`` for the integer
        nonlinear one (chains, and their default).
        """
        return handed_out(self, "pyomo")(self, form)

    def to_cvxpy(self) -> Any:
        """The log-convex relaxation at the root as a cvxpy problem (chains)."""
        return handed_out(self, "cvxpy")(self)

    def write(self, path: str | Path) -> None:
        """The multiple-choice program as a file, ``.mps`` or ``.lp`` by its suffix."""
        handed_out(self, "file")(self, path)


#: ``(name, form)`` -> how such a program is handed out. Programs know no solver: the room of the
#: solvers fills this when it is imported, which posing and solving do.
HAND_OUTS: dict[tuple[str, str], Callable[..., Any]] = {}


def handed_out(program: Program, name: str) -> Callable[..., Any]:
    """The function that hands ``program`` out as ``name``. Raises ``TypeError`` if there is none."""
    found = HAND_OUTS.get((name, program.form))
    if found is None:
        forms = sorted(form for known, form in HAND_OUTS if known == name)
        way = f"forms that do: {', '.join(forms)}" if forms else "import mathdesign.solvers first"
        raise TypeError(f"a program of form {program.form!r} is not handed out as {name}; {way}")
    return found


def _moved(budget: Budget, side: Literal["max", "min"], bound: int | None) -> Budget:
    """Another bound on one side of a budget."""
    return replace(budget, upper=bound) if side == "max" else replace(budget, lower=bound)


def check_ceilings(ceilings: Iterable[Budget], peaks: Sequence[str]) -> None:
    """Raise ``ValueError`` for limits of what is no peak, and lower ones."""
    for budget in ceilings:
        if budget.metric not in peaks:
            raise ValueError(f"ceiling of unknown peak {budget.metric!r}")
        if budget.lower is not None or budget.upper is None:
            raise ValueError(f"{budget.metric}: a peak has upper limits only")


def _listed(values: Sequence[int]) -> str:
    """Accepted integers in words."""
    if len(values) > 2 and values[-1] - values[0] == len(values) - 1:
        return f"{values[0]} to {values[-1]}"
    return ", ".join(map(str, values[:12])) + (", ..." if len(values) > 12 else "")


def whole(point: Iterable[Any]) -> tuple[int, ...]:
    """The integers that ``point`` consists of. Raises ``ValueError`` if it holds anything else."""
    try:
        held = tuple(point)
        found = tuple(int(k) for k in held)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"a point holds integers, found {point!r}") from None
    if found != held:
        raise ValueError(f"a point holds integers, found {held}")
    return found


def whole_array(where: str, values: npt.ArrayLike) -> IntArray:
    """Integers as int64. Raises ``ValueError`` for other numbers and for those above 2^62."""
    found = np.asarray(values)
    if found.size and not is_whole(found):
        raise ValueError(f"{where}: found numbers of type {found.dtype}, accepted: integers")
    refuse_large(where, magnitude(found))
    return found.astype(np.int64, copy=False)


def is_whole(values: npt.NDArray[Any]) -> bool:
    """Whether these are integers by their type; Python's own count, floats such as 2.0 do not."""
    if values.dtype.kind == "O":
        return all(isinstance(v, int) for v in values.flat)
    return values.dtype.kind in "iub"


def magnitude(values: npt.NDArray[Any]) -> int:
    """The largest absolute value of some integers, 0 if there are none."""
    return max(abs(int(values.min())), abs(int(values.max()))) if values.size else 0


def refuse_large(metric: str, value: int) -> None:
    """Raise ``ValueError`` if a metric may reach ``value`` and that is more than int64 can add."""
    if value > LARGEST_METRIC:
        raise TooLarge(f"{metric} can exceed 2^62 in this space: narrow the choices")


def refuse_infinite(where: str, values: npt.ArrayLike) -> None:
    """Raise ``ValueError`` with the place unless all ``values`` are finite."""
    found = np.atleast_1d(np.asarray(values, dtype=np.float64))
    if not np.isfinite(found).all():
        wrong = float(found[~np.isfinite(found)][0])
        raise ValueError(f"{where}: found {wrong}, accepted: finite numbers")


def saturated(values: npt.ArrayLike) -> FloatArray:
    """Objectives as programs state them: none beyond :data:`LARGEST_OBJECTIVE`."""
    return np.clip(np.asarray(values, dtype=np.float64), -LARGEST_OBJECTIVE, LARGEST_OBJECTIVE)


def refuse_overflow(what: str, largest: float) -> None:
    """Raise ``ValueError`` if terms that may sum up to ``largest`` exceed what objectives may be."""
    if not largest <= LARGEST_OBJECTIVE:
        raise TooLarge(f"{what} can exceed {LARGEST_OBJECTIVE:g}: choose smaller weights")


def keeps_effectiveness(value: float, limit: float) -> bool:
    """Whether an effectiveness keeps its limit (:data:`EFFECTIVENESS_TOLERANCE`)."""
    return value <= limit * (1 + EFFECTIVENESS_TOLERANCE)


def rounded_up(value: float, digits: int) -> str:
    """A positive real with so many significant digits, never below ``value``."""
    text = f"{value:.{digits}g}"
    if float(text) < value:
        exponent = math.floor(math.log10(abs(value))) - digits + 1
        text = f"{float(text) + 10.0**exponent:.{digits}g}"
    return text


def unused(name: str, taken: Iterable[str]) -> str:
    """``name``, with a number behind it if it is taken."""
    known = set(taken)
    numbered = (f"{name} {k}" for k in itertools.count(2))
    return next(n for n in itertools.chain([name], numbered) if n not in known)


def weighted(weights: Mapping[str, float], costs: Mapping[str, int]) -> float:
    """The weighted sum of metrics, in the order of the weights."""
    return float(sum(weight * costs[metric] for metric, weight in weights.items()))


def is_apart(point: Point, distances: Iterable[Distance]) -> bool:
    """Whether ``point`` differs from each given one in as many decisions as is asked."""
    return all(
        sum(a != b for a, b in zip(point, distance.point, strict=True)) >= distance.at_least
        for distance in distances
    )


def rows_apart(points: npt.NDArray[Any], distances: Iterable[Distance]) -> BoolArray:
    """:func:`is_apart` of each row of ``points``, shape ``(n, decisions)``."""
    good = np.ones(len(points), dtype=np.bool_)
    for distance in distances:
        good &= (points != np.array(distance.point)).sum(axis=1) >= distance.at_least
    return good
