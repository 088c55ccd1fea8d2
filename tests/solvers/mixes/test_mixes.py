"""Both backends of mix problems against plain enumeration in Python integers."""

import itertools
import math

import numpy as np
import pytest

from mathdesign.programs.base import Budget
from mathdesign.programs.mixes import Frame, Group, MixProblem
from mathdesign.solvers.base import SolveOptions, Status, UnsupportedProblem
from mathdesign.solvers.mixes.bound import FrameBounds
from mathdesign.solvers.mixes.frames import Frames
from mathdesign.solvers.portfolio import solve


def random_problem(seed: int) -> MixProblem:
    """One to four frames of one or two groups; large and small costs, some budgets impossible."""
    rng = np.random.default_rng(seed)
    metrics, large = 2, int(10 ** rng.integers(1, 10))
    frames = []
    for _ in range(rng.integers(1, 5)):
        groups = []
        for _ in range(rng.integers(1, 3)):
            options, least = int(rng.integers(1, 5)), int(rng.integers(0, 3))
            costs = rng.integers(-large // 10, large, (options, metrics))
            values = np.round(rng.normal(1.0, 1.0, options), int(rng.integers(0, 9)))
            groups.append(Group(costs, values, least, least + int(rng.integers(0, 4))))
        constant = rng.integers(0, large, metrics)
        frames.append(Frame(constant, float(rng.normal()), tuple(groups)))
    budgets = [Budget("a", upper=int(rng.integers(0, 4 * large)))]
    if rng.random() < 0.6:
        lower = int(rng.integers(0, large)) if rng.random() < 0.5 else None
        budgets.append(Budget("b", upper=int(rng.integers(large, 5 * large)), lower=lower))
    return MixProblem(f"random{seed}", ("a", "b"), tuple(frames), tuple(budgets))


def all_points(problem: MixProblem):
    for index, frame in enumerate(problem.frames):
        parts = []
        for group in frame.groups:
            counts = itertools.product(range(group.most + 1), repeat=len(group.values))
            parts.append([c for c in counts if group.least <= sum(c) <= group.most])
        for chosen in itertools.product(*parts):
            yield (index, *itertools.chain(*chosen))


@pytest.mark.parametrize("block", range(10))
def test_both_backends_equal_enumeration(block):
    for seed in range(40 * block, 40 * block + 40):
        problem = random_problem(seed)
        values = [problem.value(p) for p in all_points(problem) if problem.feasible(p)]
        for backend in ("scan", "frames"):
            found = solve(problem, SolveOptions(gap=0.0), backend)
            if not values:
                assert found.status is Status.INFEASIBLE, (seed, backend)
                continue
            assert found.status is Status.OPTIMAL, (seed, backend, found)
            assert found.objective == pytest.approx(max(values), rel=1e-9, abs=1e-9), seed
            assert found.bound >= max(values) - 1e-12, (seed, backend)
            assert problem.feasible(found.point)


def test_bounds_hold_for_any_multipliers():
    for seed in range(150):
        problem = random_problem(seed)
        rng = np.random.default_rng(seed)
        bounds = FrameBounds(problem)
        for _ in range(5):
            bounds.tighten(rng.exponential(1.0, len(problem.sides())) * 10.0 ** rng.integers(-9, 1))
        for point in all_points(problem):
            if problem.feasible(point):
                assert problem.value(point) <= bounds.best[point[0]]


def test_mixes_and_lists_are_counted():
    group = Group(np.ones((12, 1), dtype=np.int64), np.ones(12), 12, 12)
    problem = MixProblem("p", ("a",), (Frame(np.zeros(1, dtype=np.int64), 0.0, (group,)),))
    assert problem.size == 12**12
    assert problem.points == math.comb(23, 12)


def test_a_stopped_search_claims_nothing():
    problem = random_problem(3)
    found = Frames().solve(problem, SolveOptions(should_stop=lambda: True))
    assert found.status in (Status.UNKNOWN, Status.FEASIBLE)
    best = max(problem.value(p) for p in all_points(problem) if problem.feasible(p))
    assert found.bound >= best


def test_looser_budgets_never_lose():
    for seed in range(30):
        problem = random_problem(seed)
        looser = MixProblem(
            "l", problem.metrics, problem.frames,
            tuple(Budget(b.metric, (b.upper or 0) * 2, b.lower) for b in problem.budgets),
        )  # fmt: skip
        tight, loose = (
            Frames().solve(problem, SolveOptions()),
            Frames().solve(looser, SolveOptions()),
        )
        if tight.objective is not None:
            assert loose.objective is not None
            assert loose.bound >= tight.objective - 1e-9


def test_refusals_name_what_is_accepted():
    with pytest.raises(UnsupportedProblem, match="form chain, this one is mixes"):
        solve(random_problem(0), None, "exact")
    group = Group(np.ones((40, 1), dtype=np.int64), np.ones(40), 12, 12)
    large = MixProblem("p", ("a",), (Frame(np.zeros(1, dtype=np.int64), 0.0, (group,)),))
    with pytest.raises(UnsupportedProblem, match="cannot treat"):
        solve(large, None, "scan")
