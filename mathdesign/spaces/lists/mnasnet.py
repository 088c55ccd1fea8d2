"""MnasNet's factorised space (Tan et al. 2019, arXiv 1807.11626), and that of Accel-NASBench.

Seven stages. In ``mnasnet`` an option of a stage says its operation (``conv``; ``sep``: depthwise and
1x1; ``mb3``, ``mb6``: inverted residuals), kernel, squeeze-and-excitation (a quarter of what enters a
block), whether inputs are added, layers (one fewer to one more than MobileNetV2) and width (0.75, 1 or
1.25 times MobileNetV2's, rounded to 8, and those of the published MnasNet-A1 and B1): costs of a stage
depend on the width before it, so they are tables over two stages. EfficientNet-B0 was sought in the same
space (arXiv 1905.11946, section 4) and is a point of it, with ``activation: silu``.

``accel_nasbench`` (Ahmad et al. 2024, arXiv 2404.08005) keeps widths fixed and chooses expansion,
kernel, layers and squeeze-and-excitation: 36 options a stage. Its published multiply-adds, metric
``published_macs``, count four operations for each value of a norm, and pools.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

import numpy as np

from mathdesign.programs.slot_space import Columns
from mathdesign.programs.slots import Feature
from mathdesign.spaces.blocks.base import ACTIVATIONS, Block, Setting, Value
from mathdesign.spaces.blocks.operators import Shape, macs, macs_with, params
from mathdesign.spaces.blocks.shorthand import classifier, conv, inverted
from mathdesign.spaces.lists.layerwise import Blocks, LayerSlot, LayerSpace, Preset

STEM, HEAD = 32, 1280
#: MobileNetV2's widths, layers and strides.
BASE = ((16, 1, 1), (24, 2, 2), (32, 3, 2), (64, 4, 2), (96, 3, 1), (160, 3, 2), (320, 1, 1))
#: Widths of MnasNet-A1 and B1 beside multiples of those.
PUBLISHED = ((16,), (24,), (40,), (80,), (96, 112), (160, 192), (320,))
OPERATIONS = ("conv", "sep", "mb3", "mb6")
SE_RATIO = 0.25

ACCEL_WIDTHS = (16, 24, 40, 80, 112, 192, 320)
ACCEL_LAYERS = (3, 3, 3, 3, 3, 4, 3)
#: The published table has a column for each of these, a stage.
WORDS = ("e", "k", "l", "se")
EXPANSIONS, KERNELS = (1, 4, 6), (3, 5)


def stage(first: Block, rest: Block, layers: int) -> Blocks:
    """Layers of one kind, of which the first may change the shape."""
    return (first, *(rest,) * (layers - 1))


def _mnasnet(given: Shape, classes: int, activation: str) -> LayerSpace:
    slots = tuple(
        LayerSlot(f"stage{i}", dict(_options(i - 1, activation))) for i in range(1, len(BASE) + 1)
    )
    stem = (conv(STEM, 3, 2, activation=activation),)
    return LayerSpace("mnasnet", given, stem, slots, _tail(classes, activation))


def _tail(classes: int, activation: str = "relu") -> Blocks:
    return (conv(HEAD, activation=activation), classifier(classes))


def widths_of(at: int) -> tuple[int, ...]:
    """The widths of a stage: multiples of 8 near 0.75, 1 and 1.25 times MobileNetV2's, and published."""
    base = BASE[at][0]
    scaled = {int(base * n / 4 + 4) // 8 * 8 for n in (3, 4, 5)}
    return tuple(sorted(scaled | set(PUBLISHED[at])))


def _options(at: int, activation: str) -> Iterator[tuple[str, Blocks]]:
    _, layers, stride = BASE[at]
    depths = [n for n in (layers - 1, layers, layers + 1) if n > 0]
    for operation, kernel, se, skip in itertools.product(OPERATIONS, KERNELS, (0, 1), (0, 1)):
        if operation == "conv" and se:
            continue
        for depth, width in itertools.product(depths, widths_of(at)):
            name = f"{operation}_k{kernel}_se{se}_skip{skip}_l{depth}_w{width}"
            made = operation, kernel, se, skip, width
            first, rest = (_block(*made, s, activation) for s in (stride, 1))
            yield name, stage(first, rest, depth)


def _block(
    operation: str, kernel: int, se: int, skip: int, width: int, stride: int,
    activation: str = "relu",
) -> Block:  # fmt: skip
    act: dict[str, Value] = {"activation": activation, "residual": bool(skip)}
    if operation == "conv":
        return conv(width, kernel, stride, **act)
    expansion = 1 if operation == "sep" else int(operation[-1])
    if se:
        act |= {"squeeze_ratio": SE_RATIO, "squeeze_activation": activation}
    return inverted(width, kernel, stride, expansion=expansion, **act)


def _accel(given: Shape, classes: int) -> LayerSpace:
    slots = []
    for i, (width, most, (_, _, stride)) in enumerate(zip(ACCEL_WIDTHS, ACCEL_LAYERS, BASE)):
        options = {}
        depths = range(1, most + 1)
        for e, k, n, se in itertools.product(EXPANSIONS, KERNELS, depths, (0, 1)):
            operation = "sep" if e == 1 else f"mb{e}"
            first, rest = (_block(operation, k, se, 1, width, s) for s in (stride, 1))
            options[_accel_option(e, k, n, se)] = stage(first, rest, n)
        slots.append(LayerSlot(f"block{i}", options))
    columns = {slot.name: Columns(tuple(f"{slot.name}_{word}" for word in WORDS), _accel_option)
               for slot in slots}  # fmt: skip
    counts = {"macs": macs, "params": params, "published_macs": macs_with(norm=4, pools=True)}
    return LayerSpace(
        "accel_nasbench", given, (conv(STEM, 3, 2),), tuple(slots), _tail(classes),
        columns=columns, described=tuple(_said(slots)), counts=counts,
    )  # fmt: skip


def _accel_option(e: int, k: int, layers: int, se: int) -> str:
    return f"e{e}_k{k}_l{layers}_se{se}"


def _said(slots: Sequence[LayerSlot]) -> Iterator[Feature]:
    """Each of the four choices as a number, by stage."""
    for i, slot in enumerate(slots):
        numbers = [list(map(float, re.findall(r"\d+", option))) for option in slot.options]
        for k, word in enumerate(WORDS):
            table = np.array([found[k] for found in numbers])
            yield Feature(f"{slot.name}_{word}", (i,), (table,))


MNASNET = Preset(
    "mnasnet", "MnasNet: seven stages of one operation, kernel, width and depth each", _mnasnet,
    small=Shape(3, (32, 32)),
    settings=(Setting("activation", "relu", "silu in EfficientNet.", choices=tuple(ACTIVATIONS)),),
)  # fmt: skip
ACCEL = Preset(
    "accel_nasbench", "Accel-NASBench: MnasNet's stages of fixed widths, 36 options each", _accel,
    small=Shape(3, (32, 32)),
)  # fmt: skip
