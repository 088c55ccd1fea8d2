"""Backends and reductions. Each backend is imported only when it is asked for."""

from __future__ import annotations

import importlib

from mathdesign.solvers.base import (
    Ability,
    Backend,
    Progress,
    Solution,
    SolveOptions,
    Status,
    Termination,
    UnsupportedProblem,
)

__all__ = [
    "BACKENDS",
    "Ability",
    "Backend",
    "Progress",
    "Solution",
    "SolveOptions",
    "Status",
    "Termination",
    "UnsupportedProblem",
    "backend",
]

BACKENDS: dict[str, str] = {
    "brute": "mathdesign.solvers.scan.brute:Brute",
    "exact": "mathdesign.solvers.exact.engine:Exact",
    "highs": "mathdesign.solvers.milp.highs:Highs",
    "scipy": "mathdesign.solvers.milp.scipy_milp:ScipyMilp",
    "evolution": "mathdesign.solvers.heuristic.evolution:Evolution",
    "anneal": "mathdesign.solvers.heuristic.anneal:Anneal",
    "differential": "mathdesign.solvers.heuristic.differential:Differential",
    "scip": "mathdesign.solvers.minlp.scip:Scip",
    "pyomo": "mathdesign.solvers.minlp.pyomo_backend:Pyomo",
    "cvxpy": "mathdesign.solvers.convex.cvxpy_backend:Cvxpy",
}
"""Backend name -> ``module:class``."""


def backend(name: str) -> Backend:
    """The backend registered as ``name``; what follows a colon is its own (``pyomo:scip``).

    Raises ``KeyError`` with the accepted names.
    """
    key, colon, argument = name.partition(":")
    if key not in BACKENDS or (colon and (key != "pyomo" or not argument)):
        raise KeyError(f"unknown backend {name!r}; accepted: {', '.join(BACKENDS)}, pyomo:NAME")
    module, _, cls = BACKENDS[key].partition(":")
    make = getattr(importlib.import_module(module), cls)
    instance: Backend = make(argument) if colon else make()
    return instance
