"""The largest of what people scale by hand that keeps a design's budgets, counted independently."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mathdesign.result import Design
from mathdesign.spaces.kind import Ladder
from mathdesign.spec.blocks import Specification

#: Metrics of a size that every network has.
SIZES = ("params", "macs")


class NoRival(Exception):
    """A rival that is known and cannot be had here; the message says why."""


def highest_rung(design: Design, spec: Specification, ladder: Ladder[Any]) -> int:
    """The highest rung that keeps the budgets. Raises :class:`NoRival` where there is none."""
    limits = _limits(design, spec)

    def counts(rung: int) -> Mapping[str, int]:
        found: Mapping[str, int] = design.kind.counts(spec, ladder.rung(rung))
        return found

    def excess(rung: int) -> list[str]:
        counted = counts(rung)
        return [
            f"{metric} {counted[metric]:,} of {int(high):,}"
            for metric, (_, high) in limits.items()
            if high is not None and counted[metric] > high
        ]

    best = _highest(ladder.rungs, lambda rung: not excess(rung))
    if best == 0:
        even = "even " if ladder.rungs > 1 else ""
        raise NoRival(f"{even}{ladder.told(1)} exceeds {', '.join(excess(1))}")
    counted = counts(best)
    for metric, (low, _) in limits.items():
        if low is not None and counted[metric] < low:
            short = f"{metric} {counted[metric]:,}, at least {int(low):,}"
            largest = " is the largest within the budgets" if ladder.rungs > 1 else ""
            raise NoRival(f"{ladder.told(best)}{largest}: {short}")
    return best


def _limits(design: Design, spec: Specification) -> dict[str, tuple[float | None, float | None]]:
    """Both sides of every budget that is counted; the design's own size where none limits it."""
    counted = design.kind.counts(spec, design.network)
    limits = {b.metric: (b.lower, b.upper) for b in design.budgets if b.metric in counted}
    sizes = [limits[metric] for metric in limits if metric in design.kind.sizes]
    if all(high is None for _, high in sizes):
        for metric in SIZES:
            low, _ = limits.get(metric, (None, None))
            limits[metric] = (low, float(counted[metric]))
    return limits


def _highest(rungs: int, keeps: Callable[[int], bool]) -> int:
    """The highest rung that ``keeps``, 0 if none does: what a rung exceeds, higher ones do too."""
    low, high = 0, rungs + 1
    while high - low > 1:
        middle = (low + high) // 2
        if keeps(middle):
            low = middle
        else:
            high = middle
    return low
