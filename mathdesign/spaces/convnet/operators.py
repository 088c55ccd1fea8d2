"""The operators of a network of convolutional stages, in the order in which its module executes them.

Made from the unrolled layers of its families. Batch norms and activations are folded into what stands
before them, and so is a layer scale; a layer norm is an operator of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isqrt

from mathdesign.devices.operators import Operator, convolution, linear, plain
from mathdesign.spaces.convnet.families.base import UnrolledLayer
from mathdesign.spaces.convnet.network import Network, NetworkStage


def operators(network: Network) -> tuple[Operator, ...]:
    """Every operator of one pass, from input to output."""
    return tuple(op for stage in network.stages for op in stage_operators(stage))


def stage_operators(stage: NetworkStage) -> Iterator[Operator]:
    """Those of one stage."""
    shape = stage.shape
    if stage.role == "classifier":
        yield plain("global_pool", stage.prev, shape.resolution_in, shape.resolution_in)
    c_in, side, stride = stage.prev, shape.resolution_in, shape.stride
    for layers in stage.block.layers(stage.prev, stage.choice, shape):
        adds = stage.block.adds_input(c_in, stage.width, stride)
        if stage.role == "classifier":
            side = 1
        yield from _Block(c_in, side, stride, adds).operators(layers)
        c_in, side, stride = stage.width, shape.resolution_out, 1


@dataclass(frozen=True, slots=True)
class _Block:
    """What enters a block, its stride, and whether it adds its input to its output."""

    c_in: int
    side: int
    """Pixels."""
    stride: int
    adds: bool

    def operators(self, layers: Sequence[UnrolledLayer]) -> Iterator[Operator]:
        """The block's, the addition of its shortcut last."""
        side, channels, shortcut = self.side, self.c_in, self.side
        added = main = squeezed = False
        stride = self.stride // 2 if any(layer.op == "max" for layer in layers) else self.stride
        for layer in layers:
            out = isqrt(layer.area)
            if layer.op == "conv" and not layer.tinynas:  # a unit of squeeze-and-excitation
                if not squeezed:
                    yield plain("global_pool", channels, side, side)
                yield convolution(layer.c_in, 1, 1, layer.c_out)
                if squeezed:
                    yield plain("excite", channels, side, side)
                squeezed = True
            elif layer.op == "conv" and main and not layer.main_path:
                yield _conv(layer, shortcut, out, stride)
            elif layer.op == "conv":
                main = main or layer.main_path
                yield _conv(layer, side, out, stride)
                side, channels = out, layer.c_out
            elif layer.op == "linear":
                yield linear(layer.c_in, layer.area, layer.c_out)
            elif layer.op == "norm":
                yield plain("norm", layer.c_in, side, side)
            elif layer.op == "pool":  # its area is that of its input
                yield Operator("pool", layer.c_in, out, out, layer.c_in, (2, 2), (2, 2))
                shortcut = -(-out // 2)
            elif layer.op == "max":
                yield Operator("pool", channels, side, side, channels, (3, 3), (2, 2))
                side = out
            elif layer.op == "add":
                added = True
                yield plain("add", layer.c_in, side, side)
        if self.adds and not added:
            yield plain("add", channels, side, side)


def _conv(layer: UnrolledLayer, side: int, out: int, stride: int) -> Operator:
    """It strides where it leaves fewer positions than it reads."""
    step = 1 if side == out else stride
    return convolution(layer.c_in, side, side, layer.c_out, layer.kernel_size, step, layer.groups)
