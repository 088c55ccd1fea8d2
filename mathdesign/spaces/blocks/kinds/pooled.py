"""``pooled``: the mean over positions, then a 1x1: how MobileNetV3 and FBNetV3 end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mathdesign.spaces.blocks.base import (
    ACTIVATION,
    WIDTH,
    Block,
    BlockKind,
    Setting,
    activation_of,
)
from mathdesign.spaces.blocks.operators import Shape, Trace

if TYPE_CHECKING:
    from torch import nn


class PooledConv(BlockKind):
    """The 1x1 runs once, not at every position."""

    name = "pooled"
    summary = "mean over positions, 1x1 convolution, activation"
    settings = (
        WIDTH, ACTIVATION,
        Setting("norm", False, "A norm behind the convolution."),
        Setting("bias", False, "A bias."),
    )  # fmt: skip

    def run(self, block: Block, on: Trace) -> None:
        """Mean, convolution, activation."""
        on.mean()
        on.conv(block["width"], bias=block["bias"])
        if block["norm"]:
            on.norm()
        on.act(block["activation"])

    def arguments(self, block: Block, given: Shape) -> dict[str, Any]:
        """Widths and what follows."""
        return {
            "c_in": given.channels, "c_out": block["width"], "activation": activation_of(block),
            "norm": block["norm"], "bias": block["bias"],
        }  # fmt: skip

    def torch_block(self, axes: int) -> type[nn.Module]:
        """``PooledConv``."""
        from torch import nn

        from mathdesign.spaces.blocks.torch_layers import layers_of

        Conv, Norm, Pool = layers_of(axes)

        class PooledConv(nn.Sequential):
            """The mean over all positions, then a 1x1 convolution."""

            def __init__(
                self,
                c_in: int,
                c_out: int,
                activation: str = "ReLU",
                norm: bool = False,
                bias: bool = False,
            ) -> None:
                super().__init__(Pool(1), Conv(c_in, c_out, 1, bias=bias))
                if norm:
                    self.append(Norm(c_out))
                self.append(getattr(nn, activation)())

        return PooledConv
