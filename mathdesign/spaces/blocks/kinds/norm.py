"""``norm``: a norm and an activation on their own, as pre-activation networks end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mathdesign.spaces.blocks.base import ACTIVATION, Block, BlockKind, activation_of
from mathdesign.spaces.blocks.operators import Shape, Trace

if TYPE_CHECKING:
    from torch import nn


class NormBlock(BlockKind):
    """It changes no shape."""

    name = "norm"
    summary = "norm, activation"
    settings = (ACTIVATION,)

    def run(self, block: Block, on: Trace) -> None:
        """Norm, then activation."""
        on.norm()
        on.act(block["activation"])

    def arguments(self, block: Block, given: Shape) -> dict[str, Any]:
        """Channels and activation."""
        return {"channels": given.channels, "activation": activation_of(block)}

    def torch_block(self, axes: int) -> type[nn.Module]:
        """``NormBlock``."""
        from torch import nn

        from mathdesign.spaces.blocks.torch_layers import layers_of

        _, Norm, _ = layers_of(axes)

        class NormBlock(nn.Sequential):
            """Norm, then activation."""

            def __init__(self, channels: int, activation: str = "ReLU") -> None:
                super().__init__(Norm(channels), getattr(nn, activation)())

        return NormBlock
