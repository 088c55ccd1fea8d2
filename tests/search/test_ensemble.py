"""Metrics as an ensemble: finds what metrics know together, within its queries, repeatably."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mathdesign.search.ensemble import (
    NOISE,
    best_single,
    normal_scores,
    posterior,
    ranked,
    search_ensemble,
)


def pool(seed: int):
    """Two metrics that are good only together, one that is noise."""
    rng = np.random.default_rng(seed)
    a, b, noise = rng.normal(size=(3, 400))
    return np.column_stack([a, b, noise]), a + b


def found(metrics, value, queries=20, **options):
    return search_ensemble(metrics, lambda p: float(value[p]), queries, **options)


def test_never_more_queries_than_allowed_and_the_best_of_them():
    metrics, value = pool(0)
    asked = []

    def measure(position: int) -> float:
        asked.append(position)
        return float(value[position])

    result = search_ensemble(metrics, measure, 20)
    assert len(asked) == len(set(asked)) == 20 and result.queried == tuple(asked)
    assert result.value == max(value[asked]) == value[result.best]
    assert result == found(metrics, value)


def test_asks_every_design_of_a_small_pool_once():
    metrics, value = pool(0)
    assert sorted(found(metrics[:7], value[:7], 20).queried) == list(range(7))
    assert found(np.ones((1, 1)), [3.0]).value == 3.0


def test_begins_with_equal_weights():
    metrics, value = pool(0)
    first = int(np.argmax(normal_scores(metrics).mean(axis=1)))
    assert found(metrics, value, 1).queried == (first,)


def test_better_than_random_on_a_sum_of_metrics():
    wins = 0
    for seed in range(10):
        metrics, value = pool(seed)
        drawn = np.random.default_rng(seed).choice(len(value), 20, replace=False)
        wins += found(metrics, value).value >= value[drawn].max()
    assert wins >= 9


@pytest.mark.parametrize(
    "weights", [(-1.0, 0.0, 0.0), (1.0, -1.0, 0.0), (-1.0, -1.0, -1.0)], ids=str
)
def test_queries_turn_a_metric_that_is_the_wrong_way_round(weights):
    """The prior takes every metric as good; what is measured says otherwise."""
    for seed in range(10):
        metrics, _ = pool(seed)
        value = metrics @ np.array(weights)
        result = found(metrics, value, 40)
        assert (value > result.value).sum() < 20, "in the best twentieth"


def test_finds_a_peak_that_no_weighted_sum_ranks_first():
    for seed in range(10):
        metrics, _ = pool(seed)
        value = -(normal_scores(metrics)[:, :2] ** 2).sum(axis=1)
        assert (value > found(metrics, value, 40).value).sum() < 20


def test_falls_back_to_the_metric_that_the_values_speak_for():
    """One metric of six is right and five agree on something else: the sum hides the one."""
    ranks = {True: 0, False: 0}
    for seed in range(7):
        rng = np.random.default_rng(seed)
        value, other = rng.normal(size=(2, 400))
        five = other[:, None] + rng.normal(0, 0.2, (400, 5))
        metrics = np.column_stack([value + rng.normal(0, 0.3, 400), five])
        for falls_back in ranks:
            result = found(metrics, value, 6, single_every=4 if falls_back else 0)
            ranks[falls_back] += int((value > result.value).sum())
    assert ranks[True] < ranks[False]


def test_the_fourth_query_is_the_best_single_metric_s():
    metrics, value = pool(5)
    queried = found(metrics, value, 4).queried
    scores = normal_scores(metrics)
    single = scores[:, best_single(scores, {p: float(value[p]) for p in queried[:3]})].copy()
    single[list(queried[:3])] = -np.inf
    assert queried[3] == int(np.argmax(single))
    assert found(metrics, value, 4, single_every=0).queried[:3] == queried[:3]


def test_the_best_single_metric_by_hand():
    scores = np.array([[1.0, -1.0], [0.0, 0.0], [-1.0, 1.0], [0.0, 0.0]])
    assert best_single(scores, {0: 5.0, 1: 4.0, 2: 3.0}) == 0
    assert best_single(scores, {0: 3.0, 1: 4.0, 2: 5.0}) == 1
    assert best_single(scores, {1: 1.0, 3: 2.0}) == 0


def test_posterior_is_that_of_the_joint_normal():
    metrics, value = pool(3)
    scores, asked = normal_scores(metrics[:30]), [4, 9, 17]
    mean, deviation = posterior(scores, {p: float(value[p]) for p in asked})
    gaps = ((scores[:, None] - scores[None]) ** 2).sum(axis=2)
    near = np.exp(-gaps / (2 * scores.shape[1]))
    gain = near[:, asked] @ np.linalg.inv(near[np.ix_(asked, asked)] + NOISE**2 * np.eye(3))
    prior = scores.mean(axis=1)
    seen = normal_scores(value[asked][:, None])[:, 0]
    assert mean == pytest.approx(prior + gain @ (seen - prior[asked]))
    assert deviation**2 == pytest.approx(1 - (gain * near[:, asked]).sum(axis=1))


def test_missing_values_are_worst_and_an_empty_metric_is_named():
    scaled = ranked(np.array([[1.0, np.nan], [3.0, 5.0], [np.inf, 7.0]]))
    assert scaled.tolist() == [[0.5, 0.0], [1.0, 0.5], [0.0, 1.0]]
    with pytest.raises(ValueError, match="metric 1"):
        ranked(np.array([[1.0, np.nan]]))


def test_refuses_an_empty_search_and_names_a_value_that_is_not_finite():
    for metrics, queries in ((np.ones((2, 1)), 0), (np.ones((0, 1)), 5), (np.ones((2, 0)), 5)):
        with pytest.raises(ValueError, match="a query"):
            search_ensemble(metrics, lambda p: 1.0, queries)
    with pytest.raises(ValueError, match="design 1 is not finite"):
        search_ensemble(np.array([[1.0], [2.0]]), lambda p: np.nan, 2)


@settings(deadline=None, derandomize=True)
@given(st.lists(st.integers(-50, 50), min_size=2, max_size=30), st.floats(0.01, 100))
def test_a_rising_change_of_a_metric_changes_nothing(values, factor):
    metric = np.array(values, dtype=float)[:, None]
    assert (ranked(metric) == ranked(factor * metric**3 + factor)).all()


@settings(deadline=None, derandomize=True)
@given(st.integers(0, 100), st.floats(0.1, 10))
def test_a_rising_change_of_the_values_changes_no_query(seed, factor):
    metrics, value = pool(seed)
    assert found(metrics, value).queried == found(metrics, factor * value**3 - 7).queried
