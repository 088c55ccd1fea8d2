"""MobileNetV2: Sandler et al., arXiv 1801.04381, table 2."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from mathdesign.zoo.chains import chain
from mathdesign.zoo.member import Figure, Member

SOURCE = "arXiv 1801.04381, table 2"
#: Expansion, width, blocks, stride.
TABLE = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1),
         (6, 160, 3, 2), (6, 320, 1, 1))  # fmt: skip
STEM, HEAD = 32, 1280
ACTIVATION = "the activation is SiLU behind expansions and ReLU elsewhere; the paper's is ReLU6"
#: Factor of widths; the paper's figures (table 4) and why they differ.
NETWORKS = {
    "mobilenet_v2": (Fraction(1), Figure("params", "3.4 M", "table 4", differs="3.5 M, as torchvision counts"),
                     Figure("macs", "300 M", "table 4")),
    "mobilenet_v2_1.4": (Fraction(7, 5), Figure("params", "6.9 M", "table 4", differs="6.1 M, as torchvision counts"),
                         Figure("macs", "585 M", "table 4", differs="582 M with widths in multiples of 8, as torchvision has them")),
}  # fmt: skip


def members() -> Iterator[Member]:
    """Two widths."""
    for name, (factor, *figures) in NETWORKS.items():
        stem = {"width": eights(STEM * factor)}
        head = {"width": eights(HEAD * max(Fraction(1), factor))}
        request = chain("inverted_residual", list(_stages(factor)), stem, head=head)
        yield Member(name, "MobileNetV2", SOURCE, request, None, tuple(figures), (ACTIVATION,))


def _stages(factor: Fraction) -> Iterator[dict[str, Any]]:
    """Inner widths follow the width that enters: a stage for each first block, one for the others."""
    prev = eights(STEM * factor)
    for expansion, c, blocks, stride in TABLE:
        width = eights(c * factor)
        if expansion == 1:
            yield {"family": "depthwise_separable", "stride": stride, "width": width}
        else:
            plain = {"width": width, "squeeze_excitation": False}
            yield {"stride": stride, **plain, "bottleneck": expansion * prev}
            if blocks > 1:
                yield {**plain, "bottleneck": expansion * width, "depth": blocks - 1}
        prev = width


def eights(width: Fraction | float) -> int:
    """The nearest multiple of 8, not a tenth below."""
    near = max(8, int(width + 4) // 8 * 8)
    return near + 8 if near < Fraction(9, 10) * width else near
