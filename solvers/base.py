"""What every backend is: abilities asked before use, options in, a :class:`Solution` out.

Why the solver stopped (:class:`Termination`) and what its point is worth (:class:`Status`) are two
separate answers.
"""

from __future__ import annotations

import abc
import enum
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from mathdesign.programs.chain import DesignProblem

#: A point whose bound is this close (relative) is called optimal: double-precision arithmetic
#: cannot tell closer values of the objective apart reliably.
OPTIMALITY_TOLERANCE = 1e-6


class Termination(enum.Enum):
    """Why the search stopped."""

    COMPLETED = "completed"
    """The search ran to its own end: exhausted, or the gap target was met."""
    TIME_LIMIT = "time_limit"
    NODE_LIMIT = "node_limit"
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
    on_progress: Callable[[Progress], None] | None = None
    should_stop: Callable[[], bool] | None = None


@dataclass(frozen=True, slots=True)
class Solution:
    """A backend's answer. ``point`` follows ``DesignProblem.variables``; ``bound`` is an upper
    bound on the objective over all feasible points (``inf`` if the backend proves nothing).
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


class UnsupportedProblem(ValueError):
    """The forced backend cannot treat this problem; the message says why and names others."""


class Backend(abc.ABC):
    """One way to solve a design problem. Stateless; registered in :mod:`mathdesign.solvers`."""

    name: str
    summary: str
    abilities: frozenset[Ability] = frozenset()

    def refuses(self, problem: DesignProblem) -> str | None:
        """Why this backend cannot treat ``problem`` (``None``: it can)."""
        return None

    @abc.abstractmethod
    def solve(self, problem: DesignProblem, options: SolveOptions) -> Solution:
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
        """Hand a progress report to the caller, if wanted."""
        if self.options.on_progress is not None:
            self.options.on_progress(Progress(self.elapsed_s, objective, bound, nodes, phase))
