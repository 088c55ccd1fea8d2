"""``conv``: one kxk convolution, batch norm, activation. The stem and the head of a network.

``pooled_conv`` is ResNet's stem (arXiv 1512.03385, table 1): the same, then a 3x3 maximum of stride 2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from mathdesign.memory.steps import ENTERS, Step
from mathdesign.metrics.base import SymbolicLayer, symbol
from mathdesign.spaces.convnet.families.base import (
    Family,
    Place,
    StageShape,
    UnrolledLayer,
    act,
    conv,
    symbolic_act,
    symbolic_conv,
)

if TYPE_CHECKING:
    from torch import nn


class Conv(Family):
    """ConvKXBNRELU of the published code: ``depth`` is always 1."""

    name = "conv"
    summary = "one convolution (stem and head)"
    block = "kxk"
    decisions = ("width", "kernel_size", "depth")
    roles = ("stem", "head")
    one_block = True

    def symbolic(self, at: Place) -> Iterator[SymbolicLayer]:
        """Convolution and activation."""
        width = symbol("width")
        yield symbolic_conv(at.c_in, width, at.area, symbol("kernel_size"))
        yield symbolic_act(width, at.area)

    def steps(self, at: Place) -> Iterator[Step]:
        """One convolution."""
        yield Step("convolution", (ENTERS,), "y", symbol("width") * at.area)

    def layers(
        self, prev: int, choice: Mapping[str, int], shape: StageShape
    ) -> tuple[tuple[UnrolledLayer, ...], ...]:
        """Convolution and activation."""
        width, area = choice["width"], shape.area_out
        return ((conv(prev, width, area, choice["kernel_size"], main_path=True), act(width, area)),)

    def torch_block(self) -> type[nn.Module]:
        """``ConvBlock``."""
        from torch import Tensor, nn

        class ConvBlock(nn.Module):
            """Convolution, batch norm, ReLU."""

            def __init__(self, c_in: int, c_out: int, kernel_size: int, stride: int = 1) -> None:
                super().__init__()
                padding = kernel_size // 2
                self.conv = nn.Conv2d(c_in, c_out, kernel_size, stride, padding, bias=False)
                self.norm = nn.BatchNorm2d(c_out)
                self.act = nn.ReLU(inplace=True)

            def forward(self, x: Tensor) -> Tensor:
                return self.act(self.norm(self.conv(x)))

        return ConvBlock


class PooledConv(Family):
    """The convolution has stride 2, and the maximum again: four pixels a side become one."""

    name = "pooled_conv"
    summary = "one convolution of stride 2, then a 3x3 maximum of stride 2: ResNet's stem"
    block = "kxk, max 3x3"
    decisions = ("width", "kernel_size", "depth")
    roles = ("stem",)
    strides = (4,)
    one_block = True

    def symbolic(self, at: Place) -> Iterator[SymbolicLayer]:
        """Convolution and activation, then the maximum."""
        width, area = symbol("width"), _between(at.shape)
        yield symbolic_conv(at.c_in, width, area, symbol("kernel_size"))
        yield symbolic_act(width, area)
        yield SymbolicLayer("max", width, width, at.area)

    def steps(self, at: Place) -> Iterator[Step]:
        """The convolution, and the maximum of what it wrote."""
        width = symbol("width")
        yield Step("convolution", (ENTERS,), "y", width * _between(at.shape))
        yield Step("maximum", ("y",), "pooled", width * at.area)

    def layers(
        self, prev: int, choice: Mapping[str, int], shape: StageShape
    ) -> tuple[tuple[UnrolledLayer, ...], ...]:
        """Convolution and activation on half the pixels a side, odd sizes rounded up; the maximum."""
        width, area = choice["width"], ((shape.resolution_in + 1) // 2) ** 2
        halved = conv(prev, width, area, choice["kernel_size"], main_path=True)
        last = UnrolledLayer("max", width, width, shape.area_out)
        return ((halved, act(width, area), last),)

    def block_arguments(
        self, prev: int, choice: Mapping[str, int], shape: StageShape
    ) -> tuple[dict[str, int | bool], ...]:
        """One block, whose strides are its own."""
        kernel = choice["kernel_size"]
        return ({"c_in": prev, "c_out": choice["width"], "kernel_size": kernel},)

    def torch_block(self) -> type[nn.Module]:
        """``PooledConvBlock``."""
        from torch import Tensor, nn

        class PooledConvBlock(nn.Module):
            """Convolution of stride 2, batch norm, ReLU, then a 3x3 maximum of stride 2."""

            def __init__(self, c_in: int, c_out: int, kernel_size: int) -> None:
                super().__init__()
                self.conv = nn.Conv2d(c_in, c_out, kernel_size, 2, kernel_size // 2, bias=False)
                self.norm = nn.BatchNorm2d(c_out)
                self.act = nn.ReLU(inplace=True)
                self.pool = nn.MaxPool2d(3, 2, 1)

            def forward(self, x: Tensor) -> Tensor:
                return self.pool(self.act(self.norm(self.conv(x))))

        return PooledConvBlock


def _between(shape: StageShape) -> int:
    """Positions between the convolution and the maximum."""
    return (-(-shape.resolution_in // 2)) ** 2
