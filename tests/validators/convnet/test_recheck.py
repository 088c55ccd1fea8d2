"""A wrong answer is never let through: one unit over a budget is an error."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mathdesign.programs.base import Budget
from mathdesign.programs.evaluate import Evaluator
from mathdesign.spaces.convnet.network import Network
from mathdesign.spaces.convnet.program import EntropyOptions, pose
from mathdesign.spaces.convnet.space import WidthRules
from mathdesign.validators.convnet.recheck import recheck, verify
from mathdesign.validators.errors import (
    BudgetExceeded,
    EffectivenessExceeded,
    ObjectiveMismatch,
    OutsideSpace,
)
from tests.small import two_stages
from tests.spaces.convnet.families.random_spaces import points, spaces

POINT = (16, 3, 1, 32, 8, 3, 2, 48, 16, 5, 3, 10, 1)
TRUTH = recheck(Network.from_point(two_stages(), POINT, "small"), entropy=EntropyOptions())


def changed(**values: int) -> tuple[int, ...]:
    """POINT with other values, by position name."""
    places = {"width1": 3, "bottleneck1": 4, "width2": 7, "depth2": 10}
    point = list(POINT)
    for name, value in values.items():
        point[places[name]] = value
    return tuple(point)


def test_a_true_answer_passes_at_the_very_limit():
    budgets = [Budget(m, upper=v, lower=v) for m, v in TRUTH.metrics.items()]
    result = verify(
        two_stages(),
        POINT,
        entropy=EntropyOptions(),
        budgets=budgets,
        effectiveness=TRUTH.effectiveness,
        objective=TRUTH.objective,
    )
    assert result == TRUTH


@pytest.mark.parametrize("metric", ["params", "macs", "blocks"])
def test_one_unit_over_or_under_a_budget_is_an_error(metric):
    used = TRUTH.metrics[metric]
    with pytest.raises(BudgetExceeded, match=f"{metric} is .*: 1 above"):
        verify(two_stages(), POINT, budgets=[Budget(metric, upper=used - 1)])
    with pytest.raises(BudgetExceeded, match=f"{metric} is .*: 1 below"):
        verify(two_stages(), POINT, budgets=[Budget(metric, lower=used + 1)])


@pytest.mark.parametrize("factor", [1 + 2e-6, 1 - 2e-6, -1, float("nan"), float("inf")])
def test_a_wrong_objective_is_an_error(factor):
    with pytest.raises(ObjectiveMismatch, match="by recount"):
        verify(two_stages(), POINT, entropy=EntropyOptions(), objective=TRUTH.objective * factor)


def test_a_rounded_objective_is_none():
    claim = TRUTH.objective * (1 + 5e-7)
    verify(two_stages(), POINT, entropy=EntropyOptions(), objective=claim)


def test_a_network_too_deep_for_its_width_is_an_error():
    with pytest.raises(EffectivenessExceeded, match="above its limit"):
        verify(two_stages(), POINT, effectiveness=TRUTH.effectiveness * (1 - 1e-8))


@pytest.mark.parametrize(
    ("rules", "point", "message"),
    [
        (WidthRules(), changed(width1=40), "width 40 is not among its choices"),
        (WidthRules(), POINT[:-1], "12 values"),
        (WidthRules(monotone=True), changed(width2=16), "width 16 is below 32 before it"),
        (WidthRules(growth=Fraction(4, 3)), POINT, "width 32 is more than 4/3 times 16"),
        (
            WidthRules(bottleneck_ratio=(Fraction(1, 3), Fraction(1))),
            POINT,
            "bottleneck / width = 8/32 is outside 1/3..1",
        ),
    ],
)
def test_a_broken_rule_is_an_error(rules, point, message):
    with pytest.raises(OutsideSpace) as error:
        verify(two_stages(rules=rules), point)
    assert message in str(error.value)


def test_log_widths_and_layers_by_hand():
    """2 body blocks of stage1 have widths 16, 9*8, 8 and 32, 9*8, 8; the stem has 27."""
    stem = 27
    stage1 = 16 * (9 * 8) * 8 * 32 * (9 * 8) * 8
    assert TRUTH.layers == (1, 7, 16, 16)
    assert TRUTH.log_widths[0] == pytest.approx(np.log(stem))
    assert TRUTH.log_widths[1] == pytest.approx(np.log(stem) + np.log(stage1))
    assert TRUTH.counts["macs"]["params"] == TRUTH.metrics["params"]
    # The published code leaves out the classifier, its 48 * 10 weights and 10 biases.
    assert TRUTH.counts["tinynas"]["params"] == TRUTH.metrics["params"] - 490


@settings(deadline=None, derandomize=True, max_examples=100)
@given(data=st.data())
def test_what_the_evaluator_calls_feasible_passes_and_nothing_else_does(data):
    """Budgets drawn around the true values: verdicts agree on every random point."""
    space = data.draw(spaces())
    point = data.draw(points(space))
    scores = Evaluator(pose(space, entropy=EntropyOptions(), effectiveness=1.0))(np.array(point))
    slack = st.integers(-1, 1)
    budgets = tuple(
        Budget(m, upper=max(0, int(v[0]) + data.draw(slack))) for m, v in scores.metrics.items()
    )
    terms = dict(entropy=EntropyOptions(), budgets=budgets, effectiveness=1.0)  # noqa: C408
    feasible = Evaluator(pose(space, **terms))(np.array(point)).feasible[0]
    try:
        verify(space, point, **terms, objective=float(scores.objective[0]))
    except (OutsideSpace, BudgetExceeded, EffectivenessExceeded):
        assert not feasible
    else:
        assert feasible
