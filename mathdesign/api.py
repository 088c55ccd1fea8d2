"""The Python interface, and the one pipeline: load, pose, choose, solve, recheck, certify."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from mathdesign.certificate import NOBODY, Certificate
from mathdesign.checking import broken_pins
from mathdesign.explain import Explanation, explain
from mathdesign.kinds import kind_of_spec
from mathdesign.programs.base import Program
from mathdesign.result import Design
from mathdesign.solvers import Ability, Choice, choose
from mathdesign.solvers.base import (
    Clock,
    Progress,
    Solution,
    SolveOptions,
    Status,
    Termination,
)
from mathdesign.spaces.kind import NamedNetwork
from mathdesign.spec.blocks import SolveSpec, Specification
from mathdesign.validators.errors import OutsideSpace

#: What was at work where a limit came before any backend.
POSING = "posing"
#: Posing that ends sooner is not told of.
SILENT_S = 0.5
#: An explanation takes no longer for each of its questions, nor than the solver may.
EXPLAINING_S = 20.0


class Infeasible(Exception):
    """No design satisfies the specification. ``explanation`` says what each budget could reach."""

    def __init__(self, explanation: Explanation) -> None:
        self.explanation = explanation
        super().__init__("infeasible:\n" + "\n".join(explanation.lines()))


class NoDesignFound(Exception):
    """The search stopped at a limit without a design; none is proven impossible."""

    def __init__(self, solution: Solution) -> None:
        self.solution = solution
        at_work = solution.backend if solution.backend == POSING else f"backend {solution.backend}"
        super().__init__(
            f"no design found: {at_work} stopped "
            f"({solution.termination.value}) after {solution.seconds:.1f} s; "
            "raise solve.time_limit, loosen a budget, or coarsen the choices"
        )


Start = Literal["taken", "infeasible", "elsewhere", "unused"]
"""What became of a network to start from: it breaks a rule or a budget, the space has no such
choices, the backend takes no start."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """What a caller may want to hear and say while a design is sought.

    ``on_choice`` hears the program, the backend and the reason, before solving; ``on_progress`` the
    solver's reports; ``should_stop`` returning true ends the search with its incumbent. ``near`` is
    a network of the same space, perhaps of another budget, that the solver may start from;
    ``on_start`` hears what became of it, where one is given.
    """

    on_choice: Callable[[Program, Choice], None] | None = None
    on_progress: Callable[[Progress], None] | None = None
    should_stop: Callable[[], bool] | None = None
    near: Any = None
    on_start: Callable[[Start], None] | None = None


def problem(spec: Specification) -> Program:
    """The solver-free program of a specification. Raises ``SpecError`` where none can be posed."""
    program: Program = kind_of_spec(spec).pose(spec).program
    return program


def pose(spec: Specification, clock: Clock) -> Any:
    """The posed specification of its kind, made while ``clock`` allows it.

    Raises :class:`NoDesignFound` where that stops first, ``SpecError`` where none can be posed.
    """

    def watch(what: str, done: int, of: int) -> None:
        if clock.elapsed_s >= SILENT_S:
            clock.report(None, None, 0, f"posing: {what}, {done:,} of {of:,}")
        if reason := clock.stop():
            raise NoDesignFound(Solution(POSING, Status.UNKNOWN, reason, seconds=clock.elapsed_s))

    return kind_of_spec(spec).pose(spec, watch)


def solve(problem: Program, backend: str = "auto", options: SolveOptions | None = None) -> Solution:
    """Solve a program with a backend by name. Never raises for infeasibility or limits.

    Raises ``KeyError`` for an unknown backend, ``UnsupportedProblem`` for one that cannot treat it.
    """
    return choose(problem, backend).backend.solve(problem, options or SolveOptions())


def design(spec: Specification, hooks: Hooks | None = None) -> Design:
    """The best network that a specification allows, re-evaluated independently and certified.

    Raises :class:`Infeasible`, :class:`NoDesignFound`, ``SpecError`` (nothing can be posed),
    ``UnsupportedProblem`` (a forced backend that cannot treat the program) and ``RecheckError``
    (the answer is not what its solver says: a bug, never returned as a design).
    """
    hooks = hooks or Hooks()
    kind = kind_of_spec(spec)
    clock = Clock(solve_options(spec.solve, hooks))
    posed = pose(spec, clock)
    program: Program = posed.program
    choice = choose(program, spec.solve.backend)
    if hooks.on_choice is not None:
        hooks.on_choice(program, choice)
    options = replace(clock.options, time_limit_s=clock.remaining_s)
    if hooks.near is not None:
        start = kind.starting_point(posed, hooks.near)
        options = replace(options, warm_start=start)
        if hooks.on_start is not None:
            hooks.on_start(_start(program, choice, start))
    solution = kind.settled(posed, program, choice.backend.solve(program, options))
    if solution.status is Status.INFEASIBLE:
        within = min(EXPLAINING_S, spec.solve.time_limit)
        explained = explain(
            kind.lifted(posed), pins=spec.pins, time_limit_s=within, on_progress=hooks.on_progress
        )
        raise Infeasible(explained)
    if solution.point is None:
        raise NoDesignFound(solution)
    network = kind.network(posed, solution.point)
    found = kind.recheck(posed, network, solution)
    if broken := broken_pins(kind, spec, network):
        raise OutsideSpace("; ".join(broken))
    certificate = Certificate.of(spec, solution, found.objective)
    return Design.of(network, found, certificate, spec.to_dict())


def _start(program: Program, choice: Choice, point: tuple[int, ...] | None) -> Start:
    if point is None:
        return "elsewhere"
    if Ability.WARM_START not in choice.backend.abilities:
        return "unused"
    return "taken" if program.feasible(point) else "infeasible"


def given(spec: Specification, network: NamedNetwork | None = None) -> Design:
    """A network that nobody sought, counted and checked as answers are; its certificate says so.

    ``network`` has the name of the specification; ``None``: the space has one point, which is it.
    Raises ``ValueError`` where the network is no point of the space, or the space has several,
    ``RecheckError`` where a budget is not kept, ``SpecError`` where nothing can be posed.
    """
    kind = kind_of_spec(spec)
    posed = kind.pose(spec)
    program: Program = posed.program
    if network is None:
        if program.size != 1:
            raise ValueError(
                f"{spec.name}: found {program.census()}, accepted: one, or its network"
            )
        network = kind.network(posed, program.only())
    point = kind.starting_point(posed, network)
    own = None if point is None else kind.network(posed, point)
    if point is None or own != network:  # a point of as many numbers may be another network
        raise ValueError(f"{spec.name}: not a network of its space")
    value = program.value(point)
    solution = Solution(NOBODY, Status.FEASIBLE, Termination.COMPLETED, point, value)
    found = kind.recheck(posed, own, solution)
    certificate = Certificate.of_given(spec, found.objective)
    return Design.of(own, found, certificate, spec.to_dict())


def solve_options(words: SolveSpec, hooks: Hooks) -> SolveOptions:
    """A specification's ``solve:`` block and the caller's hooks, as a backend takes them."""
    return SolveOptions(
        gap=words.gap,
        time_limit_s=words.time_limit,
        seed=words.seed,
        threads=words.threads,
        memory_limit_bytes=words.memory_limit,
        on_progress=hooks.on_progress,
        should_stop=hooks.should_stop,
    )
