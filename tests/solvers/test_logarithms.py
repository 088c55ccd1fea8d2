"""Logarithms of choices as the objective: every backend against enumeration, and what it is handed.

Hundreds more, and harder ones, are in ``benchmarks/exact_soundness.py --volume`` and
``benchmarks/soundness.py``.
"""

import math
from dataclasses import replace

import numpy as np
import pytest

from mathdesign.programs.base import Budget
from mathdesign.programs.chain import DesignProblem
from mathdesign.programs.stages import (
    Decision,
    DepthTerm,
    LogTerm,
    Objective,
    Repeat,
    Stage,
    term,
)  # fmt: skip
from mathdesign.solvers import BACKENDS, Ability, SolveOptions, Status, backend
from mathdesign.solvers.portfolio import cannot
from tests import points
from tests.strategies import random_problem

#: Seeds of small programs for each backend: what is slow sees fewer.
SEEDS = {"scip": 6, "pyomo": 4, "cvxpy": 6, "scipy": 8, "highs": 12}
NAMES = [name for name in sorted(BACKENDS) if DesignProblem in backend(name).accepts]


def two_links(
    depths: tuple[int, ...] = (1, 2, 3, 4), weights: tuple[float, ...] = ()
) -> DesignProblem:
    """``2 ln w1 + ln d1 + 3 ln w2 - ln d2`` (or other weights) under ``d1 w1 + w1 w2 d2 <= 40``."""
    first, last = (
        Stage(name, (Decision("width", (1, 2, 3, 5)), Decision("depth", depths)), {"m": (cost,)})
        for name, cost in (
            ("a", term(1, Repeat.EACH, width=1)), ("b", term(1, Repeat.EACH, prev=1, width=1)),
        )
    )  # fmt: skip
    places = ((0, "width"), (0, "depth"), (1, "width"), (1, "depth"))
    logs = [LogTerm(s, name, w) for (s, name), w in zip(places, weights or (2.0, 1.0, 3.0, -1.0))]
    objective = Objective(logs=tuple(logs), constant=0.25)
    return DesignProblem("links", (first, last), objective, budgets=(Budget("m", 40),))


def by_width(program: DesignProblem, *terms: DepthTerm) -> DesignProblem:
    """The logarithms of widths alone, and depths that count by width."""
    logs = tuple(log for log in program.objective.logs if log.decision == "width")
    return replace(program, objective=replace(program.objective, logs=logs, depths=terms))


def test_a_depth_that_counts_by_width_by_hand():
    """3 blocks of width 5 with 10 channels a block count as 1 / (1/3 + 10/5): less than one."""
    program = by_width(two_links(), DepthTerm(0, 1.0, 10.0), DepthTerm(1, 2.0, 0.0))
    found = backend("brute").solve(program, SolveOptions(gap=0.0))
    assert found.point == (5, 3, 5, 1)
    expected = 0.25 + 5 * math.log(5) - math.log(1 / 3 + 10 / 5)
    assert found.objective == pytest.approx(expected, rel=1e-15)
    deep = by_width(two_links(), DepthTerm(1, 9.0, 0.0))
    assert backend("brute").solve(deep, SolveOptions(gap=0.0)).point[3] == 4


def test_it_rises_in_both_and_is_concave_in_their_logarithms():
    term = DepthTerm(0, 1.5, 8.0)
    rng = np.random.default_rng(0)
    for _ in range(500):
        (d, w), (e, v) = np.exp(rng.uniform(0, 7, (2, 2)))
        middle = float(term.at(math.sqrt(d * e), math.sqrt(w * v)))
        assert middle >= (float(term.at(d, w)) + float(term.at(e, v))) / 2 - 1e-12
        assert term.at(2 * d, w) > term.at(d, w) and term.at(d, 2 * w) > term.at(d, w)
        assert float(term.at(d, w)) < 1.5 * math.log(min(d, w / 8))


