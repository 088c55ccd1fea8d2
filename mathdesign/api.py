"""The Python interface: load a specification, pose it, solve it, get a checked design."""

from __future__ import annotations

import functools
import importlib.metadata
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import overload

from mathdesign.explain import Explanation, explain
from mathdesign.kinds import kind_of_spec
from mathdesign.programs.base import Program as AnyProgram
from mathdesign.programs.chain import DesignProblem
from mathdesign.result import Answer, BudgetUse, Certificate, Design
from mathdesign.solvers.base import Progress, Solution, SolveOptions, Status
from mathdesign.solvers.portfolio import Choice, choose
from mathdesign.spaces.convnet.network import Network
from mathdesign.spaces.convnet.pose import Program, to_program
from mathdesign.spaces.convnet.words import Spec
from mathdesign.spec.blocks import SolveSpec, Specification
from mathdesign.validators.convnet.recheck import verify

#: Packages whose versions can change an answer.
VERSIONED = ("mathdesign", "numpy", "highspy", "scipy", "numba")


class Infeasible(Exception):
    """No design satisfies the specification. ``explanation`` says what each budget could reach."""

    def __init__(self, explanation: Explanation) -> None:
        self.explanation = explanation
        super().__init__("infeasible:\n" + "\n".join(explanation.lines()))


class NoDesignFound(Exception):
    """The search stopped at a limit without a design; none is proven impossible."""

    def __init__(self, solution: Solution) -> None:
        self.solution = solution
        super().__init__(
            f"no design found: backend {solution.backend} stopped "
            f"({solution.termination.value}) after {solution.seconds:.1f} s; "
            "raise solve.time_limit, loosen a budget, or coarsen the choices"
        )


@dataclass(frozen=True, slots=True)
class Hooks:
    """What a caller may want to hear and say while a design is sought.

    ``on_choice`` hears the backend and the reason, ``on_progress`` the solver's reports;
    ``should_stop`` returning true ends the search with its incumbent. ``near`` is a network of the
    same space, perhaps of another budget, that the solver may start from.
    """

    on_choice: Callable[[AnyProgram, Choice], None] | None = None
    on_progress: Callable[[Progress], None] | None = None
    should_stop: Callable[[], bool] | None = None
    near: Network | None = None


def problem(spec: Spec) -> DesignProblem:
    """The solver-free program of a specification."""
    return to_program(spec).problem


def solve(
    problem: DesignProblem, backend: str = "auto", options: SolveOptions | None = None
) -> Solution:
    """Solve a program with a backend by name. Never raises for infeasibility or limits."""
    return choose(problem, backend).backend.solve(problem, options or SolveOptions())


@overload
def design(spec: Spec, hooks: Hooks | None = None) -> Design: ...
@overload
def design(spec: Specification, hooks: Hooks | None = None) -> Answer: ...
def design(spec: Specification, hooks: Hooks | None = None) -> Answer:
    """The best network that a specification allows, re-evaluated independently and certified.

    Raises :class:`Infeasible`, :class:`NoDesignFound`, ``UnsupportedProblem`` (a forced backend
    that cannot treat the problem) and ``RecheckError`` (the answer is not what its solver says:
    a bug, never returned as a design).
    """
    answer: Answer = kind_of_spec(spec).part("design")(spec, hooks or Hooks())
    return answer


def design_chain(spec: Spec, hooks: Hooks) -> Design:
    """:func:`design` for a chain of convolutional stages."""
    program = to_program(spec)
    choice = choose(program.problem, spec.solve.backend)
    if hooks.on_choice is not None:
        hooks.on_choice(program.problem, choice)
    options = solve_options(spec.solve, hooks)
    if hooks.near is not None and len(hooks.near.point) == len(program.problem.variables):
        options = replace(options, warm_start=hooks.near.point)
    solution = choice.backend.solve(program.problem, options)
    if solution.status is Status.INFEASIBLE:
        raise Infeasible(explain(program.problem, on_progress=hooks.on_progress))
    if solution.point is None:
        raise NoDesignFound(solution)
    return certified(spec, program, solution)


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


def certified(spec: Spec, program: Program, solution: Solution) -> Design:
    """A solver's answer as a design, after an independent recount of everything it claims."""
    assert solution.point is not None and solution.objective is not None
    recount = verify(
        program.space,
        solution.point,
        counting=spec.counting,
        entropy=program.entropy,
        metric_weights=program.metric_weights,
        budgets=program.budgets,
        effectiveness=program.effectiveness,
        objective=solution.objective,
    )
    uses = [
        BudgetUse(b.metric, recount.metrics[b.metric], b.upper, b.lower) for b in program.budgets
    ]
    if program.effectiveness is not None:
        uses.append(BudgetUse("effectiveness", recount.effectiveness, program.effectiveness))
    proves = math.isfinite(solution.bound)
    return Design(
        network=Network.from_point(program.space, solution.point, spec.name),
        metrics=dict(recount.metrics),
        entropy=recount.entropy,
        depth_penalty=recount.penalty,
        effectiveness=recount.effectiveness,
        budgets=tuple(uses),
        certificate=Certificate(
            status=solution.status.value,
            termination=solution.termination.value,
            objective=recount.objective,
            bound=max(solution.bound, recount.objective) if proves else None,
            gap=solution.gap if proves else None,
            gap_target=spec.solve.gap,
            backend=solution.backend,
            seed=spec.solve.seed,
            request_sha256=spec.content_hash(),
            versions=dict(versions()),
        ),
        request=spec.to_dict(),
    )


@functools.cache
def versions() -> dict[str, str]:
    """Versions of the packages that can change an answer, those that are installed."""
    found = {}
    for package in VERSIONED:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
