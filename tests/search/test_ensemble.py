"""Metrics as an ensemble: finds what a weighted sum can find, within its queries, repeatably."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mathdesign.search.ensemble import ranked, search_ensemble


def pool(seed: int):
    """Two metrics that are good only together, one that is noise."""
    rng = np.random.default_rng(seed)
    a, b, noise = rng.normal(size=(3, 400))
    return np.column_stack([a, b, noise]), a + b


def test_never_more_queries_than_allowed_and_the_best_of_them():
    metrics, value = pool(0)
    asked = []

    def measure(position: int) -> float:
        asked.append(position)
        return float(value[position])

    found = search_ensemble(metrics, measure, 20, seed=1)
    assert len(asked) == len(set(asked)) == 20 == len(found.queried)
    assert found.value == max(value[asked])
    assert found == search_ensemble(metrics, lambda p: float(value[p]), 20, seed=1)


def test_better_than_random_on_a_sum_of_metrics():
    wins = 0
    for seed in range(10):
        metrics, value = pool(seed)
        found = search_ensemble(metrics, lambda p, v=value: float(v[p]), 20, seed=seed)
        drawn = np.random.default_rng(seed).choice(len(value), 20, replace=False)
        wins += found.value >= value[drawn].max()
    assert wins >= 9


def test_missing_values_are_worst_and_an_empty_metric_is_named():
    scaled = ranked(np.array([[1.0, np.nan], [3.0, 5.0], [np.inf, 7.0]]))
    assert scaled.tolist() == [[0.5, 0.0], [1.0, 0.5], [0.0, 1.0]]
    with pytest.raises(ValueError, match="metric 1"):
        ranked(np.array([[1.0, np.nan]]))
    with pytest.raises(ValueError, match="a query"):
        search_ensemble(np.ones((2, 1)), lambda p: 1.0, 0)


@given(st.lists(st.integers(-50, 50), min_size=2, max_size=30), st.floats(0.01, 100))
def test_a_rising_change_of_a_metric_changes_nothing(values, factor):
    metric = np.array(values, dtype=float)[:, None]
    assert (ranked(metric) == ranked(factor * metric**3 + factor)).all()
