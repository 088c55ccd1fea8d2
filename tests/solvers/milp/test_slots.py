"""The slots' MILP: exact on every point, and its optimum the enumerated one."""

from dataclasses import replace

import numpy as np
import pytest

from mathdesign.programs.base import Budget, Distance
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
from mathdesign.solvers.base import SolveOptions, Status, UnsupportedProblem
from mathdesign.solvers.milp.choice import LARGEST_COLUMNS
from mathdesign.solvers.milp.possible import possible
from mathdesign.solvers.milp.slots import build, columns_needed, refuses
from mathdesign.solvers.portfolio import solve
from tests.slot_problems import best_by_enumeration, every_point, random_slot_problem

EXACT = SolveOptions(gap=0.0, time_limit_s=60.0)


def problem_of(seed: int) -> SlotProblem:
    """Budgets of every kind, some equal to what a point has; rules, distances, trees, aggregates."""
    rng = np.random.default_rng(seed)
    problem = random_slot_problem(rng, largest=600, spread=False)
    if rng.random() < 0.5:
        return problem
    factor = int(10 ** rng.integers(0, 13))
    metrics = {name: _grown(rng, sums, factor) for name, sums in problem.metrics.items()}
    problem = replace(problem, metrics=metrics, budgets=())
    costs = problem.costs([rng.integers(len(slot.options)) for slot in problem.slots])
    budgets = []
    for name, value in costs.items():
        room = int(rng.integers(0, 1 + factor // 100))
        budgets.append(
            Budget(name, value, value) if rng.random() < 0.5 else Budget(name, value + room, value)
        )
    return replace(problem, budgets=tuple(budgets))


def _grown(rng, sums, factor):
    """Table entries of nearly ``factor`` times the size."""

    def grown(table):
        return table * factor + rng.integers(0, factor, table.shape)

    pairs = tuple(PairTable(p.first, p.second, grown(p.table)) for p in sums.pairs)
    return TableSum(sums.constant, tuple(map(grown, sums.unary)), pairs)


def check(problem: SlotProblem, backend: str, seed: int) -> str:
    best, _ = best_by_enumeration(problem)
    found = solve(problem, EXACT, backend)
    if best == -np.inf:
        assert found.status is Status.INFEASIBLE, (seed, found)
        return "infeasible"
    assert found.status is Status.OPTIMAL, (seed, found)
    assert found.objective == pytest.approx(best, rel=1e-9, abs=1e-9), (seed, found)
    assert found.bound >= best - 1e-12, (seed, found)
    return "optimal"


@pytest.mark.parametrize(("backend", "block"), [*(("highs", b) for b in range(6)), ("scipy", 0)])
def test_random_problems_have_the_enumerated_optimum(backend, block):
    verdicts = [check(problem_of(s), backend, s) for s in range(50 * block, 50 * block + 50)]
    assert min(verdicts.count("optimal"), verdicts.count("infeasible")) >= 10


def test_points_embed_as_they_are():
    """Feasible point <-> feasible assignment, with the same objective: no solver involved."""
    for seed in range(120):
        problem = problem_of(seed)
        model, points = build(problem), every_point(problem)
        feasible = problem.feasible_rows(points)
        if model is None:
            assert not feasible.any(), seed
            continue
        milp = model.milp
        for i in np.random.default_rng(seed).choice(len(points), min(20, len(points)), False):
            point = tuple(points[i].tolist())
            x = model.embed(point)
            assert model.invert(x) == point
            if feasible[i]:
                value = milp.objective @ x + milp.offset
                assert value == pytest.approx(problem.value(point), abs=1e-9)
            activity = milp.matrix @ x
            held = (activity >= milp.row_low - 1e-6).all()
            held &= (activity <= milp.row_high + 1e-6).all() and (x <= milp.high).all()
            # Rows of huge coefficients are loosened by what solvers cannot see.
            assert held >= feasible[i] if _loose(problem) else held == feasible[i], (seed, point)


def _loose(problem: SlotProblem) -> bool:
    tables = [t for b in problem.budgets for t in problem.metrics[b.metric].unary]
    return max((int(np.abs(t).max()) for t in tables), default=0) > 2**19


def test_options_are_removed_only_if_no_feasible_point_has_them():
    removed = 0
    for seed in range(150):
        problem = problem_of(seed)
        points = every_point(problem)
        points = points[problem.feasible_rows(points)]
        left = possible(problem)
        if left is None:
            assert not len(points), seed
            continue
        for slot, mask in enumerate(left.options):
            assert mask[points[:, slot]].all(), seed
            removed += int((~mask).sum())
    assert removed > 100


def test_one_tiny_program_is_what_the_formulas_say():
    """Two slots, a table of both with a forbidden pair, a budget, a tree and a distance."""
    slots = (Slot("a", ("x", "y"), (1.0, 2.0)), Slot("b", ("u", "v"), (1.0, 5.0)))
    tree = Tree(*map(np.array, ([0, 1], [1.5, 2.0], [-1, -2], [1, -3])), np.array([1.0, 2.0, 7.0]))
    features = (
        Feature("a", (0,), (np.array([1.0, 2.0]),)),
        Feature("b", (1,), (np.array([1.0, 5.0]),)),
    )
    problem = SlotProblem(
        "tiny",
        slots,
        SlotObjective(
            TableSum(
                0.5,
                (np.array([0.0, 3.0]), np.zeros(2)),
                (PairTable(1, 0, np.array([[1.0, 2.0], [3.0, 0.0]])),),
            ),
            ((2.0, Ensemble(features, (tree,), 10.0)),),
        ),
        {"cost": TableSum(1, (np.array([10, 20]), np.array([0, 30])))},
        (Budget("cost", 45, 15),),
        (PairTable(0, 1, np.array([[True, True], [True, False]])),),
        (Distance((0, 0)),),
    )
    model = build(problem)
    assert model is not None
    milp = model.milp
    # Columns: x_a, x_b, the three allowed pairs (x,u) (x,v) (y,u), three leaves.
    assert model.names[:4] == ["x0_a_x", "x0_a_y", "x1_b_u", "x1_b_v"]
    assert milp.integer.tolist() == [1, 1, 1, 1, 0, 0, 0, 0, 0, 0]
    assert milp.objective.tolist() == [0, 3, 0, 0, 1, 3, 2, 2, 4, 14]
    assert milp.offset == 20.5
    rows = sorted(
        (low, high, *row)
        for row, low, high in zip(
            milp.matrix.toarray().tolist(), milp.row_low.tolist(), milp.row_high.tolist()
        )
    )
    inf = np.inf
    assert rows == sorted(
        [
            (1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0),
            (1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0),
            # marginals
            (0, 0, -1, 0, 0, 0, 1, 1, 0, 0, 0, 0),
            (0, 0, 0, -1, 0, 0, 0, 0, 1, 0, 0, 0),
            (0, 0, 0, 0, -1, 0, 1, 0, 1, 0, 0, 0),
            (0, 0, 0, 0, 0, -1, 0, 1, 0, 0, 0, 0),
            # 15 <= 1 + 10 x + 20 y + 30 v <= 45: less 11, over 10, rounded inwards
            (1, 3, 0, 1, 0, 3, 0, 0, 0, 0, 0, 0),
            # not (x, u)
            (-inf, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0),
            # leaves: a = x; a = y and b = u; a = y and b = v
            (1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1),
            (-inf, 0, -1, 0, 0, 0, 0, 0, 0, 1, 0, 0),
            (-inf, 0, 0, -1, 0, 0, 0, 0, 0, 0, 1, 1),
            (-inf, 0, 0, 0, -1, 0, 0, 0, 0, 0, 1, 0),
            (-inf, 0, 0, 0, 0, -1, 0, 0, 0, 0, 0, 1),
        ]
    )


def aggregate(scale: float, threshold: float) -> SlotProblem:
    """One feature, a sum over three slots, and a tree that pays for being above its threshold."""
    slots = tuple(Slot(f"s{i}", tuple("abcd")) for i in range(3))
    table = np.arange(4.0) * scale
    feature = Feature("sum", (0, 1, 2), (table, table, table))
    tree = Tree(*map(np.array, ([0], [threshold], [-1], [-2])), np.array([0.0, 5.0]))
    tables = TableSum(0.0, tuple(-np.arange(4.0) for _ in slots))
    return SlotProblem("sum", slots, SlotObjective(tables, ((1.0, Ensemble((feature,), (tree,))),)))


@pytest.mark.parametrize("scale", [1.0, 0.1, 1e-7, 1e9])
@pytest.mark.parametrize("steps", [2.0, 2.5, 3.0, 0.3 / 0.1])
def test_a_threshold_on_a_sum_is_the_evaluators(scale, steps):
    """Sums such as 0.1 + 0.2 lie beside the threshold 0.3: the program has the last word."""
    assert check(aggregate(scale, steps * scale), "highs", 0) == "optimal"


def test_values_too_many_to_list_are_bounded_by_the_thresholds(monkeypatch):
    monkeypatch.setattr("mathdesign.solvers.milp.slots.LISTED_VALUES", 3)
    assert check(aggregate(0.1, 0.3), "highs", 0) == "optimal"
    for seed in range(40):
        check(problem_of(seed), "highs", seed)


def test_a_spread_and_too_many_columns_are_refused_with_the_reason():
    problem = aggregate(1.0, 2.0)
    ((_, member),) = problem.objective.ensembles
    spread = replace(problem, objective=replace(problem.objective, spread=(member, member)))
    assert refuses(spread) is None, "no weight, no spread"
    spread = replace(spread, objective=replace(spread.objective, spread_weight=1.0))
    assert "standard deviation" in (refuses(spread) or "")
    with pytest.raises(UnsupportedProblem, match="standard deviation"):
        solve(spread, EXACT, "highs")
    n = 400
    large = tuple(Slot(f"s{i}", tuple(map(str, range(n)))) for i in range(2))
    tables = TableSum(0.0, (np.zeros(n), np.zeros(n)), (PairTable(0, 1, np.zeros((n, n))),))
    big = SlotProblem("big", large, SlotObjective(tables))
    assert columns_needed(big) > LARGEST_COLUMNS
    assert "columns" in (refuses(big) or "")
