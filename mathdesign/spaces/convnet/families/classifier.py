"""``classifier``: global average pooling and one linear layer. Nothing to choose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mathdesign.programs.stages import Monomial, Repeat, term
from mathdesign.spaces.convnet.families.base import CountingProfile, Family, Layer, StageShape

if TYPE_CHECKING:
    from torch import nn


class Classifier(Family):
    """``width`` is the number of classes. The published code counts it nowhere."""

    name = "classifier"
    summary = "global average pooling and a linear layer"
    block = "pool, linear"
    decisions = ("width", "depth")
    layers_per_block = 0

    def costs(self, shape: StageShape, profile: CountingProfile) -> dict[str, tuple[Monomial, ...]]:
        """``c_in * classes`` MACs and as many weights plus biases; nothing under ``tinynas``."""
        if profile == "tinynas":
            return {"params": (), "macs": ()}
        weights = term(1, Repeat.EACH, prev=1, width=1)
        return {"params": (weights, term(1, Repeat.EACH, width=1)), "macs": (weights,)}

    def layer_widths(self, shape: StageShape) -> tuple[Monomial, ...]:
        """The classifier carries no entropy."""
        return ()

    def layers(
        self, prev: int, choice: Mapping[str, int], shape: StageShape
    ) -> tuple[tuple[Layer, ...], ...]:
        """The linear layer."""
        return ((Layer("linear", prev, choice["width"], 1, bias=True, tinynas=False),),)

    def block_arguments(
        self, prev: int, choice: Mapping[str, int], shape: StageShape
    ) -> tuple[dict[str, int | bool], ...]:
        """One block."""
        return ({"c_in": prev, "classes": choice["width"]},)

    def torch_block(self) -> type[nn.Module]:
        """``Classifier``."""
        from torch import Tensor, nn

        class Classifier(nn.Module):
            """Global average pooling and a linear layer."""

            def __init__(self, c_in: int, classes: int) -> None:
                super().__init__()
                self.pool = nn.AdaptiveAvgPool2d(1)
                self.linear = nn.Linear(c_in, classes)

            def forward(self, x: Tensor) -> Tensor:
                return self.linear(self.pool(x).flatten(1))

        return Classifier
