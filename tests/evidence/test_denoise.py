"""What is said of a network: by trees that did not see it."""

import numpy as np
import pytest

from mathdesign.evidence import denoise
from mathdesign.evidence.denoise import FOLDS, Judge, cross_validated

RNG = np.random.default_rng(0)
TRUTH = np.array([3.0, 1.0, 0.0])
FEATURES, OTHERS = RNG.random((120, 3)), RNG.random((50, 3))
LABELS = FEATURES @ TRUTH + 0.1 * RNG.normal(size=len(FEATURES))


@pytest.fixture(autouse=True)
def _few_rounds(monkeypatch):
    monkeypatch.setattr(denoise, "ROUNDS", 40)


def test_a_row_is_judged_by_trees_that_did_not_see_it():
    judge = Judge(FEATURES, LABELS)
    changed = LABELS.copy()
    changed[0] += 100.0
    again = Judge(FEATURES, changed)
    same = again.rows == judge.rows
    assert same[0] and not same.all() and FOLDS * same.sum() >= len(LABELS)
    assert np.array_equal(cross_validated(FEATURES, LABELS), judge.rows)


def test_a_network_that_is_no_row_is_judged_by_all_of_them():
    judge = Judge(FEATURES, LABELS)
    assert np.corrcoef(judge.at(OTHERS), OTHERS @ TRUTH)[0, 1] > 0.9
    assert judge.at(OTHERS).min() >= LABELS.min() and judge.at(OTHERS).max() <= LABELS.max()
