"""``regnet``: 1x1, grouped kxk, 1x1 with a residual connection: RegNetX, and RegNetY with SE.

After Radosavovic et al. (CVPR 2020, arXiv 2003.13678, figure 4), as torchvision builds it
(models/regnet.py): the shortcut is a 1x1 convolution of the stage's stride, and the SE unit of a
block has biases and a quarter of the channels that enter the *block*.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from mathdesign.memory.steps import ENTERS, Step
from mathdesign.metrics.base import SymbolicLayer, symbol
from mathdesign.spaces.convnet.families.base import (
    BOTTLENECK,
    Family,
    Option,
    Place,
    StageFault,
    StageShape,
    Tie,
    UnrolledLayer,
    Word,
    act,
    conv,
    shortcut_steps,
    squeeze_steps,
    symbolic_act,
    symbolic_conv,
)

if TYPE_CHECKING:
    from torch import nn

#: Every network of the paper's final spaces has this ratio (its section 4).
EXPANSION = Word(
    "expansion",
    "bottleneck",
    "ratios",
    "inner / output channels, rounded to 8.",
    default=(Fraction(1),),
)
GROUP_WIDTH = Word(
    "group_width", "group_width", "choices", "Channels of a group; divides the inner channels."
)
SQUEEZE = Option(
    "squeeze_excitation", "squeeze-and-excitation", "with an SE unit of a quarter (default: no)."
)
#: An SE unit has this share of the channels that enter its block (RegNetY, torchvision's default).
SHARE = Fraction(1, 4)


class RegNet(Family):
    """The grouped bottleneck. The first block of a stage projects its shortcut."""

    name = "regnet"
    summary = "grouped residual bottleneck: RegNetX's block, RegNetY's with squeeze-and-excitation"
    block = "1x1, grouped kxk, SE, 1x1 + shortcut"
    decisions = ("width", "bottleneck", "group_width", "kernel_size", "depth")
    projects = True
    words = (BOTTLENECK, EXPANSION, GROUP_WIDTH)
    options = (SQUEEZE,)
    ties = (
        Tie(
            "bottleneck", "group_width", lambda inner, group: inner % group == 0,
            "groups of equal width",
        ),
    )  # fmt: skip
    preset = (
        {"stride": 2, "width": "24..64/8", "group_width": [8, 16], "depth": "1..3"},
        {"stride": 2, "width": "48..160/8", "group_width": [8, 16], "depth": "1..6"},
        {"stride": 2, "width": "96..400/16", "group_width": [8, 16], "depth": "1..12"},
        {"stride": 2, "width": "192..800/16", "group_width": [8, 16], "depth": "1..12"},
    )

    def faults(self, stage: Mapping[str, Any]) -> Iterator[StageFault]:
        """A quarter of every width that enters a block, and half of the inner one, are whole."""
        if not stage[SQUEEZE.name]:
            return
        entering = {*stage["prev"], *(stage["width"] if stage["depth"][-1] > 1 else ())}
        for key, values, parts in (
            ("width", entering, 4),
            ("bottleneck", stage["bottleneck"] or (), 2),
        ):
            if odd := sorted(value for value in values if value % parts):
                accepted = (
                    f"multiples of {parts} with squeeze_excitation, the stage before included"
                )
                yield key, f"{odd[:4]}", accepted, ""

    def misfits(self, prev: int, choice: Mapping[str, int], shape: StageShape) -> Iterator[str]:
        """The same of a network."""
        if SQUEEZE.name in shape.options:
            entering = {prev, choice["width"]} if choice["depth"] > 1 else {prev}
            if any(width % 4 for width in entering):
                yield f"{sorted(entering)} channels have no quarter for squeeze-and-excitation"

    def symbolic(self, at: Place) -> Iterator[SymbolicLayer]:
        """The first block runs its 1x1 convolution at the input resolution."""
        width, inner = symbol("width"), symbol("bottleneck")
        yield symbolic_conv(at.c_in, inner, at.area_in)
        yield symbolic_act(inner, at.area_in)
        kernel, group = symbol("kernel_size"), symbol("group_width")
        yield symbolic_conv(inner, inner, at.area, kernel, per_group=group)
        yield symbolic_act(inner, at.area)
        if SQUEEZE.name in at.shape.options:
            squeeze = SHARE * at.c_in
            yield SymbolicLayer("conv", inner, squeeze, 1, bias=True, tinynas=False)
            yield SymbolicLayer("conv", squeeze, inner, 1, bias=True, tinynas=False)
        yield symbolic_conv(inner, width, at.area)
        if at.projects:
            yield symbolic_conv(at.c_in, width, at.area, main_path=False)
            yield SymbolicLayer("add", width, width, at.area)
        yield symbolic_act(width, at.area)

    def steps(self, at: Place) -> Iterator[Step]:
        """Main path with its unit, then a shortcut that takes the stride itself, then the sum."""
        inner, last = symbol("bottleneck"), "b"
        yield Step("reduction", (ENTERS,), "a", inner * at.area_in)
        yield Step("grouped convolution", ("a",), "b", inner * at.area)
        if SQUEEZE.name in at.shape.options:
            yield from squeeze_steps(at, "b", inner, SHARE * at.c_in)
            last = "excited"
        yield Step("expansion", (last,), "c", symbol("width") * at.area)
        yield from shortcut_steps(at, "c", pooled=False)

    def layers(
        self, prev: int, choice: Mapping[str, int], shape: StageShape
    ) -> tuple[tuple[UnrolledLayer, ...], ...]:
        """Unrolled blocks: main path, then shortcut, then the activation after the addition."""
        width, inner, kernel = choice["width"], choice["bottleneck"], choice["kernel_size"]
        blocks = []
        for index in range(choice["depth"]):
            c_in, area_in = (prev, shape.area_in) if index == 0 else (width, shape.area_out)
            area = shape.area_out
            block = [
                conv(c_in, inner, area_in, main_path=True),
                act(inner, area_in),
                conv(inner, inner, area, kernel, inner // choice["group_width"], main_path=True),
                act(inner, area),
            ]
            if SQUEEZE.name in shape.options:
                block += [
                    UnrolledLayer("conv", inner, c_in // 4, 1, bias=True, tinynas=False),
                    UnrolledLayer("conv", c_in // 4, inner, 1, bias=True, tinynas=False),
                ]
            block.append(conv(inner, width, area, main_path=True))
            if index == 0 and not shape.identity_shortcut:
                block += [conv(c_in, width, area), UnrolledLayer("add", width, width, area)]
            blocks.append((*block, act(width, area)))
        return tuple(blocks)

    def own_arguments(self, choice: Mapping[str, int], shape: StageShape) -> dict[str, int | bool]:
        """Torch counts groups, the literature their width."""
        return {
            "bottleneck": choice["bottleneck"],
            "groups": choice["bottleneck"] // choice["group_width"],
            "kernel_size": choice["kernel_size"],
            "squeeze": SQUEEZE.name in shape.options,
        }

    def torch_block(self) -> type[nn.Module]:
        """``RegNetBlock``."""
        from torch import Tensor, nn

        class RegNetBlock(nn.Module):
            """1x1, grouped kxk, 1x1 convolutions around a residual connection.

            ``squeeze`` adds a squeeze-and-excitation unit of a quarter of ``c_in`` channels.
            """

            def __init__(
                self,
                c_in: int,
                c_out: int,
                bottleneck: int,
                groups: int,
                kernel_size: int,
                squeeze: bool = False,
                stride: int = 1,
                project: bool = False,
            ) -> None:
                super().__init__()
                padding = kernel_size // 2
                self.conv1 = nn.Conv2d(c_in, bottleneck, 1, bias=False)
                self.norm1 = nn.BatchNorm2d(bottleneck)
                self.conv2 = nn.Conv2d(
                    bottleneck, bottleneck, kernel_size, stride, padding, groups=groups, bias=False
                )
                self.norm2 = nn.BatchNorm2d(bottleneck)
                self.squeeze = squeeze
                self.se = nn.Sequential()
                if squeeze:
                    self.se = nn.Sequential(
                        nn.AdaptiveAvgPool2d(1),
                        nn.Conv2d(bottleneck, c_in // 4, 1),
                        nn.ReLU(inplace=True),
                        nn.Conv2d(c_in // 4, bottleneck, 1),
                        nn.Sigmoid(),
                    )
                self.conv3 = nn.Conv2d(bottleneck, c_out, 1, bias=False)
                self.norm3 = nn.BatchNorm2d(c_out)
                self.act = nn.ReLU(inplace=True)
                self.shortcut = nn.Sequential()
                if project:
                    self.shortcut.append(nn.Conv2d(c_in, c_out, 1, stride, bias=False))
                    self.shortcut.append(nn.BatchNorm2d(c_out))
                else:  # starts as its identity shortcut: deep stages train (arXiv 1706.02677, 5.1)
                    nn.init.zeros_(self.norm3.weight)

            def forward(self, x: Tensor) -> Tensor:
                y = self.act(self.norm1(self.conv1(x)))
                y = self.act(self.norm2(self.conv2(y)))
                if self.squeeze:
                    y = y * self.se(y)
                y = self.norm3(self.conv3(y))
                return self.act(y + self.shortcut(x))

        return RegNetBlock
