"""Whole networks beside what a table or a model says of them.

The predicted time of a network is what a budget would limit: the sum over its operators, rounded up
as budgets are. A few operators of the table are timed again in the same rounds; how much slower or
faster they are than in the table is the *drift* of the machine, which no model is to blame for.
"""

from __future__ import annotations

import csv
import io
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mathdesign.devices.header import STEP
from mathdesign.devices.operators import Operator
from mathdesign.devices.prices import Source, priced
from mathdesign.devices.timing import Timing
from mathdesign.kinds import AnyKind
from mathdesign.measuring.calls import Bench, time_networks

#: Operators that are timed again.
ANCHORS = 12
#: Missing operators that are told one by one.
MOST_LISTED = 20
MS = 1000.0


class MissingOperators(ValueError):
    """Operators of networks that have no cost; all of them with the reason are in the message."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One network: seconds by prediction and measured."""

    name: str
    predicted: float
    measured: float
    spread: float
    runs: int
    operators: int
    interpolated: int

    @property
    def error(self) -> float:
        """Predicted over measured, less one."""
        return self.predicted / self.measured - 1


@dataclass(frozen=True, slots=True)
class Judgement:
    """All networks. ``drift``: operators of the table now over then, less one; ``None``: not known."""

    verdicts: tuple[Verdict, ...]
    drift: float | None

    @property
    def median(self) -> float:
        """Of the absolute errors."""
        return statistics.median(abs(v.error) for v in self.verdicts)

    @property
    def worst(self) -> float:
        """The greatest absolute error."""
        return max(abs(v.error) for v in self.verdicts)

    @property
    def bias(self) -> float:
        """The median error with its sign."""
        return statistics.median(v.error for v in self.verdicts)


def predict(
    kind: AnyKind, networks: Mapping[str, Any], source: Source, *, interpolate: bool
) -> dict[str, tuple[float, int, int]]:
    """Name -> seconds, operators, those interpolated. Raises :class:`MissingOperators` with all."""
    operators = {name: kind.operators(network) for name, network in networks.items()}
    prices = priced(source, [o for own in operators.values() for o in own], interpolate=interpolate)
    if prices.missing:
        raise MissingOperators(_listed("operators", prices.missing))
    made = {one.key for one in prices.interpolated}
    step = float(STEP[source.header.quantity])
    return {
        name: (prices.total(own) * step, len(own), sum(o.key in made for o in own))
        for name, own in operators.items()
    }


def _listed(what: str, missing: Mapping[str, str]) -> str:
    lines = [f"{key}: {why}" for key, why in missing.items()]
    more = [f"... and {len(lines) - MOST_LISTED} more"] if len(lines) > MOST_LISTED else []
    return "\n".join([f"{len(lines)} {what} have no cost:", *lines[:MOST_LISTED], *more])


def judge(
    bench: Bench, kind: AnyKind, networks: Mapping[str, Any], source: Source, *,
    interpolate: bool, table: Mapping[Operator, float] | None = None,
    on_built: Callable[[int], None] = lambda number: None,
) -> Judgement:  # fmt: skip
    """Predict, then measure. ``table``: seconds of operators when they were measured.

    Raises :class:`MissingOperators`, ``CannotMeasure``, ``NoOperators``.
    """
    predicted = predict(kind, networks, source, interpolate=interpolate)
    anchors = _anchors(kind, networks, table or {})
    timings, again = time_networks(bench, kind, list(networks.values()), anchors, on_built)
    verdicts = tuple(
        Verdict(name, predicted[name][0], t.seconds, t.spread, t.runs, *predicted[name][1:])
        for name, t in zip(networks, timings, strict=True)
    )
    ratios = [
        t.seconds / (table or {})[o] - 1 for o, t in zip(anchors, again) if isinstance(t, Timing)
    ]
    return Judgement(verdicts, statistics.median(ratios) if ratios else None)


def _anchors(
    kind: AnyKind, networks: Mapping[str, Any], table: Mapping[Operator, float]
) -> list[Operator]:
    """The dearest operators of the networks that are in the table."""
    seen = dict.fromkeys(o for network in networks.values() for o in kind.operators(network))
    known = [o for o in seen if table.get(o, 0) > 0]
    return sorted(known, key=lambda o: (-table[o], o.key))[:ANCHORS]


COLUMNS = (
    "network", "predicted_ms", "measured_ms", "error", "spread", "runs", "operators", "interpolated",
)  # fmt: skip


def as_csv(verdicts: Sequence[Verdict]) -> str:
    """One row a network, times in milliseconds, error and spread as shares."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for v in verdicts:
        numbers = (f"{MS * v.predicted:.6g}", f"{MS * v.measured:.6g}", f"{v.error:.4f}")
        writer.writerow((v.name, *numbers, f"{v.spread:.4f}", v.runs, v.operators, v.interpolated))
    return out.getvalue()


def plot(judgement: Judgement, title: str) -> bytes:
    """Predicted against measured, as PNG."""
    from matplotlib.figure import Figure

    from mathdesign.files import png

    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.add_subplot()
    x = [MS * v.measured for v in judgement.verdicts]
    y = [MS * v.predicted for v in judgement.verdicts]
    low, high = 0.8 * min(*x, *y), 1.25 * max(*x, *y)
    axes.plot([low, high], [low, high], color="0.6", linewidth=1)
    axes.scatter(x, y, s=18)
    axes.set(xscale="log", yscale="log", xlim=(low, high), ylim=(low, high))
    axes.set(xlabel="measured, ms", ylabel="predicted, ms")
    axes.set_title(f"{title}: median error {judgement.median:.1%}")
    return png(figure)
