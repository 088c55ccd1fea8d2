"""``convnext``: depthwise kxk, 1x1, 1x1 with a residual connection, after ConvNeXt.

After ConvNeXt (CVPR 2022, arXiv 2201.03545, figure 4): depthwise first, wide 1x1 inside. Two
departures keep the block in the same mould as the others: batch norm instead of layer norm, and
no separate downsampling layer: the first block of a stage changes width and resolution itself.

The option ``as_published`` takes them back, and adds biases and the layer scale, as torchvision's
models/convnext.py has them. With the stem ``patchify`` and the classifier ``normed_classifier``,
which only ConvNeXt has and which stand at the end of this file, ConvNeXt-T is a point of the space.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mathdesign.memory.steps import ENTERS, Step
from mathdesign.metrics.base import ONE, SymbolicLayer, symbol
from mathdesign.spaces.convnet.families.base import (
    BOTTLENECK,
    Family,
    Option,
    Place,
    StageFault,
    StageShape,
    UnrolledLayer,
    act,
    conv,
    projection,
    shortcut_steps,
    symbolic_act,
    symbolic_conv,
    symbolic_projection,
)
from mathdesign.spaces.convnet.families.classifier import Classifier

if TYPE_CHECKING:
    from torch import nn

PUBLISHED = Option(
    "as_published",
    "the published block",
    "layer norm, biases, layer scale, and instead of a projected shortcut a convolution of the "
    "stride's size in front of the stage (default: no).",
)


class ConvNeXt(Family):
    """A norm after the depthwise convolution and at the end, one activation between the 1x1s."""

    name = "convnext"
    summary = "large-kernel depthwise block, ConvNeXt-like"
    block = "depthwise kxk, 1x1, 1x1 + shortcut"
    decisions = ("width", "bottleneck", "kernel_size", "depth")
    projects = True
    words = (BOTTLENECK,)
    options = (PUBLISHED,)
    preset = (
        {"stride": 2, "width": "32..96/16", "bottleneck": "96..384/32", "kernel_size": [5, 7],
         "depth": "1..4"},
        {"stride": 2, "width": "64..192/16", "bottleneck": "192..768/64", "kernel_size": [5, 7],
         "depth": "1..6"},
        {"stride": 2, "width": "128..384/32", "bottleneck": "384..1536/128", "kernel_size": [5, 7],
         "depth": "1..12"},
        {"stride": 2, "width": "256..768/64", "bottleneck": "768..3072/256", "kernel_size": [5, 7],
         "depth": "1..6"},
    )  # fmt: skip

    def symbolic(self, at: Place) -> Iterator[SymbolicLayer]:
        """The first 1x1 has no norm, nothing follows the addition."""
        if PUBLISHED.name in at.shape.options:
            yield from self._published_symbolic(at)
            return
        width, inner, kernel = symbol("width"), symbol("bottleneck"), symbol("kernel_size")
        yield symbolic_conv(at.c_in, at.c_in, at.area, kernel, per_group=ONE)
        yield SymbolicLayer("conv", at.c_in, inner, at.area, main_path=True)
        yield symbolic_act(inner, at.area)
        yield symbolic_conv(inner, width, at.area)
        yield from symbolic_projection(at)

    def _published_symbolic(self, at: Place) -> Iterator[SymbolicLayer]:
        """What stands in front of a stage is, as a projection, no part of the main path."""
        width, inner, c = symbol("width"), symbol("bottleneck"), at.c_in
        if at.projects:
            stride = ONE * at.shape.stride
            yield SymbolicLayer("norm", c, c, at.area_in)
            yield SymbolicLayer("conv", c, width, at.area, stride, bias=True)
            c = width
        depthwise = SymbolicLayer("conv", c, c, at.area, symbol("kernel_size"), ONE, bias=True)
        yield replace(depthwise, main_path=True)
        yield SymbolicLayer("norm", c, c, at.area)
        yield SymbolicLayer("conv", c, inner, at.area, bias=True, main_path=True)
        yield symbolic_act(inner, at.area)
        yield SymbolicLayer("conv", inner, width, at.area, bias=True, main_path=True)
        yield SymbolicLayer("scale", width, width, at.area)

    def steps(self, at: Place) -> Iterator[Step]:
        """Main path, then shortcut, then the sum; as published the projection comes first."""
        width, inner, c, enters = symbol("width"), symbol("bottleneck"), at.c_in, ENTERS
        published = PUBLISHED.name in at.shape.options
        if published and at.projects:
            yield Step("norm of the projection", (ENTERS,), "normed", c * at.area_in)
            yield Step("projection", ("normed",), "entered", width * at.area)
            c, enters = width, "entered"
        last = "a"
        yield Step("depthwise convolution", (enters,), "a", c * at.area, depthwise=True)
        if published:
            yield Step("norm", ("a",), "b", c * at.area)
            last = "b"
        yield Step("expansion", (last,), "c", inner * at.area)
        yield Step("reduction", ("c",), "d", width * at.area)
        if published:
            yield Step("sum", (enters, "d"), "sum", width * at.area)
        else:
            yield from shortcut_steps(at, "d")

    def layers(
        self, prev: int, choice: Mapping[str, int], shape: StageShape
    ) -> tuple[tuple[UnrolledLayer, ...], ...]:
        """Unrolled blocks; the first 1x1 has no norm, nothing follows the addition."""
        if PUBLISHED.name in shape.options:
            return self._published_layers(prev, choice, shape)
        width, inner, kernel = choice["width"], choice["bottleneck"], choice["kernel_size"]
        area = shape.area_out
        blocks = []
        for index in range(choice["depth"]):
            c_in = width if index else prev
            block = [
                conv(c_in, c_in, area, kernel, groups=c_in, main_path=True),
                UnrolledLayer("conv", c_in, inner, area, main_path=True),
                act(inner, area),
                conv(inner, width, area, main_path=True),
            ]
            if index == 0 and not shape.identity_shortcut:
                block += projection(c_in, width, shape)
            blocks.append(tuple(block))
        return tuple(blocks)

    def _published_layers(
        self, prev: int, choice: Mapping[str, int], shape: StageShape
    ) -> tuple[tuple[UnrolledLayer, ...], ...]:
        width, inner, kernel = choice["width"], choice["bottleneck"], choice["kernel_size"]
        area, front = shape.area_out, []
        if not shape.identity_shortcut:
            front = [
                UnrolledLayer("norm", prev, prev, shape.area_in),
                UnrolledLayer("conv", prev, width, area, shape.stride, bias=True),
            ]
        block = (
            UnrolledLayer(
                "conv", width, width, area, kernel, groups=width, bias=True, main_path=True
            ),
            UnrolledLayer("norm", width, width, area),
            UnrolledLayer("conv", width, inner, area, bias=True, main_path=True),
            act(inner, area),
            UnrolledLayer("conv", inner, width, area, bias=True, main_path=True),
            UnrolledLayer("scale", width, width, area),
        )
        return ((*front, *block), *(block for _ in range(choice["depth"] - 1)))

    def block_maker(self, shape: StageShape) -> Callable[[Any], type[nn.Module]]:
        """Another class where the stage is as published."""
        published = PUBLISHED.name in shape.options
        return type(self).published_block if published else type(self).torch_block

    def torch_block(self) -> type[nn.Module]:
        """``ConvNeXtBlock``."""
        from torch import Tensor, nn

        class ConvNeXtBlock(nn.Module):
            """Depthwise kxk, 1x1, 1x1 around a residual connection.

            A projected shortcut averages 2x2 positions before its 1x1 convolution when stride is 2.
            """

            def __init__(
                self,
                c_in: int,
                c_out: int,
                bottleneck: int,
                kernel_size: int,
                stride: int = 1,
                project: bool = False,
            ) -> None:
                super().__init__()
                padding = kernel_size // 2
                self.conv1 = nn.Conv2d(
                    c_in, c_in, kernel_size, stride, padding, groups=c_in, bias=False
                )
                self.norm1 = nn.BatchNorm2d(c_in)
                self.conv2 = nn.Conv2d(c_in, bottleneck, 1, bias=False)
                self.act = nn.GELU()
                self.conv3 = nn.Conv2d(bottleneck, c_out, 1, bias=False)
                self.norm3 = nn.BatchNorm2d(c_out)
                self.shortcut = nn.Sequential()
                if project:
                    if stride == 2:
                        self.shortcut.append(nn.AvgPool2d(2, 2, ceil_mode=True))
                    self.shortcut.append(nn.Conv2d(c_in, c_out, 1, bias=False))
                    self.shortcut.append(nn.BatchNorm2d(c_out))
                # Every block starts as its shortcut: so deep stages train (arXiv 1706.02677, 5.1).
                nn.init.zeros_(self.norm3.weight)

            def forward(self, x: Tensor) -> Tensor:
                y = self.norm1(self.conv1(x))
                y = self.norm3(self.conv3(self.act(self.conv2(y))))
                return y + self.shortcut(x)

        return ConvNeXtBlock

    def published_block(self) -> type[nn.Module]:
        """``PublishedConvNeXtBlock``."""
        import torch
        from torch import Tensor, nn

        class PublishedConvNeXtBlock(nn.Module):
            """Depthwise kxk, layer norm, 1x1, 1x1, layer scale around a residual connection.

            ``project`` puts a layer norm and a convolution of the stride's size in front.
            """

            def __init__(
                self,
                c_in: int,
                c_out: int,
                bottleneck: int,
                kernel_size: int,
                stride: int = 1,
                project: bool = False,
            ) -> None:
                super().__init__()
                padding = kernel_size // 2
                self.stride = stride
                self.front_norm = nn.LayerNorm(c_in, eps=1e-6) if project else None
                self.front = nn.Conv2d(c_in, c_out, stride, stride) if project else None
                self.conv1 = nn.Conv2d(c_out, c_out, kernel_size, 1, padding, groups=c_out)
                self.norm1 = nn.LayerNorm(c_out, eps=1e-6)
                self.conv2 = nn.Linear(c_out, bottleneck)
                self.act = nn.GELU()
                self.conv3 = nn.Linear(bottleneck, c_out)
                # Every block starts close to its shortcut (arXiv 2103.17239, section 2).
                self.scale = nn.Parameter(torch.full((c_out,), 1e-6))

            def forward(self, x: Tensor) -> Tensor:
                if self.front is not None and self.front_norm is not None:
                    x = self.front_norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
                    # An odd side is completed by zeros, as padded convolutions do.
                    right, below = -x.shape[-1] % self.stride, -x.shape[-2] % self.stride
                    x = self.front(nn.functional.pad(x, (0, right, 0, below)))
                y = self.norm1(self.conv1(x).permute(0, 2, 3, 1))
                y = self.scale * self.conv3(self.act(self.conv2(y)))
                return x + y.permute(0, 3, 1, 2)

        return PublishedConvNeXtBlock


class Patchify(Family):
    """ConvNeXt's stem: patches that do not overlap, a norm, no activation."""

    name = "patchify"
    summary = "one convolution over patches, layer norm (a stem)"
    block = "kxk of stride k"
    decisions = ("width", "kernel_size", "depth")
    roles = ("stem",)
    strides = (2, 4)
    one_block = True
    odd = ()

    def faults(self, stage: Mapping[str, Any]) -> Iterator[StageFault]:
        """Patches are as large as their stride."""
        stride = stage["stride"]
        if stage["kernel_size"] != (stride,):
            sizes = ", ".join(map(str, stage["kernel_size"]))
            yield "kernel_size", sizes, f"{stride}, the stride: patches do not overlap", str(stride)

    def misfits(self, prev: int, choice: Mapping[str, int], shape: StageShape) -> Iterator[str]:
        """The same of a network."""
        if choice["kernel_size"] != shape.stride:
            yield f"patches of {choice['kernel_size']} pixels at stride {shape.stride}"

    def symbolic(self, at: Place) -> Iterator[SymbolicLayer]:
        """A convolution with bias, and the norm."""
        width, kernel = symbol("width"), symbol("kernel_size")
        yield SymbolicLayer("conv", at.c_in, width, at.area, kernel, bias=True, main_path=True)
        yield SymbolicLayer("norm", width, width, at.area)

    def steps(self, at: Place) -> Iterator[Step]:
        """The convolution and the norm."""
        yield Step("convolution", (ENTERS,), "a", symbol("width") * at.area)
        yield Step("norm", ("a",), "b", symbol("width") * at.area)

    def layers(
        self, prev: int, choice: Mapping[str, int], shape: StageShape
    ) -> tuple[tuple[UnrolledLayer, ...], ...]:
        """A convolution with bias, and the norm."""
        width, kernel, area = choice["width"], choice["kernel_size"], shape.area_out
        return (
            (
                UnrolledLayer("conv", prev, width, area, kernel, bias=True, main_path=True),
                UnrolledLayer("norm", width, width, area),
            ),
        )

    def block_arguments(
        self, prev: int, choice: Mapping[str, int], shape: StageShape
    ) -> tuple[dict[str, int | bool], ...]:
        """One block."""
        return ({"c_in": prev, "c_out": choice["width"], "patch": choice["kernel_size"]},)

    def torch_block(self) -> type[nn.Module]:
        """``PatchBlock``."""
        from torch import Tensor, nn

        class PatchBlock(nn.Module):
            """A convolution over patches and a layer norm; the last patches are filled up by zeros."""

            def __init__(self, c_in: int, c_out: int, patch: int) -> None:
                super().__init__()
                self.patch = patch
                self.conv = nn.Conv2d(c_in, c_out, patch, patch)
                self.norm = nn.LayerNorm(c_out, eps=1e-6)

            def forward(self, x: Tensor) -> Tensor:
                right, below = -x.shape[-1] % self.patch, -x.shape[-2] % self.patch
                y = self.conv(nn.functional.pad(x, (0, right, 0, below)))
                return self.norm(y.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)

        return PatchBlock


