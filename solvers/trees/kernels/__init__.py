"""Compiled kernels of the trees: boxes of options tightened, bounded and searched, and tabu walks.

``layout`` of the arrays; boxes are tightened (``tightening``) and bounded (``bounds``, with the
argument) by ``messages``, ``sweeps`` and ``multipliers``; ``searching`` below a box. On their own:
changes of a point (``neighbours``) and ``walks`` of them; ``conflicts`` of leaves.

Here are those that branch and bound calls.
"""

from mathdesign.solvers.trees.kernels.bounds import bound_box
from mathdesign.solvers.trees.kernels.layout import DONE, NEVER, POINT, ROUNDING, WORKED
from mathdesign.solvers.trees.kernels.searching import at, expand, probe, search
from mathdesign.solvers.trees.kernels.tightening import tighten

__all__ = [
    "DONE",
    "NEVER",
    "POINT",
    "ROUNDING",
    "WORKED",
    "at",
    "bound_box",
    "expand",
    "probe",
    "search",
    "tighten",
]
