"""Unions as one MILP: written, solved by HiGHS alone, read back."""

import pytest

from mathdesign.programs.base import Budget
from mathdesign.programs.union import Union
from mathdesign.solvers import SolveOptions, solve
from mathdesign.solvers.milp.interchange import design_of, write_program
from mathdesign.solvers.milp.reductions import handed_out
from tests import points
from tests.gallery import UNIONS, _chain, _sizes, _two_forms
from tests.small import two_stage_problem
from tests.solvers.milp.test_interchange import random_mixes, random_slots, solved_by_highs


@pytest.mark.parametrize("entry", UNIONS, ids=lambda entry: entry.name)
def test_the_file_of_a_union_has_its_optimum(tmp_path, entry):
    program = entry.make()
    path = tmp_path / "union.lp"
    if entry.optimum is None:
        with pytest.raises((ValueError, AssertionError)):  # said, or found infeasible by HiGHS
            write_program(program, path)
            solved_by_highs(path)
        return
    write_program(program, path)
    objective, values = solved_by_highs(path)
    point = design_of(program, values)
    assert objective == pytest.approx(entry.optimum, rel=1e-7)
    assert program.feasible(point) and program.value(point) == pytest.approx(entry.optimum)


@pytest.mark.parametrize("made", [random_slots, random_mixes])
@pytest.mark.parametrize("seed", range(0, 8, 2))
def test_unions_of_slots_with_trees_and_of_mixes(tmp_path, made, seed):
    parts = [made(seed).with_budgets([]), made(seed + 1).with_budgets([])]
    union = Union.of("both", [({"seed": seed + k}, part) for k, part in enumerate(parts)])
    best = points.best(union)
    write_program(union, tmp_path / "union.mps")
    _, values = solved_by_highs(tmp_path / "union.mps")
    point = design_of(union, values)
    assert union.feasible(point)
    assert union.value(point) == pytest.approx(best, rel=1e-6, abs=1e-6)


def test_depth_penalties_are_tangents_of_each_member(tmp_path):
    parts = [two_stage_problem("basic"), two_stage_problem("bottleneck")]
    union = Union.of("two", [({"kind": k}, p.unlimited()) for k, p in enumerate(parts)])
    write_program(union, tmp_path / "union.lp")
    objective, values = solved_by_highs(tmp_path / "union.lp")
    assert union.feasible(design_of(union, values))
    best = max(solve(part.unlimited(), SolveOptions(gap=0.0), "brute").objective for part in parts)
    assert objective >= best * (1 - 1e-9)


def test_relaxations_of_members_are_not_mixed_for_free():
    """The hull: half of each member is worth half of each, never more than the better one."""
    import highspy

    union = _sizes(1, 2).with_budgets([Budget("m", 60)])
    path_milp = handed_out(union).milp
    single = [handed_out(m.program).milp for m in union.members]

    def relaxed(milp) -> float:
        from mathdesign.solvers.milp.highs import highs_model, quiet_highs

        model = highs_model(milp)
        model.integrality_ = [highspy.HighsVarType.kContinuous] * milp.columns
        highs = quiet_highs()
        highs.passModel(model)
        highs.run()
        return highs.getInfo().objective_function_value

    assert relaxed(path_milp) == pytest.approx(max(map(relaxed, single)), rel=1e-7)


def test_names_say_which_member():
    names = handed_out(_sizes(1, 2)).names
    assert names[:2] == ["member0_size1", "member1_size2"]
    assert len(set(names)) == len(names) and any(n.startswith("m1_x0_width") for n in names)


def test_pyomo_hands_a_union_out():
    pytest.importorskip("pyomo")
    from mathdesign.solvers.minlp.pyomo_model import linear_model

    model = _two_forms().to_pyomo()
    assert model.objective is not None and linear_model is not None
    with pytest.raises(ValueError, match="minlp is for chains"):
        _two_forms().to_pyomo("minlp")
    with pytest.raises(TypeError, match="'union' is not handed out as cvxpy"):
        _sizes(1).to_cvxpy()


def test_a_union_without_any_point_or_milp_says_so(tmp_path):
    with pytest.raises(ValueError, match="no member has a feasible point"):
        write_program(_two_forms().with_budgets([Budget("cost", 0)]), tmp_path / "union.lp")
    with pytest.raises(ValueError, match="accepted suffixes"):
        write_program(Union.of("u", [({}, _chain())]), tmp_path / "union.txt")
