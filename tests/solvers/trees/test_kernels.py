"""Tightening loses no feasible point, and what it says of a box is true."""

import numpy as np
import pytest

from tests.slot_problems import every_point, random_slot_problem

kernels = pytest.importorskip("mathdesign.solvers.trees.kernels")


def test_tightening_keeps_every_feasible_point_of_the_box_and_drops_some_options():
    from mathdesign.solvers.trees.arrays import arrays
    from mathdesign.solvers.trees.model import lower

    rng, dropped, empty = np.random.default_rng(0), 0, 0
    for seed in range(150):
        problem = random_slot_problem(np.random.default_rng(seed))
        model = lower(problem)
        if model.infeasible:
            continue
        points = every_point(problem)
        points = points[problem.feasible_rows(points)]
        at = model.start[:-1] + model.positions.all_at(points)
        for _ in range(3):
            box = rng.random(model.options) < 0.8
            left = box.copy()
            some = kernels.tighten(arrays(model), left)
            inside = at[box[at].all(axis=1)]
            assert left[inside].all()
            assert (left <= box).all()
            assert some or not len(inside)
            dropped += int((box & ~left).sum())
            empty += not some
    assert dropped > 100
    assert empty > 10


def test_a_walk_meets_only_points_that_are_new():
    from mathdesign.solvers.trees.kernels.walks import walk
    from mathdesign.solvers.trees.primal import Neighbourhood

    for seed in range(30):
        rng = np.random.default_rng(seed)
        problem = random_slot_problem(rng)
        near = Neighbourhood(problem)
        start = np.array([rng.integers(len(slot.options)) for slot in problem.slots])
        met = np.zeros((8, len(start)), dtype=np.int64)
        tenure = rng.integers(1, 4, 60)
        top, found = walk(near.tables, start, tenure, -np.inf, 1e-9, met, 0)
        assert found <= 8
        points = met[:found]
        assert len(np.unique(points, axis=0)) == found
        if found:
            assert problem.feasible_rows(points).all()
            assert problem.objective.at(points) == pytest.approx(np.full(found, top))
