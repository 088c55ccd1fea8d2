"""DesignProblem -> MPS or LP file of its choice MILP, for any solver that reads one.

Written by HiGHS. Columns that choose are named after what they choose, e.g.
``x1_width64_bottleneck16_kernel_size3_depth2`` for stage 1 (``z1_depth4`` where the depth is a
choice of its own), so that a solution file can be read without this package; :func:`design_of`
reads it with. The depth penalty is in the file as tangents: between them it is underestimated, so
the file's optimum is an upper bound, and equal to the true one where no penalty is at work.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mathdesign.programs.chain import DesignProblem
from mathdesign.programs.stages import DEPTH
from mathdesign.solvers.milp.choice import ChoiceMilp, build
from mathdesign.solvers.milp.highs import highs_model, quiet_highs

SUFFIXES = (".mps", ".lp", ".mps.gz", ".lp.gz")


def write_program(problem: DesignProblem, path: str | Path) -> None:
    """Write the choice MILP of ``problem``; the format follows the suffix of ``path``.

    Raises ``ValueError`` for another suffix, or where rules exclude every choice of a stage, and
    ``OSError`` if the file cannot be written.
    """
    import highspy

    path = Path(path)
    if not path.name.endswith(SUFFIXES):
        raise ValueError(f"{path.name}: accepted suffixes are {', '.join(SUFFIXES)}")
    model = _built(problem)
    program = highs_model(model.milp.with_rows(model.first_cuts()))
    program.model_name_ = "".join(c if c.isalnum() else "_" for c in problem.name)
    program.col_names_ = column_names(model)
    program.row_names_ = [f"r{i}" for i in range(program.num_row_)]
    highs = quiet_highs()
    highs.passModel(program)
    if highs.writeModel(str(path)) == highspy.HighsStatus.kError:
        raise OSError(f"{path} cannot be written")


def design_of(problem: DesignProblem, values: Mapping[str, float]) -> tuple[int, ...]:
    """The point that a solution of the written program selects; ``values`` by column name.

    Columns that are absent count as 0. Check the point: solvers have tolerances.
    """
    model = _built(problem)
    return model.invert(np.array([values.get(name, 0.0) for name in column_names(model)]))


def column_names(model: ChoiceMilp) -> list[str]:
    """One name per column: choices by what they choose, all others by number."""
    names = [f"c{i}" for i in range(model.milp.columns)]
    for s, (stage, columns) in enumerate(zip(model.problem.stages, model.stages)):
        for t, column in enumerate(columns.x):
            parts = [
                f"{d.name}{int(columns.options[d.name][t])}"
                for d in stage.decisions
                if d.name in columns.options
            ]
            names[int(column)] = "_".join([f"x{s}", *parts])
        if columns.z is not None:
            for depth, column in zip(stage.domain(DEPTH), columns.z):
                names[int(column)] = f"z{s}_depth{depth}"
    return names


def _built(problem: DesignProblem) -> ChoiceMilp:
    model = build(problem)
    if model is None:
        raise ValueError(f"{problem.name}: the rules leave some stage without a choice")
    return model
