"""Branch and bound over trees against enumeration: optimum, every bound on the way, early stops."""

import numpy as np
import pytest

from mathdesign.programs.base import Budget
from mathdesign.programs.slots import (
    Ensemble,
    Feature,
    PairTable,
    Slot,
    SlotObjective,
    SlotProblem,
    TableSum,
    Tree,
)
from mathdesign.solvers.base import SolveOptions, Status, Termination
from mathdesign.solvers.portfolio import solve
from mathdesign.solvers.trees.lp import hall, solve_lp
from mathdesign.solvers.trees.model import lower
from mathdesign.solvers.trees.primal import Neighbourhood
from tests.slot_problems import best_by_enumeration, every_point, random_slot_problem

pytest.importorskip("numba")
TOLERANCE = 1e-7


def check(problem, answer, bounds):
    """The optimum or infeasibility, and no bound below it, however early it was reported."""
    best, _ = best_by_enumeration(problem)
    for bound in [*bounds, answer.bound]:
        assert bound >= best - 1e-9 * max(1, abs(best))
    if best == -np.inf:
        assert answer.point is None
        assert answer.status in (Status.INFEASIBLE, Status.UNKNOWN)
    elif answer.point is not None:
        point = np.array([answer.point])
        assert problem.feasible_rows(point)[0]
        assert answer.objective == problem.objective.at(point)[0] <= best
    return best


def check_proof(seed, **shape):
    """The optimum of a random problem, proven, and every bound on the way valid."""
    problem = random_slot_problem(np.random.default_rng(seed), **shape)
    reports = []
    answer = solve(problem, SolveOptions(gap=0, on_progress=reports.append), "branch")
    best = check(problem, answer, [r.bound for r in reports if r.bound is not None])
    assert answer.termination is Termination.COMPLETED
    if best == -np.inf:
        assert (answer.status, answer.bound) == (Status.INFEASIBLE, -np.inf)
    else:
        assert answer.status is Status.OPTIMAL
        assert answer.objective == pytest.approx(best, rel=TOLERANCE, abs=TOLERANCE)


def check_stops(longest):
    """Stopped at any of the first moments, a search still bounds, and claims nothing more."""
    stopped = 0
    for seed in range(80):
        problem = random_slot_problem(np.random.default_rng(seed))
        calls = iter(range(10**6))
        limit = seed % longest
        options = SolveOptions(gap=0, should_stop=lambda: next(calls) > limit)  # noqa: B023
        answer = solve(problem, options, "branch")
        check(problem, answer, [])
        if answer.termination is Termination.INTERRUPTED:
            stopped += 1
            assert answer.status is not Status.INFEASIBLE
    assert stopped > 10


@pytest.mark.parametrize("block", range(10))
def test_branching_returns_the_optimum_and_valid_bounds(block):
    for seed in range(20 * block, 20 * (block + 1)):
        check_proof(seed)


def test_slots_of_more_options_than_a_word_has_bits():
    for seed in range(12):
        check_proof(seed, sizes=[3, 130, 4])


def test_bounds_of_slots_of_more_options_than_a_word_has_bits():
    from mathdesign.solvers.trees import arrays as tree_arrays
    from mathdesign.solvers.trees import kernels as tree_kernels

    for seed in range(120):
        sizes = [[3, 130, 4], [90, 4, 4], [5, 80, 4]][seed % 3]
        problem = random_slot_problem(np.random.default_rng(seed), sizes=sizes, spread=False)
        best, _ = best_by_enumeration(problem)
        model = lower(problem)
        if model.infeasible:
            continue
        arrays = tree_arrays.arrays(model)
        message = np.zeros(tree_arrays.message_size(model))
        alive = np.ones(model.options, dtype=bool)
        for sweeps in (0, 1, 2, 5):
            box = tree_arrays.box(arrays, alive, message, np.zeros(len(model.row_limit)))
            work = tree_arrays.work(arrays)
            bound = tree_kernels.bound_box(arrays, model.constant, box, work, -np.inf, sweeps)
            assert bound >= best - 1e-9 * max(1, abs(best))


