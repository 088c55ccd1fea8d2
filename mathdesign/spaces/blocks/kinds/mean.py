"""``mean``: the mean over positions, by itself: heads that go on after it (MobileNetV3, FBNetV3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mathdesign.spaces.blocks.base import Block, BlockKind
from mathdesign.spaces.blocks.operators import Shape, Trace

if TYPE_CHECKING:
    from torch import nn


class MeanBlock(BlockKind):
    """One position is left; it has no settings."""

    name = "mean"
    summary = "mean over positions"
    settings = ()

    def run(self, block: Block, on: Trace) -> None:
        """The mean."""
        on.mean()

    def arguments(self, block: Block, given: Shape) -> dict[str, Any]:
        """None."""
        return {}

    def torch_block(self, axes: int) -> type[nn.Module]:
        """``MeanBlock``."""
        from torch import Tensor, nn

        from mathdesign.spaces.blocks.torch_layers import layers_of

        _, _, Pool = layers_of(axes)

        class MeanBlock(nn.Module):
            """The mean over all positions; one is left."""

            def __init__(self) -> None:
                super().__init__()
                self.pool = Pool(1)

            def forward(self, x: Tensor) -> Tensor:
                return self.pool(x)  # type: ignore[no-any-return]

        return MeanBlock
