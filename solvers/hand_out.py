"""How programs leave the house: as a Pyomo model, a cvxpy problem, a file.

Programs know no solver; this module is what the room of the solvers tells them when it is imported.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mathdesign.programs.base import HAND_OUTS, Program
from mathdesign.programs.chain import DesignProblem
from mathdesign.programs.mixes import MixProblem
from mathdesign.programs.slots import SlotProblem
from mathdesign.programs.union import Union

FORMS = (DesignProblem.form, SlotProblem.form, MixProblem.form, Union.form)


def register() -> None:
    """Fill :data:`mathdesign.programs.base.HAND_OUTS`."""
    for form in FORMS:
        HAND_OUTS["pyomo", form] = to_pyomo
        HAND_OUTS["file", form] = write
    HAND_OUTS["cvxpy", "chain"] = to_cvxpy


def to_pyomo(program: Any, form: str = "") -> Any:
    """See :meth:`mathdesign.programs.base.Program.to_pyomo`."""
    from mathdesign.solvers.minlp.pyomo_model import to_pyomo as build

    return build(program, form)  # type: ignore[arg-type]


def to_cvxpy(program: DesignProblem) -> Any:
    """See :meth:`mathdesign.programs.base.Program.to_cvxpy`."""
    from mathdesign.solvers.convex.relaxation import to_cvxpy as build

    return build(program)


def write(program: Program, path: str | Path) -> None:
    """See :meth:`mathdesign.programs.base.Program.write`."""
    from mathdesign.solvers.milp.interchange import write_program

    write_program(program, path)
