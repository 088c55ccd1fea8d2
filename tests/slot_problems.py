"""Random small slot problems: every kind of feature, table, row and exclusion, easy to enumerate."""

import itertools

import numpy as np

from mathdesign.programs.base import Budget
from mathdesign.programs.slots import (
    Distance,
    Ensemble,
    Feature,
    PairTable,
    Slot,
    SlotObjective,
    SlotProblem,
    TableSum,
    Tree,
)


def random_slot_problem(rng, largest=2_000, aggregates=True, spread=True, sizes=None):
    """A problem with at most ``largest`` points. About one in six is infeasible."""
    while sizes is None or np.prod(sizes) > largest:
        sizes = rng.integers(1, 7, size=rng.integers(1, 7)).tolist()
    slots = tuple(random_slot(rng, i, n) for i, n in enumerate(sizes))
    features = random_features(rng, slots, aggregates)
    ensembles = tuple(
        (float(rng.choice([1.0, 0.5, -0.7])), random_ensemble(rng, features))
        for _ in range(rng.integers(0, 3))
    )
    members = ()
    if spread and rng.random() < 0.2:
        members = tuple(random_ensemble(rng, features) for _ in range(rng.integers(1, 4)))
    tables = random_tables(rng, sizes, integer=False)
    objective = SlotObjective(tables, ensembles, members, float(rng.choice([0.5, 2.0, -1.0])))
    metrics = {f"m{j}": random_tables(rng, sizes, integer=True) for j in range(rng.integers(0, 4))}
    here = np.array([[rng.integers(n) for n in sizes]])
    budgets = []
    for name, sums in metrics.items():
        value = int(sums.at(here)[0]) + int(rng.integers(-4, 9))
        kind = rng.random()
        upper = value if kind < 0.8 else None
        lower = value - int(rng.integers(0, 12)) if kind > 0.6 else None
        budgets.append(Budget(name, upper, lower))
    return SlotProblem(
        "random",
        slots,
        objective,
        metrics,
        tuple(budgets),
        random_rules(rng, sizes),
        random_distances(rng, sizes),
    )


def random_slot(rng, i, n):
    values = tuple(float(v) for v in np.sort(rng.choice(max(40, n), n, replace=False)))
    ordered = rng.random() < 0.5
    return Slot(f"s{i}", tuple(f"o{k}" for k in range(n)), values if ordered else None)


def random_features(rng, slots, aggregates):
    features = []
    for i, slot in enumerate(slots):
        n = len(slot.options)
        if slot.values is not None:
            features.append(Feature(slot.name, (i,), (np.array(slot.values),)))
        else:
            features += [Feature(f"{slot.name}={k}", (i,), (np.eye(n)[k],)) for k in range(n)]
    if aggregates and len(slots) > 1 and rng.random() < 0.4:
        some = tuple(np.flatnonzero(rng.random(len(slots)) < 0.7).tolist()) or (0,)
        scale = rng.choice([1.0, 0.1])
        tables = tuple(rng.integers(0, 9, len(slots[i].options)) * scale for i in some)
        features.append(Feature("sum", some, tables))
    return tuple(features)


def random_ensemble(rng, features):
    trees = tuple(random_tree(rng, features) for _ in range(rng.integers(0, 9)))
    return Ensemble(features, trees, float(rng.normal()))


def random_tree(rng, features):
    """Grown leaf by leaf in LightGBM's numbering; thresholds on, between and beside the values."""
    leaves = int(rng.integers(1, 9))
    split, threshold, left, right = [], [], [], []
    for node in range(leaves - 1):
        f = int(rng.integers(len(features)))
        values = sum(rng.choice(table) for table in features[f].tables)
        shift = rng.choice([0.0, 1e-35, 0.5, -1e-35, -0.5])
        split.append(f)
        threshold.append(float(values) + float(shift))
        if node:
            leaf = int(rng.integers(node + 1))
            for children in (left, right):
                if ~leaf in children:
                    children[children.index(~leaf)] = node
            left.append(~leaf)
        else:
            left.append(~0)
        right.append(~(node + 1))
    return Tree(
        np.array(split, dtype=np.int64),
        np.array(threshold),
        np.array(left, dtype=np.int64),
        np.array(right, dtype=np.int64),
        np.round(rng.normal(size=leaves), int(rng.integers(0, 4))),
    )


def random_tables(rng, sizes, integer):
    def draw(*shape):
        if integer:
            return rng.integers(-3, 10, shape)
        return np.round(rng.normal(size=shape), int(rng.integers(0, 4)))

    pairs = [
        PairTable(i, j, draw(sizes[i], sizes[j]))
        for i, j in itertools.combinations(range(len(sizes)), 2)
        if rng.random() < 0.25
    ]
    constant = int(rng.integers(-5, 6)) if integer else float(rng.normal())
    return TableSum(constant, tuple(draw(n) for n in sizes), tuple(pairs))


def random_rules(rng, sizes):
    return tuple(
        PairTable(i, j, rng.random((sizes[i], sizes[j])) < 0.8)
        for i, j in itertools.combinations(range(len(sizes)), 2)
        if rng.random() < 0.15
    )


def random_distances(rng, sizes):
    return tuple(
        Distance(tuple(int(rng.integers(n)) for n in sizes), int(rng.integers(1, 4)))
        for _ in range(rng.choice([0, 0, 1, 4]))
    )


def every_point(problem):
    """All points in lexicographic order."""
    sizes = [range(len(slot.options)) for slot in problem.slots]
    return np.array(list(itertools.product(*sizes)), dtype=np.int64)


def best_by_enumeration(problem):
    """The best objective, ``-inf`` if infeasible, and its first point."""
    points = every_point(problem)
    points = points[problem.feasible_rows(points)]
    if not len(points):
        return -np.inf, None
    values = problem.objective.at(points)
    top = int(np.argmax(values))
    return float(values[top]), tuple(points[top].tolist())
