"""Which backend solves a problem: the fastest one that can prove the answer, and why."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

from mathdesign.programs.chain import DesignProblem
from mathdesign.solvers import BACKENDS, UnsupportedProblem, backend
from mathdesign.solvers.base import Ability, Backend

#: Up to this many points, enumeration (a million or more a second) beats building a model.
ENUMERATE_UP_TO = 2_000_000
#: In order of preference above that size.
PREFERENCE = ("exact", "highs", "evolution")
#: Packages that a backend needs beyond the installed core.
NEEDS = {"exact": "numba", "scip": "pyscipopt", "pyomo": "pyomo", "cvxpy": "cvxpy"}


@dataclass(frozen=True, slots=True)
class Choice:
    """A backend and the reason for it, one sentence for the user."""

    backend: Backend
    reason: str


def choose(problem: DesignProblem, name: str = "auto") -> Choice:
    """The backend called ``name``, or for ``auto`` the fastest that can prove this problem.

    Raises ``KeyError`` for an unknown name and :class:`UnsupportedProblem` where a forced backend
    cannot treat the problem.
    """
    if name != "auto":
        package = NEEDS.get(name.partition(":")[0])
        if package is not None and importlib.util.find_spec(package) is None:
            raise UnsupportedProblem(
                f"backend {name} needs the package {package}: pip install 'mathdesign[all]'"
            )
        chosen = backend(name)
        if reason := chosen.refuses(problem):
            raise UnsupportedProblem(
                f"backend {name} cannot treat this problem: {reason}; try `backend: auto`"
            )
        return Choice(chosen, "asked for")
    if problem.size <= ENUMERATE_UP_TO:
        return Choice(backend("brute"), f"{problem.size:,} designs are quickest enumerated")
    skipped = []
    for candidate in PREFERENCE:
        if candidate not in BACKENDS:
            continue
        if (package := NEEDS.get(candidate)) and importlib.util.find_spec(package) is None:
            skipped.append(f"{candidate} needs {package}, which is not installed")
            continue
        chosen = backend(candidate)
        if reason := chosen.refuses(problem):
            skipped.append(f"{candidate}: {reason}")
            continue
        return Choice(chosen, _because(chosen, skipped))
    raise UnsupportedProblem("no backend can treat this problem: " + "; ".join(skipped))


def _because(chosen: Backend, skipped: list[str]) -> str:
    proof = (
        "proves its answer" if Ability.PROVES in chosen.abilities else "finds designs, proves none"
    )
    return "; ".join([f"{chosen.summary}; {proof}", *skipped])
