"""``statistics``: attentive statistics pooling (Okabe et al. 2018, arXiv 1803.10963): mean and deviation.

Each channel weighs its positions by a softmax of two 1x1s of the channels; its weighted mean and standard
deviation over positions are twice as many channels of one position.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mathdesign.spaces.blocks.base import Block, BlockKind, Setting
from mathdesign.spaces.blocks.operators import Shape, Trace

if TYPE_CHECKING:
    from torch import nn


class Statistics(BlockKind):
    """It doubles channels and leaves one position."""

    name = "statistics"
    summary = "attentive statistics pooling: weighted mean and deviation of each channel"
    settings = (Setting("inner", 128, "Channels between the 1x1s of the attention."),)

    def run(self, block: Block, on: Trace) -> None:
        """Attention, then moments."""
        values, channels, ones = on.now, on.channels, (1,) * on.axes
        on.conv(block["inner"])
        on.act("tanh")
        on.conv(channels)
        on.plain("softmax", on.shape)
        on.plain("moments", Shape(2 * channels, ones), others=(values,))

    def arguments(self, block: Block, given: Shape) -> dict[str, Any]:
        """Channels."""
        return {"channels": given.channels, "inner": block["inner"]}

    def torch_block(self, axes: int) -> type[nn.Module]:
        """``Statistics``."""
        import torch
        from torch import Tensor, nn

        from mathdesign.spaces.blocks.torch_layers import layers_of

        Conv, _, _ = layers_of(axes)

        class Statistics(nn.Module):
            """Mean and standard deviation over positions, each channel weighing its positions."""

            def __init__(self, channels: int, inner: int = 128) -> None:
                super().__init__()
                self.attention = nn.Sequential(
                    Conv(channels, inner, 1, bias=False),
                    nn.Tanh(),
                    Conv(inner, channels, 1, bias=False),
                )

            def forward(self, x: Tensor) -> Tensor:
                ones = (1,) * (x.ndim - 2)
                weights = self.attention(x).flatten(2).softmax(-1)
                x = x.flatten(2)
                mean = (x * weights).sum(-1)
                # A variance of nothing has a root without a slope.
                variance = (x.square() * weights).sum(-1) - mean.square()
                found = torch.cat([mean, variance.clamp(min=1e-5).sqrt()], dim=1)
                return found.reshape(len(x), -1, *ones)

        return Statistics
