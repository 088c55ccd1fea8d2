"""Node bounds and tightening in random boxes around known designs, solves stopped at random.

Looking at final answers does not catch a bound that is wrong only in boxes that a search seldom
visits (boxes without interior, starved solves); this does.
"""

import math

import numpy as np
import pytest

from mathdesign.programs.base import IntArray
from mathdesign.programs.chain import DesignProblem
from mathdesign.solvers.base import SolveOptions
from mathdesign.solvers.exact.engine import Exact
from mathdesign.solvers.exact.model import lower
from mathdesign.solvers.exact.search import Node, SearchTree, Situation
from tests.strategies import random_problem

kernels = pytest.importorskip("mathdesign.solvers.exact.kernels")


def feasible_points(
    problem: DesignProblem, tree: SearchTree, rng: np.random.Generator
) -> list[tuple[IntArray, float]]:
    """Feasible points as indices with their objectives: the optimum, and random walks from it."""
    best = Exact().solve(problem, SolveOptions(gap=0.0)).point
    if best is None:
        return []
    lowered = lower(problem)
    columns = [*lowered.column_variable, *lowered.further.values()]
    index = lowered.index(best)
    kernels.follow_sources(tree.model, index)
    found = []
    here = index.copy()
    for _ in range(200):
        violation, objective = kernels.judge(tree.model, here)
        if violation == 0.0:
            found.append((here.copy(), objective))
            index = here.copy()
        here = index.copy()
        j = rng.choice(columns)
        here[j] = rng.integers(tree.arrays.size[j])
        kernels.follow_sources(tree.model, here)
    return found


def random_box(
    tree: SearchTree, point: IntArray, rng: np.random.Generator
) -> tuple[IntArray, IntArray]:
    """A box of indices around ``point``; many of its sides are closed or narrow."""
    size = tree.arrays.size
    reach = size * rng.random(len(size)) ** rng.integers(1, 8)
    lo = np.maximum(0, point - (reach * rng.random(len(size))).astype(np.int64))
    hi = np.minimum(size - 1, point + (reach * rng.random(len(size))).astype(np.int64))
    return lo, hi


@pytest.mark.parametrize("seed", range(60))
def test_no_bound_below_and_no_design_lost(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(seed)
    hold_random_boxes(random_problem(rng, largest=10**9), rng, monkeypatch)


@pytest.mark.parametrize("seed", range(60))
def test_nor_under_logarithms_of_choices(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, largest=10**9, volume=True)
    hold_random_boxes(problem, rng, monkeypatch)


def hold_random_boxes(
    problem: DesignProblem, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many boxes around some feasible designs, solves stopped early."""
    tree = SearchTree(kernels, lower(problem).model, 1e-7)
    tree.heap.clear()
    monkeypatch.setattr("mathdesign.solvers.exact.search.LEAF_POINTS", 0)
    points = feasible_points(problem, tree, rng)
    for point, objective in points[:: max(1, len(points) // 8)]:
        for _ in range(25):
            iterations = int(rng.choice([1, 2, 3, 5, 8, 12, 40]))
            monkeypatch.setattr("mathdesign.solvers.exact.search.ITERATIONS", iterations)
            # an incumbent just below the design: everything that keys on the cut is at work
            tree.incumbent = objective - abs(objective) * 10.0 ** rng.uniform(-5, 0) - 1e-4
            assert_kept(tree, point, objective, rng)


def assert_kept(
    tree: SearchTree, point: IntArray, objective: float, rng: np.random.Generator
) -> None:
    """The design is above the cut: its box must stay open with a bound above it, and hold it."""
    lo, hi = random_box(tree, point, rng)
    start = rng.uniform(size=len(lo)) * tree.arrays.at.max(axis=1)
    root = Node(-kernels.NEVER, -kernels.NEVER, lo, hi, start)
    branched = tree.bounders[0].branch(root, Situation(tree.cut, tree.incumbent, tree.rest_most))
    if not branched.children:  # only right if it was the point itself, judged when it was left
        assert (lo == hi).all() or any((c == point).all() for c in branched.found), (
            "a box with a better design was dropped"
        )
        return
    (box,) = branched.children
    assert math.isfinite(box.bound)
    assert box.bound >= objective - 1e-12 * abs(objective)
    idle = [n for a, n, _ in tree.arrays.pair if tree.arrays.value[a, point[a]] == 0]
    point = point.copy()
    point[idle] = box.lo[idle]  # how many further blocks there are not: the least stands for all
    assert (box.lo <= point).all()
    assert (point <= box.hi).all()
