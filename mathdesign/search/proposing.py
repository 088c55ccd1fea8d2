"""What to measure next: the best unmeasured designs of two models at once, solved exactly.

The models learn the normal scores of what was measured: boosted trees with random thresholds, and a
ridge regression on all single options and all pairs of them. Their sum is a slot objective (tables,
pair tables, one ensemble), so that the designs that maximise it under the budgets are found to a
proof, whatever the size of the space; measured designs are cut off by distances. Of five designs
three are the sum's, one is the trees' and one the pairs': where the models disagree about the best,
their sum alone can stay with one of them for hundreds of queries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mathdesign.programs.base import Distance, FloatArray, IntArray
from mathdesign.programs.slot_space import TableSpace
from mathdesign.programs.slots import PairTable, SlotObjective, SlotProblem, TableSum
from mathdesign.solvers.base import SolveOptions
from mathdesign.solvers.portfolio import solve
from mathdesign.surrogate.booster import read_booster
from mathdesign.surrogate.features import features_of, matrix
from mathdesign.surrogate.growing import normal_scores

#: Up to so many designs all are scored at once; above, each pick is a program of its own.
SCORED_AT_ONCE = 300_000
ROUNDS, LEAVES, RATE = 150, 16, 0.1
#: Penalty of the pair model, whose columns are bits of size 1/2.
RIDGE = 1.0
#: Weights of trees and pairs, pick after pick.
WEIGHTS = ((1.0, 1.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0), (1.0, 1.0))


def propose(
    problem: SlotProblem,
    space: TableSpace,
    measured: IntArray,
    labels: FloatArray,
    seen: Sequence[tuple[int, ...]],
    count: int,
    seed: int,
) -> list[tuple[int, ...]]:
    """``count`` feasible designs outside ``seen``, each the best of its weighting of the models.

    ``problem`` gives budgets and rules (its objective is replaced); ``measured`` has shape
    ``(rows, slots)``. Fewer are returned where the feasible designs run out. Equal arguments give
    equal designs.
    """
    objective = objective_of(space, measured, normal_scores(labels), seed)
    posed = [replace(problem, objective=weighted(objective, *weights)) for weights in WEIGHTS]
    if problem.size <= SCORED_AT_ONCE:
        return _scored(posed, seen, count)
    found: list[tuple[int, ...]] = []
    for pick in range(count):
        cuts = tuple(Distance(point) for point in (*seen, *found))
        here = replace(posed[pick % len(posed)], distances=cuts)
        solution = solve(here, SolveOptions(gap=1e-3, seed=seed))
        if solution.point is None:
            break
        found.append(solution.point)
    return found


def weighted(objective: SlotObjective, trees: float, pairs: float) -> SlotObjective:
    """``trees`` times the ensemble plus ``pairs`` times the tables of ``objective``."""
    tables = objective.tables
    scaled = TableSum(
        pairs * tables.constant, tuple(pairs * table for table in tables.unary),
        tuple(replace(pair, table=pairs * pair.table) for pair in tables.pairs),
    )  # fmt: skip
    return SlotObjective(scaled, tuple((trees * w, e) for w, e in objective.ensembles if trees))


def every_point(problem: SlotProblem) -> IntArray:
    """All points of a small problem, shape ``(size, slots)``, the last slot fastest."""
    sizes = [len(slot.options) for slot in problem.slots]
    return np.stack(np.unravel_index(np.arange(problem.size), sizes), axis=1)


def _scored(
    posed: Sequence[SlotProblem], seen: Sequence[tuple[int, ...]], count: int
) -> list[tuple[int, ...]]:
    """Pick after pick, the best of all points that is neither seen nor picked."""
    points = every_point(posed[0])
    sizes = [len(slot.options) for slot in posed[0].slots]
    open_ = posed[0].feasible_rows(points)
    if len(seen):
        open_[np.ravel_multi_index(np.array(seen).T, sizes)] = False
    trees, pairs = (weighted(posed[0].objective, *w).at(points) for w in ((1.0, 0.0), (0.0, 1.0)))
    found = []
    for pick in range(min(count, int(open_.sum()))):
        a, b = WEIGHTS[pick % len(WEIGHTS)]
        best = int(np.argmax(np.where(open_, a * trees + b * pairs, -np.inf)))
        open_[best] = False
        found.append(tuple(map(int, points[best])))
    return found


def objective_of(
    space: TableSpace, points: IntArray, scores: FloatArray, seed: int
) -> SlotObjective:
    """The sum of both models' predicted scores."""
    import lightgbm

    features = features_of(space)
    settings = {
        "objective": "regression", "num_leaves": LEAVES, "learning_rate": RATE,
        "min_data_in_leaf": 3, "feature_fraction": 0.7, "bagging_fraction": 0.8, "bagging_freq": 1,
        "extra_trees": True, "seed": seed, "num_threads": 1, "deterministic": True,
        "force_row_wise": True, "verbose": -1,
    }  # fmt: skip
    data = lightgbm.Dataset(
        matrix(features, points), scores, feature_name=[f"f{k}" for k in range(len(features))]
    )
    text = lightgbm.train(settings, data, ROUNDS).model_to_string()
    named = tuple(replace(feature, name=f"f{k}") for k, feature in enumerate(features))
    return SlotObjective(pair_model(space, points, scores), ((1.0, read_booster(text, named)),))