def test_by_hand():
    """5 * 4 + 5 * 5 * 1 is too much: 5 * 3 + 25 = 40 fits, 2 ln 5 + ln 3 + 3 ln 5."""
    found = backend("brute").solve(two_links(), SolveOptions(gap=0.0))
    assert found.point == (5, 3, 5, 1)
    assert found.objective == pytest.approx(0.25 + 5 * math.log(5) + math.log(3), rel=1e-15)


@pytest.mark.parametrize("name", NAMES)
def test_every_backend_against_enumeration(name: str):
    solver, seen = backend(name), 0
    for seed in range(SEEDS.get(name, 10)):
        program = random_problem(np.random.default_rng(seed), largest=120, volume=True)
        if cannot(solver, program):
            continue
        best = points.best(program)
        found = solver.solve(program, SolveOptions(gap=0.0, time_limit_s=30, evaluations=500))
        if found.point is not None:
            assert found.objective == pytest.approx(points.value(program, found.point), rel=1e-12)
            assert found.objective <= best * (1 + 1e-9 * np.sign(best)) + 1e-12
        if best is not None:
            assert found.bound >= best - 1e-12 * abs(best)
        if Ability.PROVES in solver.abilities:
            assert found.status is (Status.INFEASIBLE if best is None else Status.OPTIMAL)
            assert best is None or found.objective == pytest.approx(best, rel=1e-6, abs=1e-6)
        seen += 1
    assert seen


@pytest.mark.parametrize("weights", [(1, 1, 1, 1), (1, -1, 1, 0.5), (-1, 0.3, -0.2, -1)])
@pytest.mark.parametrize("depths", [(1, 2, 3, 4), (2, 3, 9), (3,), (1, 5)])
def test_the_geometric_program_bounds_every_design(depths, weights):
    pytest.importorskip("clarabel")
    from mathdesign.solvers.convex.cvxpy_backend import coordinates, solve_relaxation
    from mathdesign.solvers.convex.relaxation import to_cvxpy

    program = two_links(depths, weights)
    relaxation = to_cvxpy(program)
    assert relaxation.gp and relaxation.program.is_dgp()
    status, bound = solve_relaxation(relaxation, 10.0)
    assert status == "optimal" and bound >= points.best(program)
    relaxed = coordinates(relaxation)
    assert 0.0 <= relaxed[0, "width"] <= math.log(5) + 1e-6
    assert depths[0] - 1 - 1e-6 <= relaxed[1, "depth"] <= depths[-1] - 1 + 1e-6
    for kept in ({"a.width": 3, "b.width": 2}, {"a.depth": depths[-1], "b.depth": depths[0]}):
        pinned = program.pinned(kept)
        best = points.best(pinned)
        assert best is None or solve_relaxation(to_cvxpy(pinned), 10.0)[1] >= best


@pytest.mark.parametrize("per_block", [0.0, 3.0, 100.0])
@pytest.mark.parametrize("depths", [(1, 2, 3, 4), (2, 3, 9), (3,), (1, 5)])
def test_the_geometric_program_bounds_depths_by_width(depths, per_block):
    pytest.importorskip("clarabel")
    from mathdesign.solvers.convex.cvxpy_backend import solve_relaxation
    from mathdesign.solvers.convex.relaxation import to_cvxpy, whole_box

    terms = DepthTerm(0, 1.0, per_block), DepthTerm(1, 0.5, per_block)
    program = by_width(two_links(depths), *terms)
    best, relaxation = points.best(program), to_cvxpy(program)
    assert relaxation.gp and relaxation.program.is_dgp()
    _, bound = solve_relaxation(relaxation, 10.0)
    assert best <= bound <= best + 2.0
    cone = to_cvxpy(program, whole_box(program))
    assert not cone.gp and solve_relaxation(cone, 10.0)[1] >= best


