"""``convnext``: depthwise kxk, 1x1, 1x1 with a residual connection, after ConvNeXt.

After ConvNeXt (CVPR 2022, arXiv 2201.03545, figure 4): depthwise first, wide 1x1 inside. Two
departures keep the block in the same mould as the others: batch norm instead of layer norm, and
no separate downsampling layer: the first block of a stage changes width and resolution itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from mathdesign.metrics.base import ONE, SymbolicLayer, symbol
from mathdesign.spaces.convnet.families.base import (
    BOTTLENECK,
    Family,
    Layer,
    Place,
    StageShape,
    act,
    conv,
    symbolic_act,
    symbolic_conv,
    symbolic_projection,
)

if TYPE_CHECKING:
    from torch import nn


class ConvNeXt(Family):
    """A norm after the depthwise convolution and at the end, one activation between the 1x1s."""

    name = "convnext"
    summary = "large-kernel depthwise block, ConvNeXt-like"
    block = "depthwise kxk, 1x1, 1x1 + shortcut"
    decisions = ("width", "bottleneck", "kernel_size", "depth")
    words = (BOTTLENECK,)
    preset = (
        {"stride": 2, "width": "32..96/16", "bottleneck": "96..384/32", "kernel_size": [5, 7],
         "depth": "1..4"},
        {"stride": 2, "width": "64..192/16", "bottleneck": "192..768/64", "kernel_size": [5, 7],
         "depth": "1..6"},
        {"stride": 2, "width": "128..384/32", "bottleneck": "384..1536/128", "kernel_size": [5, 7],
         "depth": "1..12"},
        {"stride": 2, "width": "256..768/64", "bottleneck": "768..3072/256", "kernel_size": [5, 7],
         "depth": "1..6"},
    )  # fmt: skip

    def symbolic(self, at: Place) -> Iterator[SymbolicLayer]:
        """The first 1x1 has no norm, nothing follows the addition."""
        width, inner, kernel = symbol("width"), symbol("bottleneck"), symbol("kernel_size")
        yield symbolic_conv(at.c_in, at.c_in, at.area, kernel, per_group=ONE)
        yield SymbolicLayer("conv", at.c_in, inner, at.area, main_path=True)
        yield symbolic_act(inner, at.area)
        yield symbolic_conv(inner, width, at.area)
        yield from symbolic_projection(at)

    def layers(
        self, prev: int, choice: Mapping[str, int], shape: StageShape
    ) -> tuple[tuple[Layer, ...], ...]:
        """Unrolled blocks; the first 1x1 has no norm, nothing follows the addition."""
        width, inner, kernel = choice["width"], choice["bottleneck"], choice["kernel_size"]
        area = shape.area_out
        blocks = []
        for index in range(choice["depth"]):
            c_in = width if index else prev
            block = [
                conv(c_in, c_in, area, kernel, groups=c_in, main_path=True),
                Layer("conv", c_in, inner, area, main_path=True),
                act(inner, area),
                conv(inner, width, area, main_path=True),
            ]
            if index == 0 and not shape.identity_shortcut:
                if shape.stride == 2:
                    block.append(Layer("pool", c_in, c_in, shape.area_in))
                block += [conv(c_in, width, area), Layer("add", width, width, area)]
            blocks.append(tuple(block))
        return tuple(blocks)

    def block_arguments(
        self, prev: int, choice: Mapping[str, int], shape: StageShape
    ) -> tuple[dict[str, int | bool], ...]:
        """The first block changes width and resolution; the others keep both."""
        return tuple(
            {
                "c_in": choice["width"] if index else prev,
                "c_out": choice["width"],
                "bottleneck": choice["bottleneck"],
                "kernel_size": choice["kernel_size"],
                "stride": 1 if index else shape.stride,
                "project": index == 0 and not shape.identity_shortcut,
            }
            for index in range(choice["depth"])
        )

    def torch_block(self) -> type[nn.Module]:
        """``ConvNeXtBlock``."""
        from torch import Tensor, nn

        class ConvNeXtBlock(nn.Module):
            """Depthwise kxk, 1x1, 1x1 around a residual connection.

            A projected shortcut averages 2x2 positions before its 1x1 convolution when stride is 2.
            """

            def __init__(
                self,
                c_in: int,
                c_out: int,
                bottleneck: int,
                kernel_size: int,
                stride: int = 1,
                project: bool = False,
            ) -> None:
                super().__init__()
                padding = kernel_size // 2
                self.conv1 = nn.Conv2d(
                    c_in, c_in, kernel_size, stride, padding, groups=c_in, bias=False
                )
                self.norm1 = nn.BatchNorm2d(c_in)
                self.conv2 = nn.Conv2d(c_in, bottleneck, 1, bias=False)
                self.act = nn.GELU()
                self.conv3 = nn.Conv2d(bottleneck, c_out, 1, bias=False)
                self.norm3 = nn.BatchNorm2d(c_out)
                self.shortcut = nn.Sequential()
                if project:
                    if stride == 2:
                        self.shortcut.append(nn.AvgPool2d(2, 2, ceil_mode=True))
                    self.shortcut.append(nn.Conv2d(c_in, c_out, 1, bias=False))
                    self.shortcut.append(nn.BatchNorm2d(c_out))
                # Every block starts as its shortcut: so deep stages train (arXiv 1706.02677, 5.1).
                nn.init.zeros_(self.norm3.weight)

            def forward(self, x: Tensor) -> Tensor:
                y = self.norm1(self.conv1(x))
                y = self.norm3(self.conv3(self.act(self.conv2(y))))
                return y + self.shortcut(x)

        return ConvNeXtBlock
