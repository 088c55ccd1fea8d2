"""Branch and cut against enumeration: cliques, bounds of any duals, and the optimum."""

import numpy as np
import pytest

from mathdesign.solvers.base import Clock, SolveOptions
from mathdesign.solvers.trees.model import lower
from tests.slot_problems import every_point, random_slot_problem
from tests.solvers.trees.test_branching import check_proof, check_stops

pytest.importorskip("numba")


@pytest.fixture
def only_cuts(monkeypatch):
    """No node by messages, no dive that closes a box, and no incumbent to close the root with."""
    monkeypatch.setattr("mathdesign.solvers.trees.branching.TRIED", 0)
    monkeypatch.setattr("mathdesign.solvers.trees.branching.MOST_LEFT", -1)
    monkeypatch.setattr("mathdesign.solvers.trees.branching.FIRST_MOVES", 1)
    monkeypatch.setattr("mathdesign.solvers.trees.branching.WALKS", 0)
    monkeypatch.setattr("mathdesign.solvers.trees.dive.CHUNK", 1)
    monkeypatch.setattr("mathdesign.solvers.trees.cutting.MOST_LEFT", -1)
    monkeypatch.setattr("mathdesign.solvers.trees.cutting.WALKS", 0)
    monkeypatch.setattr("mathdesign.solvers.trees.cutting.NODE_MOVES", 1)


def taken(model, points):
    """For each point the options and leaves it takes, shape ``(points, options + leaves)``."""
    from mathdesign.solvers.trees.cliques import Masks

    masks = Masks.of(model)
    at = model.start[:-1] + model.positions.all_at(points)
    column = np.zeros((len(points), len(masks.bits)), dtype=bool)
    for i, options in enumerate(at):
        alive = np.zeros(model.options, dtype=bool)
        alive[options] = True
        column[i] = masks.reached(masks.within(alive))
    return column


@pytest.mark.parametrize("block", range(10))
def test_cutting_returns_the_optimum_and_valid_bounds(block, only_cuts):
    for seed in range(20 * block, 20 * (block + 1)):
        check_proof(seed)


def test_dives_below_boxes_with_cliques_return_the_optimum(monkeypatch):
    monkeypatch.setattr("mathdesign.solvers.trees.branching.DEEP", 0)
    monkeypatch.setattr("mathdesign.solvers.trees.branching.FIRST_MOVES", 1)
    monkeypatch.setattr("mathdesign.solvers.trees.branching.WALKS", 0)
    monkeypatch.setattr("mathdesign.solvers.trees.cutting.WALKS", 0)
    monkeypatch.setattr("mathdesign.solvers.trees.cutting.NODE_MOVES", 1)
    for seed in range(200, 300):
        check_proof(seed)


def test_a_stopped_search_still_bounds(only_cuts):
    check_stops(9)


def test_a_point_takes_at_most_one_of_a_clique():
    from mathdesign.solvers.trees.cliques import Masks, cliques

    rng, count = np.random.default_rng(1), 0
    for seed in range(150):
        problem = random_slot_problem(np.random.default_rng(seed))
        model = lower(problem)
        if model.infeasible or not len(model.value):
            continue
        masks = Masks.of(model)
        alive = rng.random(model.options) < 0.8
        bits = masks.within(alive)
        left = masks.reached(bits)
        left[: model.options] = alive
        part = np.where(left, rng.random(len(left)) ** 3, 0.0)
        found = cliques(masks, bits, part, rng.random(len(left)), left, 30)
        points = every_point(problem)
        at = model.start[:-1] + model.positions.all_at(points)
        column = taken(model, points[alive[at].all(axis=1)])
        for clique in found:
            assert part[clique].sum() > 1
            assert left[clique].all()
            assert (column[:, clique].sum(axis=1) <= 1).all()
            count += 1
    assert count > 500


def test_any_duals_give_a_valid_bound_of_the_box_and_of_every_column():
    from mathdesign.solvers.trees.program import TreeProgram

    rng, boxes = np.random.default_rng(2), 0
    for seed in range(100):
        problem = random_slot_problem(np.random.default_rng(seed))
        model = lower(problem)
        if model.infeasible:
            continue
        program = TreeProgram(model)
        points = every_point(problem)
        points = points[problem.feasible_rows(points)]
        worth, column = problem.objective.at(points), taken(model, points)
        at = model.start[:-1] + model.positions.all_at(points)
        for _ in range(3):
            alive = rng.random(model.options) < 0.9
            program.enter(alive, np.ones(len(model.value), dtype=bool))
            inside = alive[at].all(axis=1)
            best = worth[inside].max(initial=-np.inf)
            for _ in range(3):
                bound = program.solve(60.0)
                assert bound >= best - 1e-9 * max(1, abs(best))
                program.separate()
            scale = rng.choice([0.0, 0.1, 10.0])
            dual = np.abs(rng.normal(scale=scale, size=program.head + len(program.kind)))
            bound = program._price(dual, program.cost, model.constant)
            assert bound >= best
            own = np.where(column[inside], program.own, np.inf).min(axis=1, initial=np.inf)
            assert (own >= worth[inside] - 1e-9 * np.maximum(1, abs(worth[inside]))).all()
            boxes += 1
    assert boxes > 150


def test_progress_is_told_and_a_look_leaves_the_program_as_it_was(only_cuts):
    from mathdesign.solvers.trees.cutting import Cutting
    from mathdesign.solvers.trees.state import State

    options = SolveOptions(gap=0)
    state = State(random_slot_problem(np.random.default_rng(3)), options, Clock(options))
    alive = np.ones(state.model.options, dtype=bool)
    program = Cutting(state, alive, np.inf).program
    before = program.solve(60.0)
    part, box = program.part.copy(), program.open.copy()
    smaller = alive.copy()
    first = np.flatnonzero(np.diff(state.model.start) > 1)[0]
    smaller[state.model.start[first]] = False
    assert program.look(smaller, np.ones(len(state.model.value), dtype=bool), 50) <= before + 1e-9
    np.testing.assert_array_equal(program.part, part)
    np.testing.assert_array_equal(program.open, box)
    assert program.solve(60.0) == pytest.approx(before)
