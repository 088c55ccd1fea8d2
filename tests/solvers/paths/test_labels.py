"""Dominance drops only what another row matches; a pass with little room says what it left."""

import math

import numpy as np
import pytest

from mathdesign.programs.base import Budget
from mathdesign.programs.chain import DesignProblem
from mathdesign.programs.stages import (
    Decision,
    DepthPenalty,
    Objective,
    Repeat,
    Scale,
    Stage,
    term,
)
from mathdesign.solvers.paths.bound import Completion, Prices
from mathdesign.solvers.paths.labels import Pass, undominated
from mathdesign.solvers.paths.steps import Graph
from mathdesign.solvers.paths.sums import sums
from tests.hard import form_of, hard_program
from tests.judging import truth

CHAINS = [seed for seed in range(5000, 5200) if form_of(seed) == DesignProblem.form]


@pytest.mark.parametrize("figures", [1, 2, 4])
def test_what_is_dropped_is_matched_by_what_stays(figures):
    rng = np.random.default_rng(figures)
    for _ in range(40):
        n = int(rng.integers(1, 60))
        equal = [rng.integers(0, 3, n), rng.integers(0, 2, n)]
        table = [rng.integers(-4, 5, n) * 2**60 for _ in range(figures)]
        kept = undominated(equal, table)
        every = np.stack([*equal, *table], axis=1)
        k = len(equal)
        for row in set(range(n)) - set(kept.tolist()):
            same = (every[kept, :k] == every[row, :k]).all(axis=1)
            assert (same & (every[kept, k:] >= every[row, k:]).all(axis=1)).any()
        if figures <= 2:  # and nothing stays that another one matches
            for row in kept:
                same = (every[kept, :k] == every[row, :k]).all(axis=1)
                assert (same & (every[kept, k:] >= every[row, k:]).all(axis=1)).sum() == 1


@pytest.mark.parametrize("most", [1, 5, 10**6])
def test_the_best_is_found_or_what_was_left_is_no_less(most):
    for seed in CHAINS[:30]:
        program = hard_program(seed)
        best, graph = truth(program, seed), Graph.of(program)
        completion = Completion(graph, Prices.none(graph))
        if not math.isfinite(completion.bound):
            assert best is None
            continue
        walk = Pass(graph, [completion], -math.inf, most, lambda: False)
        ends = walk.run()
        found = [walk.point(k) for k in range(len(ends.width))]
        values = [program.value(point) for point in found if program.feasible(point)]
        assert walk.whole or most < 10**6
        if best is not None:
            assert max([walk.left, *values]) >= best - 1e-9 * abs(best)
        elif walk.whole:
            assert not values


def test_a_stopped_pass_says_what_was_open():
    for seed in CHAINS[:20]:
        program = hard_program(seed)
        graph = Graph.of(program)
        completion, asked = Completion(graph, Prices.none(graph)), [0]

        def stop(asked=asked):
            asked[0] += 1
            return asked[0] > 2

        walk = Pass(graph, [completion], -math.inf, 10, stop)
        best = truth(program, seed)
        if walk.run() is None and best is not None:
            assert walk.left >= best and not walk.whole


@pytest.mark.parametrize("unit", [1, 6, 10**15])
def test_sums_that_may_end_within_are_those_that_do(unit):
    """By a table where numbers are small, by lists where they are not."""
    rng = np.random.default_rng(3)
    for _ in range(25):
        shapes = [(1, 2, 2), (2, 2, 3), (2, 1, 2)]
        costs = [unit * rng.integers(0, 9, shape) + (unit > 10**6) for shape in shapes]
        allowed = [rng.random(shape) < 0.8 for shape in shapes]
        if not all(a.any() for a in allowed):
            continue
        lower = int(unit * rng.integers(1, 20))
        upper = lower + int(unit * rng.integers(0, 2))
        found = sums(costs, allowed, lower, upper)
        assert (found.tables is None) == (unit > 10**6)
        follow = {(3, 0): {0}}
        for s in (2, 1, 0):
            for i in range(shapes[s][0]):
                follow[s, i] = {
                    int(costs[s][i, j, o]) + rest
                    for j in range(shapes[s][1])
                    for o in range(shapes[s][2])
                    if allowed[s][i, j, o]
                    for rest in follow[s + 1, j]
                }
        for (s, i), rests in follow.items():
            for so_far in (0, unit, 5 * unit, lower, lower + unit):
                expected = any(lower <= so_far + rest <= upper for rest in rests)
                (got,) = found.ends_within(s, np.array([i]), np.array([so_far]))
                assert got == expected


@pytest.mark.parametrize("form", ["std", "variance"])
def test_depths_before_decide_which_depths_are_best_after(form):
    """Blocks cost, the last stages are deep, and a penalty wants equal depths: sums must be kept."""
    rng = np.random.default_rng(11)
    for seed in range(12):
        stages = tuple(
            Stage(
                f"s{s}",
                (Decision("width", (3,)), Decision("depth", (1, 2, 4) if s < 3 else (6,))),
                {"a": (term(1, Repeat.EACH),)},
                (term(int(rng.integers(2, 40)), Repeat.EACH),),
                1,
            )
            for s in range(5)
        )
        weight = float(rng.uniform(0.05, 2))
        penalty = DepthPenalty(weight, form, tuple(range(5)))
        objective = Objective(
            (Scale(4, 0.01, 1),), depth_penalty=penalty, metric_weights=(("a", -0.1),)
        )
        program = DesignProblem("depths", stages, objective)
        program = program.with_budgets([Budget("a", upper=int(rng.integers(18, 25)))])
        graph = Graph.of(program)
        completion = Completion(graph, Prices.none(graph))
        walk = Pass(graph, [completion], -math.inf, 10**6, lambda: False)
        ends = walk.run()
        values = [program.value(walk.point(k)) for k in range(len(ends.width))]
        assert walk.whole and max(values) == pytest.approx(truth(program, seed), rel=1e-12)
