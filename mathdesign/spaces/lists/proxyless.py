"""The 21-slot spaces after ProxylessNAS (Cai et al. 2019, arXiv 1812.00332).

Stem 3x3 of stride 2, a separable convolution, 21 inverted residuals of fixed widths with 6 shapes
(expansion 3 or 6, kernel 3, 5 or 7) or, but for the first of a stage, none; 1x1, classifier:
6^6 * 7^15 = 2.2e17 designs. ``proxyless`` is that of GBDT-NAS (Luo et al. 2020, arXiv 2007.04785),
``proxylessnas`` has the widths of the published networks, of which each is a point.
"""

from __future__ import annotations

from mathdesign.programs.slot_space import TableSpace
from mathdesign.spaces.blocks.base import Block, Setting
from mathdesign.spaces.blocks.operators import Shape
from mathdesign.spaces.blocks.shorthand import classifier, conv, inverted
from mathdesign.spaces.lists.layerwise import Blocks, LayerSlot, LayerSpace, Preset

CELLS = (4, 4, 4, 4, 4, 1)
STRIDES = (2, 2, 2, 1, 2, 1)
SHAPES = ("mb3_k3", "mb6_k3", "mb3_k5", "mb6_k5", "mb3_k7", "mb6_k7")
NONE = "zero"
#: Variant -> widths of the stem, of the separable convolution, of the stages, of the last 1x1.
WIDTHS: dict[str, tuple[int, int, tuple[int, ...], int]] = {
    "search": (32, 16, (24, 40, 80, 96, 192, 320), 1280),
    "mobile": (32, 16, (32, 40, 80, 96, 192, 320), 1280),
    "mobile_1.4": (48, 24, (40, 56, 112, 136, 256, 448), 1792),
    "gpu": (40, 24, (32, 56, 112, 128, 256, 432), 1728),
    "cpu": (40, 24, (32, 48, 88, 104, 216, 360), 1432),
}
GBDT = (40, 24, (24, 40, 80, 96, 192, 320), 1280)
ACTIVATION = "relu6"


def proxyless() -> TableSpace:
    """The space with the multiply-adds and parameters of the super-network's widths."""
    return PROXYLESS.table_space()


def _gbdt(given: Shape, classes: int) -> LayerSpace:
    return _space("proxyless", given, classes, GBDT)


def _proxylessnas(given: Shape, classes: int, variant: str) -> LayerSpace:
    return _space("proxylessnas", given, classes, WIDTHS[variant])


def _space(
    name: str, given: Shape, classes: int, widths: tuple[int, int, tuple[int, ...], int]
) -> LayerSpace:
    stem, first, stages, last = widths
    slots = []
    for stage, (width, cells, stride) in enumerate(zip(stages, CELLS, STRIDES), 1):
        for cell in range(cells):
            step = stride if cell == 0 else 1
            options: dict[str, Blocks] = {o: (_block(o, width, step),) for o in SHAPES}
            if cell:
                options[NONE] = ()
            slots.append(LayerSlot(f"stage{stage}_{cell + 1}", options))
    before = (conv(stem, 3, 2, activation=ACTIVATION), inverted(first, 3, activation=ACTIVATION))
    tail = (conv(last, activation=ACTIVATION), classifier(classes))
    return LayerSpace(name, given, before, tuple(slots), tail, counted=(*SHAPES, NONE))


def _block(option: str, width: int, stride: int) -> Block:
    expansion, kernel = int(option[2]), int(option[-1])
    return inverted(width, kernel, stride, expansion=expansion, activation=ACTIVATION)


PROXYLESS = Preset(
    "proxyless", "GBDT-NAS: 21 inverted residuals of the super-network's widths, or none",
    _gbdt, small=Shape(3, (32, 32)),
)  # fmt: skip
PROXYLESSNAS = Preset(
    "proxylessnas", "ProxylessNAS: 21 inverted residuals, widths of its published networks",
    _proxylessnas, small=Shape(3, (32, 32)),
    settings=(Setting("variant", "search", "Whose widths.", choices=tuple(WIDTHS)),),
)  # fmt: skip
