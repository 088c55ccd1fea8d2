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
    "brute": "mathdesign.solvers.brute:Brute",
    "exact": "mathdesign.solvers.exact:Exact",
    "highs": "mathdesign.solvers.highs:Highs",
    "scipy": "mathdesign.solvers.scipy_milp:ScipyMilp",
    "evolution": "mathdesign.solvers.evolution:Evolution",
    "anneal": "mathdesign.solvers.anneal:Anneal",
    "differential": "mathdesign.solvers.differential:Differential",
    "scip": "mathdesign.solvers.scip:Scip",
    "pyomo": "mathdesign.solvers.pyomo_backend:Pyomo",
    "cvxpy": "mathdesign.solvers.cvxpy_backend:Cvxpy",
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
