"""Is the design better? Differences paired by seed, with their interval, never a bare word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

#: Of the intervals, and of the level below which a difference is called one.
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the design reached minus what a baseline did, over the seeds that both finished.

    ``low``, ``high``: the 95% interval of the mean by Student's t. ``p``: of the two-sided paired
    t test, adjusted for all baselines of the study by Holm's method. ``None``: less than two seeds.
    """

    baseline: str
    seeds: int
    difference: float
    low: float | None
    high: float | None
    p: float | None
    less: bool = False
    """Whether less is better, as of losses."""

    @property
    def words(self) -> str:
        """The sentence that may be said."""
        if self.low is None or self.high is None or self.p is None:
            return "one seed: no verdict" if self.seeds else "no finished run: no verdict"
        if self.p >= 1 - CONFIDENCE:
            return "no difference shown"
        return "worse" if (self.difference > 0) == self.less else "better"


def verdicts(
    ours: Mapping[int, float], others: Mapping[str, Mapping[int, float]], *, less: bool = False
) -> list[Verdict]:
    """One verdict a baseline, of what was reached by seed; ``less``: less is better."""
    plain = [_paired(name, ours, theirs) for name, theirs in others.items()]
    adjusted = holm([v.p for v in plain])
    return [replace(v, p=p, less=less) for v, p in zip(plain, adjusted)]


def _paired(name: str, ours: Mapping[int, float], theirs: Mapping[int, float]) -> Verdict:
    from scipy import stats

    seeds = sorted(ours.keys() & theirs.keys())
    differences = np.array([ours[s] - theirs[s] for s in seeds])
    mean = float(differences.mean()) if seeds else 0.0
    if len(seeds) < 2:
        return Verdict(name, len(seeds), mean, None, None, None)
    error = float(differences.std(ddof=1)) / len(seeds) ** 0.5
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(seeds) - 1)) * error
    if error == 0.0:
        p = 1.0 if mean == 0.0 else 0.0
    else:
        p = float(2 * stats.t.sf(abs(mean) / error, len(seeds) - 1))
    return Verdict(name, len(seeds), mean, mean - reach, mean + reach, p)


def holm(values: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down adjustment (1979); ``None`` stays and is not counted."""
    known = sorted((p, i) for i, p in enumerate(values) if p is not None)
    adjusted: list[float | None] = [None] * len(values)
    running = 0.0
    for rank, (p, i) in enumerate(known):
        running = max(running, min(1.0, (len(known) - rank) * p))
        adjusted[i] = running
    return adjusted