class NormedClassifier(Classifier):
    """ConvNeXt's end. ``tinynas`` counts the parameters of its norm, and nothing else of it."""

    name = "normed_classifier"
    summary = "global average pooling, layer norm and a linear layer"
    block = "pool, norm, linear"

    def symbolic(self, at: Place) -> Iterator[SymbolicLayer]:
        """The norm and the linear layer."""
        yield SymbolicLayer("norm", at.c_in, at.c_in, 1, tinynas=False)
        yield SymbolicLayer("linear", at.c_in, symbol("width"), 1, bias=True, tinynas=False)

    def steps(self, at: Place) -> Iterator[Step]:
        """The pooling, the norm and the linear layer."""
        yield Step("pool", (ENTERS,), "means", at.c_in)
        yield Step("norm", ("means",), "normed", at.c_in)
        yield Step("linear", ("normed",), "scores", symbol("width"))

    def layers(
        self, prev: int, choice: Mapping[str, int], shape: StageShape
    ) -> tuple[tuple[UnrolledLayer, ...], ...]:
        """The norm and the linear layer."""
        norm = UnrolledLayer("norm", prev, prev, 1, tinynas=False)
        return (
            (norm, UnrolledLayer("linear", prev, choice["width"], 1, bias=True, tinynas=False)),
        )

    def torch_block(self) -> type[nn.Module]:
        """``Classifier``."""
        from torch import Tensor, nn

        class Classifier(nn.Module):
            """Global average pooling, layer norm and a linear layer."""

            def __init__(self, c_in: int, classes: int) -> None:
                super().__init__()
                self.pool = nn.AdaptiveAvgPool2d(1)
                self.norm = nn.LayerNorm(c_in, eps=1e-6)
                self.linear = nn.Linear(c_in, classes)

            def forward(self, x: Tensor) -> Tensor:
                return self.linear(self.norm(self.pool(x).flatten(1)))

        return Classifier
