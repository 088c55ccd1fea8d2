"""Which slot backend solves a problem, and the one call that everybody uses: ``solve_slots``."""

from __future__ import annotations

import importlib
from dataclasses import replace

from mathdesign.programs.slots import SlotProblem
from mathdesign.solvers.base import SolveOptions, UnsupportedProblem
from mathdesign.solvers.trees.base import SlotBackend, SlotSolution

#: Up to this many points a scan (a million or more a second) beats every bound.
SCAN_UP_TO = 10_000_000
SLOT_BACKENDS: dict[str, str] = {
    "scan": "mathdesign.solvers.scan.slots:Scan",
    "branch": "mathdesign.solvers.trees.branching:Branch",
}
"""Backend name -> ``module:class``."""


def slot_backend(name: str) -> SlotBackend:
    """The backend registered as ``name``. Raises ``KeyError`` with the accepted names."""
    if name not in SLOT_BACKENDS:
        raise KeyError(f"unknown slot backend {name!r}; accepted: {', '.join(SLOT_BACKENDS)}")
    module, _, cls = SLOT_BACKENDS[name].partition(":")
    instance: SlotBackend = getattr(importlib.import_module(module), cls)()
    return instance


def solve_slots(
    problem: SlotProblem, options: SolveOptions | None = None, backend: str = "auto"
) -> SlotSolution:
    """The best feasible point of ``problem``, with bound, gap and status.

    ``auto`` enumerates up to ``SCAN_UP_TO`` points and bounds above. Raises ``KeyError`` for an
    unknown backend and :class:`UnsupportedProblem` where a forced one cannot treat the problem.
    """
    name, reason = (backend, "asked for") if backend != "auto" else _choose(problem)
    chosen = slot_backend(name)
    if refused := chosen.refuses(problem):
        raise UnsupportedProblem(f"backend {name} cannot treat this problem: {refused}")
    return replace(chosen.solve(problem, options or SolveOptions()), reason=reason)


def _choose(problem: SlotProblem) -> tuple[str, str]:
    if problem.size <= SCAN_UP_TO:
        return "scan", f"{problem.size:,} designs are quickest enumerated"
    return "branch", f"{problem.size:.2g} designs are too many to enumerate"
