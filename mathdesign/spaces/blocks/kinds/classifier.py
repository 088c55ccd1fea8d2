"""``classifier``: the mean over positions, then a linear layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mathdesign.spaces.blocks.base import Block, BlockKind, Setting
from mathdesign.spaces.blocks.operators import Shape, Trace

if TYPE_CHECKING:
    from torch import nn


class ClassifierBlock(BlockKind):
    """The end of a network that tells inputs apart."""

    name = "classifier"
    summary = "mean over positions, linear layer"
    settings = (
        Setting("width", None, "Classes."),
        Setting("bias", True, "A bias for each class."),
    )

    def run(self, block: Block, on: Trace) -> None:
        """Mean and linear layer."""
        on.mean()
        on.linear(block["width"], bias=block["bias"])

    def arguments(self, block: Block, given: Shape) -> dict[str, Any]:
        """Channels and classes."""
        return {"c_in": given.channels, "classes": block["width"], "bias": block["bias"]}

    def torch_block(self, axes: int) -> type[nn.Module]:
        """``Classifier``."""
        from torch import Tensor, nn

        from mathdesign.spaces.blocks.torch_layers import layers_of

        _, _, Pool = layers_of(axes)

        class Classifier(nn.Module):
            """The mean over all positions, then a linear layer to the scores."""

            def __init__(self, c_in: int, classes: int, bias: bool = True) -> None:
                super().__init__()
                self.pool = Pool(1)
                self.linear = nn.Linear(c_in, classes, bias=bias)

            def forward(self, x: Tensor) -> Tensor:
                return self.linear(self.pool(x).flatten(1))  # type: ignore[no-any-return]

        return Classifier
