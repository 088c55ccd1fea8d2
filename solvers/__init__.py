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
    "highs": "mathdesign.solvers.highs:Highs",
    "scipy": "mathdesign.solvers.scipy_milp:ScipyMilp",
    "evolution": "mathdesign.solvers.evolution:Evolution",
    "anneal": "mathdesign.solvers.anneal:Anneal",
    "differential": "mathdesign.solvers.differential:Differential",
}
"""Backend name -> ``module:class``."""


def backend(name: str) -> Backend:
    """The backend registered as ``name``. Raises ``KeyError`` with the accepted names."""
    if name not in BACKENDS:
        raise KeyError(f"unknown backend {name!r}; accepted: {', '.join(BACKENDS)}")
    module, _, cls = BACKENDS[name].partition(":")
    instance: Backend = getattr(importlib.import_module(module), cls)()
    return instance
