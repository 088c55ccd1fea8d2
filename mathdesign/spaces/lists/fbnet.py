"""FBNet's space (Wu et al. 2019, arXiv 1812.03443): 22 slots of up to 9 options.

Stem 3x3 of stride 2 to 16; stages of widths 16, 24, 32, 64, 112, 184, 352; 1x1 to the head's width;
classifier. An option is an inverted residual (kernel 3 or 5; expansion 1, 3 or 6, or 1 with two groups
in its 1x1s) or ``skip``, which is no layer, where stride is 1 and the width stays. A block that expands
nothing has no first 1x1, as in the published networks; ``keep_expansion`` builds it, as the paper
draws it. The published search code lets ``skip`` stand everywhere, a 1x1 convolution where no
identity fits; measured tables have such rows: ``skip_everywhere``.
"""

from __future__ import annotations

from mathdesign.spaces.blocks.base import Block, Setting
from mathdesign.spaces.blocks.operators import Shape
from mathdesign.spaces.blocks.shorthand import classifier, conv, inverted
from mathdesign.spaces.lists.layerwise import Blocks, LayerSlot, LayerSpace, Preset

STEM = 16
STAGES = ((16, 1, 1), (24, 4, 2), (32, 4, 2), (64, 4, 2), (112, 4, 1), (184, 4, 2), (352, 1, 1))
"""Width, layers, stride."""
SHAPES = {
    "k3_e1": (3, 1, 1), "k3_e1_g2": (3, 1, 2), "k3_e3": (3, 3, 1), "k3_e6": (3, 6, 1),
    "k5_e1": (5, 1, 1), "k5_e1_g2": (5, 1, 2), "k5_e3": (5, 3, 1), "k5_e6": (5, 6, 1),
}  # fmt: skip
"""Option -> kernel, expansion, groups; in the order of the published tables."""
SKIP = "skip"


def fbnet(
    given: Shape, classes: int, head: int, keep_expansion: bool, skip_everywhere: bool
) -> LayerSpace:
    """FBNet: 22 inverted residuals of fixed widths, or none."""

    def block(option: str, width: int, stride: int) -> Block:
        kernel, expansion, groups = SHAPES[option]
        return inverted(
            width, kernel, stride, expansion=expansion, groups=groups, keep_expansion=keep_expansion
        )

    slots: list[LayerSlot] = []
    before = STEM
    for width, layers, first in STAGES:
        for layer in range(layers):
            stride = first if layer == 0 else 1
            options: dict[str, Blocks] = {o: (block(o, width, stride),) for o in SHAPES}
            if (before, 1) == (width, stride):
                options[SKIP] = ()
            elif skip_everywhere:
                options[SKIP] = (conv(width, 1, stride),)
            slots.append(LayerSlot(f"op{len(slots)}", options))
            before = width
    tail = (conv(head), classifier(classes))
    stem = (conv(STEM, 3, 2),)
    return LayerSpace("fbnet", given, stem, tuple(slots), tail, counted=(*SHAPES, SKIP))


FBNET = Preset(
    "fbnet",
    "FBNet: 22 slots of inverted residuals of fixed widths, or none",
    fbnet,
    small=Shape(3, (32, 32)),
    settings=(
        Setting("head", 1984, "Channels before the classifier; 1504 in FBNet-A and the paper."),
        Setting("keep_expansion", False, "Blocks of expansion 1 have their first 1x1."),
        Setting("skip_everywhere", False, "skip is a 1x1 where no identity fits."),
    ),
)
