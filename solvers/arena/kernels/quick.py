"""The search compiled: a copy of the function whose own name, by which it calls itself, is the kernel."""

from __future__ import annotations

from types import FunctionType

from mathdesign.solvers.arena.kernels.placing import place as as_written
from mathdesign.solvers.compiled import kernel

_names = dict(as_written.__globals__)
place = kernel(FunctionType(as_written.__code__, _names, "place"))
_names["place"] = place
