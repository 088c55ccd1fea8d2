"""``inverted_residual``: 1x1, depthwise kxk, SE, 1x1 (K1DWSEK1 in the published code).

What is built differs from what profile ``tinynas`` counts in one place. The published code puts an
activation behind every block, after the sum, and ``tinynas`` counts it (``width x area``
multiply-adds) as that code does. We build the linear bottleneck of MobileNetV2 (arXiv 1801.04381,
section 3.2): nothing follows the last norm or the sum. With SiLU after each sum and last norms that
begin at zero, a small signal is halved in every block, and deep networks hardly begin to learn.
Parameters, profile ``macs`` and entropy know no activations: for them the two are one block.
A block that expands nothing, without the first 1x1, is family ``depthwise_separable``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mathdesign.memory.steps import ENTERS, Step
from mathdesign.metrics.base import ONE, SymbolicLayer, symbol
from mathdesign.programs.stages import Derived
from mathdesign.spaces.convnet.families.base import (
    BOTTLENECK,
    EXPANSION,
    Family,
    Option,
    Place,
    StageFault,
    StageShape,
    UnrolledLayer,
    act,
    conv,
    squeeze_steps,
    symbolic_act,
    symbolic_conv,
)

if TYPE_CHECKING:
    from torch import nn

SQUEEZE = Option(
    "squeeze_excitation", "squeeze-and-excitation", "with an SE unit (default: yes).", default=True
)


def squeeze_width(bottleneck: int) -> int:
    """Inner width of the SE unit: a quarter, rounded down to a multiple of 8, at least 8.

    Source: blocks_basic.py of the published code (``max(1, round(c / 4) // 8) * 8``).
    """
    return max(1, round(bottleneck / 4) // 8) * 8


class InvertedResidual(Family):
    """MobileNet's block. The shortcut is the identity, where stride is 1 and widths are equal.

    The published code also adds an average-pooled shortcut where a stride-2 block keeps its
    width; it carries no weights and no multiply-adds, and we leave it out.
    """

    name = "inverted_residual"
    summary = "mobile inverted bottleneck with squeeze-and-excitation: DeepMAD's K1DWSEK1"
    block = "1x1, depthwise kxk, SE, 1x1 + shortcut"
    decisions = ("width", "bottleneck", "kernel_size", "depth")
    words = (BOTTLENECK, EXPANSION)
    options = (SQUEEZE,)
    keeps_same = True
    preset = (
        {"stride": 1, "width": "16..32/8", "expansion": [1, 2, 3], "kernel_size": [3, 5],
         "depth": "1..2"},
        {"stride": 2, "width": "16..48/8", "expansion": [2, 3, 4, 6], "kernel_size": [3, 5, 7],
         "depth": "1..5"},
        {"stride": 2, "width": "24..80/8", "expansion": [2, 3, 4, 6], "kernel_size": [3, 5, 7],
         "depth": "1..6"},
        {"stride": 2, "width": "48..160/8", "expansion": [2, 3, 4, 6], "kernel_size": [3, 5, 7],
         "depth": "1..8"},
        {"stride": 2, "width": "96..320/16", "expansion": [2, 3, 4, 6], "kernel_size": [3, 5, 7],
         "depth": "1..8"},
    )  # fmt: skip

    def faults(self, stage: Mapping[str, Any]) -> Iterator[StageFault]:
        """There is no shortcut to choose."""
        if stage["shortcut"] == "identity":
            accepted = "nothing: this family keeps its input wherever widths and stride allow"
            yield "shortcut", "identity", accepted, ""

    def derived(
        self, choices: Mapping[str, tuple[int, ...]], shape: StageShape
    ) -> tuple[Derived, ...]:
        """``squeeze``: the SE width, a step function of the bottleneck width."""
        if SQUEEZE.name not in shape.options:
            return ()
        widths = tuple(squeeze_width(b) for b in choices["bottleneck"])
        return (Derived("squeeze", "bottleneck", widths),)

    def symbolic(self, at: Place) -> Iterator[SymbolicLayer]:
        """SE convolutions carry a batch norm; ``tinynas`` counts their params, not their MACs.

        The last activation is the published code's; none is built (see the top of this file).
        """
        width, inner, kernel = symbol("width"), symbol("bottleneck"), symbol("kernel_size")
        yield symbolic_conv(at.c_in, inner, at.area_in)
        yield symbolic_act(inner, at.area_in)
        yield symbolic_conv(inner, inner, at.area, kernel, per_group=ONE)
        yield symbolic_act(inner, at.area)
        if SQUEEZE.name in at.shape.options:
            squeeze = symbol("squeeze")
            yield symbolic_conv(inner, squeeze, 1, main_path=False, tinynas=False)
            yield symbolic_conv(squeeze, inner, 1, main_path=False, tinynas=False)
        yield symbolic_conv(inner, width, at.area)
        yield symbolic_act(width, at.area)

    def steps(self, at: Place) -> Iterator[Step]:
        """The input waits for the end where it is kept."""
        inner, last = symbol("bottleneck"), "b"
        yield Step("expansion", (ENTERS,), "a", inner * at.area_in)
        yield Step("depthwise convolution", ("a",), "b", inner * at.area, depthwise=True)
        if SQUEEZE.name in at.shape.options:
            yield from squeeze_steps(at, "b", inner, symbol("squeeze"))
            last = "excited"
        yield Step("reduction", (last,), "c", symbol("width") * at.area)
        if at.keeps:
            yield Step("sum", ("c", ENTERS), "sum", symbol("width") * at.area)

    def layers(
        self, prev: int, choice: Mapping[str, int], shape: StageShape
    ) -> tuple[tuple[UnrolledLayer, ...], ...]:
        """Unrolled blocks; the last activation is counted, as published, and not built."""
        width, inner, kernel = choice["width"], choice["bottleneck"], choice["kernel_size"]
        blocks = []
        for index in range(choice["depth"]):
            c_in, area_in = (prev, shape.area_in) if index == 0 else (width, shape.area_out)
            area = shape.area_out
            block = [
                conv(c_in, inner, area_in, main_path=True),
                act(inner, area_in),
                conv(inner, inner, area, kernel, groups=inner, main_path=True),
                act(inner, area),
            ]
            if SQUEEZE.name in shape.options:
                squeeze = squeeze_width(inner)
                block += [
                    conv(inner, squeeze, 1, tinynas=False),
                    conv(squeeze, inner, 1, tinynas=False),
                ]
            blocks.append((*block, conv(inner, width, area, main_path=True), act(width, area)))
        return tuple(blocks)

    def block_arguments(
        self, prev: int, choice: Mapping[str, int], shape: StageShape
    ) -> tuple[dict[str, int | bool], ...]:
        """And the inner width of squeeze-and-excitation, 0 where there is none."""
        squeeze = squeeze_width(choice["bottleneck"]) if SQUEEZE.name in shape.options else 0
        blocks = super().block_arguments(prev, choice, shape)
        return tuple({**block, "squeeze": squeeze} for block in blocks)

    def torch_block(self) -> type[nn.Module]:
        """``InvertedResidualBlock``."""
        from torch import Tensor, nn

        class InvertedResidualBlock(nn.Module):
            """1x1, depthwise kxk, squeeze-and-excitation, 1x1; identity shortcut if shapes agree.

            The end is linear (arXiv 1801.04381, section 3.2): an activation after the sum would
            halve small signals in every block, and deep stages would not train.
            ``squeeze`` is the inner width of the SE unit; 0 leaves the unit out.
            """

            def __init__(
                self,
                c_in: int,
                c_out: int,
                bottleneck: int,
                kernel_size: int,
                stride: int = 1,
                squeeze: int = 0,
            ) -> None:
                super().__init__()
                padding = kernel_size // 2
                self.conv1 = nn.Conv2d(c_in, bottleneck, 1, bias=False)
                self.norm1 = nn.BatchNorm2d(bottleneck)
                self.conv2 = nn.Conv2d(
                    bottleneck,
                    bottleneck,
                    kernel_size,
                    stride,
                    padding,
                    groups=bottleneck,
                    bias=False,
                )
                self.norm2 = nn.BatchNorm2d(bottleneck)
                self.se = nn.Sequential()
                if squeeze:
                    self.se = nn.Sequential(
                        nn.AdaptiveAvgPool2d(1),
                        nn.Conv2d(bottleneck, squeeze, 1, bias=False),
                        nn.BatchNorm2d(squeeze),
                        nn.SiLU(inplace=True),
                        nn.Conv2d(squeeze, bottleneck, 1, bias=False),
                        nn.BatchNorm2d(bottleneck),
                        nn.Sigmoid(),
                    )
                self.conv3 = nn.Conv2d(bottleneck, c_out, 1, bias=False)
                self.norm3 = nn.BatchNorm2d(c_out)
                self.act = nn.SiLU(inplace=True)
                self.squeeze = squeeze
                self.residual = stride == 1 and c_in == c_out
                if self.residual:  # starts as its identity shortcut (arXiv 1706.02677, 5.1)
                    nn.init.zeros_(self.norm3.weight)

            def forward(self, x: Tensor) -> Tensor:
                y = self.act(self.norm1(self.conv1(x)))
                y = self.act(self.norm2(self.conv2(y)))
                if self.squeeze:
                    y = y * self.se(y)
                y = self.norm3(self.conv3(y))
                return y + x if self.residual else y

        return InvertedResidualBlock
