"""No prices give a bound below a feasible point, at the root or at any node; envelopes are above."""

import math

import numpy as np
import pytest

from mathdesign.programs.chain import DesignProblem
from mathdesign.programs.stages import DepthPenalty
from mathdesign.solvers.paths import bound
from mathdesign.solvers.paths.bound import Completion, Prices, envelope, tangent
from mathdesign.solvers.paths.prices import (
    Pricing,
    floor_at,
    kept,
    paid,
    path_of,
    reached,
)
from mathdesign.solvers.paths.steps import FREE, Graph
from tests.hard import form_of, hard_program
from tests.points import every_point

CHAINS = [seed for seed in range(3000, 3120) if form_of(seed) == DesignProblem.form]


def random_prices(rng: np.random.Generator, graph: Graph, scale: float) -> Prices:
    """Any that are valid: sides of budgets, floors of effectiveness, a mix of tangents."""
    found = Prices.none(graph)
    for r, row in enumerate(graph.rows):
        size = float(rng.choice([-1.0, 1.0])) * scale * 10.0 ** rng.uniform(-3, 1)
        size /= max(row.upper if row.upper < FREE else row.lower, 1)
        if (size > 0 and row.upper < FREE) or (size < 0 and row.lower > 0):
            found = found.plus(kept(graph, r, size))
    if graph.limit is not None and graph.limit > 0:
        for s, step in enumerate(graph.steps):
            if step.prefix:
                cut = floor_at(s, rng.uniform(0.5, 40), graph.limit)
                found = found.plus(reached(graph, cut, scale * rng.uniform(0, 1)))
    penalty = graph.problem.objective.depth_penalty
    if penalty is not None and rng.random() < 0.8:
        share = float(rng.random())
        for part in (share, 1 - share):
            depths = rng.uniform(1, 20, len(graph.penalised))
            found = found.plus(paid(graph, tangent(penalty, depths, 1e6)), part)
    return found


def feasible_points(program: DesignProblem) -> list[tuple[tuple[int, ...], float]]:
    points = np.array(every_point(program))
    scores = program.evaluator(points)
    return [
        (tuple(int(v) for v in points[k]), float(scores.objective[k]))
        for k in np.flatnonzero(scores.feasible)
    ]


@pytest.mark.parametrize("pieces", [2, 24])
def test_no_feasible_point_exceeds_a_bound_at_the_root_or_on_its_way(pieces, monkeypatch):
    monkeypatch.setattr(bound, "MOST_PIECES", pieces)
    seen = 0
    for seed in CHAINS:
        program, rng = hard_program(seed), np.random.default_rng(seed)
        graph, good = Graph.of(program), feasible_points(program)
        if not good:
            continue
        scale = max(1.0, *(abs(value) for _, value in good))
        completion = Completion(graph, random_prices(rng, graph, min(scale, 1e12)))
        assert completion.bound >= max(value for _, value in good)
        point, value = good[int(rng.integers(len(good)))]
        for s, priced, width, log_width in walked(completion, point):
            at = completion.at(s, np.array([width]), np.array([log_width]))
            assert priced + float(at[0]) + completion.room >= value
            seen += 1
    assert seen > 100


def walked(completion: Completion, point: tuple[int, ...]):
    """Along a point's path: the stage entered, the priced sum so far, the width, the log-width."""
    priced, width, log_width, left = completion.start, 0, 0.0, list(point)
    for s, step in enumerate(completion.graph.steps):
        yield s, priced, width, log_width
        own, left = left[: step.choice.shape[2]], left[step.choice.shape[2] :]
        ((out, choice),) = np.argwhere((step.choice == own).all(axis=2) & step.allowed[width])
        log_width += float(step.log_width[width, out, choice])
        priced += float(completion.priced[s][width, out, choice])
        priced += float(completion.slope(s)[out]) * log_width
        width = int(out)


def test_the_path_of_a_bound_attains_it():
    for seed in CHAINS[:25]:
        graph = Graph.of(hard_program(seed))
        completion = Completion(graph, Prices.none(graph))
        if math.isfinite(completion.bound):
            path = path_of(graph, completion.path())
            room = 1e-9 + completion.room  # a constant that cancels most of the rest is rounded too
            assert path.value == pytest.approx(completion.bound, rel=1e-9, abs=room)


def test_pricing_lowers_the_bound_and_never_below_the_best():
    lowered = 0
    for seed in CHAINS[:20]:
        program = hard_program(seed)
        good = feasible_points(program)
        graph = Graph.of(program)
        first = Completion(graph, Prices.none(graph)).bound
        found = Pricing(graph, lambda point: None, lambda: False).run(8).bound
        assert found <= first
        lowered += found < first
        assert not good or found >= max(value for _, value in good)
    assert lowered > 5


def test_envelopes_are_the_maximum_of_their_lines_and_chords_lie_above(monkeypatch):
    rng = np.random.default_rng(5)
    for _ in range(100):
        lines, rows = int(rng.integers(1, 40)), int(rng.integers(1, 4))
        slope = rng.choice([0.0, 1.0, 1.5, *rng.normal(size=5)], lines)
        intercept = rng.normal(size=(rows, lines))
        intercept[rng.random(intercept.shape) < 0.2] = -np.inf
        low = rng.normal(size=rows)
        high = low + rng.choice([0.0, 1.0, 10.0], rows)
        at = low[:, None] + (high - low)[:, None] * rng.random((rows, 20))
        truth = (slope[:, None] * at[:, None, :] + intercept[:, :, None]).max(axis=1)
        for pieces in (2, 100):
            monkeypatch.setattr(bound, "MOST_PIECES", pieces)
            a, b = envelope(slope, intercept, low, high)
            found = (a[:, :, None] * at[:, None, :] + b[:, :, None]).max(axis=1)
            assert a.shape[1] <= pieces
            assert (found >= truth - 1e-9).all()
            assert pieces == 2 or np.allclose(found, truth)


@pytest.mark.parametrize("form", ["std", "variance"])
def test_a_tangent_lies_nowhere_above_the_penalty(form):
    rng = np.random.default_rng(1)
    for _ in range(300):
        penalty = DepthPenalty(float(rng.choice([1e-9, 1.0, 10.0])), form, ())
        n = int(rng.integers(1, 6))
        bent = tangent(penalty, rng.uniform(1, 30, n), float(rng.choice([1.0, 1e3, 1e9])))
        depths = rng.integers(1, 40, (50, n))
        spread = depths.std(axis=1) if form == "std" else depths.var(axis=1)
        assert (depths @ bent.slopes + bent.constant <= penalty.weight * np.exp(spread)).all()
