r"""``members``: a union solved member by member, each by the backend that its form has.

The optimum over a union is the greatest of its members' optima. With :math:`v` the best objective
so far and :math:`u_m` a valid bound of member :math:`m` (:math:`+\infty` before it is begun,
:math:`-\infty` where it is proven to hold no feasible point), at any time

.. math:: v \;\le\; \max_m z_m \;\le\; \max\bigl(v, \max_m u_m\bigr),

since every point is a point of some member. Each member is given :math:`v` as the cutoff below which
nothing matters: what its backend then calls bounded, it bounds by :math:`\max(v, \cdot)`, which the
right side allows.

Order: members whose quick start (a few hundred evaluations of a heuristic, where the form has one)
is best come first, so that the others are cut off soon; ties go to the first. Time: the one at work
has all that is left less a small reserve for each that was not begun yet, because a bound of
:math:`+\infty` is worth nothing; what a limit stopped is gone on with when all have been begun, the
greatest bound first. Without a limit of time that bites, nothing here depends on the clock.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from mathdesign.programs.base import Program
from mathdesign.programs.union import Member, Union
from mathdesign.solvers.base import (
    Ability,
    Backend,
    Clock,
    Incumbent,
    Progress,
    Solution,
    SolveOptions,
    Status,
    Termination,
    UnsupportedProblem,
    relative_gap,
)

#: Evaluations of a heuristic for a first point of each member.
START_EVALUATIONS = 400
STARTER = "evolution"
#: Share of the time limit that is kept for all members not begun yet, together.
RESERVE = 0.25
#: Where ``auto`` chooses a backend for each member.
AUTO = "auto"
EVERY = frozenset({Ability.PROVES, Ability.WARM_START, Ability.INTERRUPTIBLE, Ability.APART})


class Chosen(Protocol):
    """A backend and why (:class:`mathdesign.solvers.portfolio.Choice`)."""

    @property
    def backend(self) -> Backend[Any]:
        """What solves the program."""

    @property
    def reason(self) -> str:
        """One sentence for the user."""


#: The registry's choice, given to what it makes: a registry that names this module cannot be imported here.
Choose = Callable[[Program, str], Chosen]


class Members(Backend[Union]):
    """Solves each member by ``inner`` (``auto``: by what suits it) and keeps the best."""

    name = "members"
    summary = "each member by its own backend, the best so far a cutoff for the others"
    accepts = (Union,)

    def __init__(
        self, inner: str = AUTO, *, choose: Choose, backend: Callable[[str], Backend[Any]]
    ) -> None:
        self.inner, self._choose, auto = inner, choose, inner == AUTO
        self.name = Members.name if auto else f"{Members.name}:{inner}"
        # That distances are kept by who solves a member is asked of each: :meth:`refuses`.
        own = EVERY if auto else backend(inner).abilities | {Ability.APART}
        self.abilities = own

    @property
    def proves(self) -> bool:
        """Whether its members' bounds are worth anything."""
        return Ability.PROVES in self.abilities

    def refuses(self, problem: Union) -> str | None:
        """What its backend says of the first member that it cannot treat."""
        for member in problem.members:
            try:
                self._choose(member.program, self.inner)
            except UnsupportedProblem as error:
                return f"{member.title}: {error}"
        return None

    def because(self, problem: Union) -> str:
        """Which backend for which members, and why."""
        by: dict[str, list[Member]] = {}
        reasons: dict[str, str] = {}
        for member in problem.members:
            chosen = self._choose(member.program, self.inner)
            by.setdefault(chosen.backend.name, []).append(member)
            reasons.setdefault(chosen.backend.name, chosen.reason)
        told = [
            f"{name} for {'each' if len(by) == 1 else titles(members)} ({reasons[name]})"
            for name, members in by.items()
        ]
        return f"{len(problem.members)} members: {'; '.join(told)}"

    def solve(self, problem: Union, options: SolveOptions) -> Solution:
        """The best point of all members; the bound is the greatest of theirs."""
        parts = [_Part(m, self._choose(m.program, self.inner).backend) for m in problem.members]
        for backend in {part.backend.name: part.backend for part in parts}.values():
            backend.prepare(options)
        run = _Run(problem, options, parts)
        run.starter |= dict(self._starters(problem))
        try:
            reason = run.to_the_end()
        except KeyboardInterrupt:
            reason = Termination.INTERRUPTED
        return run.solution(self.name, reason)

    def _starters(self, problem: Union) -> Iterator[tuple[int, Backend[Any]]]:
        """A heuristic for each member that has one, where members are proven and not just searched."""
        for member in problem.members if self.proves and len(problem.members) > 1 else ():
            try:
                yield member.number, self._choose(member.program, STARTER).backend
            except UnsupportedProblem:
                continue


def titles(members: list[Member]) -> str:
    """Some members in words: ``resolution 160, 192``."""
    names = list(members[0].labels)
    if len(names) == 1 and all(list(m.labels) == names for m in members):
        return f"{names[0]} {', '.join(str(m.labels[names[0]]) for m in members)}"
    return "; ".join(member.title for member in members)


