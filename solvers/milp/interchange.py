"""Program -> MPS or LP file of its multiple-choice MILP, for any solver that reads one.

Written by HiGHS. Columns that choose are named after what they choose, e.g.
``x1_width64_bottleneck16_kernel_size3_depth2`` for stage 1 (``z1_depth4`` where the depth is a
choice of its own), ``x2_kernel_5x5`` for option 5x5 of slot 2, ``frame3_group0_option1`` for a count
of a mix, so that a solution file can be read without this package; :func:`design_of` reads it
with. The depth penalty is in the file as tangents: between them it is underestimated, so
the file's optimum is an upper bound, and equal to the true one where no penalty is at work.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mathdesign.programs.base import Program
from mathdesign.solvers.milp.highs import highs_model, quiet_highs
from mathdesign.solvers.milp.reductions import handed_out

SUFFIXES = (".mps", ".lp", ".mps.gz", ".lp.gz")


def write_program(problem: Program, path: str | Path) -> None:
    """Write the MILP of ``problem``; the format follows the suffix of ``path``.

    Raises ``ValueError`` for another suffix, where the program has no MILP or none of its points is
    feasible, and ``OSError`` if the file cannot be written.
    """
    import highspy

    path = Path(path)
    if not path.name.endswith(SUFFIXES):
        raise ValueError(f"{path.name}: accepted suffixes are {', '.join(SUFFIXES)}")
    model = handed_out(problem)
    program = highs_model(model.milp.with_rows(model.first_cuts()))
    program.model_name_ = "".join(c if c.isalnum() else "_" for c in problem.name)
    program.col_names_ = model.names
    program.row_names_ = [f"r{i}" for i in range(program.num_row_)]
    highs = quiet_highs()
    highs.passModel(program)
    if highs.writeModel(str(path)) == highspy.HighsStatus.kError:
        raise OSError(f"{path} cannot be written")


def design_of(problem: Program, values: Mapping[str, float]) -> tuple[int, ...]:
    """The point that a solution of the written program selects; ``values`` by column name.

    Columns that are absent count as 0. Check the point: solvers have tolerances.
    """
    model = handed_out(problem)
    return model.invert(np.array([values.get(name, 0.0) for name in model.names]))
