"""Slot backends against enumeration by the problem's own methods."""

import dataclasses

import numpy as np
import pytest

from mathdesign.programs.base import Distance
from mathdesign.solvers.base import SolveOptions, Status, Termination
from mathdesign.solvers.portfolio import choose, solve
from mathdesign.solvers.scan.enumeration import Scan
from tests.slot_problems import best_by_enumeration, random_slot_problem


@pytest.mark.parametrize("seed", range(150))
def test_the_scan_returns_the_first_best_point(seed):
    problem = random_slot_problem(np.random.default_rng(seed))
    best, point = best_by_enumeration(problem)
    answer = solve(problem)
    assert answer.point == point
    if point is None:
        assert (answer.status, answer.bound) == (Status.INFEASIBLE, -np.inf)
    else:
        assert answer.status is Status.OPTIMAL
        assert answer.objective == answer.bound == best
    assert answer.termination is Termination.COMPLETED and answer.nodes == problem.size
    assert "enumerated" in choose(problem).reason


def test_a_scan_in_many_grids_is_the_same_scan(monkeypatch):
    monkeypatch.setattr("mathdesign.solvers.scan.slots.BLOCK", 16)
    monkeypatch.setattr("mathdesign.solvers.scan.slots.TAIL_ENTRIES", 64)
    for seed in range(60):
        problem = random_slot_problem(np.random.default_rng(seed), largest=600)
        assert solve(problem).point == best_by_enumeration(problem)[1]


def test_a_stopped_scan_claims_nothing(monkeypatch):
    monkeypatch.setattr("mathdesign.solvers.scan.slots.BLOCK", 8)
    monkeypatch.setattr("mathdesign.solvers.scan.slots.TAIL_ENTRIES", 8)
    stopped = 0
    for seed in range(40):
        problem = random_slot_problem(np.random.default_rng(seed))
        answer = Scan().solve(problem, SolveOptions(should_stop=lambda: True))
        if answer.nodes == problem.size:
            continue
        stopped += 1
        assert answer.termination is Termination.INTERRUPTED
        assert answer.status in (Status.FEASIBLE, Status.UNKNOWN) and answer.bound == np.inf
    assert stopped > 20


def test_a_distance_excludes_the_optimum_and_its_neighbours():
    for seed in range(30):
        problem = random_slot_problem(np.random.default_rng(seed))
        first = solve(problem).point
        if first is None:
            continue
        further = dataclasses.replace(problem, distances=(Distance(first, 2),))
        again = solve(further)
        assert again.point == best_by_enumeration(further)[1]
        if again.point is not None:
            assert sum(a != b for a, b in zip(first, again.point)) >= 2


def test_a_distance_to_no_point_of_the_space_is_refused():
    problem = random_slot_problem(np.random.default_rng(0))
    with pytest.raises(ValueError, match="no point of the space"):
        dataclasses.replace(problem, distances=(Distance((99,) * len(problem.slots)),))


def test_unknown_backends_are_named():
    with pytest.raises(KeyError, match="scan"):
        solve(random_slot_problem(np.random.default_rng(0)), backend="nothing")
