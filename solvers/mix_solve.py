"""Which backend solves a mix problem, and the one call that everybody uses: ``solve_mixes``."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from mathdesign.programs.mixes import MixProblem
from mathdesign.solvers.base import (
    Solution,
    SolveOptions,
    Status,
    Termination,
    UnsupportedProblem,
)
from mathdesign.solvers.mixes.frames import solve_frames
from mathdesign.solvers.scan.mixes import MOST_POINTS, scan_mixes

#: Up to this many points the scan is as quick as anything.
SCAN_UP_TO = 20_000
MIX_BACKENDS: Mapping[str, Callable[[MixProblem, SolveOptions], Solution]] = {
    "frames": solve_frames,
    "scan": scan_mixes,
}
"""Backend name -> function."""


def solve_mixes(
    problem: MixProblem, options: SolveOptions | None = None, backend: str = "auto"
) -> Solution:
    """The best feasible point of ``problem``, with bound, gap and status.

    Raises :class:`UnsupportedProblem` for an unknown backend, or one that cannot treat it.
    """
    name = choose_mix_backend(problem)[0] if backend == "auto" else backend
    if name not in MIX_BACKENDS:
        raise UnsupportedProblem(f"no backend {name!r} for this kind; accepted: auto, frames, scan")
    if name == "scan" and problem.mixes > MOST_POINTS:
        raise UnsupportedProblem(
            f"backend scan cannot treat {problem.mixes:.3g} mixes (at most {MOST_POINTS:,}): "
            "accepted: auto, frames"
        )
    if not problem.frames:
        return Solution(name, Status.INFEASIBLE, Termination.COMPLETED, bound=-math.inf)
    return MIX_BACKENDS[name](problem, options or SolveOptions())


def choose_mix_backend(problem: MixProblem) -> tuple[str, str]:
    """The backend for ``auto`` and why, one sentence."""
    if problem.mixes <= SCAN_UP_TO:
        return "scan", f"{problem.mixes:,} mixes of layers are quickest enumerated"
    return "frames", f"{problem.size:.3g} designs: counts of layers in {len(problem.frames)} frames"
