"""``paths`` on small programs against enumeration, on long ones against a table."""

import math

import numpy as np
import pytest

from mathdesign.programs.base import Budget
from mathdesign.programs.chain import DesignProblem
from mathdesign.solvers import (
    SolveOptions,
    Status,
    Termination,
    UnsupportedProblem,
    backend,
    choose,
)
from mathdesign.solvers.paths import backend as module
from mathdesign.solvers.paths.backend import Paths
from tests.hard import form_of, hard_program
from tests.judging import truth
from tests.long_chains import chain, network, table
from tests.small import two_stage_problem

EXACT = SolveOptions(gap=0.0, time_limit_s=60.0)


@pytest.mark.parametrize("first", range(7000, 7400, 100))
def test_small_programs_with_little_room_at_first(first, monkeypatch):
    """Walks of one, two, four labels and more: each bound on the way holds, the last is proven."""
    monkeypatch.setattr(module, "FIRST_ROOM", 1)
    monkeypatch.setattr(module, "GROWTH", 2)
    for seed in range(first, first + 100, 6):
        program = hard_program(seed)
        if form_of(seed) != DesignProblem.form or Paths().refuses(program):
            continue
        bounds: list[float] = []
        options = SolveOptions(
            gap=0.0,
            time_limit_s=60.0,
            on_progress=lambda p, b=bounds: b.append(math.inf if p.bound is None else p.bound),
        )
        found, best = Paths().solve(program, options), truth(program, seed)
        if best is None:
            assert found.status in (Status.INFEASIBLE, Status.UNKNOWN) and found.point is None
            continue
        room = 1e-9 * max(abs(best), 1.0)
        assert min([found.bound, *bounds]) >= best - room, seed
        assert found.point is None or program.feasible(found.point)
        if found.status is Status.OPTIMAL:
            assert found.objective >= best - 1e-6 * max(abs(best), 1.0), seed


def test_long_chains_have_the_optimum_of_the_table():
    for seed in (3, 17):
        problem = chain(seed)
        found = Paths().solve(problem, EXACT)
        assert len(problem.stages) > 50 and found.status is Status.OPTIMAL
        assert found.objective == pytest.approx(table(problem), rel=1e-6)


def test_no_random_point_exceeds_the_table():
    rng = np.random.default_rng(0)
    program = chain(27).with_budgets([Budget("a", chain(27).budgets[0].upper)])
    domains = program.decisions.values()
    some = np.stack([rng.choice(domain, 2000) for domain in domains], axis=1)
    scores = program.evaluator(some)
    best = table(program)
    assert scores.feasible.sum() > 10
    assert (scores.objective[scores.feasible] <= best * (1 + 1e-9)).all()


def test_auto_takes_it_for_long_chains_of_few_choices_and_says_why():
    choice = choose(chain(0))
    assert choice.backend.name == "paths" and "57 stages of few choices" in choice.reason
    short = choose(two_stage_problem())
    assert short.backend.name != "paths" and "paths" not in short.reason


def test_wide_choices_are_refused_with_their_number():
    problem = two_stage_problem()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MOST_ARCS", 3)
        with pytest.raises(UnsupportedProblem, match="pairs of a width and a choice; it takes at"):
            choose(problem, "paths")


def test_a_network_stopped_at_once_has_a_valid_answer():
    problem = network(1)
    best = Paths().solve(problem, SolveOptions(gap=1e-3, time_limit_s=60.0))
    assert best.objective is not None and best.status is not Status.FEASIBLE
    for seconds in (0.0, 0.05):
        found = Paths().solve(problem, SolveOptions(time_limit_s=seconds))
        assert found.bound >= best.objective and found.status is not Status.INFEASIBLE
        assert found.termination in (Termination.TIME_LIMIT, Termination.COMPLETED)


def test_the_limit_of_memory_ends_it_with_a_valid_bound():
    problem = chain(3)
    found = Paths().solve(problem, SolveOptions(gap=0.0, memory_limit_bytes=1))
    best = table(problem)
    assert found.termination is Termination.MEMORY_LIMIT and found.bound >= best
    assert found.objective is None or found.objective <= best + 1e-9 * best


def test_the_same_twice():
    one, two = (backend("paths").solve(chain(27), EXACT) for _ in range(2))
    assert (one.point, one.bound, one.nodes) == (two.point, two.bound, two.nodes)