def test_the_best_option_may_be_none_of_the_first_64():
    from mathdesign.solvers.trees import arrays as tree_arrays
    from mathdesign.solvers.trees import kernels as tree_kernels

    table = np.zeros(70)
    table[[3, 68]] = 1.0, 5.0
    slots = (Slot("wide", tuple(map(str, range(70)))), Slot("other", ("a", "b", "c")))
    features = (Feature("high", (0,), (np.arange(70.0),)), Feature("b", (1,), (np.eye(3)[1],)))
    tree = Tree(
        np.array([0, 1]), np.array([60.5, 0.5]), np.array([~0, ~1]), np.array([1, ~2]),
        np.array([0.0, 1.0, 2.0]),
    )  # fmt: skip
    tables = TableSum(0.0, (np.zeros(70), np.zeros(3)))
    objective = SlotObjective(tables, ((1.0, Ensemble(features, (tree,))),))
    model = lower(SlotProblem("wide", slots, objective))
    arrays = tree_arrays.arrays(model)
    message = np.zeros(tree_arrays.message_size(model))
    message[:70] = table
    alive = np.ones(model.options, dtype=bool)
    box, work = tree_arrays.box(arrays, alive, message, np.zeros(0)), tree_arrays.work(arrays)
    bound = tree_kernels.bound_box(arrays, model.constant, box, work, -np.inf, 0)
    assert bound == pytest.approx(2.0 + 5.0)  # leaf, and the message; the slot gives back 0


def test_rules_without_a_point_are_infeasible_whatever_else_is_free():
    differ = 1 - np.eye(2, dtype=np.int64)
    for free in (0, 1, 4, 6):
        slots = tuple(Slot(f"s{i}", ("a", "b")) for i in range(3 + free))
        zero = TableSum(0.0, tuple(np.zeros(2) for _ in slots))
        rules = tuple(PairTable(i, j, differ) for i, j in ((0, 1), (1, 2), (0, 2)))
        problem = SlotProblem("odd cycle", slots, SlotObjective(zero), rules=rules)
        answer = solve(problem, SolveOptions(gap=0.0), "branch")
        assert (answer.status, answer.bound) == (Status.INFEASIBLE, -np.inf)


def test_a_model_without_trees_keeps_to_the_time_limit():
    rng = np.random.default_rng(0)
    slots = tuple(Slot(f"s{i}", tuple("abcd")) for i in range(30))
    value = TableSum(0.0, tuple(rng.random(4) for _ in slots))
    metrics = {f"m{j}": TableSum(0, tuple(rng.integers(0, 99, 4) for _ in slots)) for j in range(5)}
    budgets = tuple(Budget(name, 1100) for name in metrics)
    problem = SlotProblem("knapsacks", slots, SlotObjective(value), metrics, budgets)
    answer = solve(problem, SolveOptions(gap=0.0, time_limit_s=0.5), "branch")
    assert answer.seconds < 5
    assert answer.objective is None or answer.bound >= answer.objective


def test_the_work_left_is_estimated_and_a_dive_goes_on_where_it_stopped(monkeypatch):
    from mathdesign.solvers.base import Clock
    from mathdesign.solvers.trees.arrays import box, message_size
    from mathdesign.solvers.trees.dive import Dive
    from mathdesign.solvers.trees.state import State

    monkeypatch.setattr("mathdesign.solvers.trees.dive.CHUNK", 1)
    several = 0
    for seed in range(60):
        problem = random_slot_problem(np.random.default_rng(seed), spread=False)
        options = SolveOptions(gap=0)
        state = State(problem, options, Clock(options))
        alive = np.ones(state.model.options, dtype=bool)
        if state.model.infeasible or not state.kernels.tighten(state.arrays, alive):
            continue
        message = np.zeros(message_size(state.arrays))
        first = box(state.arrays, alive, message, np.zeros(len(state.model.row_limit)))
        dive = Dive(state, state.arrays, state.model.constant, first, np.inf)
        best, _ = best_by_enumeration(problem)
        turns = 0
        while not dive.closed:
            assert max(dive.open_bounds().max(), state.best.cutoff) >= best - 1e-9
            assert dive.left() >= 0
            dive.run()
            turns += 1
        assert state.best.cutoff == pytest.approx(best, rel=TOLERANCE, abs=TOLERANCE)
        several += turns > 3
    assert several > 10


