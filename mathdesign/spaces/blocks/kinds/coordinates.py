"""``coordinates``: maps that say where a position is, as more channels (Liu et al. 2018, arXiv 1807.03247).

NAAQA (arXiv 2106.06147) adds one for time and one for frequency before its convolutions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mathdesign.spaces.blocks.base import Block, BlockKind, Setting
from mathdesign.spaces.blocks.operators import Shape, Trace

if TYPE_CHECKING:
    from torch import nn


class Coordinates(BlockKind):
    """From -1 to 1 along an axis, the same for every input."""

    name = "coordinates"
    summary = "one more channel for each axis, which says where a position is"
    settings = (Setting("along", "both", "Which axes.", choices=("both", "height", "width")),)
    axes = (2,)

    def run(self, block: Block, on: Trace) -> None:
        """The maps behind the channels."""
        more = len(_axes(block))
        on.plain("coordinates", Shape(on.channels + more, on.size))

    def arguments(self, block: Block, given: Shape) -> dict[str, Any]:
        """The axes, counted from the back."""
        return {"axes": _axes(block)}

    def torch_block(self, axes: int) -> type[nn.Module]:
        """``Coordinates``."""
        import torch
        from torch import Tensor, nn

        class Coordinates(nn.Module):
            """One more channel for each of ``axes``, from -1 to 1 along it."""

            def __init__(self, axes: tuple = (-2, -1)) -> None:  # type: ignore[type-arg]
                super().__init__()
                self.axes = axes

            def forward(self, x: Tensor) -> Tensor:
                maps = [x]
                for axis in self.axes:
                    line = torch.linspace(-1, 1, x.shape[axis], dtype=x.dtype, device=x.device)
                    shaped = line[:, None] if axis == -2 else line[None, :]
                    maps.append(shaped.expand(len(x), 1, *x.shape[2:]))
                return torch.cat(maps, dim=1)

        return Coordinates


def _axes(block: Block) -> tuple[int, ...]:
    return {"both": (-2, -1), "height": (-2,), "width": (-1,)}[block["along"]]
