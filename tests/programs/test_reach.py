"""Shortest paths along the chain equal what enumeration finds."""

from fractions import Fraction

import numpy as np
import pytest

from mathdesign.programs.chain import DesignProblem
from mathdesign.programs.evaluate import Evaluator
from mathdesign.programs.reach import count, extreme, least_effectiveness
from mathdesign.solvers.scan.chain import enumerate_points
from mathdesign.spaces.convnet.space import WidthRules
from tests.small import two_stage_problem

RULES = [
    WidthRules(),
    WidthRules(monotone=True),
    WidthRules(growth=Fraction(2)),
    WidthRules(True, Fraction(2), (Fraction(1, 3), Fraction(1, 2))),
]
FAMILIES = ["bottleneck", "inverted_residual", "basic"]


def enumerated(problem: DesignProblem):
    points = np.concatenate(list(enumerate_points(problem)))
    scores = Evaluator(problem)(points)
    return points[scores.feasible], scores


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("rules", RULES)
def test_counts_and_extremes_equal_enumeration(family: str, rules: WidthRules):
    problem = two_stage_problem(family, rules, budgets=(), effectiveness=None)
    points, scores = enumerated(problem)
    assert count(problem) == len(points)
    for metric in problem.metrics:
        values = scores.metrics[metric][scores.feasible]
        for largest, expected in ((False, values.min()), (True, values.max())):
            found = extreme(problem, metric, largest=largest)
            assert found is not None and found.value == expected
            again = Evaluator(problem)(np.array(found.point))
            assert again.metrics[metric][0] == expected and again.feasible[0]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("rules", RULES)
def test_least_effectiveness_equals_enumeration(family: str, rules: WidthRules):
    problem = two_stage_problem(family, rules, budgets=(), effectiveness=1e9)
    _, scores = enumerated(problem)
    expected = scores.effectiveness[scores.feasible].min()
    assert least_effectiveness(problem) == pytest.approx(expected, rel=1e-8)


def test_contradictory_rules_reach_nothing():
    rules = WidthRules(bottleneck_ratio=(Fraction(4), Fraction(5)))
    problem = two_stage_problem("bottleneck", rules, budgets=())
    assert count(problem) == 0
    assert extreme(problem, "params") is None
    assert least_effectiveness(problem) is None
