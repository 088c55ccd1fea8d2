"""``residual201``: the block between the stages of NAS-Bench-201 (arXiv 2001.00326, section 2.1).

ReLU, 3x3 and norm twice, the first with the block's stride; the shortcut averages windows of the stride and
projects without a norm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mathdesign.spaces.blocks.base import WIDTH, Block, BlockKind, Setting
from mathdesign.spaces.blocks.operators import Shape, Trace

if TYPE_CHECKING:
    from torch import nn


class Residual201(BlockKind):
    """It halves each axis."""

    name = "residual201"
    summary = "residual block of stride 2 of NAS-Bench-201"
    settings = (WIDTH, Setting("kernel", 3, "Extent of the kernel, in positions.", odd=True))

    def run(self, block: Block, on: Trace) -> None:
        """The main path, then the shortcut, then their sum."""
        start = on.now
        for stride in (2, 1):
            on.act("relu")
            on.conv(block["width"], block["kernel"], stride)
            on.norm()
        main = on.now
        on.now = start
        on.pool("avg", 2, 2, padding=0, ceil=True)
        on.conv(block["width"])
        on.add(main)

    def arguments(self, block: Block, given: Shape) -> dict[str, Any]:
        """Widths and kernel."""
        width, kernel = block["width"], block["kernel"]
        return {"c_in": given.channels, "c_out": width, "kernel_size": kernel}

    def torch_block(self, axes: int) -> type[nn.Module]:
        """``Reduction``."""
        from torch import Tensor, nn

        from mathdesign.spaces.blocks.torch_layers import layers_of

        Conv, Norm, _ = layers_of(axes)
        Average = nn.AvgPool2d if axes == 2 else nn.AvgPool1d

        class Reduction(nn.Module):
            """ReLU, convolution, norm twice, beside an averaged and projected shortcut."""

            def __init__(self, c_in: int, c_out: int, kernel_size: int = 3) -> None:
                super().__init__()
                padding = kernel_size // 2
                self.main = nn.Sequential(
                    nn.ReLU(),
                    Conv(c_in, c_out, kernel_size, 2, padding, bias=False),
                    Norm(c_out),
                    nn.ReLU(),
                    Conv(c_out, c_out, kernel_size, 1, padding, bias=False),
                    Norm(c_out),
                )
                # Odd sizes: the last window has one position.
                average = Average(2, 2, ceil_mode=True, count_include_pad=False)
                self.shortcut = nn.Sequential(average, Conv(c_in, c_out, 1, bias=False))

            def forward(self, x: Tensor) -> Tensor:
                return self.main(x) + self.shortcut(x)  # type: ignore[no-any-return]

        return Reduction