def test_a_stopped_search_still_bounds(monkeypatch):
    monkeypatch.setattr("mathdesign.solvers.trees.branching.FIRST_MOVES", 1)
    monkeypatch.setattr("mathdesign.solvers.trees.branching.WALKS", 0)
    monkeypatch.setattr("mathdesign.solvers.trees.dive.CHUNK", 1)
    check_stops(7)


def test_any_messages_and_multipliers_give_a_valid_bound():
    from mathdesign.solvers.trees import arrays as tree_arrays
    from mathdesign.solvers.trees import kernels as tree_kernels

    rng = np.random.default_rng(0)
    for seed in range(150):
        problem = random_slot_problem(np.random.default_rng(seed))
        best, _ = best_by_enumeration(problem)
        model = lower(problem)
        if model.infeasible:
            assert best == -np.inf
            continue
        arrays = tree_arrays.arrays(model)
        size = tree_arrays.message_size(arrays)
        for sweeps in (0, 1, 7):
            message = rng.normal(scale=rng.choice([0, 0.1, 10]), size=size)
            multiplier = np.abs(rng.normal(size=len(model.row_limit)))
            alive = np.ones(model.options, dtype=bool)
            box, work = (
                tree_arrays.box(arrays, alive, message, multiplier),
                tree_arrays.work(arrays),
            )
            bound = tree_kernels.bound_box(arrays, model.constant, box, work, -np.inf, sweeps)
            assert bound >= best


def test_the_kernel_reaches_the_bound_of_the_linear_program():
    from mathdesign.solvers.trees import arrays as tree_arrays
    from mathdesign.solvers.trees import kernels as tree_kernels

    tight = 0
    for seed in range(60):
        problem = random_slot_problem(np.random.default_rng(seed), aggregates=False)
        model = lower(problem)
        alive, arrays = np.ones(model.options, dtype=bool), tree_arrays.arrays(model)
        if model.infeasible or not tree_kernels.tighten(arrays, alive):
            continue
        duals = solve_lp(model, hall(model), alive, 60.0)
        if not np.isfinite(duals.value):
            continue
        tight += 1
        box = tree_arrays.box(arrays, alive, duals.message, duals.multiplier)
        work = tree_arrays.work(arrays)
        bound = tree_kernels.bound_box(arrays, model.constant, box, work, -np.inf, 0)
        assert bound <= duals.value + 1e-6 * max(1, abs(duals.value))
    assert tight > 30


def test_the_model_over_estimates_the_spread_and_equals_everything_else():
    for seed in range(60):
        problem = random_slot_problem(np.random.default_rng(seed))
        model = lower(problem)
        points = every_point(problem)
        at = model.positions.all_at(points)
        total = np.full(len(points), model.constant)
        total += model.unary[model.start[:-1] + at].sum(axis=1)
        allowed = np.ones(len(points), dtype=bool)
        for f in range(len(model.factor_start) - 1):
            first, last = model.factor_start[f], model.factor_start[f + 1]
            inside = np.ones((len(points), last - first), dtype=bool)
            for s in np.flatnonzero(model.scope_factor == f):
                cells = model.leaf_cell[model.scope_leaf[s] : model.scope_leaf[s + 1]]
                for leaf in np.flatnonzero(cells >= 0):
                    c = cells[leaf]
                    options = model.cell_option[model.cell_start[c] : model.cell_start[c + 1]]
                    inside[:, leaf] &= np.isin(at[:, model.scope_position[s]], options)
            assert (inside.sum(axis=1) <= 1).all()
            allowed &= inside.any(axis=1)
            total += inside @ model.value[first:last]
        true = problem.objective.at(points)
        feasible = problem.feasible_rows(points)
        assert (allowed | ~feasible).all()
        if model.exact:
            np.testing.assert_allclose(total[allowed], true[allowed], rtol=0, atol=1e-9)
        else:
            assert (total[allowed] >= true[allowed] - 1e-9).all()


def test_neighbours_are_scored_as_the_problem_scores_them():
    for seed in range(60):
        problem = random_slot_problem(np.random.default_rng(seed))
        near = Neighbourhood(problem)
        start = every_point(problem)[-1]
        points, value, broken = near.around(start)
        np.testing.assert_allclose(value, problem.objective.at(points), rtol=0, atol=1e-7)
        assert ((broken == 0) == problem.feasible_rows(points)).all()