@dataclass
class _Part:
    """A member, who solves it, and what is known of it."""

    member: Member
    backend: Backend[Any]
    bound: float = math.inf
    begun: bool = False
    closed: bool = False
    """Whether its search ran to its own end."""
    stopped: Termination = Termination.TIME_LIMIT
    """Why it last ended."""
    start: tuple[int, ...] | None = None
    """A point of the member to begin with."""
    promise: float = -math.inf


@dataclass
class _Run:
    """One solve. ``bound`` is valid at any time."""

    problem: Union
    options: SolveOptions
    parts: list[_Part]
    clock: Clock = field(init=False)
    best: Incumbent = field(init=False)
    starter: dict[int, Backend[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.clock = Clock(self.options)
        self.best = Incumbent(self.problem, floor=self.options.floor)

    @property
    def bound(self) -> float:
        """The greatest bound of a member, at least what was found."""
        return max(self.best.cutoff, *(part.bound for part in self.parts))

    def matters(self, part: _Part) -> bool:
        """Whether a member may still hold what would be better than asked for."""
        if part.closed:
            return False
        level = self.best.level
        return level is None or relative_gap(level, part.bound) > self.options.gap

    def to_the_end(self) -> Termination:
        """Begin with each member, then go on with those that a limit stopped."""
        if reason := self.look():
            return reason
        order = sorted(self.parts, key=lambda part: (-part.promise, part.member.number))
        waiting = len(order)
        for part in order:
            waiting -= 1
            if self.matters(part) and (reason := self.work(part, waiting)):
                return reason
        while left := [part for part in self.parts if self.matters(part)]:
            if reason := self.clock.stop():
                return reason
            widest = max(left, key=lambda part: (part.bound, -part.member.number))
            before = widest.bound
            if reason := self.work(widest, 0):
                return reason
            if not widest.closed and widest.bound >= before:
                return self.clock.stop() or widest.stopped
        return Termination.COMPLETED

    def look(self) -> Termination | None:
        """A first point of each member, where a heuristic finds one soon."""
        self.take(self.options.warm_start)
        for part in self.parts:
            if part.member.number not in self.starter:
                continue
            if reason := self.clock.stop():
                return reason
            options = replace(
                self.options, evaluations=START_EVALUATIONS, warm_start=part.start,
                time_limit_s=self.clock.remaining_s, on_progress=None, floor=-math.inf,
            )  # fmt: skip
            found = self.starter[part.member.number].solve(part.member.program, options)
            if found.point is not None and found.objective is not None:
                part.promise, part.start = found.objective, found.point
                self.take((part.member.number, *found.point))
        return None

    def take(self, point: tuple[int, ...] | None) -> None:
        """A point of the union, and its member's to begin with."""
        if point is None or not self.best.offer(point):
            return
        for part in self.parts:
            if part.member.number == point[0]:
                part.start, part.promise = tuple(point[1:]), self.best.cutoff

    def work(self, part: _Part, waiting: int) -> Termination | None:
        """Solve a member for as long as it may; why all has to stop, if it has."""
        if reason := self.clock.stop():
            return reason
        reserve = RESERVE * self.options.time_limit_s * waiting / len(self.parts)
        here = self.best.point is not None and self.best.point[0] == part.member.number
        options = replace(
            self.options,
            time_limit_s=max(self.clock.remaining_s - reserve, 0.0),
            warm_start=part.start,
            floor=max(self.options.floor, -math.inf if here else self.best.cutoff),
            on_progress=self._told(part) if self.options.on_progress is not None else None,
        )
        found = part.backend.solve(part.member.program, options)
        part.begun = True
        self.best.nodes += found.nodes
        if found.point is not None:
            self.take((part.member.number, *found.point))
            part.start = found.point
        part.bound = min(part.bound, found.bound)
        part.stopped, part.closed = found.termination, found.termination is Termination.COMPLETED
        if found.status is Status.INFEASIBLE:
            part.bound = -math.inf
        if found.termination is Termination.INTERRUPTED:
            return found.termination
        return None

    def _told(self, part: _Part) -> Callable[[Progress], None]:
        """Progress of a member as progress of all."""

        def tell(progress: Progress) -> None:
            bound = part.bound if progress.bound is None else min(part.bound, progress.bound)
            others = (other.bound for other in self.parts if other is not part)
            objective = progress.objective
            if self.best.objective is not None:
                objective = max(self.best.objective, -math.inf if objective is None else objective)
            self.clock.report(
                objective, max([bound, *others]), self.best.nodes + progress.nodes,
                f"{part.member.title}: {progress.phase}",
            )  # fmt: skip

        return tell

    def solution(self, backend: str, reason: Termination) -> Solution:
        """The answer so far, and what each member came to."""
        self.best.bound = max(part.bound for part in self.parts)
        told = "; ".join(
            f"{part.member.title}: {'not begun' if not part.begun else f'bound {part.bound:.6g}'}"
            for part in self.parts
        )
        return self.best.solution(backend, reason, self.clock, self.options.gap, told)
