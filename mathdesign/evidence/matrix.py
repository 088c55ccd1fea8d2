r"""Regret and rank of every objective on a table of trained networks, budget by budget.

For a budget, :math:`F` are the networks that keep it. An objective's pick is its greatest in
:math:`F`; where several are equally great a solver may return any, and their mean counts. Regret is
:math:`\max_F y - y(\text{pick})`, of raw labels and of denoised ones (:mod:`.regret` says why).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mathdesign.evidence.denoise import cross_validated
from mathdesign.evidence.description import BudgetSpec, DescriptionSpec
from mathdesign.evidence.ranks import Ranked, ranked
from mathdesign.evidence.trained import Trained
from mathdesign.files import png
from mathdesign.programs.base import BoolArray, FloatArray

#: Of fewer networks no trees are grown: what is called denoised would be their own opinion.
FEWEST_DENOISED = 500
RANDOM = "random"
#: Scores that differ by less, relative to their spread, are equal.
TIE = 1e-9


@dataclass(frozen=True, eq=False)
class Case:
    """A budget kind: which networks each of its budgets allows, and what it is called."""

    name: str
    limits: tuple[str, ...]
    kept: tuple[BoolArray, ...]


@dataclass(frozen=True, eq=False)
class Row:
    """One objective on one target. Regrets by budget kind, in the label's unit; greater is worse.

    ``missed[kind]`` has one raw regret a budget.
    """

    objective: str
    raw: Mapping[str, float]
    denoised: Mapping[str, float | None]
    missed: Mapping[str, tuple[float, ...]]
    spearman: Ranked | None
    kendall: Ranked | None


def cases(
    spec: DescriptionSpec, trained: Trained, low: float, high: float, count: int
) -> list[Case]:
    """Budgets at equally spaced quantiles of each cost, or the windows that the table has."""
    return [
        _case(name, budget, trained.costs[name], np.linspace(low, high, count))
        for name, budget in spec.budgets.items()
    ]


def _case(name: str, budget: BudgetSpec, costs: FloatArray, shares: FloatArray) -> Case:
    if budget.windows is not None:
        kept = [(costs >= low) & (costs <= high) for low, high in budget.windows]
        words = [f"{low:g} .. {high:g}" for low, high in budget.windows]
    else:
        sign = 1 if budget.keep == "at_most" else -1
        limits = [float(v) for v in np.nanquantile(sign * costs, shares)]
        kept = [sign * costs <= limit for limit in limits]
        words = [f"{'<=' if sign > 0 else '>='} {sign * limit:g}" for limit in limits]
    full = [(w, k) for w, k in zip(words, kept) if k.any()]
    return Case(name, tuple(w for w, _ in full), tuple(k for _, k in full))


def denoised(features: FloatArray, labels: FloatArray, seed: int = 0) -> FloatArray | None:
    """Cross-validated predictions of boosted trees; ``None`` for too few networks."""
    return None if len(labels) < FEWEST_DENOISED else cross_validated(features, labels, seed)


def picks(scores: FloatArray, kept: BoolArray) -> Any:
    """Positions of the networks of the greatest score among those kept."""
    at = np.flatnonzero(kept & np.isfinite(scores))
    values = scores[at]
    slack = TIE * max(1.0, float(np.abs(values).max()))
    return at[values >= values.max() - slack]


def missed(scores: FloatArray | None, labels: FloatArray, case: Case) -> tuple[float, ...]:
    """The regret at each budget; ``None``: of a random network, the mean of all."""
    found = []
    for kept in case.kept:
        mine = labels[kept] if scores is None else labels[picks(scores, kept)]
        found.append(float(labels[kept].max() - mine.mean()))
    return tuple(found)


def matrix(
    trained: Trained, target: str, budgets: Sequence[Case], seed: int = 0,
    clean: FloatArray | None = None, *, intervals: bool = True,
) -> list[Row]:  # fmt: skip
    """Every objective on one target, and a random network; ``clean`` as :func:`denoised`."""
    labels = trained.labels[target]
    if clean is None:
        clean = denoised(trained.features, labels, seed)
    found = []
    for name, scores in [*trained.scores.items(), (RANDOM, None)]:
        raw = {case.name: missed(scores, labels, case) for case in budgets}
        smooth = {
            case.name: None if clean is None else float(np.mean(missed(scores, clean, case)))
            for case in budgets
        }
        spearman, kendall = (
            ranked(scores, labels, seed) if scores is not None and intervals else (None, None)
        )
        means = {kind: float(np.mean(values)) for kind, values in raw.items()}
        found.append(Row(name, means, smooth, raw, spearman, kendall))
    return found


def as_data(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Words and numbers only."""
    return [
        {"objective": r.objective, "regret_raw": dict(r.raw), "regret_denoised": dict(r.denoised),
         "missed": {k: list(v) for k, v in r.missed.items()},
         "spearman": r.spearman, "kendall": r.kendall}
        for r in rows
    ]  # fmt: skip


def picture(rows: Sequence[Row], budgets: Sequence[Case], target: str) -> bytes:
    """Regret of every objective against the budget, one panel a budget kind, as PNG."""
    from matplotlib.figure import Figure

    wide = min(3, len(budgets))
    high = -(-len(budgets) // wide)
    figure = Figure(figsize=(5 * wide, 3.6 * high + 0.8), dpi=110, layout="constrained")
    panels = figure.subplots(high, wide, squeeze=False).ravel()
    for panel, case in zip(panels, budgets):
        for row in rows:
            panel.plot(row.missed[case.name], marker="o", markersize=3, label=row.objective)
        panel.set(title=case.name, xlabel="budget, tight to loose", yscale="symlog")
        panel.set_ylabel(f"regret in {target}")
        panel.grid(alpha=0.3)
    for panel in panels[len(budgets) :]:
        panel.axis("off")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return png(figure)
