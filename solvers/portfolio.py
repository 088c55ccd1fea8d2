"""The registry of backends, and which one solves a program: the fastest that can prove it, and why."""

from __future__ import annotations

import functools
import importlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mathdesign.programs.base import Program
from mathdesign.solvers.base import (
    Ability,
    Backend,
    Solution,
    SolveOptions,
    UnsupportedProblem,
)

AUTO = "auto"
BACKENDS: dict[str, str] = {
    "brute": "mathdesign.solvers.scan.enumeration:Brute",
    "scan": "mathdesign.solvers.scan.enumeration:Scan",
    "paths": "mathdesign.solvers.paths.backend:Paths",
    "exact": "mathdesign.solvers.exact.engine:Exact",
    "viterbi": "mathdesign.solvers.viterbi.backend:Viterbi",
    "branch": "mathdesign.solvers.trees.backend:Branch",
    "frames": "mathdesign.solvers.mixes.frames:Frames",
    "members": "mathdesign.solvers.union.members:Members",
    "highs": "mathdesign.solvers.milp.highs:Highs",
    "evolution": "mathdesign.solvers.heuristic.evolution:Evolution",
    "scipy": "mathdesign.solvers.milp.scipy_milp:ScipyMilp",
    "anneal": "mathdesign.solvers.heuristic.anneal:Anneal",
    "differential": "mathdesign.solvers.heuristic.differential:Differential",
    "scip": "mathdesign.solvers.minlp.scip:Scip",
    "pyomo": "mathdesign.solvers.minlp.pyomo_backend:Pyomo",
    "cvxpy": "mathdesign.solvers.convex.cvxpy_backend:Cvxpy",
}
"""Backend name -> ``module:class``, in the order in which ``auto`` looks at them."""
#: Where ``auto`` stops looking: what follows is there to be asked for.
LAST_AUTOMATIC = "evolution"
#: Backends that take a solver's name of their own, ``pyomo:NAME``.
WITH_ARGUMENT = ("pyomo", "members")
#: The one that solves a program made of others by what solves those: it is given the choice.
MEMBERS = "members"


@dataclass(frozen=True, slots=True)
class Choice:
    """A backend and the reason for it, one sentence for the user."""

    backend: Backend[Any]
    reason: str


def backend(name: str) -> Backend[Any]:
    """The backend registered as ``name``; what follows a colon is its own (``pyomo:scip``).

    Raises ``KeyError`` with the accepted names.
    """
    key, colon, argument = name.partition(":")
    if key not in BACKENDS or (colon and (key not in WITH_ARGUMENT or not argument)):
        raise KeyError(f"unknown backend {name!r}; accepted: {', '.join(BACKENDS)}, pyomo:NAME")
    given = (argument,) if colon else ()
    registry = {"choose": choose, "backend": backend} if key == MEMBERS else {}
    made: Backend[Any] = _class(key)(*given, **registry)
    return made


@functools.cache
def names(form: type[Program]) -> tuple[str, ...]:
    """What ``solve.backend`` may say for programs of ``form``: ``auto`` first, then by name.

    A union takes every name: its members' forms decide.
    """
    united = issubclass(form, _class(MEMBERS).accepts)
    found = [name for name in BACKENDS if united or issubclass(form, _class(name).accepts)]
    return (AUTO, *(f"{n}:NAME" if n in WITH_ARGUMENT else n for n in found))


def choose(problem: Program, name: str = AUTO) -> Choice:
    """The backend called ``name``, or for ``auto`` the fastest that can prove this program.

    A backend that does not know unions solves one member by member (``members:NAME``). Raises ``KeyError`` for an unknown name and :class:`UnsupportedProblem` where a forced backend
    cannot treat the program.
    """
    if name != AUTO:
        chosen = backend(name)
        if not isinstance(problem, chosen.accepts) and isinstance(problem, _class(MEMBERS).accepts):
            chosen = backend(f"{MEMBERS}:{name}")
        if reason := cannot(chosen, problem):
            raise UnsupportedProblem(
                f"backend {name} cannot treat this problem: {reason}; try `backend: auto`"
            )
        return Choice(chosen, "asked for")
    skipped: dict[str, str] = {}  # reason -> who said it first: what goes by two names is said once
    for candidate in BACKENDS:
        chosen = backend(candidate)
        if isinstance(problem, chosen.accepts) and chosen.suits(problem):
            reason = cannot(chosen, problem)
            if reason is None and (reason := chosen.passes(problem)) is None:
                return Choice(chosen, "; ".join([chosen.because(problem), *_said(skipped)]))
            if reason:
                skipped.setdefault(reason, candidate)
        if candidate == LAST_AUTOMATIC:
            break
    raise UnsupportedProblem("no backend can treat this problem: " + "; ".join(_said(skipped)))


def _said(skipped: Mapping[str, str]) -> list[str]:
    return [f"{name}: {reason}" for reason, name in skipped.items()]


def solve(problem: Program, options: SolveOptions | None = None, backend: str = AUTO) -> Solution:
    """Choose and solve. Never raises for infeasibility or limits; else as :func:`choose`."""
    return choose(problem, backend).backend.solve(problem, options or SolveOptions())


def cannot(chosen: Backend[Any], problem: Program) -> str | None:
    """Why a backend cannot treat a program here and now (``None``: it can)."""
    if not isinstance(problem, chosen.accepts):
        accepted = " and ".join(form.form for form in chosen.accepts)
        return f"it treats programs of form {accepted}, this one is {problem.form}"
    if chosen.needs is not None and importlib.util.find_spec(chosen.needs) is None:
        return f"it needs the package {chosen.needs}: pip install 'mathdesign[all]'"
    if problem.distances and Ability.APART not in chosen.abilities:
        return "it does not keep away from given points"
    return chosen.refuses(problem)


def _class(name: str) -> Any:
    module, _, cls = BACKENDS[name].partition(":")
    return getattr(importlib.import_module(module), cls)
