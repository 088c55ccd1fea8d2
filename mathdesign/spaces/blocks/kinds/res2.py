"""``res2``: the SE-Res2 block of time-delay networks (ECAPA-TDNN, arXiv 2005.07143, section 3.2).

1x1, convolutions over an eighth of the channels each, every one reading the sum of its share and of what
the one before made (Res2Net, arXiv 1904.01169), 1x1, squeeze-and-excitation, the input added. The last
layer of such a network reads the outputs of all blocks, so a block may pass on what it was given beside
what it makes (``appends``); it then works on the last ``width`` channels that enter it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mathdesign.spaces.blocks.base import KERNEL, WIDTH, Block, BlockKind, Setting
from mathdesign.spaces.blocks.operators import Shape, ShapeError, Trace

if TYPE_CHECKING:
    from torch import nn


class Res2Block(BlockKind):
    """See the top of this file."""

    name = "res2"
    summary = "1x1, convolutions over shares of channels, 1x1, squeeze-and-excitation, identity"
    settings = (
        WIDTH, KERNEL,
        Setting("inner", None, "Channels between the 1x1s."),
        Setting("dilation", 1, "Positions between those that a kernel reads."),
        Setting("scale", 8, "Shares of the inner channels.", least=2),
        Setting("squeeze", None, "Inner width of squeeze-and-excitation."),
        Setting("appends", False, "Passes on what it was given beside what it makes."),
    )  # fmt: skip

    def run(self, block: Block, on: Trace) -> None:
        """Share by share."""
        width, inner, scale = block["width"], block["inner"], block["scale"]
        start = on.now
        if on.channels < width or inner % scale:
            raise ShapeError(
                f"{on.channels} channels, of which the last {width}; {inner} / {scale}"
            )
        if on.channels > width:
            on.plain("slice", Shape(width, on.size))
        mine, share = on.now, inner // scale
        on.conv(inner)
        on.act("relu")
        on.norm()
        whole = on.now
        made: list[int] = []
        for _ in range(1, scale):
            on.now = whole
            on.plain("slice", Shape(share, on.size))
            if made:
                on.add(made[-1])
            on.conv(share, block["kernel"], dilation=block["dilation"])
            on.act("relu")
            on.norm()
            made.append(on.now)
        on.now = whole
        on.plain("slice", Shape(share, on.size))
        on.concat(made)
        on.conv(width)
        on.act("relu")
        on.norm()
        values = on.now
        on.mean()
        on.conv(block["squeeze"], bias=True)
        on.act("relu")
        on.conv(width, bias=True)
        on.act("sigmoid")
        on.multiply(values)
        on.add(mine)
        if block["appends"]:
            on.concat((start,))

    def arguments(self, block: Block, given: Shape) -> dict[str, Any]:
        """The settings."""
        names = ("inner", "dilation", "scale", "squeeze", "appends")
        return {"width": block["width"], "kernel_size": block["kernel"],
                **{name: block[name] for name in names}}  # fmt: skip

    def torch_block(self, axes: int) -> type[nn.Module]:
        """``Res2``."""
        import torch
        from torch import Tensor, nn

        from mathdesign.spaces.blocks.torch_layers import layers_of

        Conv, Norm, Pool = layers_of(axes)

        class Res2(nn.Module):
            """1x1, convolutions over shares of channels, 1x1, squeeze-and-excitation, plus its input."""

            def __init__(
                self,
                width: int,
                inner: int,
                squeeze: int,
                kernel_size: int = 3,
                dilation: int = 1,
                scale: int = 8,
                appends: bool = False,
            ) -> None:
                super().__init__()
                share, padding = inner // scale, kernel_size // 2 * dilation

                def layer(c_in: int, c_out: int, kernel: int = 1, pad: int = 0) -> nn.Module:
                    gap = dilation if kernel > 1 else 1
                    conv = Conv(c_in, c_out, kernel, 1, pad, gap, bias=False)
                    return nn.Sequential(conv, nn.ReLU(), Norm(c_out))

                self.first = layer(width, inner)
                self.shares = nn.ModuleList(
                    layer(share, share, kernel_size, padding) for _ in range(scale - 1)
                )
                self.last = layer(inner, width)
                self.squeeze = nn.Sequential(
                    Pool(1),
                    Conv(width, squeeze, 1),
                    nn.ReLU(),
                    Conv(squeeze, width, 1),
                    nn.Sigmoid(),
                )
                self.width, self.share, self.appends = width, share, appends

            def forward(self, x: Tensor) -> Tensor:
                mine = x[:, -self.width :]
                untouched, *parts = self.first(mine).split(self.share, dim=1)
                made: list[Tensor] = []
                for layer, part in zip(self.shares, parts):
                    made.append(layer(part + made[-1] if made else part))
                y = self.last(torch.cat([*made, untouched], dim=1))
                y = y * self.squeeze(y) + mine
                return torch.cat([x, y], dim=1) if self.appends else y

        return Res2
