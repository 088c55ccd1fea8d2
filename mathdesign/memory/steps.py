"""What is alive while the operators of a block run, in symbols: from the block's graph to its peaks.

A step is an operator as memory sees it. An operator is what a runtime executes after folding: a
convolution or linear layer with its norm, its activation and its padding, a pooling, a sum, a product, a
layer norm. It reads tensors and writes one; what it costs on a device by its kind and shape is another
question (:mod:`mathdesign.devices.operators`).
A tensor is alive from the operator that writes it to the last one that reads it, both included; so
at an operator there are its inputs, its output, and what waits for a later one (a shortcut's input).

A depthwise convolution may write over what it reads, if nothing reads that later: channel by channel,
as TinyEngine does (arXiv 2007.10319, section 3.2). Then the larger of the two counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from mathdesign.metrics.base import Product
from mathdesign.programs.stages import Alive, When

Dtype = Literal["int8", "float16", "float32"]
#: Bytes of a value and of a bias: int8 networks add up in 32 bits (TensorFlow Lite's specification).
VALUE_BYTES: Mapping[Dtype, int] = {"int8": 1, "float16": 2, "float32": 4}
BIAS_BYTES: Mapping[Dtype, int] = {"int8": 4, "float16": 2, "float32": 4}

ACTIVATION_BYTES, WEIGHT_BYTES = BYTES = ("activation_bytes", "weight_bytes")
"""The peak and the metric that programs have where memory is asked for."""
ENTERS = "x"
"""The tensor that a block is given."""


@dataclass(frozen=True, slots=True)
class MemoryOptions:
    """What counts: bytes of a value, depthwise convolutions in place, what a runtime adds."""

    dtype: Dtype = "float32"
    in_place_depthwise: bool = False
    overhead_per_operator: int = 0
    """Bytes; told beside the arena, no part of any budget."""

    @property
    def value_bytes(self) -> int:
        """Of an activation or a weight."""
        return VALUE_BYTES[self.dtype]

    @property
    def bias_bytes(self) -> int:
        """Of a bias."""
        return BIAS_BYTES[self.dtype]


@dataclass(frozen=True, slots=True)
class Step:
    """It reads tensors by name and writes one of ``values`` numbers."""

    name: str
    reads: tuple[str, ...]
    writes: str
    values: Product
    depthwise: bool = False


def alive(
    operators: Sequence[Step], enters: Product, when: When, options: MemoryOptions
) -> Iterator[Alive]:
    """What is alive at each operator of a block, in bytes; in place, one for either of two sizes."""
    sizes = {ENTERS: enters, **{op.writes: op.values for op in operators}}
    last = {name: i for i, op in enumerate(operators) for name in op.reads}
    held = [ENTERS]
    for i, op in enumerate(operators):
        waiting = [name for name in held if name not in op.reads]
        (source, *more) = op.reads
        shares = options.in_place_depthwise and op.depthwise and not more and last[source] == i
        for own in [[source], [op.writes]] if shares else [[*op.reads, op.writes]]:
            yield _sum(op.name, [sizes[name] for name in (*waiting, *own)], when, options)
        held = [name for name in (*held, op.writes) if last.get(name, len(operators)) > i]


def _sum(name: str, sizes: Iterable[Product], when: When, options: MemoryOptions) -> Alive:
    """Bytes of several tensors as one sum of symbols over a common denominator."""
    total: dict[str, Fraction] = {}
    for size in sizes:
        ((symbol, power),) = size.powers or (("", 1),)
        assert power == 1
        total[symbol] = total.get(symbol, Fraction(0)) + Fraction(size.coefficient)
    parts = math.lcm(*(share.denominator for share in total.values()))
    whole = {symbol: int(share * parts) * options.value_bytes for symbol, share in total.items()}
    constant = whole.pop("", 0)
    return Alive(name, tuple(sorted(whole.items())), constant, when, parts)
