"""The drawing of an architecture: one bar a block, as high as its width, stages left to right.

This module says *what* is drawn, as words and integers; the geometry is in ``assets/base.css``
(heights and widths follow from ``--width``, ``--widest`` and ``--blocks``). So pages that are
written in Python and those that are filled in by a browser show the same drawing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from mathdesign.spaces.convnet.families import FAMILIES

#: Entries of a stage that have a place of their own; what is left are its other decisions.
PLACED = frozenset({"name", "role", "family", "stride", "width", "depth", "leaves"})
#: The stylesheet has this many colours for families; the first is for stems and heads.
COLOURS = 8
#: A stage shows no more bars than this, whatever a file says its depth is.
MOST_BARS = 400


@dataclass(frozen=True, slots=True)
class StageView:
    """A stage as a reader sees it: widths in channels, depth in blocks, resolutions in pixels.

    A resolution is 0 where the network has none. ``others`` are the remaining decisions and
    flags, as name and text.
    """

    name: str
    role: str
    family: str
    prev: int
    width: int
    depth: int
    stride: int
    resolution_in: int
    resolution_out: int
    others: tuple[tuple[str, str], ...]

    @property
    def colour(self) -> int:
        """Which colour of the stylesheet: the same family has the same one on every page."""
        return colour_of(self.family) if self.role == "body" else 0

    @property
    def label(self) -> str:
        """One sentence for a tooltip or a screen reader."""
        pixels = f", {self.resolution_out} px" if self.resolution_out else ""
        return f"{self.name}: {self.family}, {self.width} channels x {self.depth}{pixels}"


def colour_of(family: str) -> int:
    """1 to 7; 0 is for stems and heads."""
    known = list(FAMILIES)
    place = known.index(family) if family in known else len(family)
    return 1 + place % (COLOURS - 1)


def stages_of(network: Mapping[str, Any]) -> tuple[StageView, ...]:
    """The stages of a network as ``Network.to_dict`` writes it; ``()`` where it has none.

    ``leaves`` is a resolution that does not follow from a stride.

    Trusts nothing but types: entries that are not as expected are left out, never an error, for
    a page must open whatever one of its rows says.
    """
    entries = network.get("stages")
    given = network.get("input")
    shape: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
    prev, resolution = _count(shape.get("channels")), _count(shape.get("size"))
    views: list[StageView] = []
    for entry in entries if isinstance(entries, list | tuple) else ():
        if not isinstance(entry, Mapping):
            continue
        stride = max(1, _count(entry.get("stride")))
        pooled = entry.get("role") == "classifier"
        after = min(resolution, 1) if pooled else -(-resolution // stride)
        after = _count(entry.get("leaves")) or after
        view = StageView(
            name=str(entry.get("name", "")),
            role=str(entry.get("role", "body")),
            family=str(entry.get("family", "")),
            prev=prev,
            width=_count(entry.get("width")),
            depth=_count(entry.get("depth")),
            stride=stride,
            resolution_in=resolution,
            resolution_out=after,
            others=tuple((str(k), _word(v)) for k, v in entry.items() if k not in PLACED),
        )
        views.append(view)
        prev, resolution = view.width, after
    return tuple(views)


def drawing(stages: Sequence[StageView], widest: int = 0, blocks: int = 0) -> str:
    """The drawing as HTML, for a page with ``base.css``; ``""`` for no stages.

    ``widest`` (channels) and ``blocks`` set the scale; two drawings that are given the same can
    be compared by eye. Without them the drawing fills its room.
    """
    shown = drawn(stages)
    if not shown:
        return ""
    widest = widest or max(stage.width for stage in shown)
    blocks = blocks or sum(stage.depth for stage in shown)
    words = escape("; ".join(stage.label for stage in shown))
    return (
        f'<div class="drawing" role="img" aria-label="{words}" '
        f'style="--widest:{max(widest, 1)};--blocks:{max(blocks, 1)}">'
        + "".join(map(_stage, shown))
        + "</div>"
    )


def drawn(stages: Iterable[StageView]) -> list[StageView]:
    """The stages that have bars: all but the classifier."""
    return [stage for stage in stages if stage.role != "classifier"]


def _stage(stage: StageView) -> str:
    pixels = f"<small>{stage.resolution_out} px</small>" if stage.resolution_out else ""
    return (
        f'<div class="stage colour{stage.colour}" title="{escape(stage.label)}" '
        f'style="--width:{stage.width}"><div class="bars">{"<i></i>" * min(stage.depth, MOST_BARS)}</div>'
        f"<b>{stage.width}</b><span>&times;{stage.depth}</span>{pixels}</div>"
    )


def _count(value: Any) -> int:
    """A count no larger than any network has; 0 for anything else."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    return min(max(value, 0), 1 << 20) if whole else 0


def _word(value: Any) -> str:
    return "yes" if value is True else "no" if value is False else str(value)
