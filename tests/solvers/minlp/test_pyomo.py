"""Models handed out to Pyomo, and the backends on top: both forms have the enumerated optimum."""

import os

import numpy as np
import pytest

from mathdesign.programs.evaluate import Evaluator
from mathdesign.solvers import backend
from mathdesign.solvers.base import SolveOptions, UnsupportedProblem
from mathdesign.solvers.minlp.foreign import FORKS, apart
from mathdesign.solvers.minlp.pyomo_backend import _without_capture
from mathdesign.solvers.portfolio import choose
from tests.slot_problems import random_slot_problem
from tests.small import two_stage_problem
from tests.solvers.milp.test_mixes import problem_of
from tests.strategies import random_problem

pyo = pytest.importorskip("pyomo.environ")
EXACT = SolveOptions(gap=0.0, time_limit_s=60.0)


@pytest.mark.parametrize("solver", ["highs", "scip"])
@pytest.mark.parametrize("seed", range(100, 110))
def test_backends_agree_with_enumeration_on_random_problems(solver, seed):
    problem = random_problem(np.random.default_rng(seed), largest=800)
    best = backend("brute").solve(problem, EXACT)
    solution = backend(f"pyomo:{solver}").solve(problem, EXACT)
    assert solution.status is best.status
    if best.objective is not None:
        assert solution.objective == pytest.approx(best.objective, rel=1e-6)
        assert solution.bound >= best.objective


@pytest.mark.parametrize(("form", "solver"), [("minlp", "scip_direct"), ("milp", "highs")])
def test_a_model_handed_out_is_solved_and_read_by_its_owner(form, solver):
    from mathdesign.solvers.minlp.pyomo_model import point_of, to_pyomo

    problem = two_stage_problem("basic")
    model = to_pyomo(problem, form)
    pyo.SolverFactory(solver).solve(model)
    scores = Evaluator(problem)(np.array(point_of(model)))
    best = backend("brute").solve(problem, EXACT)
    assert scores.feasible[0]
    assert scores.objective[0] == pytest.approx(best.objective, rel=1e-6)
    assert pyo.value(model.objective) == pytest.approx(best.objective, rel=1e-6)


def slots(seed):
    return random_slot_problem(np.random.default_rng(seed), largest=300, spread=False)


def mixes(seed):
    return problem_of(seed)[0]


@pytest.mark.parametrize("make", [slots, mixes])
def test_slots_and_mixes_are_handed_out_and_solved_by_their_owner(make):
    """Through Pyomo's own interfaces, and through the backend on top."""
    from mathdesign.solvers.milp.highs import fresh_threads
    from mathdesign.solvers.minlp.pyomo_model import point_of

    solved = 0
    for seed in range(20):
        problem = make(seed)
        best = backend("scan").solve(problem, EXACT)
        assert backend("pyomo:highs").solve(problem, EXACT).status is best.status, seed
        if best.objective is None:
            continue
        model = problem.to_pyomo("milp" if seed % 2 else "")
        fresh_threads()
        pyo.SolverFactory("appsi_highs" if seed % 2 else "highs").solve(model)
        point = point_of(model)
        assert problem.feasible(point), seed
        assert problem.value(point) == pytest.approx(best.objective, rel=1e-6, abs=1e-6), seed
        assert pyo.value(model.objective) == pytest.approx(best.objective, rel=1e-6, abs=1e-6)
        solved += 1
    assert solved >= 8


def test_columns_are_called_by_what_they_choose():
    assert "x0_s0_o0" in slots(3).to_pyomo().x
    assert "frame0" in mixes(3).to_pyomo().x
    assert "x0_width8_kernel_size3_depth1" in two_stage_problem().to_pyomo("milp").x


def test_the_nonlinear_road_is_for_chains_alone():
    with pytest.raises(ValueError, match="minlp is for chains"):
        slots(3).to_pyomo("minlp")
    assert "only chains" in (backend("pyomo:scip").refuses(slots(3)) or "")
    apart = two_stage_problem().apart_from((8, 3, 1, 16, 8, 3, 1, 16, 8, 3, 1, 10, 1))
    with pytest.raises(UnsupportedProblem, match="keep away"):
        choose(apart, "pyomo:scip")
    assert choose(apart, "pyomo:highs").backend.name == "pyomo:highs"


def test_any_design_is_a_feasible_point_of_the_nonlinear_model():
    """Fix the binaries to one design: the model's metrics and objective are the evaluator's."""
    from mathdesign.solvers.minlp.pyomo_model import nonlinear_model

    problem = two_stage_problem(budgets=(), effectiveness=None)
    point = (16, 3, 1, 32, 8, 3, 2, 48, 16, 5, 3, 10, 1)
    model, minlp = nonlinear_model(problem)
    for variable, value in minlp.assignment(point):
        variable.fix(value)
    pyo.SolverFactory("scip_direct").solve(model)
    assert minlp.point(pyo.value) == point
    scores = Evaluator(problem)(np.array(point))
    assert pyo.value(model.objective) == pytest.approx(scores.objective[0], rel=1e-6)


def test_an_unknown_solver_is_refused_and_an_unknown_backend_named():
    assert "no_such" in backend("pyomo:no_such").refuses(two_stage_problem())
    with pytest.raises(KeyError, match="pyomo:NAME"):
        backend("highs:fast")


@pytest.mark.skipif(not FORKS, reason="no fork")
def test_a_flood_of_print_does_not_stop_scip():
    """Pyomo's own pipe holds 64 KiB, and its reader cannot run while SCIP does."""
    direct = pytest.importorskip("pyomo.contrib.solver.solvers.scip.scip_direct")
    before = direct.capture_output

    def work(_hear):
        _without_capture()
        with direct.capture_output(None, capture_fd=True):
            return os.write(2, b"x" * 200_000)

    assert apart(work, bool, 5.0) == (200_000, False)
    assert direct.capture_output is before  # in the solver's process only
