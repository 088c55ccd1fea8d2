"""``inverted_residual``: 1x1, depthwise, squeeze-and-excitation, 1x1: MobileNetV2's block and its kin.

The end is linear, the input is added where stride and widths allow (arXiv 1801.04381, section 3.3).
Published networks differ in details that are settings here: whether a block that expands nothing keeps
its first 1x1 (FBNet's paper does, its code does not), what the inner width of squeeze-and-excitation is
a share of (of the block's input in MnasNet, EfficientNet and FBNetV3, of its inner width in
MobileNetV3), groups in the 1x1s (FBNet).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mathdesign.spaces.blocks.base import (
    ACTIVATION,
    ACTIVATIONS,
    KERNEL,
    PADDING,
    STRIDE,
    WIDTH,
    Block,
    BlockKind,
    Fault,
    Setting,
    activation_of,
    inner_width,
    padding_of,
)
from mathdesign.spaces.blocks.operators import Shape, Trace

if TYPE_CHECKING:
    from torch import nn


class InvertedResidualBlock(BlockKind):
    """See the top of this file."""

    name = "inverted_residual"
    summary = (
        "1x1, depthwise convolution, squeeze-and-excitation, 1x1, linear; identity where it fits"
    )
    settings = (
        WIDTH, KERNEL, STRIDE, ACTIVATION, PADDING,
        Setting("expansion", 1.0, "Inner channels are so many times those that enter."),
        Setting("inner", 0, "Inner channels, in place of `expansion`.", least=0),
        Setting("keep_expansion", False, "The first 1x1 even where it expands nothing."),
        Setting("groups", 1, "Groups of the 1x1s, shuffled after the first."),
        Setting("squeeze", 0, "Inner width of squeeze-and-excitation; 0: none.", least=0),
        Setting("squeeze_ratio", 0.0, "The same as a share of `squeeze_of`, rounded down."),
        Setting("squeeze_of", "input", "Of which width.", choices=("input", "inner")),
        Setting("squeeze_activation", "relu", "Inside it.", choices=tuple(ACTIVATIONS)),
        Setting("gate", "sigmoid", "At its end.", choices=("sigmoid", "hard_sigmoid")),
        Setting("residual", True, "Adds its input where stride and widths allow."),
    )  # fmt: skip

    def misfits(self, block: Block) -> Iterator[Fault]:
        """One word for one thing."""
        if block["inner"] and block["expansion"] != 1:
            yield "inner", "inner and expansion", "one of the two", ""
        if block["squeeze"] and block["squeeze_ratio"]:
            yield "squeeze", "squeeze and squeeze_ratio", "one of the two", ""

    def run(self, block: Block, on: Trace) -> None:
        """Convolutions with norms; activations after the first two."""
        given, start = on.shape, on.now
        inner, groups = inner_width(block, given.channels), block["groups"]
        if _expands(block, given):
            on.conv(inner, groups=groups)
            on.norm()
            on.act(block["activation"])
            if groups > 1:
                on.plain("shuffle", on.shape)
        kernel, stride = block["kernel"], block["stride"]
        on.conv(inner, kernel, stride, groups=inner, padding=padding_of(block))
        on.norm()
        on.act(block["activation"])
        if squeeze := squeeze_width(block, given.channels):
            values = on.now
            on.mean()
            on.conv(squeeze, bias=True)
            on.act(block["squeeze_activation"])
            on.conv(inner, bias=True)
            on.act(block["gate"])
            on.multiply(values)
        on.conv(block["width"], groups=groups)
        on.norm()
        if block["residual"] and on.shape == given:
            on.add(start)

    def arguments(self, block: Block, given: Shape) -> dict[str, Any]:
        """Widths as numbers; what follows from shapes is decided here."""
        on = Trace.of(given)
        self.run(block, on)
        return {
            "c_in": given.channels, "c_out": block["width"],
            "inner": inner_width(block, given.channels), "kernel_size": block["kernel"],
            "stride": block["stride"], "padding": padding_of(block),
            "expand": _expands(block, given), "groups": block["groups"],
            "squeeze": squeeze_width(block, given.channels), "activation": activation_of(block),
            "squeeze_activation": activation_of(block, "squeeze_activation"),
            "gate": activation_of(block, "gate"),
            "residual": any(operator.op == "add" for operator in on.operators),
        }  # fmt: skip

    def torch_block(self, axes: int) -> type[nn.Module]:
        """``InvertedResidual``."""
        from torch import Tensor, nn

        from mathdesign.spaces.blocks.torch_layers import layers_of

        Conv, Norm, Pool = layers_of(axes)

        class InvertedResidual(nn.Module):
            """1x1, depthwise, squeeze-and-excitation, 1x1 without activation; perhaps plus its input."""

            def __init__(
                self,
                c_in: int,
                c_out: int,
                inner: int,
                kernel_size: int = 3,
                stride: int = 1,
                padding: int = 1,
                expand: bool = True,
                groups: int = 1,
                squeeze: int = 0,
                activation: str = "ReLU",
                squeeze_activation: str = "ReLU",
                gate: str = "Sigmoid",
                residual: bool = False,
            ) -> None:
                super().__init__()
                act = getattr(nn, activation)
                self.first = nn.Sequential()
                if expand:
                    conv = Conv(c_in, inner, 1, groups=groups, bias=False)
                    self.first = nn.Sequential(conv, Norm(inner), act())
                    if groups > 1:
                        self.first.append(nn.ChannelShuffle(groups))
                self.depthwise = nn.Sequential(
                    Conv(inner, inner, kernel_size, stride, padding, groups=inner, bias=False),
                    Norm(inner),
                    act(),
                )
                self.squeeze = nn.Sequential()
                if squeeze:
                    self.squeeze = nn.Sequential(
                        Pool(1),
                        Conv(inner, squeeze, 1),
                        getattr(nn, squeeze_activation)(),
                        Conv(squeeze, inner, 1),
                        getattr(nn, gate)(),
                    )
                self.last = Conv(inner, c_out, 1, groups=groups, bias=False)
                self.norm = Norm(c_out)
                self.gated, self.residual = squeeze > 0, residual
                if residual:  # starts as its shortcut (arXiv 1706.02677, 5.1)
                    nn.init.zeros_(self.norm.weight)

            def forward(self, x: Tensor) -> Tensor:
                y = self.depthwise(self.first(x))
                if self.gated:
                    y = y * self.squeeze(y)
                y = self.norm(self.last(y))
                return y + x if self.residual else y  # type: ignore[no-any-return]

        return InvertedResidual


def _expands(block: Block, given: Shape) -> bool:
    return bool(block["keep_expansion"]) or inner_width(block, given.channels) != given.channels


def squeeze_width(block: Block, c_in: int) -> int:
    """Inner width of squeeze-and-excitation; 0: there is none."""
    if not block["squeeze_ratio"]:
        return int(block["squeeze"])
    of = c_in if block["squeeze_of"] == "input" else inner_width(block, c_in)
    return max(1, int(block["squeeze_ratio"] * of))
