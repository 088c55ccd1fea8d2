"""Why nothing fits: what is said is true, what is proposed works, and what is not known is not claimed."""

import pytest

import mathdesign
from mathdesign.api import Infeasible
from mathdesign.explain import BudgetReach, Extreme, explain, extreme, reaches_of
from mathdesign.programs.base import Budget
from mathdesign.solvers.base import SolveOptions
from mathdesign.spaces.kind import Lifted
from tests import points
from tests.gallery import GALLERY
from tests.kinds.test_kinds import document

SMALL = [e for e in GALLERY if e.make().points <= 2_000 and e.make().metric_names]
every_small = pytest.mark.parametrize("entry", SMALL, ids=lambda e: e.name)


@every_small
@pytest.mark.parametrize("largest", [False, True])
def test_an_extreme_is_that_of_all_points_without_budgets(entry, largest):
    program = entry.make().unlimited()
    metric = program.metric_names[0]
    values = [program.costs(p)[metric] for p in points.every_point(program) if program.feasible(p)]
    found = extreme(program, metric, largest=largest, options=SolveOptions(gap=0.0))
    if not values:
        assert found.value is None
        return
    if found.proven:
        assert found.value == (max if largest else min)(values)
    if found.point is not None:
        assert program.costs(found.point)[metric] == found.value


@every_small
def test_an_impossible_budget_is_told_with_a_cure_that_works(entry):
    program = entry.make().unlimited()
    metric = program.metric_names[0]
    values = [program.costs(p)[metric] for p in points.every_point(program) if program.feasible(p)]
    if not values:
        pytest.skip("its rules leave nothing")
    told = explain(Lifted(program.with_budgets([Budget(metric, min(values) - 1)])))
    (reach,) = (b for b in told.budgets if b.metric == metric)
    if reach.proven:
        assert reach.impossible_alone and reach.alone == min(values)
    cured = program
    for limit in told.cure:
        cured = cured.with_budgets([Budget(limit.metric, int(limit.bound))])
    assert told.cure and any(cured.feasible(p) for p in points.every_point(cured))


def test_nothing_found_in_time_is_no_proof():
    reach = BudgetReach("macs", "max", 10, None, None, proven=False)
    assert not reach.impossible_alone and "nothing found in time" in reach.line()
    near = BudgetReach("macs", "max", 10, 12, None, proven=False)
    assert not near.impossible_alone and "nothing nearer found in time" in near.line()
    assert not Extreme(None, None, proven=False).impossible and Extreme(None, None).impossible


def test_a_limit_on_a_real_number_is_told_with_distances_too():
    text = document("basic", budgets="params: 100, effectiveness: 0.3")
    program = mathdesign.problem(mathdesign.loads(text))
    free = program.unlimited()
    point = next(iter(points.every_point(free)))
    told = explain(Lifted(program.apart_from(point)))
    assert {b.metric for b in told.budgets} == {"params", "effectiveness"}
    found = reaches_of(Lifted(program.apart_from(point)), program.metric_names)
    assert found is not None and found[-1].metric == "effectiveness"


MIXES = """
space:
  family: decoder_lm
  vocabulary: 50
  context: {context}
  stacks: [{{width: [16, 32], heads: 2, ffn_ratio: 2, depth: 1..3}}]
objective: {{metric: volume}}
budgets: {{{budgets}}}
"""


@pytest.mark.parametrize("context", ["16", "[8, 16]"])
@pytest.mark.parametrize(
    "budgets",
    [
        "activation_bytes: 10, params: 20k",
        "activation_bytes: {tight}, params: {{min: 5M}}",
        "activation_bytes: 10, params: {{min: 5M}}",
    ],
)
def test_a_cure_beside_a_peak_works(context, budgets):
    """What is proposed keeps the limit on the peak, which shapes the options of a mix."""
    free = MIXES.format(context=context, budgets="activation_bytes: 10")
    with pytest.raises(Infeasible) as caught:
        mathdesign.design(mathdesign.loads(free))
    (reach,) = caught.value.explanation.budgets
    text = MIXES.format(context=context, budgets=budgets.format(tight=int(reach.alone) + 5))
    with pytest.raises(Infeasible) as caught:
        mathdesign.design(mathdesign.loads(text))
    told = caught.value.explanation
    assert told.cure and "this works" in str(caught.value)
    spec = mathdesign.loads(text)
    cured = {**spec.to_dict()["budgets"]}
    for limit in told.cure:
        cured[limit.metric] = {limit.side: int(limit.bound)}
    design = mathdesign.design(mathdesign.load({**spec.to_dict(), "budgets": cured}))
    assert design.metrics["params"] > 0
