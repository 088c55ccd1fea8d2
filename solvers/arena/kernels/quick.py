"""The search compiled: a copy of the function whose own name, by which it calls itself, is the kernel."""

from __future__ import annotations

from types import FunctionType

from mathdesign.solvers.arena.kernels import placing
from mathdesign.solvers.compiled import kernel

_names = dict(vars(placing))
place = kernel(FunctionType(placing.place.__code__, _names, "place"))
_names["place"] = place
