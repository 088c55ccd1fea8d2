"""What has been answered wrongly once: each right value, in every proving backend that takes it."""

from dataclasses import replace

import numpy as np
import pytest

import mathdesign
from mathdesign.programs.base import EFFECTIVENESS_TOLERANCE, LARGEST_OBJECTIVE, Budget
from mathdesign.programs.chain import DesignProblem
from mathdesign.programs.slots import Slot, SlotObjective, SlotProblem, TableSum
from mathdesign.programs.stages import DepthPenalty, Objective
from mathdesign.solvers import SolveOptions, Status, backend
from mathdesign.solvers.portfolio import cannot, solve
from mathdesign.spaces.convnet.program import EntropyOptions
from mathdesign.validators.convnet import recheck
from tests import judging, points
from tests.hard import hard_program
from tests.judging import PROVING, WRONG, answered, truth
from tests.small import two_stage_problem

EXACT = SolveOptions(gap=0.0, time_limit_s=30)

#: ``exp(variance)`` of depths: 1e81 of it, which nothing else is seen beside.
LARGE_PENALTY = """
space:
  family: basic
  input: {channels: 3, size: 31}
  classes: 2
  stem: {width: [64, 659], kernel_size: 7}
  stages:
    - {stride: 1, width: [81, 590, 756], kernel_size: 1, depth: [2, 25]}
    - {stride: 1, width: [117, 384, 439], kernel_size: 7, depth: [19, 35]}
    - {stride: 1, width: [183, 333], kernel_size: 5, depth: [3, 4, 7]}
    - {stride: 1, width: [183, 333], kernel_size: 7, depth: [2, 33]}
    - {stride: 1, width: [183, 333], kernel_size: 1, depth: 1}
  rules: {monotone_width: true}
objective: {entropy: {variant: paper, weights: [1e-06]}}
budgets:
  macs: {min: 62818970601, max: 62818970601}
  params: 65403326
  blocks: {min: 35, max: 140}
"""
#: Depths of 1 and 56: the penalty exceeds all doubles.
OVERFLOWING = """
space:
  family: basic
  input: {channels: 3, size: 32}
  classes: 10
  stem: {width: 8, kernel_size: 3}
  stages:
    - {stride: 1, width: [8, 16], kernel_size: 3, depth: 1}
    - {stride: 2, width: [16, 24], kernel_size: 3, depth: 56}
objective: {entropy: {variant: paper}}
budgets: {params: 100M}
"""
#: Seeds of ``tests/hard.py`` that a backend has got wrong: costs of 1e13, weights of 1e-9, bounds
#: after a no-good, a solver's exception, limits beyond int64, slots beyond numpy's 64 dimensions,
#: cuts of SCIP that lost the optimum, SCIP's own crash, rows of 1e-11 to 1 in HiGHS.
ONCE_WRONG = (2, 68, 89, 92, 95, 109, 130, 143, 164, 331, 386, 529, 682, 704, 944, 8204, 21049)
#: The same with logarithms of choices: a weight of 1e-9 before an exponential beyond 1e304, six
#: points of which HiGHS 1.12 without presolve calls another the best.
ONCE_WRONG_WITH_LOGS = (23977, 23874)


@pytest.mark.parametrize("name", PROVING)
@pytest.mark.parametrize(
    ("text", "best"),
    [(LARGE_PENALTY, -1.8097569608281049e81), (OVERFLOWING, -LARGEST_OBJECTIVE)],
    ids=["large", "overflowing"],
)
def test_a_penalty_beyond_everything_is_no_verdict(name, text, best):
    program = mathdesign.problem(mathdesign.loads(text))
    if cannot(backend(name), program) is None:
        found = backend(name).solve(program, EXACT)
        assert found.status is not Status.INFEASIBLE and found.bound >= best - 1e-9 * abs(best)
        assert found.objective in (None, best)
        assert found.objective is not None or name == "scip"  # which may give up, aloud


@pytest.mark.parametrize("name", PROVING)
@pytest.mark.parametrize("seed", [*ONCE_WRONG, *ONCE_WRONG_WITH_LOGS])
def test_seeds_that_were_wrong_once(seed, name, monkeypatch):
    monkeypatch.setattr(judging, "LIMIT_S", 1.0)  # they were wrong sooner
    program = hard_program(seed, logs=seed in ONCE_WRONG_WITH_LOGS, tables=False)
    if isinstance(program, backend(name).accepts):
        found = answered(name, seed, program, lambda: truth(program, seed))
        assert found.outcome not in WRONG, found.detail


