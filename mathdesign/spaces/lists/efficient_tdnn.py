"""EfficientTDNN's space (Wang et al. 2021, arXiv 2103.13581): speaker embeddings from sequences.

80 filter-bank channels over time; a convolution to ``width`` channels; two to four SE-Res2 blocks of
kernels 1, 3 or 5 and inner widths; a 1x1 over the outputs of all blocks; attentive statistics; a linear
layer to 192 numbers between norms. ``width`` multiplies the costs of every block, so it is a setting: a
program for each of its values. The depth decides how many outputs the 1x1 reads, so that the third and
fourth block are one slot. Published multiply-adds, metric ``published_macs``, count two operations
for each value of a norm, on 301 frames.
"""

from __future__ import annotations

import itertools

from mathdesign.spaces.blocks.base import Block, Setting
from mathdesign.spaces.blocks.operators import Shape, macs, macs_with, params
from mathdesign.spaces.blocks.registry import BLOCKS
from mathdesign.spaces.blocks.shorthand import classifier, conv
from mathdesign.spaces.lists.layerwise import Blocks, LayerSlot, LayerSpace, Preset

WIDTHS, KERNELS = (128, 176, 256, 384, 512), (1, 3, 5)
#: The coarse grid, and that of the published small network.
JOINED = (384, 400, 536, 768, 1152, 1536)
#: Dilations of the blocks.
DILATIONS = (2, 3, 4, 5)
NONE = "none"


def _block(width: int, at: int, inner: int, kernel: int) -> Block:
    return BLOCKS["res2"].block(
        width=width, inner=inner, kernel=kernel, dilation=DILATIONS[at], squeeze=width // 4,
        appends=at > 0,
    )  # fmt: skip


def _tdnn(given: Shape, classes: int, width: int) -> LayerSpace:
    shapes = list(itertools.product(WIDTHS, KERNELS))
    names = [f"m{inner}_k{kernel}" for inner, kernel in shapes]

    def one(at: int) -> dict[str, Blocks]:
        return {n: (_block(width, at, *shape),) for n, shape in zip(names, shapes)}

    third, fourth = one(2), one(3)
    more: dict[str, Blocks] = {NONE: (), **third}
    for (a, x), (b, y) in itertools.product(third.items(), fourth.items()):
        more[f"{a}+{b}"] = (*x, *y)
    plain = {"activation": "identity"}
    slots = (
        LayerSlot("first", {f"k{k}": (conv(width, k),) for k in KERNELS}),
        LayerSlot("block1", one(0)),
        LayerSlot("block2", one(1)),
        LayerSlot("blocks3_4", more),
        LayerSlot("joined", {str(n): (conv(n, norm=False),) for n in JOINED}),
    )
    norm = BLOCKS["norm"].block(**plain)
    tail = (BLOCKS["statistics"].block(), norm, classifier(classes), norm)
    counts = {"macs": macs, "params": params, "published_macs": macs_with(norm=2)}
    return LayerSpace("efficient_tdnn", given, (), slots, tail, counts=counts)


TDNN = Preset(
    "efficient_tdnn", "EfficientTDNN: SE-Res2 blocks over time, two to four of chosen widths", _tdnn,
    given=Shape(80, (301,)), classes=192, small=Shape(8, (20,)),
    settings=(Setting("width", 512, "Channels between blocks.", choices=WIDTHS),),
)  # fmt: skip
