r"""The log-volume of a layer-wise design: what may be maximised before anything was measured.

Slot :math:`s` of :math:`S` counts for

.. math:: (s/S)^p \; \ln\Bigl(w + \sum_b m_b \, k_b^{c} \, \sigma_b\Bigr)

over the blocks :math:`b` of its option: :math:`w` channels leave it, :math:`m` are the channels and :math:`k`
the extent of a block's largest kernel, :math:`\sigma` what squeeze-and-excitation multiplies. It is the
log-volume of chains (docs/objective.md) with a slot for a stage and the identity beside the blocks, so that a
slot without layers is worth :math:`\ln w` and a further block less than the one before. Stem and tail are
fixed and do not count. Each term is a table over an option, or over it and the one before where what enters
depends on that: nothing about it is relaxed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mathdesign.programs.base import FloatArray
from mathdesign.programs.slots import PairTable, TableSum
from mathdesign.spaces.blocks.network import after, traced
from mathdesign.spaces.blocks.operators import Operator, Shape
from mathdesign.spaces.lists.layerwise import Blocks, LayerSpace


@dataclass(frozen=True, slots=True)
class LayerVolume:
    """The constants: those of chains, read off tables of trained networks (docs/evidence.md)."""

    kernel_size: float = 0.5
    squeeze_excitation: float = 1.35
    rise: float = 1.0

    def of(self, blocks: Blocks, given: Shape) -> float:
        """The logarithm of a slot's volume, its weight left out."""
        total = 0.0
        for block in blocks:
            operators = traced((block,), given)
            wide, extent = inner(operators, given)
            squeezes = any(operator.op == "multiply" for operator in operators)
            total += wide * extent**self.kernel_size * (self.squeeze_excitation if squeezes else 1)
            given = after(block, given)
        return math.log(given.channels + total)

    def weight(self, slot: int, slots: int) -> float:
        """Of slot ``slot``, counted from 0."""
        return float(((slot + 1) / slots) ** self.rise)


def inner(operators: Sequence[Operator], given: Shape) -> tuple[int, float]:
    """Channels of the largest kernels of a block, and their extent; gates apart."""
    convs = [
        operator
        for operator in operators
        if operator.op == "conv" and (operator.size_out != (1,) * len(given.size)
                                      or operator.size_out == given.size)
    ]  # fmt: skip
    if not convs:
        return 0, 1.0
    extents = [math.prod(operator.kernel) ** (1 / len(operator.kernel)) for operator in convs]
    most = max(extents)
    return sum(o.c_out for o, extent in zip(convs, extents) if extent == most), most


def volume_of(layers: LayerSpace, options: LayerVolume) -> TableSum:
    """The log-volume of every design, as tables."""
    sizes = [len(slot.options) for slot in layers.slots]
    unary = [np.zeros(n) for n in sizes]
    pairs: dict[int, FloatArray] = {}
    for piece in layers.pieces:
        at = piece.slot
        if at is None or piece.blocks is layers.tail:
            continue
        value = options.weight(at, len(sizes)) * options.of(piece.blocks, piece.given)
        if piece.previous is None:
            unary[at][piece.option] = value
        else:
            if at not in pairs:
                pairs[at] = np.zeros((sizes[at - 1], sizes[at]))
            pairs[at][list(piece.previous), piece.option] = value
    tables = tuple(PairTable(i - 1, i, table) for i, table in pairs.items())
    return TableSum(0.0, tuple(unary), tables)