@pytest.mark.parametrize("name", PROVING)
def test_hard_programs_get_no_wrong_answer(name, monkeypatch):
    monkeypatch.setattr(judging, "LIMIT_S", 1.0)
    for seed in range(600, 612):
        program = hard_program(seed)
        if isinstance(program, backend(name).accepts):
            found = answered(name, seed, program, lambda p=program, s=seed: truth(p, s))
            assert found.outcome not in WRONG, (seed, found.detail)


@pytest.mark.parametrize("seed", [220, 262, 511, 1067])
def test_frames_close_what_rounding_leaves_open(seed):
    """Limits of 1e13 that differ in their last digit, values that are differences of large ones."""
    program = hard_program(seed)
    found = answered("frames", seed, program, lambda: truth(program, seed))
    assert found.outcome == "right", found.detail


@pytest.mark.parametrize("seed", [562, 1067, 1826, 7108])
@pytest.mark.parametrize("name", ["highs", "scipy"])
def test_what_a_solvers_tolerances_leave_open_is_looked_at(name, seed):
    """Values of 1e9 whose sum is 0: bounds are loosened by more than is called optimal."""
    program = hard_program(seed, logs=False)
    found = answered(name, seed, program, lambda: truth(program, seed))
    assert found.outcome == "right", found.detail


@pytest.mark.parametrize("name", PROVING)
@pytest.mark.parametrize(
    ("beside", "kept"),
    [(-10, False), (-2, False), (-0.5, True), (0, True), (2, True)],
)
def test_effectiveness_at_its_limit(name, beside, kept):
    """``beside``: how far the limit lies from the only design's value, in tolerances."""
    program = replace(two_stage_problem(), budgets=())
    best = solve(program, EXACT, "brute").point
    program = program.pinned(dict(zip(program.decisions, best)))
    value = program.measured(best)["effectiveness"]
    limit = value * (1 + beside * EFFECTIVENESS_TOLERANCE)
    program = replace(program, effectiveness=replace(program.effectiveness, limit=limit))
    if cannot(backend(name), program) is None:
        found = backend(name).solve(program, EXACT)
        assert (found.point is not None) == kept
        assert kept or found.status in (Status.INFEASIBLE, Status.UNKNOWN)


def test_an_objective_saturates_alike_everywhere():
    spec = mathdesign.loads(OVERFLOWING)
    found = mathdesign.design(spec)
    assert found.certificate.objective == -LARGEST_OBJECTIVE
    counted = recheck.recheck(found.network, entropy=EntropyOptions(variant="paper"))
    assert (counted.objective, counted.penalty) == (-LARGEST_OBJECTIVE, LARGEST_OBJECTIVE)
    program = mathdesign.problem(spec)
    assert points.value(program, found.network.point) == -LARGEST_OBJECTIVE


def test_objectives_that_would_overflow_are_refused():
    program = two_stage_problem()
    with pytest.raises(ValueError, match="the objective can exceed"):
        replace(program, objective=Objective(metric_weights=(("macs", 1e299),)))
    with pytest.raises(ValueError, match="the objective can exceed"):
        SlotObjective(TableSum(1e300, (np.array([1e300]),)))
    penalty = DepthPenalty(1e200, "variance", (0, 1))  # saturates, and is no error
    assert isinstance(replace(program, objective=Objective(depth_penalty=penalty)), DesignProblem)


def test_many_slots_of_one_option_are_enumerated():
    slots = tuple(Slot(f"s{i}", ("a", "b") if i < 3 else ("a",)) for i in range(70))
    tables = tuple(np.arange(len(s.options)) for s in slots)
    values = SlotObjective(TableSum(0.0, tuple(t.astype(float) for t in tables)))
    problem = SlotProblem("many", slots, values, {"cost": TableSum(0, tables)})
    problem = problem.with_budgets([Budget("cost", 2, 2)])
    assert solve(problem, EXACT, "scan").objective == 2.0


def test_a_solver_that_prints_much_keeps_its_time_limit():
    """Pyomo's pipe for what a solver prints was full, and both waited for ever."""
    pytest.importorskip("pyscipopt")
    found = backend("pyomo:scip").solve(
        hard_program(1582, logs=False), SolveOptions(gap=0.0, time_limit_s=3)
    )
    assert found.seconds < 15 and found.status is not Status.INFEASIBLE
