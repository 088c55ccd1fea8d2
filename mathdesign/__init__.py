"""mathdesign: neural architectures designed as mathematical programs, with a proof.

>>> import mathdesign
>>> spec = mathdesign.load("examples/03_digits_tiny/design.yaml")
>>> design = mathdesign.design(spec)
>>> design.certificate.status
'optimal'

Names are imported on first use, so that ``import mathdesign`` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    __version__: str
    from mathdesign.api import Hooks, Infeasible, NoDesignFound, design, problem, solve
    from mathdesign.certificate import Certificate
    from mathdesign.kinds.load import load, loads
    from mathdesign.kinds.quick import quick
    from mathdesign.programs.chain import DesignProblem
    from mathdesign.result import Design
    from mathdesign.solvers import Solution, SolveOptions
    from mathdesign.spaces.convnet.words import Spec
    from mathdesign.spec.faults import SpecError
    from mathdesign.tables.build import design_table
    from mathdesign.tables.pareto import pareto

_HOME = {
    "Hooks": "api",
    "Infeasible": "api",
    "NoDesignFound": "api",
    "problem": "api",
    "solve": "api",
    "design": "api",
    "Certificate": "certificate",
    "Design": "result",
    "DesignProblem": "programs.chain",
    "Solution": "solvers",
    "SolveOptions": "solvers",
    "Spec": "spaces.convnet.words",
    "SpecError": "spec.faults",
    "load": "kinds.load",
    "loads": "kinds.load",
    "quick": "kinds.quick",
    "design_table": "tables.build",
    "pareto": "tables.pareto",
}

__all__ = [
    "Certificate",
    "Design",
    "DesignProblem",
    "Hooks",
    "Infeasible",
    "NoDesignFound",
    "Solution",
    "SolveOptions",
    "Spec",
    "SpecError",
    "__version__",
    "design",
    "design_table",
    "load",
    "loads",
    "pareto",
    "problem",
    "quick",
    "solve",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    if name == "__version__":
        return importlib.import_module("mathdesign.extras").version()
    if name not in _HOME:
        raise AttributeError(f"module 'mathdesign' has no attribute {name!r}")
    return getattr(importlib.import_module(f"mathdesign.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    """The public names, imported or not."""
    return sorted({*globals(), *__all__})
