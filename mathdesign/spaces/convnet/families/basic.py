"""``basic``: kxk, kxk with a residual connection: ResNet-18's own block.

The published DeepMAD code cannot score it (no ``get_deepmad_forward`` for KXKX blocks); its
entropy follows from the same rule, ``ln(c_in k^2 / groups)`` summed over convolutions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from mathdesign.memory.steps import ENTERS, Step
from mathdesign.metrics.base import SymbolicLayer, symbol
from mathdesign.spaces.convnet.families.base import (
    STRIDED,
    Family,
    Place,
    StageShape,
    UnrolledLayer,
    act,
    conv,
    projection,
    shortcut_steps,
    strided_arguments,
    symbolic_act,
    symbolic_conv,
    symbolic_projection,
)

if TYPE_CHECKING:
    from torch import nn


class Basic(Family):
    """The two-convolution residual block. Its first block projects, unless told to keep."""

    name = "basic"
    summary = "two-convolution residual block: ResNet-18's own"
    block = "kxk, kxk + shortcut"
    decisions = ("width", "kernel_size", "depth")
    projects = True
    options = (STRIDED,)
    preset = (
        {"stride": 2, "width": "32..96/8", "kernel_size": [3, 5], "depth": "1..4"},
        {"stride": 2, "width": "64..192/16", "kernel_size": [3, 5], "depth": "1..8"},
        {"stride": 2, "width": "128..384/16", "kernel_size": [3, 5], "depth": "1..12"},
        {"stride": 2, "width": "256..768/32", "kernel_size": [3, 5], "depth": "1..12"},
    )

    def symbolic(self, at: Place) -> Iterator[SymbolicLayer]:
        """Both convolutions run at the output resolution."""
        width, kernel = symbol("width"), symbol("kernel_size")
        yield symbolic_conv(at.c_in, width, at.area, kernel)
        yield symbolic_act(width, at.area)
        yield symbolic_conv(width, width, at.area, kernel)
        yield from symbolic_projection(at)
        yield symbolic_act(width, at.area)

    def steps(self, at: Place) -> Iterator[Step]:
        """Main path, then shortcut, then the sum."""
        values = symbol("width") * at.area
        yield Step("first convolution", (ENTERS,), "a", values)
        yield Step("second convolution", ("a",), "b", values)
        yield from shortcut_steps(at, "b")

    def layers(
        self, prev: int, choice: Mapping[str, int], shape: StageShape
    ) -> tuple[tuple[UnrolledLayer, ...], ...]:
        """Unrolled blocks: main path, then shortcut, then the activation after the addition."""
        width, kernel, area = choice["width"], choice["kernel_size"], shape.area_out
        blocks = []
        for index in range(choice["depth"]):
            c_in = width if index else prev
            block = [
                conv(c_in, width, area, kernel, main_path=True),
                act(width, area),
                conv(width, width, area, kernel, main_path=True),
            ]
            if index == 0 and not shape.identity_shortcut:
                block += projection(c_in, width, shape)
            blocks.append((*block, act(width, area)))
        return tuple(blocks)

    def own_arguments(self, choice: Mapping[str, int], shape: StageShape) -> dict[str, int | bool]:
        """And whether its shortcut is strided."""
        return {**super().own_arguments(choice, shape), **strided_arguments(shape)}

    def torch_block(self) -> type[nn.Module]:
        """``BasicBlock``."""
        from torch import Tensor, nn

        class BasicBlock(nn.Module):
            """Two kxk convolutions around a residual connection.

            A projected shortcut averages 2x2 positions before its 1x1 convolution when stride is 2,
            or is ``strided`` itself.
            """

            def __init__(
                self,
                c_in: int,
                c_out: int,
                kernel_size: int,
                stride: int = 1,
                project: bool = False,
                strided: bool = False,
            ) -> None:
                super().__init__()
                padding = kernel_size // 2
                self.conv1 = nn.Conv2d(c_in, c_out, kernel_size, stride, padding, bias=False)
                self.norm1 = nn.BatchNorm2d(c_out)
                self.conv2 = nn.Conv2d(c_out, c_out, kernel_size, 1, padding, bias=False)
                self.norm2 = nn.BatchNorm2d(c_out)
                self.act = nn.ReLU(inplace=True)
                self.shortcut = nn.Sequential()
                if project:
                    if stride == 2 and not strided:
                        self.shortcut.append(nn.AvgPool2d(2, 2, ceil_mode=True))
                    step = stride if strided else 1
                    self.shortcut.append(nn.Conv2d(c_in, c_out, 1, step, bias=False))
                    self.shortcut.append(nn.BatchNorm2d(c_out))
                else:  # starts as its identity shortcut: deep stages train (arXiv 1706.02677, 5.1)
                    nn.init.zeros_(self.norm2.weight)

            def forward(self, x: Tensor) -> Tensor:
                y = self.act(self.norm1(self.conv1(x)))
                y = self.norm2(self.conv2(y))
                return self.act(y + self.shortcut(x))

        return BasicBlock
