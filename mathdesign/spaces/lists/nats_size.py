"""The size space of NATS-Bench (Dong et al. 2021, arXiv 2009.00437): five widths, 32,768 networks.

Stem 3x3 (3 -> c1); cell c1 -> c1 on 32x32; residual block of stride 2, c1 -> c2; cell c2 -> c3 on
16x16; residual block, c3 -> c4; cell c4 -> c5 on 8x8; norm; linear c5 -> classes. A cell a -> b:
two 3x3 a -> b, three 3x3 b -> b, and a 1x1 a -> b where the widths differ. A residual block:
3x3 a -> b, 3x3 b -> b, 1x1 a -> b without a norm. Multiply-adds of convolutions and linear layers.
"""

from __future__ import annotations

import numpy as np

from mathdesign.programs.base import IntArray
from mathdesign.programs.slot_space import TableSpace
from mathdesign.programs.slots import PairTable, Slot, TableSum

WIDTHS = tuple(range(8, 65, 8))
SLOTS = ("c1", "c2", "c3", "c4", "c5")
AREAS = (32 * 32, 16 * 16, 8 * 8)


def nats_size(classes: int = 10) -> TableSpace:
    """The size space on 32x32 images."""
    slots = tuple(Slot(n, tuple(map(str, WIDTHS)), tuple(map(float, WIDTHS))) for n in SLOTS)
    w = np.array(WIDTHS, dtype=np.int64)
    zero = np.zeros_like(w)
    stem, same = 27 * w, 45 * w * w
    macs = TableSum(
        0, (AREAS[0] * (stem + same), zero, zero, zero, classes * w),
        (PairTable(0, 1, AREAS[1] * _residual(w)), PairTable(1, 2, AREAS[1] * _cell(w)),
         PairTable(2, 3, AREAS[2] * _residual(w)), PairTable(3, 4, AREAS[2] * _cell(w))),
    )  # fmt: skip
    norms = 2 * w  # scale and shift
    first, last = stem + same + 6 * norms, norms + (w + 1) * classes - classes
    params = TableSum(
        classes, (first, zero, zero, zero, last),
        (PairTable(0, 1, _residual(w) + 2 * norms), PairTable(1, 2, _cell(w) + _cell_norms(w)),
         PairTable(2, 3, _residual(w) + 2 * norms), PairTable(3, 4, _cell(w) + _cell_norms(w))),
    )  # fmt: skip
    return TableSpace("nats_size", slots, {"macs": macs, "params": params})


#: 3x3 convolutions of the longest path by the slot whose width enters them.
PATH = (4, 2, 3, 2, 2)


def last_stage_entropy() -> TableSum:
    """``ln(8^2 c5)`` times half the log-variance of the longest path: DeepMAD's last scale.

    A cell's longest path has three convolutions, a residual block's two (stem apart). The product
    of a function of c5 and a sum is a sum of pair tables.
    """
    logs = np.log(9.0 * np.array(WIDTHS, dtype=float))
    scale = np.log(AREAS[2] * np.array(WIDTHS, dtype=float)) / 2
    zero = np.zeros(len(WIDTHS))
    last = scale * (PATH[4] * logs + np.log(27.0))
    pairs = tuple(PairTable(i, 4, np.outer(n * logs, scale)) for i, n in enumerate(PATH[:4]))
    return TableSum(0.0, (zero, zero, zero, zero, last), pairs)


def _cell(w: IntArray) -> IntArray:
    """Weights of a cell's convolutions, by the widths before and after."""
    a, b = w[:, None], w[None, :]
    found: IntArray = 18 * a * b + 27 * b * b + (a != b) * a * b
    return found


def _cell_norms(w: IntArray) -> IntArray:
    """Five norms, and that of the 1x1 where the widths differ."""
    a, b = w[:, None], w[None, :]
    found: IntArray = 2 * b * (5 + (a != b))
    return found


def _residual(w: IntArray) -> IntArray:
    a, b = w[:, None], w[None, :]
    found: IntArray = 9 * a * b + 9 * b * b + a * b
    return found
