"""The one-at-a-time scorer agrees with the vectorised evaluator."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mathdesign.programs.base import Budget, saturated
from mathdesign.programs.evaluate import Evaluator
from mathdesign.solvers.heuristic.scoring import Scoring, saturating
from mathdesign.spaces.convnet.space import WidthRules
from tests.small import two_stage_problem

FAMILIES = ("bottleneck", "basic", "inverted_residual")
PROBLEMS = [
    two_stage_problem(f, WidthRules(monotone=True), (Budget("params", 30_000, 9_000),))
    for f in FAMILIES
]


@settings(deadline=None, derandomize=True, max_examples=100)
@given(st.sampled_from(PROBLEMS), st.data())
def test_objective_and_feasibility_of_any_point(problem, data):
    point = tuple(
        data.draw(st.sampled_from(problem.stages[s].domain(name))) for s, name in problem.variables
    )
    scoring = Scoring(problem)
    index = scoring.index(point)
    objective, violation = scoring(index)
    scores = Evaluator(problem)(np.array(point))
    assert scoring.point(index) == point
    assert objective == pytest.approx(scores.objective[0], rel=1e-12)
    assert (violation == 0.0) == bool(scores.feasible[0])


def test_values_outside_their_domain_have_no_index():
    assert Scoring(PROBLEMS[0]).index((7,) * len(PROBLEMS[0].variables)) is None


@pytest.mark.parametrize("weight", [1e-9, 1.0, 1e300, -2.0, 0.0, 1e-300])
@pytest.mark.parametrize("spread", [0.0, 3.5, 689.0, 700.5, 708.0, 720.0, 1000.0, 1e6])
def test_a_penalty_saturates_where_the_program_does(weight: float, spread: float):
    with np.errstate(over="ignore"):
        expected = float(saturated(weight * np.exp(spread))) if weight else 0.0
    assert saturating(weight, spread) == pytest.approx(expected, rel=1e-12)
