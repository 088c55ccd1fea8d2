"""Program files: written, read by a solver that knows nothing of us, solved, and read back."""

from fractions import Fraction

import numpy as np
import pytest

from mathdesign.programs.evaluate import Evaluator
from mathdesign.solvers import backend
from mathdesign.solvers.base import SolveOptions
from mathdesign.solvers.milp.interchange import design_of, write_program
from mathdesign.spaces.convnet.space import WidthRules
from tests.small import two_stage_problem


def solved_by_highs(path):
    """Optimal objective and column values by name, from the file alone."""
    import highspy

    highs = highspy.Highs()
    highs.setOptionValue("output_flag", False)
    highs.setOptionValue("mip_rel_gap", 0.0)
    assert highs.readModel(str(path)) == highspy.HighsStatus.kOk
    highs.run()
    assert highs.getModelStatus() == highspy.HighsModelStatus.kOptimal
    names, values = highs.getLp().col_names_, highs.getSolution().col_value
    return highs.getInfo().objective_function_value, dict(zip(names, values))


@pytest.mark.parametrize("suffix", [".mps", ".lp"])
@pytest.mark.parametrize("family", ["basic", "inverted_residual"])
def test_the_file_has_the_enumerated_optimum(tmp_path, suffix, family):
    problem = two_stage_problem(family)
    path = tmp_path / f"program{suffix}"
    write_program(problem, path)
    objective, values = solved_by_highs(path)
    best = backend("brute").solve(problem, SolveOptions())
    scores = Evaluator(problem)(np.array(design_of(problem, values)))
    assert scores.feasible[0]
    assert scores.objective[0] == pytest.approx(best.objective, rel=1e-6)
    # The MPS format has no maximisation: HiGHS writes and reads its own OBJSENSE section.
    assert abs(objective) == pytest.approx(best.objective, rel=1e-6)


def test_names_say_what_is_chosen(tmp_path):
    write_program(two_stage_problem(), tmp_path / "program.lp")
    text = (tmp_path / "program.lp").read_text()
    assert "x1_width32_bottleneck8_kernel_size3_depth2" in text


def test_wrong_suffixes_and_empty_programs_are_refused(tmp_path):
    with pytest.raises(ValueError, match="accepted suffixes"):
        write_program(two_stage_problem(), tmp_path / "program.xlsx")
    rules = WidthRules(bottleneck_ratio=(Fraction(4), Fraction(5)))
    with pytest.raises(ValueError, match="without a choice"):
        write_program(two_stage_problem(rules=rules), tmp_path / "program.lp")
