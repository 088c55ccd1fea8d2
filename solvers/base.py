"""What every backend is: abilities asked before use, options in, a :class:`Solution` out.

Why the solver stopped (:class:`Termination`) and what its point is worth (:class:`Status`) are two
separate answers.
"""

from __future__ import annotations

import abc
import enum
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Generic, TypeVar

from mathdesign.notebook import html_lines
from mathdesign.programs.base import Program

#: A point whose bound is this close (relative) is called optimal: double-precision arithmetic
#: cannot tell closer values of the objective apart reliably.
OPTIMALITY_TOLERANCE = 1e-6
#: Searches drop what is nearer to the incumbent than this, relative, half of what counts as optimal:
#: that leaves room for the rounding of the objective itself.
LEAST_GAP = 0.5 * OPTIMALITY_TOLERANCE


class Termination(enum.Enum):
    """Why the search stopped."""

    COMPLETED = "completed"
    """The search ran to its own end: exhausted, or the gap target was met."""
    TIME_LIMIT = "time_limit"
    MEMORY_LIMIT = "memory_limit"
    INTERRUPTED = "interrupted"
    """Ctrl-C, or the caller's ``should_stop``."""


class Status(enum.Enum):
    """What the returned point is worth."""

    OPTIMAL = "optimal"
    """Proven: no feasible point is better by more than ``OPTIMALITY_TOLERANCE`` relative."""
    WITHIN_GAP = "within_gap"
    """Proven to lie within the requested relative gap of the optimum."""
    FEASIBLE = "feasible"
    """Feasible; the bound says how far from the optimum it may be."""
    INFEASIBLE = "infeasible"
    """Proven: no point satisfies the rules and budgets."""
    UNKNOWN = "unknown"
    """No point was found and none was excluded."""


class Ability(enum.Enum):
    """What a backend can do; asked before use."""

    PROVES = "proves"
    """Returns a finite valid bound and can prove infeasibility."""
    WARM_START = "warm_start"
    INTERRUPTIBLE = "interruptible"
    """Honours ``should_stop`` within about a second and returns its incumbent."""
    COMPILES = "compiles"
    """The first use on a machine compiles for some seconds."""
    APART = "apart"
    """Keeps the distances of a program to given points."""
    SEEDED = "seeded"
    """Another seed gives another answer: one run says little about it."""


@dataclass(frozen=True, slots=True)
class Progress:
    """A report from a running solver. Objective and bound in the objective's unit."""

    elapsed_s: float
    objective: float | None
    bound: float | None
    nodes: int
    phase: str = ""

    @property
    def gap(self) -> float:
        """Relative gap, infinite while a side is missing."""
        return relative_gap(self.objective, self.bound)


@dataclass(frozen=True, slots=True)
class SolveOptions:
    """Limits and seeds. ``gap`` is relative; times in seconds, memory in bytes."""

    gap: float = 1e-3
    time_limit_s: float = 60.0
    seed: int = 0
    threads: int = 1
    memory_limit_bytes: int | None = None
    evaluations: int | None = None
    """Budget of a heuristic; its own default if ``None``."""
    warm_start: tuple[int, ...] | None = None
    floor: float = -math.inf
    """Nothing below this objective matters. A backend may leave such points out, and then bounds by
    no less: a bound stays valid for all points, and "infeasible" means that there are none at all.
    """
    on_progress: Callable[[Progress], None] | None = None
    should_stop: Callable[[], bool] | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Solution:
    """A backend's answer. ``point`` is one of the program's; ``bound`` is an upper bound on the
    objective over all feasible points (``inf`` if the backend proves nothing).
    """

    backend: str
    status: Status
    termination: Termination
    point: tuple[int, ...] | None = None
    objective: float | None = None
    bound: float = math.inf
    nodes: int = 0
    seconds: float = 0.0
    message: str = ""

    @property
    def gap(self) -> float:
        """``(bound - objective) / max(|objective|, 1)``, infinite without a point."""
        return relative_gap(self.objective, self.bound)

    def _shown(self) -> list[tuple[str, str]]:
        rows = [("status", self.status.value), ("termination", self.termination.value)]
        if self.objective is not None:
            rows.append(("objective", f"{self.objective:.10g}"))
        if math.isfinite(self.bound):
            rows.append(("bound", f"{self.bound:.10g}"))
        if math.isfinite(self.gap):
            rows.append(("gap", gap_text(self.gap)))
        return [*rows, ("nodes", f"{self.nodes:,}"), ("seconds", f"{self.seconds:.2f}")]

    def __repr__(self) -> str:
        words = ", ".join(f"{name} {text}" for name, text in self._shown())
        return f"<Solution by {self.backend}: {words}>"

    def _repr_html_(self) -> str:
        return html_lines(f"solution by {self.backend}", ("", ""), self._shown())


class UnsupportedProblem(ValueError):
    """The forced backend cannot treat this problem; the message says why and names others."""


P = TypeVar("P", bound=Program)


class Backend(abc.ABC, Generic[P]):
    """One way to solve programs. Stateless; registered in :mod:`mathdesign.solvers.portfolio`.

    What it can do is declared here and asked before use: the forms that it accepts, its abilities,
    the package that it needs beyond the installed core.
    """

    name: str
    summary: str
    accepts: ClassVar[tuple[type[Program], ...]]
    abilities: frozenset[Ability] = frozenset()
    needs: ClassVar[str | None] = None

    def refuses(self, problem: P) -> str | None:
        """Why this backend cannot treat ``problem``, of a form that it accepts (``None``: it can)."""
        return None

    def suits(self, problem: P) -> bool:
        """Whether ``backend: auto`` thinks of it at all for such a program."""
        return True

    def passes(self, problem: P) -> str | None:
        """Why ``backend: auto`` should go on to the next though this one can (``None``: take it)."""
        return None

    def because(self, problem: P) -> str:
        """Why ``backend: auto`` takes it, one sentence for the user."""
        proves = Ability.PROVES in self.abilities
        return f"{self.summary}; {'proves its answer' if proves else 'finds designs, proves none'}"

    def prepare(self, options: SolveOptions) -> None:
        """What is done once a machine, and counts against no limit of time: compilation."""

    @abc.abstractmethod
    def solve(self, problem: P, options: SolveOptions) -> Solution:
        """Solve; never raises for infeasibility, limits or interruption."""


