"""``bottleneck``: 1x1, kxk, 1x1 with a residual connection (K1KXK1 in the published code)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from mathdesign.memory.steps import ENTERS, Step
from mathdesign.metrics.base import SymbolicLayer, symbol
from mathdesign.spaces.convnet.families.base import (
    BOTTLENECK,
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


class Bottleneck(Family):
    """DeepMAD's residual bottleneck. The first block of a stage projects its shortcut.

    The projection is there even where widths are equal, as in the published code
    (super_res_k1kxk1.py), unless the stage asks for an identity shortcut.
    """

    name = "bottleneck"
    summary = "residual bottleneck: ResNet-50's block, DeepMAD's K1KXK1"
    block = "1x1, kxk, 1x1 + shortcut"
    decisions = ("width", "bottleneck", "kernel_size", "depth")
    projects = True
    words = (BOTTLENECK,)
    options = (STRIDED,)
    preset = (
        {"stride": 2, "width": "32..256/16", "bottleneck": "16..64/8", "kernel_size": [3, 5],
         "depth": "1..3"},
        {"stride": 2, "width": "64..512/32", "bottleneck": "16..128/8", "kernel_size": [3, 5],
         "depth": "1..12"},
        {"stride": 2, "width": "128..1024/64", "bottleneck": "32..256/16", "kernel_size": [3, 5],
         "depth": "1..20"},
        {"stride": 1, "width": "128..1024/64", "bottleneck": "32..256/16", "kernel_size": [3, 5],
         "depth": "1..20"},
        {"stride": 2, "width": "256..2048/64", "bottleneck": "32..512/16", "kernel_size": [3, 5],
         "depth": "1..20"},
    )  # fmt: skip

    def symbolic(self, at: Place) -> Iterator[SymbolicLayer]:
        """The first block runs its 1x1 convolution at the input resolution."""
        width, inner, kernel = symbol("width"), symbol("bottleneck"), symbol("kernel_size")
        yield symbolic_conv(at.c_in, inner, at.area_in)
        yield symbolic_act(inner, at.area_in)
        yield symbolic_conv(inner, inner, at.area, kernel)
        yield symbolic_act(inner, at.area)
        yield symbolic_conv(inner, width, at.area)
        yield from symbolic_projection(at)
        yield symbolic_act(width, at.area)

    def steps(self, at: Place) -> Iterator[Step]:
        """Main path, then shortcut, then the sum."""
        inner = symbol("bottleneck")
        yield Step("reduction", (ENTERS,), "a", inner * at.area_in)
        yield Step("convolution", ("a",), "b", inner * at.area)
        yield Step("expansion", ("b",), "c", symbol("width") * at.area)
        yield from shortcut_steps(at, "c")

    def layers(
        self, prev: int, choice: Mapping[str, int], shape: StageShape
    ) -> tuple[tuple[UnrolledLayer, ...], ...]:
        """Unrolled blocks: main path, then shortcut, then the activation after the addition."""
        width, inner, kernel = choice["width"], choice["bottleneck"], choice["kernel_size"]
        blocks = []
        for index in range(choice["depth"]):
            c_in, area_in = (prev, shape.area_in) if index == 0 else (width, shape.area_out)
            area = shape.area_out
            block = [
                conv(c_in, inner, area_in, main_path=True),
                act(inner, area_in),
                conv(inner, inner, area, kernel, main_path=True),
                act(inner, area),
                conv(inner, width, area, main_path=True),
            ]
            if index == 0 and not shape.identity_shortcut:
                block += projection(c_in, width, shape)
            blocks.append((*block, act(width, area)))
        return tuple(blocks)

    def own_arguments(self, choice: Mapping[str, int], shape: StageShape) -> dict[str, int | bool]:
        """And whether its shortcut is strided."""
        return {**super().own_arguments(choice, shape), **strided_arguments(shape)}

    def torch_block(self) -> type[nn.Module]:
        """``BottleneckBlock``."""
        from torch import Tensor, nn

        class BottleneckBlock(nn.Module):
            """1x1, kxk, 1x1 convolutions around a residual connection.

            A projected shortcut averages 2x2 positions before its 1x1 convolution when stride is 2,
            or is ``strided`` itself.
            """

            def __init__(
                self,
                c_in: int,
                c_out: int,
                bottleneck: int,
                kernel_size: int,
                stride: int = 1,
                project: bool = False,
                strided: bool = False,
            ) -> None:
                super().__init__()
                padding = kernel_size // 2
                self.conv1 = nn.Conv2d(c_in, bottleneck, 1, bias=False)
                self.norm1 = nn.BatchNorm2d(bottleneck)
                self.conv2 = nn.Conv2d(
                    bottleneck, bottleneck, kernel_size, stride, padding, bias=False
                )
                self.norm2 = nn.BatchNorm2d(bottleneck)
                self.conv3 = nn.Conv2d(bottleneck, c_out, 1, bias=False)
                self.norm3 = nn.BatchNorm2d(c_out)
                self.act = nn.ReLU(inplace=True)
                self.shortcut = nn.Sequential()
                if project:
                    if stride == 2 and not strided:
                        self.shortcut.append(nn.AvgPool2d(2, 2, ceil_mode=True))
                    step = stride if strided else 1
                    self.shortcut.append(nn.Conv2d(c_in, c_out, 1, step, bias=False))
                    self.shortcut.append(nn.BatchNorm2d(c_out))
                else:  # starts as its identity shortcut: deep stages train (arXiv 1706.02677, 5.1)
                    nn.init.zeros_(self.norm3.weight)

            def forward(self, x: Tensor) -> Tensor:
                y = self.act(self.norm1(self.conv1(x)))
                y = self.act(self.norm2(self.conv2(y)))
                y = self.norm3(self.conv3(y))
                return self.act(y + self.shortcut(x))

        return BottleneckBlock
