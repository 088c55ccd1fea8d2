"""The Pareto plot of a table as a picture file (PNG or SVG), through matplotlib."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mathdesign.files import write_atomic
from mathdesign.tables.pareto import Axis, pareto

if TYPE_CHECKING:
    from pandas import DataFrame

FORMATS = ("png", "svg")
#: An axis that spans more than this factor is logarithmic.
LOGARITHMIC_SPAN = 30.0
#: The qualitative palette of Okabe and Ito (2008), safe for colour-blind readers.
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#999999", "#000000")


def draw_pareto(
    table: DataFrame,
    metrics: Sequence[str],
    path: Path | str,
    *,
    title: str = "",
    colour: str | None = None,
) -> Path:
    """Draw every row as a point and the front as a line; the suffix of ``path`` is the format.

    One panel for each metric but the last, against the last: two metrics give one panel.
    ``colour`` names a column whose values get a colour each. Equal tables give equal bytes.
    Raises ``ValueError`` for an unknown suffix or metric, ``ImportError`` without matplotlib.
    """
    target = Path(path)
    form = target.suffix.lstrip(".").lower()
    if form not in FORMATS:
        raise ValueError(f"{target.name}: found format {form!r}, accepted: {', '.join(FORMATS)}")
    return write_atomic(target, picture(table, metrics, form, title=title, colour=colour))


def picture(
    table: DataFrame,
    metrics: Sequence[str],
    form: str,
    *,
    title: str = "",
    colour: str | None = None,
) -> bytes:
    """The picture in memory, as ``png`` or ``svg``."""
    import matplotlib
    from matplotlib.figure import Figure

    if len(metrics) < 2:
        raise ValueError("a Pareto plot needs two metrics, e.g. macs and objective")
    *across, up = [Axis.parse(word) for word in metrics]
    figure = Figure(figsize=(1.5 + 4.5 * len(across), 4.2), layout="constrained")
    panels = figure.subplots(1, len(across), squeeze=False, sharey=True)[0]
    for panel, axis, word in zip(panels, across, metrics):
        _panel(panel, table, (axis, up), (word, metrics[-1]), colour)
    panels[0].set_ylabel(up.column)
    if colour is not None:
        panels[-1].legend(title=colour, frameon=False, fontsize="small")
    if title:
        # A name is text, never a formula: "$" would start one.
        figure.suptitle(title.replace("$", r"\$"))
    stream = io.BytesIO()
    # Neither dates nor random identifiers: equal tables give equal bytes.
    metadata = {"Software": None} if form == "png" else {"Date": None, "Creator": None}
    with matplotlib.rc_context({"svg.hashsalt": "mathdesign", "svg.fonttype": "path"}):
        figure.savefig(stream, format=form, dpi=150, metadata=metadata)
    return stream.getvalue()


def _panel(
    panel: Any,
    table: DataFrame,
    axes: tuple[Axis, Axis],
    words: tuple[str, str],
    colour: str | None,
) -> None:
    from matplotlib.ticker import EngFormatter

    x, y = (axis.column for axis in axes)
    front = pareto(table, words)
    points = table[table[x].notna() & table[y].notna()]
    groups = [("", points)] if colour is None else list(points.groupby(colour, sort=True))
    many = len(points) > 2000  # as pixels: an SVG of 100,000 shapes opens in no viewer
    for k, (label, group) in enumerate(groups):
        panel.scatter(
            group[x], group[y], s=8 if many else 22, color=PALETTE[k % len(PALETTE)], alpha=0.55,
            linewidths=0, label=str(label).replace("$", r"\$"), rasterized=many,
        )  # fmt: skip
    # Between two designs of the front nothing better is known: a staircase, not a slope.
    steps = "steps-pre" if axes[0].maximise else "steps-post"
    ends = front.sort_values(x, kind="stable")
    panel.plot(ends[x], ends[y], drawstyle=steps, color="0.35", linewidth=1.2, zorder=1)
    panel.scatter(ends[x], ends[y], s=34, facecolors="none", edgecolors="0.2", linewidths=1.0)
    panel.set_xlabel(x)
    if _wide(points[x]):
        panel.set_xscale("log")
    if _wide(points[y]):
        panel.set_yscale("log")
    for ticks, column in ((panel.xaxis, x), (panel.yaxis, y)):
        if len(points) and points[column].abs().max() >= 10_000:
            ticks.set_major_formatter(EngFormatter(sep=""))
    panel.grid(alpha=0.25, linewidth=0.6)
    panel.spines[["top", "right"]].set_visible(False)


def _wide(values: Any) -> bool:
    return len(values) > 0 and values.min() > 0 and values.max() / values.min() > LOGARITHMIC_SPAN
