"""Program files: written, read by a solver that knows nothing of us, solved, and read back."""

from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse as sp

from mathdesign.programs.evaluate import Evaluator
from mathdesign.solvers import backend
from mathdesign.solvers.base import SolveOptions
from mathdesign.solvers.milp.interchange import design_of, write_program
from mathdesign.solvers.milp.reductions import WAYS
from mathdesign.spaces.convnet.space import WidthRules
from tests.slot_problems import random_slot_problem
from tests.small import two_stage_problem
from tests.solvers.milp import test_mixes as mixes


def random_slots(seed):
    return random_slot_problem(np.random.default_rng(seed), largest=300, spread=False)


def random_mixes(seed):
    return mixes.problem_of(seed)[0]


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


@pytest.mark.parametrize("suffix", [".mps", ".lp"])
@pytest.mark.parametrize("make", [random_slots, random_mixes])
def test_slots_and_mixes_are_written_and_read_back(tmp_path, suffix, make):
    """The file alone has the enumerated optimum, and its names are a point of the program."""
    solved = 0
    for seed in range(25):
        problem = make(seed)
        best = backend("scan").solve(problem, SolveOptions())
        if best.objective is None:
            continue
        path = tmp_path / f"program{seed}{suffix}"
        problem.write(path)
        objective, values = solved_by_highs(path)
        point = design_of(problem, values)
        assert problem.feasible(point), seed
        assert problem.value(point) == pytest.approx(best.objective, rel=1e-6, abs=1e-6), seed
        assert abs(objective) == pytest.approx(abs(best.objective), rel=1e-6, abs=1e-6), seed
        solved += 1
    assert solved >= 10


@pytest.mark.parametrize("make", [random_slots, random_mixes])
def test_a_written_program_is_the_same_program(tmp_path, make):
    """Every array, read back by column name."""
    import highspy

    for seed in range(25):
        problem = make(seed)
        model = WAYS[problem.form].build(problem)
        if model is None:
            continue
        problem.write(tmp_path / "program.mps")
        highs = highspy.Highs()
        highs.setOptionValue("output_flag", False)
        highs.readModel(str(tmp_path / "program.mps"))
        lp, milp = highs.getLp(), model.milp
        at = [list(lp.col_names_).index(name) for name in model.names]
        sign = 1.0 if lp.sense_ == highspy.ObjSense.kMaximize else -1.0
        assert np.allclose(sign * np.array(lp.col_cost_)[at], milp.objective, rtol=1e-12)
        assert np.allclose(np.array(lp.col_upper_)[at], milp.high)
        assert sign * lp.offset_ == pytest.approx(milp.offset)
        matrix = lp.a_matrix_
        kind = sp.csr_matrix if matrix.format_ == highspy.MatrixFormat.kRowwise else sp.csc_matrix
        read = kind((matrix.value_, matrix.index_, matrix.start_), shape=(lp.num_row_, lp.num_col_))
        assert abs(read[:, at] - milp.matrix).max() <= 1e-9 * abs(milp.matrix).max()
        assert np.allclose(lp.row_lower_, milp.row_low) and np.allclose(
            lp.row_upper_, milp.row_high
        )


def test_names_of_slots_and_mixes_say_what_is_chosen(tmp_path):
    random_slots(3).write(tmp_path / "slots.lp")
    assert "x0_s0_o0" in (tmp_path / "slots.lp").read_text()
    random_mixes(3).write(tmp_path / "mixes.lp")
    assert "frame0_group0_option0" in (tmp_path / "mixes.lp").read_text()


def test_wrong_suffixes_and_empty_programs_are_refused(tmp_path):
    with pytest.raises(ValueError, match="accepted suffixes"):
        write_program(two_stage_problem(), tmp_path / "program.xlsx")
    rules = WidthRules(bottleneck_ratio=(Fraction(4), Fraction(5)))
    with pytest.raises(ValueError, match="without a choice"):
        write_program(two_stage_problem(rules=rules), tmp_path / "program.lp")
