"""The Pareto front: equal to the definition, on many small random tables."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mathdesign
from mathdesign.tables.pareto import Axis, efficient


def by_definition(costs: np.ndarray) -> list[bool]:
    """Row by row: no other row is at least as good everywhere and better somewhere."""
    complete = ~np.isnan(costs).any(axis=1)
    return [
        bool(complete[i])
        and not any(
            complete[j] and (costs[j] <= costs[i]).all() and (costs[j] < costs[i]).any()
            for j in range(len(costs))
        )
        for i in range(len(costs))
    ]


values = st.sampled_from([0.0, 1.0, 2.0, 3.0, 4.5, -1.0, np.nan, np.inf])


@settings(deadline=None, derandomize=True, max_examples=150)
@given(
    st.integers(1, 4).flatmap(
        lambda k: st.lists(st.lists(values, min_size=k, max_size=k), min_size=0, max_size=12).map(
            lambda rows: np.array(rows, dtype=float).reshape(-1, k)
        )
    )
)
def test_the_front_is_what_the_definition_says(costs):
    assert efficient(costs).tolist() == by_definition(costs)


def test_costs_that_round_to_equal_sums_are_still_told_apart():
    costs = np.array([[1e16, 1.0, 0.0], [1e16, 0.0, 0.0], [1e16, 0.5, 0.0]])
    assert efficient(costs).tolist() == [False, True, False]


TABLE = pd.DataFrame(
    {
        "name": ["a", "b", "c", "d", "e"],
        "macs": pd.array([30, 10, 20, 20, None], dtype="Int64"),
        "objective": [5.0, 1.0, 3.0, 2.0, np.nan],
        "params": [1, 2, 3, 4, 5],
    }
)


def test_objective_is_maximised_and_macs_minimised():
    front = mathdesign.pareto(TABLE, ["macs", "objective"])
    assert front["name"].tolist() == ["b", "c", "a"]
    assert mathdesign.pareto(TABLE, ["objective", "macs"])["name"].tolist() == ["a", "c", "b"]


def test_directions_can_be_said():
    assert Axis.parse("max:macs") == Axis("macs", True)
    assert Axis.parse("min:objective") == Axis("objective", False)
    assert Axis.parse("budgets.macs") == Axis("budgets.macs", False)
    assert mathdesign.pareto(TABLE, ["max:params"])["name"].tolist() == ["e"]


def test_a_metric_that_is_no_column_of_numbers_is_named_with_those_that_are():
    with pytest.raises(ValueError, match=r"latency_ms, name: .*there are: macs, objective, params"):
        mathdesign.pareto(TABLE, ["latency_ms", "name", "macs"])
    with pytest.raises(ValueError, match="at least one"):
        mathdesign.pareto(TABLE, [])


def test_a_hundred_thousand_rows_take_seconds_at_most():
    import time

    rng = np.random.default_rng(0)
    costs = rng.lognormal(size=(100_000, 3))
    begun = time.process_time()
    two, three = efficient(costs[:, :2]), efficient(costs)
    assert time.process_time() - begun < 3.0
    assert 0 < two.sum() < three.sum()
