"""``pool``: the greatest or the mean of a window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mathdesign.spaces.blocks.base import STRIDE, Block, BlockKind, Setting
from mathdesign.spaces.blocks.operators import Shape, Trace

if TYPE_CHECKING:
    from torch import nn


class PoolBlock(BlockKind):
    """Odd windows are centred; even ones begin at their position."""

    name = "pool"
    summary = "greatest or mean of a window"
    settings = (
        Setting("kernel", 2, "Extent of the window, in positions."),
        STRIDE,
        Setting("form", "max", "Which.", choices=("max", "avg")),
    )

    def run(self, block: Block, on: Trace) -> None:
        """The pool."""
        on.pool(block["form"], block["kernel"], block["stride"], padding=_padding(block))

    def arguments(self, block: Block, given: Shape) -> dict[str, Any]:
        """The window."""
        return {"kernel_size": block["kernel"], "stride": block["stride"],
                "padding": _padding(block), "mean": block["form"] == "avg"}  # fmt: skip

    def torch_block(self, axes: int) -> type[nn.Module]:
        """``Window``."""
        from torch import nn

        Max, Average = (nn.MaxPool2d, nn.AvgPool2d) if axes == 2 else (nn.MaxPool1d, nn.AvgPool1d)

        class Window(nn.Sequential):
            """The greatest value of a window, or its mean."""

            def __init__(
                self, kernel_size: int = 2, stride: int = 1, padding: int = 0, mean: bool = False
            ) -> None:
                super().__init__((Average if mean else Max)(kernel_size, stride, padding))

        return Window


def _padding(block: Block) -> int:
    return int(block["kernel"]) // 2 if block["kernel"] % 2 else 0
