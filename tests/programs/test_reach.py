"""Shortest paths along the chain equal what enumeration finds."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from mathdesign.programs import evaluate, reach
from mathdesign.programs.chain import DesignProblem
from mathdesign.programs.evaluate import Evaluator
from mathdesign.programs.reach import count, extreme, least_effectiveness
from mathdesign.programs.stages import PairRule, Repeat, Tabled, term
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


def test_log_widths_are_looked_at_once_whatever_is_bisected(monkeypatch):
    """Twice a stage and width that enters it: depths are affine, limits change nothing."""
    calls = []
    monkeypatch.setattr(
        reach, "stage_log_width", lambda *a: calls.append(1) or evaluate.stage_log_width(*a)
    )
    problem = two_stage_problem("bottleneck", WidthRules(), budgets=(), effectiveness=1e9)
    assert least_effectiveness(problem) is not None
    assert len(calls) == 2 * sum(len(problem.prev_domain(s)) for s in range(len(problem.stages)))


def test_a_rule_on_depths_holds_for_the_least_effectiveness():
    problem = two_stage_problem("basic", budgets=(), effectiveness=1e9)
    last = replace(problem.effectiveness, prefixes=problem.effectiveness.prefixes[-1:])
    problem, found = replace(problem, effectiveness=last), []
    for depth in (0, -1):
        rules = list(problem.rules)
        for s, stage in enumerate(problem.stages):
            allowed = np.zeros((len(stage.domain("width")), len(stage.domain("depth"))), bool)
            allowed[:, depth] = True
            rules.append(PairRule(s, "width", s, "depth", allowed))
        ruled = replace(problem, rules=tuple(rules))
        _, scores = enumerated(ruled)
        expected = scores.effectiveness[scores.feasible].min()
        assert least_effectiveness(ruled) == pytest.approx(expected, rel=1e-8)
        found.append(expected)
    assert max(found) > 1.01 * least_effectiveness(problem)


def test_choices_and_transitions_are_those_that_rules_leave():
    problem = two_stage_problem("bottleneck", RULES[3], budgets=(), effectiveness=None)
    points, _ = enumerated(problem)
    for s, stage in enumerate(problem.stages):
        columns = [problem.columns[s, d.name] for d in stage.decisions]
        listed = reach.choices(problem, s)
        rows = set(zip(*(listed[d.name].tolist() for d in stage.decisions)))
        assert rows >= set(map(tuple, points[:, columns].tolist()))
        pairs = reach.width_pairs(problem, s)
        at = np.searchsorted(np.array(stage.domain("width")), listed["width"])
        assert reach.transitions(problem, s) == pairs[:, at].sum()


@pytest.mark.parametrize("seed", range(40))
def test_tables_that_neither_rise_nor_fall(seed):
    rng = np.random.default_rng(seed)
    problem = two_stage_problem("basic", WidthRules(), budgets=(), effectiveness=None)
    stage = problem.stages[2]
    shape = tuple(len(problem.domain_of(2, x)) for x in ("prev", "kernel_size"))
    table = Tabled("wild", ("prev", "kernel_size"), rng.integers(1, 10**6, shape))
    costs = {**stage.costs, "macs": (*stage.costs["macs"], term(1, Repeat.EACH, wild=1))}
    stages = list(problem.stages)
    stages[2] = replace(stage, costs=costs, tables=(table,))
    problem = replace(problem, stages=tuple(stages))
    _, scores = enumerated(problem)
    values = scores.metrics["macs"][scores.feasible]
    assert extreme(problem, "macs").value == values.min()
    assert extreme(problem, "macs", largest=True).value == values.max()
