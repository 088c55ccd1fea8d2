"""The first use on a machine: the kernels of the exact engine, compiled by two processes at once.

numba compiles under one lock, so a second core helps only from a second process. The kernels that
Python calls fall into two shares of equal cost with next to nothing in common: the interior-point
method with what reads its result, and the tightening and judging of boxes. A child compiles the second family into numba's cache on
disk while this process compiles the first, and then loads what the child left. Without a child
(or a cache it may write to) this process compiles everything, only later.
"""

# numba is untyped
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
from numba import typeof

from mathdesign.programs.chain import DesignProblem
from mathdesign.programs.stages import Decision, Objective, Scale, Stage
from mathdesign.solvers.compiled import on_disk
from mathdesign.solvers.exact import kernels
from mathdesign.solvers.exact.model import BoxModel, lower

METHOD, BOX = "method", "box"
_CHILD = "from mathdesign.solvers.exact import compile as c; c.compile_share(c.BOX)"


def cached() -> bool:
    """Whether an earlier run left these kernels on disk, as they are now."""
    return on_disk(kernels.conclude)


def compile_kernels() -> None:
    """Compile or load every kernel that Python calls."""
    child = None if cached() else _child()
    try:
        compile_share(METHOD)
    finally:
        if child is not None:
            child.wait()
    compile_share(BOX)


def compile_share(share: str) -> None:
    """Compile or load the kernels of one share."""
    arrays = lower(_smallest()).model
    scratch = kernels.workspace(arrays)
    for kernel, arguments in _called_with(arrays, scratch)[share].items():
        kernel.compile(arguments)
    if share == METHOD:  # they take any number of arrays, which only a call can state
        kernels.model_ref(*arrays)
        kernels.work_ref(*scratch)


def _child() -> subprocess.Popen[bytes] | None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    command = [sys.executable, "-c", _CHILD]
    try:
        return subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    except OSError:
        return None


def _called_with(
    arrays: BoxModel, scratch: kernels.Work
) -> Mapping[str, Mapping[Any, tuple[Any, ...]]]:
    """The kernels that Python calls, by share, with the types that it calls them with."""
    m = kernels.ModelType(tuple(zip(arrays._fields, map(typeof, arrays))))
    w = kernels.WorkType(tuple(zip(scratch._fields, map(typeof, scratch))))
    real, whole, truth = typeof(1.0), typeof(1), typeof(True)
    point = typeof(np.zeros(1, dtype=np.int64))
    return {
        METHOD: {
            kernels.maximise: (m, w, real, real, truth, real, whole),
            kernels.build_spans: (m, w, real, real),
            kernels.conclude: (m, w, real, real),
            kernels.branching: (m, w),
        },
        BOX: {
            kernels.relax: (m, w),
            kernels.tighten: (m, w, real),
            kernels.anneal: (m, point, point, whole, point),
            kernels.round_off: (m, w, real),
            kernels.visit_all: (m, w, real),
            kernels.points_in: (m, w),
            kernels.follow_sources: (m, point),
        },
    }


def _smallest() -> DesignProblem:
    """Any problem will do: the types of the arrays are the same for all."""
    stage = Stage("stage", (Decision("width", (1,)), Decision("depth", (1,))), {})
    return DesignProblem("smallest", (stage,), Objective((Scale(0, 1.0, 1),)))
