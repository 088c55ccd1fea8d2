"""Published families at any size: the shapes that people scale by hand, as ladders of rungs.

A family fixes how many channels a head has, how wide the feed-forward part is and how depth grows
with width: through the published members, by a straight line between two of them, and below the
least and above the greatest with that member's ratio. A rung is one layer more, until the depth of
the next width is reached, and then that width, so that a budget is met to a layer or so. Narrow
networks go in eighths of a head's channels; their heads are as near to the family's as divides the
width.

Only the shape is the family's. Positions, gates, norms, vocabulary, tying, image and patch are the
design's own: what differs in training is the shape.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from functools import cache

from mathdesign.spaces.kind import Ladder
from mathdesign.spaces.transformer.network import Transformer
from mathdesign.spaces.transformer.shape import Layer, Stack

#: Wider networks than this are not scaled to, channels.
MOST_WIDTH = 16384
#: Up to so many heads, widths go in such a share of a head; from there on in whole ones.
NARROW, SHARE = 8, 8


@dataclass(frozen=True, slots=True)
class Family:
    """``members``: width and layers of the published ones, ascending."""

    name: str
    head_size: int
    members: tuple[tuple[int, int], ...]
    thrifty_gates: bool = False
    """A gated feed-forward part is 8/3 as wide as the model instead of 4: as many weights."""

    def layers(self, width: int) -> int:
        """The depth at a width, at least 1."""
        low = max((m for m in self.members if m[0] <= width), default=self.members[0])
        high = min((m for m in self.members if m[0] > width), default=low)
        if width < low[0] or high == low:
            return max(1, _nearest(width * low[1] / low[0]))
        share = (width - low[0]) / (high[0] - low[0])
        return _nearest(low[1] + share * (high[1] - low[1]))

    def heads(self, width: int) -> int:
        """The number of heads that makes them nearest to the family's, their channels even."""
        fits = [h for h in range(1, width // 2 + 1) if width % (2 * h) == 0]
        return min(fits, key=lambda heads: abs(width // heads - self.head_size))

    def ffn(self, width: int, *, gated: bool) -> int:
        """Width of the feed-forward part, channels.

        Eight thirds are rounded up as Llama does, to multiples of 256 from a width of 4096 on, and
        of as small a share of the width below.
        """
        if not (gated and self.thrifty_gates):
            return 4 * width
        multiple = 8 * min(32, max(1, width // 128))
        return -(-8 * width // (3 * multiple)) * multiple


#: Radford et al. 2019, table 2; arXiv 2302.13971, table 2; arXiv 2012.12877, table 1 (DeiT) and
#: 2010.11929, table 1 (ViT-L; ViT-H has heads of another size).
GPT2 = Family("gpt2", 64, ((768, 12), (1024, 24), (1280, 36), (1600, 48)))
LLAMA = Family("llama", 128, ((4096, 32), (5120, 40), (6656, 60), (8192, 80)), thrifty_gates=True)
VIT = Family("vit", 64, ((192, 12), (384, 12), (768, 12), (1024, 24)))
OF_KIND = {"decoder_lm": (GPT2, LLAMA), "prefix_lm": (GPT2, LLAMA), "vit": (VIT,)}


@cache
def rungs(family: Family) -> tuple[tuple[int, int], ...]:
    """Width and layers of every rung: neither falls on the way up."""
    size, narrow = family.head_size, NARROW * family.head_size
    fine = size // SHARE
    widths = [*range(fine, narrow, fine), *range(narrow, MOST_WIDTH + 1, size)]
    found = [(widths[0], layers) for layers in range(1, family.layers(widths[0]))]
    for width, wider in itertools.pairwise(widths):
        layers = range(family.layers(width), family.layers(wider) + 1)
        found += [(width, count) for count in layers]
    return tuple(found)


def ladders(ours: Transformer) -> dict[str, Ladder[Transformer]]:
    """The families of the design's kind by name; none where nobody scales one."""
    return {family.name: _ladder(ours, family) for family in OF_KIND.get(ours.kind, ())}


def _ladder(ours: Transformer, family: Family) -> Ladder[Transformer]:
    gated, steps = ours.stacks[0].layers[0].gated, rungs(family)

    def rung(number: int) -> Transformer:
        width, layers = steps[number - 1]
        heads = family.heads(width)
        layer = Layer(heads, heads, width // heads, family.ffn(width, gated=gated), gated)
        return replace(ours, name=family.name, stacks=(Stack(width, (layer,) * layers),))

    def told(number: int) -> str:
        width, layers = steps[number - 1]
        heads, ffn = family.heads(width), family.ffn(width, gated=gated)
        return (
            f"{family.name} by hand: {_many(layers, 'layer')} of {width}, "
            f"{_many(heads, 'head')} of {width // heads}, feed-forward {ffn}"
        )

    return Ladder(family.name, len(steps), rung, told)


def _nearest(value: float) -> int:
    return math.floor(value + 0.5)


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'s' if count != 1 else ''}"
