"""``conv``: a convolution, a norm, an activation; stems, heads and plain layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mathdesign.spaces.blocks.base import (
    ACTIVATION,
    KERNEL,
    PADDING,
    STRIDE,
    WIDTH,
    Block,
    BlockKind,
    Setting,
    activation_of,
    padding_of,
)
from mathdesign.spaces.blocks.operators import Shape, Trace

if TYPE_CHECKING:
    from torch import nn


class ConvBlock(BlockKind):
    """The identity is added where ``residual`` says so and shapes agree."""

    name = "conv"
    summary = "convolution, norm, activation"
    settings = (
        WIDTH, KERNEL, STRIDE, ACTIVATION, PADDING,
        Setting("groups", 1, "Groups of channels."),
        Setting("norm", True, "A norm behind the convolution."),
        Setting("bias", False, "A bias."),
        Setting("dilation", 1, "Positions between those that the kernel reads."),
        Setting("residual", False, "Adds its input where shapes agree."),
    )  # fmt: skip

    def run(self, block: Block, on: Trace) -> None:
        """Convolution, norm, sum, activation."""
        given, start = on.shape, on.now
        on.conv(
            block["width"], block["kernel"], block["stride"], groups=block["groups"],
            padding=padding_of(block), bias=block["bias"], dilation=block["dilation"],
        )  # fmt: skip
        if block["norm"]:
            on.norm()
        if block["residual"] and on.shape == given:
            on.add(start)
        on.act(block["activation"])

    def arguments(self, block: Block, given: Shape) -> dict[str, Any]:
        """Whether the input is added is decided here."""
        on = Trace.of(given)
        self.run(block, on)
        return {
            "c_in": given.channels, "c_out": block["width"], "kernel_size": block["kernel"],
            "stride": block["stride"], "padding": padding_of(block), "groups": block["groups"],
            "activation": activation_of(block), "bias": block["bias"], "norm": block["norm"], "dilation": block["dilation"],
            "residual": any(operator.op == "add" for operator in on.operators),
        }  # fmt: skip

    def torch_block(self, axes: int) -> type[nn.Module]:
        """``ConvBlock``."""
        from torch import Tensor, nn

        from mathdesign.spaces.blocks.torch_layers import layers_of

        Conv, Norm, _ = layers_of(axes)

        class ConvBlock(nn.Module):
            """Convolution, norm, activation; its input is added before the activation."""

            def __init__(
                self,
                c_in: int,
                c_out: int,
                kernel_size: int = 1,
                stride: int = 1,
                padding: int = 0,
                groups: int = 1,
                activation: str = "ReLU",
                bias: bool = False,
                norm: bool = True,
                dilation: int = 1,
                residual: bool = False,
            ) -> None:
                super().__init__()
                self.conv = Conv(
                    c_in, c_out, kernel_size, stride, padding, dilation, groups, bias=bias
                )
                self.norm = Norm(c_out) if norm else nn.Identity()
                self.act = getattr(nn, activation)()
                self.residual = residual
                if residual and norm:  # starts as its shortcut (arXiv 1706.02677, 5.1)
                    nn.init.zeros_(self.norm.weight)  # type: ignore[arg-type]

            def forward(self, x: Tensor) -> Tensor:
                y = self.norm(self.conv(x))
                return self.act(y + x if self.residual else y)  # type: ignore[no-any-return]

        return ConvBlock
