"""Chains as programs: their decisions, pins and the limit that is no integer."""

import pytest

from mathdesign.programs.base import Budget, Distance, Limit, Reach
from mathdesign.programs.chain import EFFECTIVENESS, DesignProblem
from mathdesign.programs.stages import Decision, Objective, Stage
from tests.gallery import BEST_CHAIN, CHAINS
from tests.small import two_stage_problem

TINY = CHAINS[0].make()


def test_decisions_are_called_by_stage_and_hold_their_values():
    assert TINY.decisions == {
        "first.width": (2, 4),
        "first.depth": (1, 2, 3),
        "second.width": (3, 5),
        "second.depth": (1, 2),
    }
    assert (TINY.size, TINY.points, TINY.metric_names) == (24, 24, ("m",))


@pytest.mark.parametrize("point", [(3, 3, 5, 2), (4, 3, 5, 3), (4, 3, 5), (4, 3, 5, 2, 1)])
def test_values_beyond_the_domains_are_no_point(point):
    assert not TINY.feasible(point)
    with pytest.raises(ValueError, match=r"accepted|a point has 4 values"):
        TINY.costs(point)


def test_pins_narrow_domains_rules_and_derived_symbols():
    problem = two_stage_problem("inverted_residual")
    pinned = problem.pinned({"stage1.width": 32, "stage1.bottleneck": 16})
    assert pinned.decisions["stage1.width"] == (32,)
    assert pinned.size == problem.size // 9
    point = (16, 3, 1, 32, 16, 3, 2, 48, 16, 5, 3, 10, 1)
    assert pinned.costs(point) == problem.costs(point)
    assert pinned.value(point) == problem.value(point)
    with pytest.raises(ValueError, match=r"stage1\.width: found 33, accepted: 16, 32, 48"):
        problem.pinned({"stage1.width": 33})


def test_effectiveness_is_a_limit_beside_the_budgets():
    problem = two_stage_problem(budgets=(Budget("params", 30_000),), effectiveness=0.3)
    params, rho = Limit("params", "max", 30_000), Limit(EFFECTIVENESS, "max", 0.3)
    assert problem.limits == (params, rho)
    assert problem.without(EFFECTIVENESS).limits == (params,)
    assert problem.without("params").limits == (rho,)
    assert problem.without("params", EFFECTIVENESS).limits == ()
    assert problem.with_budgets([]).limits == (rho,)
    with pytest.raises(KeyError):
        problem.without(EFFECTIVENESS).without(EFFECTIVENESS)


def test_effectiveness_is_measured_and_reached_where_it_is_limited():
    point = (16, 3, 1, 32, 8, 3, 2, 48, 16, 5, 3, 10, 1)
    limited, free = (two_stage_problem(effectiveness=rho) for rho in (0.3, None))
    assert limited.measured(point)[EFFECTIVENESS] == limited.scores(point).effectiveness[0] > 0
    assert EFFECTIVENESS not in free.measured(point)
    least = limited.reach(EFFECTIVENESS)
    assert least.point is None and 0 < least.value < limited.measured(point)[EFFECTIVENESS]
    assert limited.reach(EFFECTIVENESS, largest=True) is None
    with pytest.raises(KeyError):
        free.reach(EFFECTIVENESS)


def test_a_reach_keeps_away_from_points_and_within_inherent_budgets():
    assert TINY.reach("m", largest=True) == Reach(52, BEST_CHAIN)
    assert TINY.apart_from(BEST_CHAIN).reach("m", largest=True) is None
    assert TINY.apart_from(BEST_CHAIN).reach("m") == Reach(8, (2, 1, 3, 1))
    narrow = TINY.with_budgets([Budget("m", 51, inherent=True)])
    assert narrow.reach("m", largest=True) is None
    limited = two_stage_problem()._with(distances=(Distance((1,) * 13),))
    assert limited.reach(EFFECTIVENESS) is None


def test_large_integers_are_reached_exactly():
    entry = next(entry for entry in CHAINS if entry.name == "huge")
    odd = Stage("odd", TINY.stages[0].decisions, {"m": (TINY.stages[0].costs["m"][0],)})
    huge = entry.make()
    both = DesignProblem("both", (odd, *huge.stages), Objective())
    assert both.reach("m", largest=True).value == 4 * 3 + 52 * 10**12


def test_a_chain_without_metrics_is_a_program():
    stage = Stage("s", (Decision("width", (1, 2)), Decision("depth", (1,))), {})
    problem = DesignProblem("none", (stage,), Objective())
    assert problem.costs((2, 1)) == {}
    assert problem.feasible((2, 1)) and problem.value((2, 1)) == 0.0
