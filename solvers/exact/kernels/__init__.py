"""Compiled kernels of the exact engine: bound, tightening and annealing. Each file reads those before.

``state`` what they share; ``points`` judged, ``boxes`` tightened; the relaxation of a box from its
``terms``, ``planes`` and ``products``; its values and derivatives (``evaluate``), the bound that
they give anywhere (``certificate``, with the argument) and Newton's method that looks for a good
place (``newton``); ``visits`` of points in a box, ``nodes`` from box to branching; ``annealing``.

Here are those that Python calls.
"""

from mathdesign.solvers.exact.kernels.annealing import anneal
from mathdesign.solvers.exact.kernels.boxes import tighten
from mathdesign.solvers.exact.kernels.newton import maximise
from mathdesign.solvers.exact.kernels.nodes import branching, conclude, relax
from mathdesign.solvers.exact.kernels.points import follow_sources, judge
from mathdesign.solvers.exact.kernels.products import build_spans
from mathdesign.solvers.exact.kernels.state import (
    MOST_PENALTY,
    NEVER,
    ModelType,
    Work,
    WorkType,
    model_ref,
    work_ref,
    workspace,
)
from mathdesign.solvers.exact.kernels.visits import points_in, round_off, visit_all

__all__ = [
    "MOST_PENALTY",
    "NEVER",
    "ModelType",
    "Work",
    "WorkType",
    "anneal",
    "branching",
    "build_spans",
    "conclude",
    "follow_sources",
    "judge",
    "maximise",
    "model_ref",
    "points_in",
    "relax",
    "round_off",
    "tighten",
    "visit_all",
    "work_ref",
    "workspace",
]
