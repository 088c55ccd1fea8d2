"""The 21-slot space of GBDT-NAS (Luo et al. 2020, arXiv 2007.04785), after ProxylessNAS.

Stem 3x3 of stride 2 (3 -> 40), a separable convolution (40 -> 24), 21 inverted residuals of fixed
widths with 6 shapes (expansion 3 or 6, kernel 3, 5 or 7) or, but for the first of a stage, none;
1x1 to 1280, classifier. 6^6 * 7^15 = 2.2e17 designs on 224x224 images. Multiply-adds of convolutions
and linear layers; parameters with norms.
"""

from __future__ import annotations

import numpy as np

from mathdesign.programs.slot_space import TableSpace
from mathdesign.programs.slots import Slot, TableSum

WIDTHS = (24, 40, 80, 96, 192, 320)
CELLS = (4, 4, 4, 4, 4, 1)
STRIDES = (2, 2, 2, 1, 2, 1)
SHAPES = ("mb3_k3", "mb6_k3", "mb3_k5", "mb6_k5", "mb3_k7", "mb6_k7")
NONE = "zero"
STEM, FIRST, LAST, CLASSES, SIDE = 40, 24, 1280, 1000, 224


def proxyless() -> TableSpace:
    """The space with the multiply-adds and parameters of the super-network's widths."""
    side, width = SIDE // 2, FIRST
    macs = [side**2 * (27 * STEM + 9 * STEM + STEM * FIRST)]
    params = [27 * STEM + 2 * STEM + 9 * STEM + 2 * STEM + STEM * FIRST + 2 * FIRST]
    slots, tables = [], []
    for stage, (out, cells, stride) in enumerate(zip(WIDTHS, CELLS, STRIDES), 1):
        for cell in range(cells):
            after = side // stride if cell == 0 else side
            options = SHAPES if cell == 0 else (*SHAPES, NONE)
            slots.append(Slot(f"stage{stage}_{cell + 1}", options))
            tables.append([_cost(option, width, out, side, after) for option in options])
            side, width = after, out
    macs.append(side**2 * width * LAST + LAST * CLASSES)
    params.append(width * LAST + 2 * LAST + (LAST + 1) * CLASSES)
    metrics = {
        name: TableSum(sum(fixed), tuple(np.array(t, dtype=np.int64)[:, k] for t in tables))
        for k, (name, fixed) in enumerate((("macs", macs), ("params", params)))
    }
    return TableSpace("proxyless", tuple(slots), metrics, (*SHAPES, NONE))


def _cost(option: str, width: int, out: int, before: int, after: int) -> tuple[int, int]:
    """Multiply-adds and parameters of an inverted residual on ``before`` -> ``after`` pixels."""
    if option == NONE:
        return 0, 0
    inner, kernel = int(option[2]) * width, int(option[-1])
    macs = width * inner * before**2 + (kernel**2 * inner + inner * out) * after**2
    params = width * inner + 2 * inner + kernel**2 * inner + 2 * inner + inner * out + 2 * out
    return macs, params
