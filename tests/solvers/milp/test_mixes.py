"""The MILP of mixes: exact on every point, and its optimum the enumerated one."""

from dataclasses import replace

import numpy as np
import pytest

from mathdesign.programs.base import Budget, Distance
from mathdesign.programs.mixes import Frame, Group, MixProblem
from mathdesign.solvers.base import SolveOptions, Status
from mathdesign.solvers.milp.mixes import build, columns_needed, reached, refuses
from mathdesign.solvers.portfolio import solve
from tests.solvers.mixes.test_mixes import all_points, random_problem

EXACT = SolveOptions(gap=0.0, time_limit_s=60.0)


def problem_of(seed: int) -> tuple[MixProblem, list[tuple[int, ...]]]:
    """Budgets equal to what a point has, distances to random points and to the best; all points."""
    problem, rng = random_problem(seed), np.random.default_rng(seed + 1_000_000)
    points = list(all_points(problem))
    if rng.random() < 0.6:
        best = sorted(filter(problem.feasible, points), key=problem.value, reverse=True)[:2]
        some = [points[i] for i in rng.integers(len(points), size=rng.integers(1, 4))]
        distances = [Distance(point, int(rng.integers(1, 5))) for point in [*some, *best]]
        problem = replace(problem, distances=tuple(distances))
    if rng.random() < 0.3:
        value = problem.costs(points[rng.integers(len(points))])["b"]
        budget = Budget("b", value, value if rng.random() < 0.7 else value - 3)
        problem = replace(problem, budgets=(*problem.budgets[:1], budget))
    return problem, points


def check(seed: int, backend: str) -> str:
    problem, points = problem_of(seed)
    values = [problem.value(p) for p in points if problem.feasible(p)]
    found = solve(problem, EXACT, backend)
    if not values:
        assert found.status is Status.INFEASIBLE, (seed, found)
        return "infeasible"
    assert found.status is Status.OPTIMAL, (seed, found)
    assert found.objective == pytest.approx(max(values), rel=1e-9, abs=1e-9), (seed, found)
    assert found.bound >= max(values) - 1e-12, (seed, found)
    return "optimal"


@pytest.mark.parametrize(
    ("backend", "block"),
    [*(("highs", b) for b in range(6)), ("scipy", 6), ("frames", 0), ("frames", 1)],
)
def test_random_problems_have_the_enumerated_optimum(backend, block):
    verdicts = [check(seed, backend) for seed in range(50 * block, 50 * block + 50)]
    assert min(verdicts.count("optimal"), verdicts.count("infeasible")) >= 10


def test_points_embed_as_they_are():
    """Feasible point <-> feasible assignment, with the same objective: no solver involved."""
    for seed in range(120):
        problem, points = problem_of(seed)
        model = build(problem)
        if model is None:
            assert not any(map(problem.feasible, points)), seed
            continue
        milp = model.milp
        for i in np.random.default_rng(seed).choice(len(points), min(20, len(points)), False):
            point = tuple(int(k) for k in points[i])
            x = model.embed(point)
            assert model.invert(x) == point
            assert milp.objective @ x + milp.offset == pytest.approx(problem.value(point), abs=1e-9)
            activity = milp.matrix @ x
            held = (activity >= milp.row_low - 1e-9).all()
            held &= (activity <= milp.row_high + 1e-9).all() and (x <= milp.high).all()
            large = max(int(abs(g.costs).max()) for f in problem.frames for g in f.groups) > 2**19
            assert held >= problem.feasible(point) if large else held == problem.feasible(point)


def test_a_no_good_cuts_off_its_point_alone():
    for seed in range(40):
        problem, points = problem_of(seed)
        problem = replace(problem, budgets=(), distances=())
        best = max(points, key=problem.value)
        apart = problem.apart_from(tuple(int(k) for k in best))
        model = build(problem)
        assert model is not None
        milp = model.no_good(model.milp, tuple(int(k) for k in best))
        again = build(apart)
        assert again is not None
        assert (milp.matrix != again.milp.matrix).nnz == 0
        assert (milp.row_low == again.milp.row_low).all()
        assert (milp.integer == again.milp.integer).all()


def tiny() -> MixProblem:
    """Two frames, the second with a group of three options; one budget."""
    one = Group(np.array([[4], [6]]), np.array([1.0, 2.0]), 1, 2)
    two = Group(np.array([[2], [3], [5]]), np.array([1.0, 3.0, 4.0]), 2, 2)
    frames = (Frame(np.array([1]), 0.5, (one,)), Frame(np.array([0]), 0.25, (two,)))
    return MixProblem("tiny", ("a",), frames, (Budget("a", 9, 6),), (Distance((0, 1, 0), 2),))


def test_one_tiny_program_is_what_the_formulas_say():
    model = build(tiny())
    assert model is not None
    milp = model.milp
    assert model.names[:7] == [
        "frame0", "frame1", "frame0_group0_option0", "frame0_group0_option1",
        "frame1_group0_option0", "frame1_group0_option1", "frame1_group0_option2",
    ]  # fmt: skip
    # Then p and q of both options of frame 0, and the sign of option 0, which may be 0, 1 or 2.
    assert milp.integer.tolist() == [1] * 7 + [0, 0, 0, 0, 1]
    assert milp.high.tolist() == [1, 1, 2, 2, 2, 2, 2, 1, 2, 1, 0, 1]
    assert milp.objective.tolist() == [0.5, 0.25, 1, 2, 1, 3, 4, 0, 0, 0, 0, 0]
    inf = np.inf
    rows = zip(milp.row_low.tolist(), milp.row_high.tolist(), milp.matrix.toarray().tolist())
    assert [(low, high, *row) for low, high, row in rows] == [
        (1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
        # one or two layers in frame 0
        (-inf, 0, -2, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0),
        (-inf, 0, 1, 0, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0),
        # 6 - 1 <= 4 m + 6 n <= 9 - 1, halved and rounded inwards
        (-inf, 0, -4, 0, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0),
        (-inf, 0, 3, 0, -2, -3, 0, 0, 0, 0, 0, 0, 0, 0),
        # two layers in frame 1, their costs within 6 and 9
        (0, 0, 0, -2, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0),
        (-inf, 0, 0, -9, 0, 0, 2, 3, 5, 0, 0, 0, 0, 0),
        (-inf, 0, 0, 6, 0, 0, -2, -3, -5, 0, 0, 0, 0, 0),
        # m - 1 = p - q, n - 0 = p' - q', and p + q + p' + q' >= 2
        (0, 0, -1, 0, 1, 0, 0, 0, 0, -1, 0, 1, 0, 0),
        (0, 0, 0, 0, 0, 1, 0, 0, 0, 0, -1, 0, 1, 0),
        (-inf, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, -1),
        (-inf, 0, -1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1),
        (0, inf, -2, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 0),
    ]


def test_what_groups_reach_is_exact():
    assert reached(tiny().frames[0], 0) == (4, 12)
    assert reached(tiny().frames[1], 0) == (4, 10)


def test_frames_that_one_budget_rules_out_are_not_taken():
    model = build(replace(tiny(), budgets=(Budget("a", 12, 11),)))
    assert model is not None and model.milp.high[:2].tolist() == [1, 0]
    assert build(replace(tiny(), budgets=(Budget("a", 3),))) is None
    assert build(replace(tiny(), frames=(), distances=())) is None


def test_too_many_columns_are_refused():
    frame = tiny().frames[0]
    many = replace(tiny(), frames=(frame,) * 50_000, distances=())
    assert columns_needed(many) == 150_000
    assert "columns" in (refuses(many) or "")
