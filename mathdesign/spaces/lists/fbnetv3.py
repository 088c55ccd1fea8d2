"""FBNetV3's space (Dai et al. 2021, arXiv 2006.02049) over the widths of its published networks.

A stem, a stage of expansion 1, five stages whose first block and other blocks have kernels and expansions
of their own, one of expansion 6, a 1x1 to six times its width, a 1x1 on the mean, classifier. Chosen are
kernels, expansions and depths; widths are those of a published network (``variant``), since widths and
depths chosen together are too many options for tables over neighbours. Squeeze-and-excitation, in four of
the stages, has a quarter of the width that enters a block, rounded to 8.

``padding_as_published``: in some of the published networks a block of stride 2, or two, has a border one
too small, which makes their maps smaller (28 -> 13 -> 6 at 224 pixels) and these networks cheaper. ``recipe``: choices of the training beside
those of the network, on grids of ours; they cost nothing, and only a predictor can tell them apart.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from mathdesign.spaces.blocks.base import Block, Setting
from mathdesign.spaces.blocks.operators import Shape
from mathdesign.spaces.blocks.registry import BLOCKS
from mathdesign.spaces.blocks.shorthand import classifier, conv, inverted
from mathdesign.spaces.lists.layerwise import Blocks, LayerSlot, LayerSpace, Preset
from mathdesign.spaces.lists.ofa_mobilenetv3 import eights

#: Variant -> stem, then the widths of stages.
WIDTHS = {
    "b": (16, (16, 24, 40, 72, 120, 184, 224)),
    "c": (16, (16, 24, 48, 88, 120, 216, 216)),
    "d": (24, (16, 24, 40, 72, 128, 208, 240)),
    "e": (24, (16, 24, 48, 80, 128, 216, 240)),
    "f": (24, (24, 32, 56, 88, 144, 248, 272)),
    "g": (32, (24, 40, 56, 104, 160, 264, 288)),
}
STRIDES = (1, 2, 2, 2, 1, 2, 1)
SQUEEZED = (False, False, True, False, True, True, True)
DEPTHS = ((1, 4), (4, 7), (4, 7), (4, 8), (6, 10), (5, 9), (1, 2))
KERNELS, FIRST, OTHER, LAST = (3, 5), (4, 5, 6, 7), (2, 3, 4, 5), 6
FEATURES, SWISH = 1984, "hard_swish"
#: Stages whose first block has a border one too small as published, whatever its kernel.
NARROW: dict[str, tuple[int, ...]] = {"b": (3, 5), "c": (3, 5), "e": (3,), "f": (5,)}
RECIPE = {
    "optimizer": ("rmsprop", "sgd"), "learning_rate": ("0.020", "0.023", "0.026", "0.030"),
    "weight_decay": ("7e-6", "1.4e-5", "2.1e-5"), "mixup": ("0", "0.2", "0.4"),
    "dropout": ("0.1", "0.2", "0.3"), "drop_path": ("0", "0.1", "0.2"), "ema": ("no", "yes"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Stage:
    """What is fixed about a stage."""

    at: int
    before: int
    width: int
    narrow: bool

    def block(self, kernel: int, expansion: int, first: bool) -> Block:
        """Its first block, or one of the others."""
        entering = self.before if first else self.width
        padding = kernel // 2 - 1 if self.narrow and first else -1
        return inverted(
            self.width, kernel, STRIDES[self.at] if first else 1, expansion=expansion,
            activation=SWISH, padding=padding, gate="hard_sigmoid",
            squeeze=eights(entering / 4) if SQUEEZED[self.at] else 0,
        )  # fmt: skip

    def options(self) -> dict[str, Blocks]:
        """Kernels and expansions of the first block and of the others, and how many there are."""
        least, most = DEPTHS[self.at]
        depths = range(least, most + 1)
        if self.at in (0, len(STRIDES) - 1):
            expansion = LAST if self.at else 1
            return {
                f"k{k}_l{n}": (
                    self.block(k, expansion, True),
                    *[self.block(k, expansion, False)] * (n - 1),
                )
                for k, n in itertools.product(KERNELS, depths)
            }
        return {
            f"k{a}{b}_e{e}{f}_l{n}": (self.block(a, e, True), *[self.block(b, f, False)] * (n - 1))
            for a, b, e, f, n in itertools.product(KERNELS, KERNELS, FIRST, OTHER, depths)
        }


def _fbnetv3(
    given: Shape, classes: int, variant: str, padding_as_published: bool, recipe: bool
) -> LayerSpace:
    stem, widths = WIDTHS[variant]
    narrow = NARROW.get(variant, ()) if padding_as_published else ()
    slots = [
        LayerSlot(f"stage{at + 1}", _Stage(at, before, width, at in narrow).options())
        for at, (before, width) in enumerate(zip((stem, *widths), widths))
    ]
    pooled = BLOCKS["pooled"].block(width=FEATURES, bias=True, activation=SWISH)
    tail = (conv(LAST * widths[-1], 1, 1, activation=SWISH), pooled, classifier(classes))
    return LayerSpace(
        "fbnetv3", given, (conv(stem, 3, 2, activation=SWISH),), tuple(slots), tail,
        free=RECIPE if recipe else {},
    )  # fmt: skip


FBNETV3 = Preset(
    "fbnetv3", "FBNetV3: kernels, expansions and depths of seven stages of fixed widths", _fbnetv3,
    small=Shape(3, (64, 64)),
    settings=(
        Setting("variant", "b", "Whose widths: FBNetV3-A and B, C, ..., or G.", choices=tuple(WIDTHS)),
        Setting("padding_as_published", True, "The borders of the published networks."),
        Setting("recipe", False, "Choices of the training too."),
    ),
)  # fmt: skip
