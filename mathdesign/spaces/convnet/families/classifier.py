"""``classifier``: global average pooling and one linear layer. Nothing to choose."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from mathdesign.memory.steps import ENTERS, Step
from mathdesign.metrics.base import SymbolicLayer, symbol
from mathdesign.spaces.convnet.families.base import (
    Family,
    Place,
    StageShape,
    UnrolledLayer,
)

if TYPE_CHECKING:
    from torch import nn


class Classifier(Family):
    """``width`` is the number of classes. The published code counts it nowhere."""

    name = "classifier"
    summary = "global average pooling and a linear layer"
    block = "pool, linear"
    decisions = ("width", "depth")
    roles = ("classifier",)
    one_block = True

    def symbolic(self, at: Place) -> Iterator[SymbolicLayer]:
        """The linear layer."""
        yield SymbolicLayer("linear", at.c_in, symbol("width"), 1, bias=True, tinynas=False)

    def steps(self, at: Place) -> Iterator[Step]:
        """The pooling and the linear layer."""
        yield Step("pool", (ENTERS,), "means", at.c_in)
        yield Step("linear", ("means",), "scores", symbol("width"))

    def layers(
        self, prev: int, choice: Mapping[str, int], shape: StageShape
    ) -> tuple[tuple[UnrolledLayer, ...], ...]:
        """The linear layer."""
        return ((UnrolledLayer("linear", prev, choice["width"], 1, bias=True, tinynas=False),),)

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
