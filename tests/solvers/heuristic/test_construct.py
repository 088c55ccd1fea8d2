"""Starting points: found where there are any, and the least infeasible design otherwise."""

from random import Random

from mathdesign.programs.base import Budget
from mathdesign.solvers.heuristic.construct import find_start
from mathdesign.solvers.heuristic.moves import Moves
from mathdesign.solvers.heuristic.scoring import Scoring
from tests.small import two_stage_problem


def start(problem, evaluations=20_000):
    scoring = Scoring(problem)
    return scoring, find_start(scoring, Moves(problem), Random(0), evaluations=evaluations)


def test_a_band_of_budgets_and_effectiveness_is_met():
    scoring, found = start(two_stage_problem(budgets=(Budget("params", 30_000, 29_000),)))
    assert found.violation == 0.0
    assert scoring(found.index) == (scoring(found.index)[0], 0.0)


def test_an_impossible_budget_gives_the_nearest_design_and_its_violation():
    scoring, found = start(two_stage_problem(budgets=(Budget("params", 10),)), 2000)
    assert found.violation > 0.0
    assert scoring(found.index)[1] == found.violation
    assert found.evaluations <= 2000
