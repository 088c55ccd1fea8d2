"""``depthwise_separable``: depthwise kxk, 1x1: an inverted residual of expansion 1 without a first 1x1.

The first block of MobileNetV2 (arXiv 1801.04381, table 2: t = 1; torchvision's models/mobilenetv2.py
leaves the first convolution out where the expansion is 1). Its inner width is that of its input, so
that there is no ``bottleneck`` to choose.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mathdesign.memory.steps import ENTERS, Step
from mathdesign.metrics.base import ONE, SymbolicLayer, symbol
from mathdesign.spaces.convnet.families.base import (
    Family,
    Place,
    StageFault,
    StageShape,
    UnrolledLayer,
    act,
    conv,
    symbolic_act,
    symbolic_conv,
)

if TYPE_CHECKING:
    from torch import nn


class DepthwiseSeparable(Family):
    """The shortcut is the identity, where stride is 1 and widths are equal; the sum stays linear."""

    name = "depthwise_separable"
    summary = "inverted residual of expansion 1 without its first 1x1: MobileNetV2's first block"
    block = "depthwise kxk, 1x1 + shortcut"
    decisions = ("width", "kernel_size", "depth")
    keeps_same = True
    preset = (
        {"stride": 1, "width": "16..32/8", "kernel_size": [3, 5], "depth": "1..2"},
        {"stride": 2, "width": "32..128/16", "kernel_size": [3, 5], "depth": "1..4"},
        {"stride": 2, "width": "64..256/16", "kernel_size": [3, 5], "depth": "1..6"},
        {"stride": 2, "width": "128..512/32", "kernel_size": [3, 5], "depth": "1..8"},
        {"stride": 2, "width": "256..1024/64", "kernel_size": [3, 5], "depth": "1..8"},
    )

    def faults(self, stage: Mapping[str, Any]) -> Iterator[StageFault]:
        """There is no shortcut to choose."""
        if stage["shortcut"] == "identity":
            accepted = "nothing: this family keeps its input wherever widths and stride allow"
            yield "shortcut", "identity", accepted, ""

    def symbolic(self, at: Place) -> Iterator[SymbolicLayer]:
        """The depthwise convolution takes the stride; nothing follows the last norm."""
        yield symbolic_conv(at.c_in, at.c_in, at.area, symbol("kernel_size"), per_group=ONE)
        yield symbolic_act(at.c_in, at.area)
        yield symbolic_conv(at.c_in, symbol("width"), at.area)

    def steps(self, at: Place) -> Iterator[Step]:
        """The input waits for the end where it is kept."""
        yield Step("depthwise convolution", (ENTERS,), "a", at.c_in * at.area, depthwise=True)
        yield Step("pointwise convolution", ("a",), "b", symbol("width") * at.area)
        if at.keeps:
            yield Step("sum", ("b", ENTERS), "sum", symbol("width") * at.area)

    def layers(
        self, prev: int, choice: Mapping[str, int], shape: StageShape
    ) -> tuple[tuple[UnrolledLayer, ...], ...]:
        """Unrolled blocks."""
        width, kernel, area = choice["width"], choice["kernel_size"], shape.area_out
        return tuple(
            (
                conv(c_in, c_in, area, kernel, groups=c_in, main_path=True),
                act(c_in, area),
                conv(c_in, width, area, main_path=True),
            )
            for c_in in (prev, *[width] * (choice["depth"] - 1))
        )

    def torch_block(self) -> type[nn.Module]:
        """``DepthwiseSeparableBlock``."""
        from torch import Tensor, nn

        class DepthwiseSeparableBlock(nn.Module):
            """Depthwise kxk, 1x1, no activation at the end; identity shortcut if shapes agree."""

            def __init__(self, c_in: int, c_out: int, kernel_size: int, stride: int = 1) -> None:
                super().__init__()
                padding = kernel_size // 2
                self.conv1 = nn.Conv2d(
                    c_in, c_in, kernel_size, stride, padding, groups=c_in, bias=False
                )
                self.norm1 = nn.BatchNorm2d(c_in)
                self.act = nn.SiLU(inplace=True)
                self.conv2 = nn.Conv2d(c_in, c_out, 1, bias=False)
                self.norm2 = nn.BatchNorm2d(c_out)
                self.residual = stride == 1 and c_in == c_out
                if self.residual:  # starts as its identity shortcut (arXiv 1706.02677, 5.1)
                    nn.init.zeros_(self.norm2.weight)

            def forward(self, x: Tensor) -> Tensor:
                y = self.act(self.norm1(self.conv1(x)))
                y = self.norm2(self.conv2(y))
                return y + x if self.residual else y

        return DepthwiseSeparableBlock