def relative_gap(objective: float | None, bound: float | None) -> float:
    """``(bound - objective) / max(|objective|, 1)``, never negative, infinite if undefined."""
    if (
        objective is None
        or bound is None
        or not (math.isfinite(bound) and math.isfinite(objective))
    ):
        return math.inf
    return max(0.0, (bound - objective) / max(abs(objective), 1.0))


def gap_text(gap: float | None) -> str:
    """A relative gap in percent, with two digits that say something however small it is."""
    if gap is None or math.isinf(gap):
        return "unknown" if gap is None else "-"
    small = 0 < 100 * gap < 1e-3
    return f"{gap:.{min(-math.floor(math.log10(gap)) - 1, 18)}%}" if small else f"{gap:.4%}"


def status_of(objective: float | None, bound: float, gap: float) -> Status:
    """The status that an objective and a valid bound deserve, given the requested gap."""
    if objective is None:
        return Status.UNKNOWN
    reached = relative_gap(objective, bound)
    if reached <= OPTIMALITY_TOLERANCE:
        return Status.OPTIMAL
    return Status.WITHIN_GAP if reached <= gap else Status.FEASIBLE


@dataclass(slots=True)
class Clock:
    """Elapsed time against a limit, and the caller's wish to stop."""

    options: SolveOptions
    start_s: float = field(default_factory=time.monotonic)

    @property
    def elapsed_s(self) -> float:
        """Seconds since the clock was made."""
        return time.monotonic() - self.start_s

    @property
    def remaining_s(self) -> float:
        """Seconds left before the time limit, at least 0."""
        return max(0.0, self.options.time_limit_s - self.elapsed_s)

    def stop(self) -> Termination | None:
        """Why to stop now, or ``None`` to go on."""
        if self.options.should_stop is not None and self.options.should_stop():
            return Termination.INTERRUPTED
        return Termination.TIME_LIMIT if self.remaining_s <= 0 else None

    def report(
        self, objective: float | None, bound: float | None, nodes: int, phase: str = ""
    ) -> None:
        """Hand a progress report to the caller, if wanted; an infinite bound is none."""
        if self.options.on_progress is not None:
            told = None if bound is None or math.isinf(bound) else bound
            self.options.on_progress(Progress(self.elapsed_s, objective, told, nodes, phase))


@dataclass(slots=True)
class Incumbent:
    """The best point found so far, scored by the program itself, and the best valid bound.

    Whatever a relaxation or a solver claims of a point, the program has the last word: exact
    integers for feasibility, its own objective for the value. Points below ``floor`` are not taken.
    """

    program: Program
    point: tuple[int, ...] | None = None
    objective: float | None = None
    bound: float = math.inf
    nodes: int = 0
    floor: float = -math.inf

    @property
    def cutoff(self) -> float:
        """What a point must exceed to matter."""
        return self.floor if self.objective is None else max(self.objective, self.floor)

    @property
    def level(self) -> float | None:
        """The objective that bounds are held against: the best one, or the floor; ``None``: neither."""
        return None if self.cutoff == -math.inf else self.cutoff

    def accept(self, point: Sequence[int]) -> float | None:
        """As :meth:`offer`; the objective of ``point``, ``None`` unless it is feasible and finite."""
        value = self._confirmed(point)
        if value is not None:
            self._take(point, value)
        return value

    def offer(self, point: Sequence[int] | None) -> bool:
        """Take ``point`` in if it is feasible and better (ties: lexicographically first)."""
        value = None if point is None else self._confirmed(point)
        return point is not None and value is not None and self._take(point, value)

    def _confirmed(self, point: Sequence[int]) -> float | None:
        value = self.program.worth(point)
        return value if value is not None and math.isfinite(value) else None

    def _take(self, point: Sequence[int], value: float) -> bool:
        if value < self.cutoff:
            return False
        ours = tuple(int(k) for k in point)
        if value == self.cutoff and self.point is not None and ours >= self.point:
            return False
        self.point, self.objective = ours, value
        return True

    def solution(
        self, backend: str, reason: Termination, clock: Clock, gap: float, message: str = ""
    ) -> Solution:
        """The answer so far. A bound of ``-inf`` without a point is proof of infeasibility."""
        bound = max(self.bound, self.cutoff)
        infeasible = self.objective is None and bound == -math.inf
        status = Status.INFEASIBLE if infeasible else status_of(self.objective, bound, gap)
        return Solution(
            backend, status, reason, self.point, self.objective, bound, self.nodes,
            clock.elapsed_s, message,
        )  # fmt: skip


def rooms(first: int, growth: int, most: int) -> Iterator[int]:
    """Ever more room for what a search holds at once, ``most`` (at least 1) last."""
    most, room = max(most, 1), first
    while room < most:
        yield room
        room *= growth
    yield most


def heuristic_answer(
    backend: str,
    program: Program,
    point: Sequence[int] | None,
    termination: Termination,
    nodes: int,
    clock: Clock,
    message: str = "",
) -> Solution:
    """The answer of a heuristic: feasible or unknown, never more, and no bound."""
    best = Incumbent(program, nodes=nodes)
    best.offer(point)
    return best.solution(backend, termination, clock, 0.0, message)
