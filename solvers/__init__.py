"""Backends and reductions: a folder a method, one registry, one choice.

Importing this room also teaches programs how they are handed out to other tools.
"""

from __future__ import annotations

from mathdesign.solvers import hand_out
from mathdesign.solvers.base import (
    Ability,
    Backend,
    Incumbent,
    Progress,
    Solution,
    SolveOptions,
    Status,
    Termination,
    UnsupportedProblem,
)
from mathdesign.solvers.portfolio import BACKENDS, Choice, backend, choose, names, solve

__all__ = [
    "BACKENDS",
    "Ability",
    "Backend",
    "Choice",
    "Incumbent",
    "Progress",
    "Solution",
    "SolveOptions",
    "Status",
    "Termination",
    "UnsupportedProblem",
    "backend",
    "choose",
    "names",
    "solve",
]

hand_out.register()