@pytest.mark.parametrize(
    "change",
    [
        {"budgets": (Budget("m", 40, 10),)},
        {"objective": Objective(metric_weights=(("m", 1.0),))},
        {"objective": Objective(logs=(LogTerm(0, "width", 1.0),), metric_weights=(("m", 1.0),))},
    ],
)
def test_what_is_no_geometric_program_is_not_called_one(change):
    pytest.importorskip("cvxpy")
    from mathdesign.solvers.convex.geometric import Geometric
    from mathdesign.solvers.convex.relaxation import to_cvxpy

    program = replace(two_links(), **change)
    relaxation = to_cvxpy(program)
    assert not relaxation.gp and relaxation.program.is_dcp()
    with pytest.raises(ValueError, match="no geometric program"):
        Geometric(program)


def test_a_block_that_the_first_lacks_is_no_posynomial_of_the_depth():
    from mathdesign.solvers.convex.geometric import is_geometric

    program = two_links()
    later = replace(program.stages[0], costs={"m": (term(1, Repeat.REST, width=1),)})
    assert not is_geometric(replace(program, stages=(later, program.stages[1])))
    later = replace(two_links((2, 3)).stages[0], costs={"m": (term(1, Repeat.REST, width=1),)})
    assert is_geometric(replace(program, stages=(later, program.stages[1])))


@pytest.mark.parametrize("suffix", [".mps", ".lp"])
def test_a_file_holds_them_and_the_constant(tmp_path, suffix):
    from tests.solvers.milp.test_interchange import solved_by_highs

    two_links().write(path := tmp_path / f"program{suffix}")
    objective, _ = solved_by_highs(path)
    assert abs(objective) == pytest.approx(points.best(two_links()), rel=1e-9)


def test_a_linear_pyomo_model_is_solved_to_the_same_optimum():
    pyo = pytest.importorskip("pyomo.environ")
    from mathdesign.solvers.minlp.pyomo_model import point_of

    model = two_links().to_pyomo("milp")
    pyo.SolverFactory("appsi_highs").solve(model)
    assert point_of(model) == (5, 3, 5, 1)
    assert pyo.value(model.objective) == pytest.approx(points.best(two_links()), rel=1e-6)


def test_a_nonlinear_pyomo_model_has_the_objective_of_a_point():
    pyo = pytest.importorskip("pyomo.environ")

    model = two_links().to_pyomo("minlp")
    for variable in model.component_objects(pyo.Var):
        chosen = variable.name in ("a_width_5", "a_depth_3", "b_width_5", "b_depth_1")
        logs = {"a_width_log": 5, "b_width_log": 5, "a_growth0": 3, "b_growth1": 1}
        variable.set_value(math.log(logs.get(variable.name, 1)) or float(chosen))
    reader = model.design_reader
    assert reader.point(pyo.value) == (5, 3, 5, 1)
    best = points.best(two_links())
    assert reader.unit * pyo.value(model.objective) == pytest.approx(best, rel=1e-12)


def test_the_algebra_keeps_the_logarithms():
    program = two_links().pinned({"a.width": 2}).with_budgets([Budget("m", 30)])
    assert program.value((2, 3, 5, 1)) == pytest.approx(
        0.25 + 2 * math.log(2) + math.log(3) + 3 * math.log(5)
    )
    assert program.maximising({"m": 1.0}).objective.logs == ()


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (Objective(logs=(LogTerm(0, "kernel", 1.0),)), "unknown decision 'a.kernel'"),
        (Objective(logs=(LogTerm(0, "width", math.nan),)), "weight of ln a.width"),
        (Objective(logs=(LogTerm(0, "width", 1e308), LogTerm(1, "width", 1e308))), "can exceed"),
        (Objective(constant=math.inf), "constant of the objective"),
        (Objective(depths=(DepthTerm(0, math.nan, 8.0),)), "weight of the depth of a"),
        (Objective(depths=(DepthTerm(0, 1.0, math.inf),)), "channels per block of a"),
        (Objective(depths=(DepthTerm(0, -1.0, 8.0),)), "not below 0"),
        (Objective(depths=(DepthTerm(0, 1e308, 1e300),)), "can exceed"),
    ],
)
def test_what_is_no_objective_is_refused_by_name(objective: Objective, message: str):
    with pytest.raises(ValueError, match=message):
        replace(two_links(), objective=objective)
