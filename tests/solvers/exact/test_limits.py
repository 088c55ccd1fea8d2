"""What a box says of the objective, by name, against the objectives of its points."""

import numpy as np
import pytest

from mathdesign.solvers.exact.model import lower
from tests.strategies import random_problem

kernels = pytest.importorskip("mathdesign.solvers.exact.kernels")


@pytest.mark.parametrize("seed", range(40))
def test_limits_of_a_box_hold_at_its_points(seed):
    from mathdesign.solvers.exact.kernels.points import spread_penalty
    from mathdesign.solvers.exact.kernels.state import IS_STD, WEIGHT

    rng = np.random.default_rng(seed)
    arrays = lower(random_problem(rng, largest=10**9)).model
    scratch = kernels.workspace(arrays)
    model, work = kernels.model_ref(*arrays), kernels.work_ref(*scratch)
    assert arrays.pen[WEIGHT] >= 0
    assert arrays.pen[IS_STD] in (0.0, 1.0)
    corners = np.sort(rng.integers(arrays.size, size=(2, len(arrays.size))), axis=0)
    scratch.ilo[:], scratch.ihi[:] = corners
    if not kernels.tighten(model, work, np.inf):
        return
    limits = kernels.relax(model, work)
    if not limits.possible:
        return
    assert limits.rest_least <= limits.rest_most
    for _ in range(50):
        point = rng.integers(scratch.ilo, scratch.ihi + 1)
        kernels.follow_sources(model, point)
        if (point < scratch.ilo).any() or (point > scratch.ihi).any():
            continue
        _, objective = kernels.judge(model, point)
        penalty = spread_penalty.py_func(arrays, point)
        assert limits.penalty_least <= penalty <= limits.penalty_most
        slack = 1e-9 * (1 + abs(objective) + abs(penalty))
        assert objective + penalty >= limits.rest_least - slack
        assert objective + penalty <= limits.rest_most + limits.products_most + slack
