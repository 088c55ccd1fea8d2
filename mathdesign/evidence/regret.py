r"""Under each budget: the accuracy of the network that an objective picks, and what it misses.

For a budget :math:`b` on a metric, :math:`F_b` are the networks of the table that keep it. The regret
of a pick :math:`x` is :math:`\max_{F_b} y - y(x)` in the label's unit, against the raw labels
and against denoised ones: 5-fold cross-validated predictions of boosted trees on the whole table,
because a single training is noisy and the best of thousands is a lucky one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mathdesign.evidence.ranks import ranked
from mathdesign.files import png
from mathdesign.programs.base import Budget, FloatArray, IntArray
from mathdesign.programs.slot_space import TableSpace
from mathdesign.programs.slots import SlotObjective, SlotProblem, TableSum
from mathdesign.solvers.base import SolveOptions
from mathdesign.solvers.portfolio import solve
from mathdesign.spaces.lists.nats_size import last_stage_entropy
from mathdesign.spaces.lists.pose import log_values

#: Of the denoising ensemble.
FOLDS, ROUNDS, LEAVES, RATE = 5, 400, 31, 0.05
DEFAULT = "log widths"


@dataclass(frozen=True, slots=True)
class Regret:
    """One objective: its mean regret over the budgets, raw and denoised, in the label's unit.

    ``spearman`` and ``kendall`` rank all rows, with 95% bootstrap intervals.
    """

    objective: str
    raw: float
    denoised: float
    spearman: tuple[float, float, float] | None
    kendall: tuple[float, float, float] | None
    picks: tuple[tuple[int, ...], ...]
    labels: tuple[float, ...]
    """Raw label of the pick at each budget (of a random network: the mean)."""
    missed: tuple[float, ...]
    """The best label of each budget minus that."""


def objectives(space: TableSpace) -> dict[str, TableSum]:
    """What may be maximised over a space of widths, as tables: the default first.

    The sum of log widths is the entropy of a chain of one layer a stage without its constants.
    """
    default = log_values(space, [1.0] * len(space.slots))
    zero = [np.zeros(len(table)) for table in default.unary]
    found = {DEFAULT: default}
    if space.name == "nats_size":
        found["last-stage entropy"] = last_stage_entropy()
    found["last width"] = TableSum(0.0, (*zero[:-1], default.unary[-1]))
    for name, sums in space.metrics.items():
        pairs = tuple(replace(pair, table=pair.table.astype(float)) for pair in sums.pairs)
        unary = tuple(table.astype(float) for table in sums.unary)
        found[name] = TableSum(float(sums.constant), unary, pairs)
    return found


def limits(costs: IntArray, low: float, high: float, count: int) -> list[int]:
    """``count`` budgets at equally spaced quantiles of the table's costs."""
    return [int(v) for v in np.quantile(costs, np.linspace(low, high, count))]


def denoised(points: IntArray, labels: FloatArray, space: TableSpace, seed: int = 0) -> FloatArray:
    """Cross-validated predictions of boosted trees on the slots' values, for every row."""
    import lightgbm

    values = space.values(points)
    settings = {
        "objective": "regression", "num_leaves": LEAVES, "learning_rate": RATE, "seed": seed,
        "min_data_in_leaf": 5, "num_threads": 1, "deterministic": True, "verbose": -1,
    }  # fmt: skip
    folds = np.random.default_rng(seed).permutation(len(labels)) % FOLDS
    found = np.zeros(len(labels))
    for fold in range(FOLDS):
        test = folds == fold
        data = lightgbm.Dataset(values[~test], labels[~test])
        found[test] = lightgbm.train(settings, data, ROUNDS).predict(values[test])
    return found


def pick(space: TableSpace, objective: TableSum, metric: str, limit: int) -> tuple[int, ...] | None:
    """The proven best network of an objective under one budget; ``None`` if none keeps it."""
    budgets = (Budget(metric, limit),)
    problem = SlotProblem("pick", space.slots, SlotObjective(objective), space.metrics, budgets)
    return solve(problem, SolveOptions(gap=0.0)).point


def regrets(
    space: TableSpace, points: IntArray, labels: FloatArray, metric: str, budgets: Sequence[int],
    seed: int = 0,
) -> list[Regret]:  # fmt: skip
    """Every objective, and a random network (the mean over all that keep the budget).

    Raises ``ValueError`` for a budget that no row of the table keeps.
    """
    clean = denoised(points, labels, space, seed)
    row_of = {tuple(map(int, p)): i for i, p in enumerate(points)}
    costs = space.metrics[metric].at(points)
    kept = [costs <= limit for limit in budgets]
    if not all(k.any() for k in kept):
        raise ValueError("a budget that no network of the table keeps")
    best = [(labels[k].max(), clean[k].max()) for k in kept]
    rows = []
    for name, objective in objectives(space).items():
        picks = [pick(space, objective, metric, limit) for limit in budgets]
        at = [row_of[p] for p in picks if p is not None]
        spearman, kendall = ranked(objective.at(points), labels, seed)
        missed = tuple(float(b[0] - labels[i]) for b, i in zip(best, at))
        rows.append(
            Regret(
                name,
                float(np.mean(missed)),
                float(np.mean([b[1] - clean[i] for b, i in zip(best, at)])),
                spearman,
                kendall,
                tuple(p for p in picks if p is not None),
                tuple(float(labels[i]) for i in at),
                missed,
            )
        )
    smooth = float(np.mean([b[1] - clean[k].mean() for b, k in zip(best, kept)]))
    means = tuple(float(labels[k].mean()) for k in kept)
    missed = tuple(float(b[0] - m) for b, m in zip(best, means))
    return [*rows, Regret("random", float(np.mean(missed)), smooth, None, None, (), means, missed)]


def picture(found: Sequence[Regret], budgets: Sequence[int], metric: str, target: str) -> bytes:
    """Regret of every objective's pick against the budget, as PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), dpi=120, layout="constrained")
    axes = figure.subplots()
    for row in found:
        axes.plot(budgets, row.missed, marker="o", markersize=3, label=row.objective)
    axes.set(xlabel=f"budget on {metric}", ylabel=f"regret in {target}", yscale="symlog")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    return png(figure)


def as_data(found: Sequence[Regret], space: TableSpace) -> list[Mapping[str, Any]]:
    """Words and numbers only."""
    return [
        {"objective": r.objective, "regret_raw": r.raw, "regret_denoised": r.denoised,
         "spearman": r.spearman, "kendall": r.kendall, "labels": r.labels, "missed": r.missed,
         "picks": [space.words(p) for p in r.picks]}
        for r in found
    ]  # fmt: skip
