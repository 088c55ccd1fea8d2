"""``factorised_conv``: a k x 1 and a 1 x k convolution in place of a k x k, as in NAAQA.

NAAQA (Abdelnour et al. 2021, arXiv 2106.06147) tells sounds apart on spectrograms, whose two axes are not
alike: time and frequency are filtered one after the other, for 2 k instead of k^2 weights a pair of channels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mathdesign.spaces.blocks.base import (
    ACTIVATION,
    KERNEL,
    STRIDE,
    WIDTH,
    Block,
    BlockKind,
    activation_of,
)
from mathdesign.spaces.blocks.operators import Shape, Trace

if TYPE_CHECKING:
    from torch import nn


class FactorisedConv(BlockKind):
    """The first kernel lies along the height, the second along the width."""

    name = "factorised_conv"
    summary = "k x 1 convolution, 1 x k convolution, norm, activation"
    settings = (WIDTH, KERNEL, STRIDE, ACTIVATION)
    axes = (2,)

    def run(self, block: Block, on: Trace) -> None:
        """Both convolutions, norm, activation."""
        width, kernel, stride = block["width"], block["kernel"], block["stride"]
        on.conv(width, (kernel, 1), (stride, 1))
        on.conv(width, (1, kernel), (1, stride))
        on.norm()
        on.act(block["activation"])

    def arguments(self, block: Block, given: Shape) -> dict[str, Any]:
        """Widths, kernel and stride."""
        return {
            "c_in": given.channels, "c_out": block["width"], "kernel_size": block["kernel"],
            "stride": block["stride"], "activation": activation_of(block),
        }  # fmt: skip

    def torch_block(self, axes: int) -> type[nn.Module]:
        """``FactorisedConv``."""
        from torch import nn

        from mathdesign.spaces.blocks.torch_layers import layers_of

        Conv, Norm, _ = layers_of(axes)

        class FactorisedConv(nn.Sequential):
            """Along the height, then along the width."""

            def __init__(
                self,
                c_in: int,
                c_out: int,
                kernel_size: int = 3,
                stride: int = 1,
                activation: str = "ReLU",
            ) -> None:
                k, s, p = kernel_size, stride, kernel_size // 2
                super().__init__(
                    Conv(c_in, c_out, (k, 1), (s, 1), (p, 0), bias=False),
                    Conv(c_out, c_out, (1, k), (1, s), (0, p), bias=False),
                    Norm(c_out),
                    getattr(nn, activation)(),
                )

        return FactorisedConv
