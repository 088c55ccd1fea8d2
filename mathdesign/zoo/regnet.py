"""RegNet: Radosavovic et al., arXiv 2003.13678.

A network is named by four numbers: depth, initial width, slope and the factor between stages; widths
of blocks are a line, quantised to powers of the factor and to multiples of 8 (section 3.3), then to
multiples of the group width.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

from mathdesign.zoo.chains import chain
from mathdesign.zoo.member import Figure, Member

SOURCE = "arXiv 2003.13678"
TORCHVISION = "torchvision's documentation"
#: Depth, initial width, slope, factor, group width; parameters and multiply-adds as torchvision
#: prints them.
X = {
    "regnet_x_400mf": (22, 24, 24.48, 2.54, 16, "5,495,976", "0.41 G"),
    "regnet_x_800mf": (16, 56, 35.73, 2.28, 16, "7,259,656", "0.80 G"),
    "regnet_x_1_6gf": (18, 80, 34.01, 2.25, 24, "9,190,136", "1.60 G"),
    "regnet_x_3_2gf": (25, 88, 26.31, 2.25, 48, "15,296,552", "3.18 G"),
    "regnet_x_8gf": (23, 80, 49.56, 2.88, 120, "39,572,648", "7.99 G"),
}
Y = {
    "regnet_y_400mf": (16, 48, 27.89, 2.09, 8, "4,344,144", "0.40 G"),
    "regnet_y_800mf": (14, 56, 38.84, 2.4, 16, "6,432,512", "0.83 G"),
    "regnet_y_1_6gf": (27, 48, 20.71, 2.65, 24, "11,202,430", "1.61 G"),
    "regnet_y_3_2gf": (21, 80, 42.63, 2.66, 24, "19,436,338", "3.18 G"),
    "regnet_y_8gf": (17, 192, 76.82, 2.19, 56, "39,381,472", "8.47 G"),
}


def members() -> Iterator[Member]:
    """Five of either kind: Y has squeeze-and-excitation."""
    for networks, squeeze in ((X, False), (Y, True)):
        for name, (depth, first, slope, factor, group, params, macs) in networks.items():
            stages = [
                {"stride": 2, "width": width, "group_width": min(group, width), "depth": blocks,
                 "bottleneck": width, "squeeze_excitation": squeeze}
                for width, blocks in stages_of(depth, first, slope, factor, group)
            ]  # fmt: skip
            request = chain("regnet", stages, {"width": 32})
            figures = (Figure("params", params, TORCHVISION), Figure("macs", macs, TORCHVISION))
            yield Member(name, "RegNet", SOURCE, request, None, figures)


def stages_of(
    depth: int, first: int, slope: float, factor: float, group: int
) -> list[tuple[int, int]]:
    """Width and blocks of each stage of a network named by these numbers."""
    widths = []
    for block in range(depth):
        power = round(math.log((first + slope * block) / first) / math.log(factor))
        widths.append(int(round(first * factor**power / 8) * 8))
    found = [(width, len(list(run))) for width, run in itertools.groupby(widths)]
    return [(_fitted(width, group), blocks) for width, blocks in found]


def _fitted(width: int, group: int) -> int:
    """The nearest multiple of the group width, not a tenth below."""
    group = min(group, width)
    near = max(group, int(width + group / 2) // group * group)
    return near + group if near < 0.9 * width else near
