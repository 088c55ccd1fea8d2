"""How well scores rank labels, with intervals."""

from __future__ import annotations

import numpy as np

from mathdesign.programs.base import FloatArray

RESAMPLES, MOST_DRAWN = 200, 2000

Ranked = tuple[float, float, float]
"""A correlation and the ends of its 95% interval."""


def words(found: Ranked | None) -> str:
    """As it stands in a table; nothing where there is none."""
    return "" if found is None else f"{found[0]:.3f} [{found[1]:.3f}, {found[2]:.3f}]"


def ranked(values: FloatArray, labels: FloatArray, seed: int = 0) -> tuple[Ranked, Ranked]:
    """Spearman's rho and Kendall's tau with 95% bootstrap intervals over rows.

    At most 2,000 rows are drawn each time, and deviations shrunk by sqrt(drawn / rows) to those of
    the whole table (the m-out-of-n bootstrap, Bickel, Goetze and van Zwet 1997).
    """
    from scipy.stats import kendalltau, spearmanr

    rng = np.random.default_rng(seed)
    found: list[Ranked] = []
    for measure in (spearmanr, kendalltau):
        drawn = []
        for _ in range(RESAMPLES):
            rows = rng.integers(0, len(labels), min(MOST_DRAWN, len(labels)))
            if np.ptp(values[rows]) and np.ptp(labels[rows]):
                drawn.append(float(measure(values[rows], labels[rows]).statistic))
        if not drawn:  # a constant ranks nothing
            found.append((0.0, 0.0, 0.0))
            continue
        low, high = np.quantile(drawn, [0.025, 0.975])
        value = float(measure(values, labels).statistic)
        shrink = min(1.0, (MOST_DRAWN / len(labels)) ** 0.5)
        found.append((value, *(value + shrink * (float(end) - value) for end in (low, high))))
    return found[0], found[1]
