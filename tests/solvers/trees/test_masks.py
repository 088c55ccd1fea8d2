"""Every split as a set of options, every leaf as a box: the same numbers as the trees themselves."""

import numpy as np
import pytest

from mathdesign.programs.slots import (
    Ensemble,
    Feature,
    Slot,
    SlotObjective,
    SlotProblem,
    TableSum,
    Tree,
)
from mathdesign.solvers.trees.masks import Positions, leaf_masks
from tests.slot_problems import every_point, random_slot_problem


@pytest.mark.parametrize("seed", range(60))
def test_masks_and_trees_agree_at_every_point(seed):
    problem = random_slot_problem(np.random.default_rng(seed))
    ensembles = [e for _, e in problem.objective.ensembles] + list(problem.objective.spread)
    positions = Positions.of(problem, ensembles)
    points = every_point(problem)
    for ensemble in ensembles:
        leaves = leaf_masks(ensemble.trees, ensemble.features, positions)
        ours = leaves.at(positions.all_at(points)) + ensemble.offset
        np.testing.assert_allclose(ours, ensemble.at(points), rtol=0, atol=1e-12)


def test_leaves_of_a_tree_are_disjoint_and_cover_everything():
    for seed in range(40):
        problem = random_slot_problem(np.random.default_rng(seed))
        for _, ensemble in problem.objective.ensembles:
            positions = Positions.of(problem, [ensemble])
            leaves = leaf_masks(ensemble.trees, ensemble.features, positions)
            at = positions.all_at(every_point(problem))
            inside = np.ones((len(at), len(leaves.tree)), dtype=int)
            for p, allowed in enumerate(leaves.allowed):
                inside &= allowed[:, at[:, p]].T
            for t in range(len(ensemble.trees)):
                assert (inside[:, leaves.tree == t].sum(axis=1) == 1).all()


def test_the_threshold_that_sends_four_public_embeddings_astray():
    """LightGBM splits a one-hot bit at 1e-35; a tolerance of 1e-6 calls both sides feasible."""
    bit = Feature("op=conv", (0,), (np.array([0.0, 1.0]),))
    tree = Tree(
        np.array([0]), np.array([1.00000002e-35]), np.array([~0]), np.array([~1]),
        np.array([1.0, 2.0]),
    )  # fmt: skip
    zero = TableSum(0.0, (np.zeros(2),))
    slots = (Slot("op", ("none", "conv")),)
    problem = SlotProblem("bit", slots, SlotObjective(zero, ((1.0, Ensemble((bit,), (tree,))),)))
    leaves = leaf_masks((tree,), (bit,), Positions.of(problem, [Ensemble((bit,), (tree,))]))
    assert leaves.allowed[0].tolist() == [[True, False], [False, True]]


def test_an_aggregate_becomes_a_position_with_an_option_between_its_thresholds():
    total = Feature("total", (0, 1), (np.array([1.0, 2.0]), np.array([10.0, 20.0])))
    tree = Tree(
        np.array([0, 0]), np.array([11.0, 21.5]), np.array([~0, ~1]), np.array([1, ~2]),
        np.array([1.0, 2.0, 3.0]),
    )  # fmt: skip
    ensemble = Ensemble((total,), (tree,))
    zero = TableSum(0.0, (np.zeros(2), np.zeros(2)))
    slots = (Slot("a", ("1", "2")), Slot("b", ("10", "20")))
    positions = Positions.of(SlotProblem("sum", slots, SlotObjective(zero)), [ensemble])
    assert positions.sizes == (2, 2, 3)
    points = np.array([[0, 0], [1, 0], [0, 1], [1, 1]])  # 11, 12, 21, 22
    assert positions.all_at(points)[:, 2].tolist() == [0, 1, 1, 2]
