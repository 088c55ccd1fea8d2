"""``compression``: a convolution whose maps hold so many values in all, flattened: OVRL-V2's last layer.

OVRL-V2 (Yadav et al. 2023, arXiv 2303.07798, section 3) ends a visual encoder with a convolution to
``round(values / positions)`` channels, so that what a policy reads has about as many numbers whatever the
size of the image, and each still says where it was seen. A mean over positions would forget that.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from mathdesign.spaces.blocks.base import (
    ACTIVATION,
    KERNEL,
    Block,
    BlockKind,
    Setting,
    activation_of,
)
from mathdesign.spaces.blocks.operators import Shape, ShapeError, Trace

if TYPE_CHECKING:
    from torch import nn


class Compression(BlockKind):
    """What leaves it has one position, and the input's size is fixed."""

    name = "compression"
    summary = "convolution to about as many values in all as asked, flattened"
    settings = (KERNEL, ACTIVATION, Setting("values", 2048, "Numbers that leave it, about."))

    def run(self, block: Block, on: Trace) -> None:
        """Convolution, norm, activation, flattened."""
        on.conv(_width(block, on.shape), block["kernel"])
        on.norm()
        on.act(block["activation"])
        on.flatten()

    def arguments(self, block: Block, given: Shape) -> dict[str, Any]:
        """Widths."""
        return {"c_in": given.channels, "c_out": _width(block, given),
                "kernel_size": block["kernel"], "activation": activation_of(block)}  # fmt: skip

    def torch_block(self, axes: int) -> type[nn.Module]:
        """``Compression``."""
        from torch import Tensor, nn

        from mathdesign.spaces.blocks.torch_layers import layers_of

        Conv, Norm, _ = layers_of(axes)

        class Compression(nn.Module):
            """A convolution to few channels, whose values become channels of one position."""

            def __init__(
                self, c_in: int, c_out: int, kernel_size: int = 3, activation: str = "ReLU"
            ) -> None:
                super().__init__()
                self.conv = Conv(c_in, c_out, kernel_size, padding=kernel_size // 2, bias=False)
                self.norm = Norm(c_out)
                self.act = getattr(nn, activation)()

            def forward(self, x: Tensor) -> Tensor:
                y = self.act(self.norm(self.conv(x))).flatten(1)
                return y.reshape(*y.shape, *(1,) * (x.ndim - 2))  # type: ignore[no-any-return]

        return Compression


def _width(block: Block, given: Shape) -> int:
    """Channels of the convolution. Raises :class:`ShapeError` where there would be none."""
    width = round(int(block["values"]) / prod(given.size))
    if not width:
        raise ShapeError(f"{block['values']} values for {prod(given.size):,} positions")
    return width
