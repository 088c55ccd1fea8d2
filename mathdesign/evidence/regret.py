r"""Under each budget: the accuracy of the network that an objective picks, and what it misses.

For a budget :math:`b` on a metric, :math:`F_b` are the networks of the table that keep it. The regret
of a pick :math:`x` is :math:`\max_{F_b} y - y(x)` in the label's unit, against the raw labels
and against denoised ones: 5-fold cross-validated predictions of boosted trees on the whole table,
because a single training is noisy and the best of thousands is a lucky one. Of rows that an objective
cannot tell apart, the mean counts. Where the table holds every network of the space, picks are proven by
a solver; where it holds a part, they are the best of its rows: of networks that were not trained,
nobody knows what was missed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mathdesign.evidence.denoise import cross_validated
from mathdesign.evidence.ranks import ranked
from mathdesign.files import png
from mathdesign.programs.base import Budget, FloatArray, IntArray
from mathdesign.programs.slot_space import TableSpace
from mathdesign.programs.slots import SlotObjective, SlotProblem, TableSum
from mathdesign.solvers.base import SolveOptions
from mathdesign.solvers.portfolio import solve
from mathdesign.spaces.lists.nats_size import last_stage_entropy
from mathdesign.spaces.lists.pose import log_values
from mathdesign.surrogate.features import features_of, matrix

DEFAULT, CELLS, RANDOM = "log widths", "cell entropy", "random"
DEFAULTS = (DEFAULT, CELLS)
#: Values of an objective this close (relative) are equal.
SAME = 1e-9


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


def objectives(space: TableSpace) -> dict[str, SlotObjective]:
    """What may be maximised before anything is trained: the space's default first, if it has one.

    Over widths, the sum of their logarithms: the entropy of a chain of one layer a stage without its
    constants. Over cells, their entropy (:mod:`mathdesign.spaces.lists.nasbench201`). Then every metric.
    """
    found = {}
    if space.positive:
        default = log_values(space, [1.0] * len(space.slots))
        zero = [np.zeros(len(table)) for table in default.unary]
        found[DEFAULT] = SlotObjective(default)
        if space.name == "nats_size":
            found["last-stage entropy"] = SlotObjective(last_stage_entropy())
        last = TableSum(0.0, (*zero[:-1], default.unary[-1]))
        found["last width"] = SlotObjective(last)
    elif space.untrained is not None:
        found[CELLS] = space.untrained
    return found | {name: SlotObjective(sums) for name, sums in space.metrics.items()}


def limits(costs: IntArray, low: float, high: float, count: int) -> list[int]:
    """``count`` budgets at equally spaced quantiles of the table's costs."""
    return [int(v) for v in np.quantile(costs, np.linspace(low, high, count))]


def denoised(points: IntArray, labels: FloatArray, space: TableSpace, seed: int = 0) -> FloatArray:
    """Cross-validated predictions of boosted trees for every row.

    On the slots' values; where options have no order, on what a predictor sees of them.
    """
    ordered = all(slot.values is not None for slot in space.slots)
    features = space.values(points) if ordered else matrix(features_of(space), points)
    return cross_validated(features, labels, seed)


def pick(
    space: TableSpace, objective: SlotObjective, metric: str, limit: int
) -> tuple[int, ...] | None:
    """The proven best network of an objective under one budget; ``None`` if none keeps it."""
    budgets = (*space.always, Budget(metric, limit))
    problem = SlotProblem("pick", space.slots, objective, space.metrics, budgets, space.rules)
    return solve(problem, SolveOptions(gap=0.0)).point


def regrets(
    space: TableSpace, points: IntArray, labels: FloatArray, metric: str, budgets: Sequence[int],
    seed: int = 0,
) -> list[Regret]:  # fmt: skip
    """Every objective, and a random network (the mean over all that keep the budget).

    Raises ``ValueError`` for a budget that no row of the table keeps.
    """
    clean = denoised(points, labels, space, seed)
    whole = len(labels) >= space.size
    costs = space.metrics[metric].at(points)
    kept = [costs <= limit for limit in budgets]
    if not all(k.any() for k in kept):
        raise ValueError("a budget that no network of the table keeps")
    best = [(labels[k].max(), clean[k].max()) for k in kept]
    rows = []
    for name, objective in objectives(space).items():
        values = objective.at(points)
        picks, equal = [], []
        for limit, k in zip(budgets, kept):
            proven = pick(space, objective, metric, limit) if whole else None
            top = float(values[k].max() if proven is None else objective.at(np.array([proven]))[0])
            same = np.flatnonzero(k & (values >= top - SAME * max(1.0, abs(top))))
            equal.append(same)
            picks.append(tuple(map(int, points[same[0]])) if proven is None else proven)
        spearman, kendall = ranked(values, labels, seed) if np.ptp(values) else (None, None)
        found = tuple(float(labels[i].mean()) for i in equal)
        missed = tuple(float(b[0]) - y for b, y in zip(best, found))
        smooth = float(np.mean([b[1] - clean[i].mean() for b, i in zip(best, equal)]))
        raw = float(np.mean(missed))
        rows.append(Regret(name, raw, smooth, spearman, kendall, tuple(picks), found, missed))
    smooth = float(np.mean([b[1] - clean[k].mean() for b, k in zip(best, kept)]))
    means = tuple(float(labels[k].mean()) for k in kept)
    missed = tuple(float(b[0] - m) for b, m in zip(best, means))
    return [*rows, Regret(RANDOM, float(np.mean(missed)), smooth, None, None, (), means, missed)]


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
