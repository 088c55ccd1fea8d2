"""Nested budgets: bounds that are shared are valid, contradictions are found, plans are stable."""

from dataclasses import replace

import numpy as np

from mathdesign.tables.nesting import nesting_of, tightened
from mathdesign.tables.planning import LONGEST_CHAIN, helpers
from mathdesign.tables.store import Result


def request(macs, params=None, family="basic", least=None):
    budgets = {"macs": {"max": macs}}
    if params is not None:
        budgets["params"] = {"max": params}
    if least is not None:
        budgets["blocks"] = {"min": least}
    return {"name": f"{macs}", "space": {"family": family}, "budgets": budgets}


def result(name, objective, bound, **limits):
    return Result(
        name, "feasible", objective=objective, bound=bound, gap=bound - objective,
        gap_target=0.01, nesting=nesting_of(request(**limits)),
    )  # fmt: skip


def test_a_looser_row_s_bound_holds_for_a_tighter_row():
    found, wrong = tightened({
        "a": result("a", 9.9, 20.0, macs=1),
        "b": result("b", 10.0, 10.0, macs=2),
        "c": result("c", 1.0, 5.0, macs=2, family="convnext"),
    })  # fmt: skip
    assert not wrong
    assert (found["a"].bound, found["a"].status) == (
        10.0,
        "within_gap" if 0.1 / 9.9 < 0.01 else "feasible",
    )
    assert found["b"].bound == 10.0
    assert found["c"].bound == 5.0


def test_a_minimum_budget_is_tighter_the_greater_it_is():
    found, wrong = tightened({
        "a": result("a", 1.0, 20.0, macs=2, least=5),
        "b": result("b", 2.0, 3.0, macs=2, least=1),
        "c": result("c", 2.0, 4.0, macs=2),
    })  # fmt: skip
    assert not wrong
    assert [found[name].bound for name in "abc"] == [3.0, 3.0, 4.0]


def test_a_contradiction_is_reported_with_both_rows():
    better = result("a", 11.0, 12.0, macs=1)
    _, wrong = tightened({"a": better, "b": result("b", 9.0, 10.0, macs=2)})
    assert [(v.inner, v.outer) for v in wrong] == [("a", "b")]
    none = replace(result("b", 9.0, 10.0, macs=2), status="infeasible", objective=None, bound=None)
    _, wrong = tightened({"a": better, "b": none})
    assert "infeasible" in str(wrong[0])


def test_shared_bounds_are_valid_on_random_nested_programs():
    """Knapsacks solved by enumeration, each with a random valid bound: none falls below."""
    rng = np.random.default_rng(5)
    for _ in range(300):
        values, weights = rng.integers(1, 20, 8), rng.integers(1, 20, (8, 2))
        points = (np.arange(256)[:, None] >> np.arange(8)) & 1
        results, optima = {}, {}
        for number in range(6):
            limits = rng.integers(5, 60, 2)
            fits = (points @ weights <= limits).all(axis=1)
            optimum = float((points @ values)[fits].max())
            name = str(number)
            optima[name] = optimum
            objective = optimum * rng.uniform(0.5, 1.0)
            bound = optimum + rng.exponential(5.0)
            results[name] = result(
                name, objective, bound, macs=int(limits[0]), params=int(limits[1])
            )
        found, wrong = tightened(results)
        assert not wrong
        assert all(found[n].bound >= optima[n] - 1e-9 for n in results)
        assert all(found[n].bound <= results[n].bound for n in results)


def test_helpers_are_tighter_rows_in_short_chains():
    nestings = {str(m): nesting_of(request(m)) for m in range(10, 0, -1)}
    plan = helpers(nestings, lambda _: True)
    for row in nestings:
        chain = [row]
        while chain[-1] in plan:
            assert int(plan[chain[-1]]) < int(chain[-1])
            chain.append(plan[chain[-1]])
        assert len(chain) <= LONGEST_CHAIN
    assert plan["2"] == "1"
    assert helpers(nestings, lambda _: False) == {}
