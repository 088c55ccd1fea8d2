"""Once-for-All's MobileNetV3 (Cai et al. 2020, arXiv 1908.09791): 20 inverted residuals of 9 shapes.

Five stages of two to four blocks, kernels 3, 5 or 7, expansions 3, 4 or 6. A depth is which of the last two
blocks of a stage are there: ``none``, and no block after one that is not there. That is one point a
network; with a slot for each depth, the shapes of blocks that are not there would be many names of one.
Stem 3x3 of stride 2 to 16, a block of expansion 1, 1x1 to 960, mean, 1x1 to 1280 without a norm,
classifier; squeeze-and-excitation (a quarter of the inner width, rounded to 8) in stages 2, 4 and 5.
"""

from __future__ import annotations

import itertools

import numpy as np

from mathdesign.programs.slot_space import Columns
from mathdesign.programs.slots import Feature, PairTable
from mathdesign.spaces.blocks.base import Block
from mathdesign.spaces.blocks.operators import Shape
from mathdesign.spaces.blocks.registry import BLOCKS
from mathdesign.spaces.blocks.shorthand import classifier, conv, inverted
from mathdesign.spaces.lists.layerwise import Blocks, LayerSlot, LayerSpace, Preset

STEM, LAST, FEATURES = 16, 960, 1280
#: Width, stride, activation, squeeze-and-excitation.
STAGES = ((24, 2, "relu", False), (40, 2, "relu", True), (80, 2, "hard_swish", False),
          (112, 1, "hard_swish", True), (160, 2, "hard_swish", True))  # fmt: skip
KERNELS, EXPANSIONS, LEAST, MOST = (3, 5, 7), (3, 4, 6), 2, 4
NONE = "none"


def eights(width: float) -> int:
    """The nearest multiple of 8, not a tenth below: MobileNet's rounding."""
    near = max(8, int(width + 4) // 8 * 8)
    return near + 8 if near < 0.9 * width else near


def _block(before: int, at: int, kernel: int, expansion: int, first: bool) -> Block:
    width, stride, activation, squeezed = STAGES[at]
    inner = eights(before * expansion)
    squeeze = eights(inner // 4) if squeezed else 0
    return inverted(
        width, kernel, stride if first else 1, inner=inner, activation=activation,
        squeeze=squeeze, gate="hard_sigmoid",
    )  # fmt: skip


def _ofa(given: Shape, classes: int) -> LayerSpace:
    slots: list[LayerSlot] = []
    before, rules, columns = STEM, [], {}
    for at, (width, *_) in enumerate(STAGES):
        for block in range(MOST):
            options: dict[str, Blocks] = {
                f"k{k}_e{e}": (_block(before, at, k, e, block == 0),)
                for k, e in itertools.product(KERNELS, EXPANSIONS)
            }
            if block >= LEAST:
                options[NONE] = ()
            i = len(slots)
            if block > LEAST:
                rules.append(_no_gap(i - 1, options))
            columns[f"block{i}"] = Columns((f"ks{i}", f"e{i}", f"d{at}"), _Read(block))
            slots.append(LayerSlot(f"block{i}", options))
            before = width
    stem = (conv(STEM, 3, 2, activation="hard_swish"), inverted(STEM))
    mix = BLOCKS["pooled"].block(width=FEATURES, norm=False, activation="hard_swish")
    tail = (conv(LAST, activation="hard_swish"), mix, classifier(classes))
    return LayerSpace(
        "ofa_mobilenetv3", given, stem, tuple(slots), tail, tuple(rules), (NONE,),
        columns=columns, described=_said(slots),
    )  # fmt: skip


class _Read:
    """The option of a block in a table of kernels, expansions and depths."""

    def __init__(self, block: int) -> None:
        self.block = block

    def __call__(self, kernel: int, expansion: int, depth: int) -> str:
        """Blocks beyond the depth are not there, whatever is written of them."""
        return f"k{kernel}_e{expansion}" if self.block < depth else NONE


def _no_gap(before: int, options: dict[str, Blocks]) -> PairTable:
    """No block after one that is not there."""
    count = len(options)
    allowed = np.ones((count, count), dtype=bool)
    allowed[count - 1, : count - 1] = False
    return PairTable(before, before + 1, allowed)


def _said(slots: list[LayerSlot]) -> tuple[Feature, ...]:
    """Kernel and expansion of each block, 0 where there is none; depth of each stage."""
    found, there = [], []
    for i, slot in enumerate(slots):
        shapes = [(0, 0) if o == NONE else (int(o[1]), int(o[-1])) for o in slot.options]
        table = np.array(shapes, dtype=float)
        found += [Feature(f"ks{i}", (i,), (table[:, 0],)), Feature(f"e{i}", (i,), (table[:, 1],))]
        there.append((table[:, 0] > 0).astype(float))
    for at in range(len(STAGES)):
        own = tuple(range(MOST * at, MOST * (at + 1)))
        found.append(Feature(f"d{at}", own, tuple(there[i] for i in own)))
    return tuple(found)


OFA = Preset(
    "ofa_mobilenetv3", "Once-for-All MobileNetV3: 20 blocks of 9 shapes, two to four a stage", _ofa,
    small=Shape(3, (32, 32)),
)  # fmt: skip