def pair_model(space: TableSpace, points: IntArray, scores: FloatArray) -> TableSum:
    """Ridge regression on single options and pairs; on logs and their products where ordered."""
    values = [slot.values for slot in space.slots]
    if all(v is not None and min(v) > 0 for v in values):
        return _smooth(space, points, scores)
    columns = [np.eye(len(s.options))[points[:, i]] / 2 for i, s in enumerate(space.slots)]
    pairs = [(i, j) for j in range(len(columns)) for i in range(j)]
    products = [
        (2 * columns[i][:, :, None] * columns[j][:, None, :]).reshape(len(points), -1)
        for i, j in pairs
    ]
    design = np.concatenate([*columns, *products], axis=1)
    mean = float(scores.mean())
    kernel = design @ design.T + RIDGE * np.eye(len(points))
    weights = design.T @ np.linalg.solve(kernel, scores - mean) / 2
    unary, at = [], 0
    for slot in space.slots:
        unary.append(weights[at : at + len(slot.options)])
        at += len(slot.options)
    tables = []
    for i, j in pairs:
        shape = (len(space.slots[i].options), len(space.slots[j].options))
        tables.append(PairTable(i, j, weights[at : at + shape[0] * shape[1]].reshape(shape)))
        at += shape[0] * shape[1]
    return TableSum(mean, tuple(unary), tuple(tables))


def _smooth(space: TableSpace, points: IntArray, scores: FloatArray) -> TableSum:
    """A quadratic in the standardised logs of the values."""
    logs = []
    for slot in space.slots:
        raw = np.log(np.array(slot.values))
        logs.append((raw - raw.mean()) / max(float(raw.std()), 1e-12))
    n = len(logs)
    pairs = [(i, j) for i in range(n) for j in range(i, n)]
    x = np.stack([logs[i][points[:, i]] for i in range(n)], axis=1)
    design = np.concatenate([x, np.stack([x[:, i] * x[:, j] for i, j in pairs], axis=1)], axis=1)
    mean = float(scores.mean())
    gram = design.T @ design + RIDGE * np.eye(design.shape[1])
    weights = np.linalg.solve(gram, design.T @ (scores - mean))
    unary = [weights[i] * logs[i] for i in range(n)]
    tables = []
    for (i, j), weight in zip(pairs, weights[n:]):
        if i == j:
            unary[i] = unary[i] + weight * logs[i] ** 2
        else:
            tables.append(PairTable(i, j, weight * np.outer(logs[i], logs[j])))
    return TableSum(mean, tuple(unary), tuple(tables))
