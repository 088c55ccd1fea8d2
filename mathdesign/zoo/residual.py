"""ResNet: He et al., arXiv 1512.03385, table 1.

The bottlenecks of ResNet-50 and deeper ones have their stride in the 3x3 convolution, as
torchvision builds them (resnet.py, "ResNet v1.5"); the paper has it in the first 1x1.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mathdesign.zoo.chains import chain
from mathdesign.zoo.member import Figure, Member

SOURCE = "arXiv 1512.03385, table 1"
TORCHVISION = "torchvision's documentation"
WIDTHS = (64, 128, 256, 512)
#: Blocks of each stage; parameters and multiply-adds as torchvision prints them; the paper's FLOPs.
NETWORKS = {
    "resnet18": ("basic", (2, 2, 2, 2), "11,689,512", "1.81 G", "1.8 G"),
    "resnet34": ("basic", (3, 4, 6, 3), "21,797,672", "3.66 G", "3.6 G"),
    "resnet50": ("bottleneck", (3, 4, 6, 3), "25,557,032", "4.09 G", "3.8 G"),
    "resnet101": ("bottleneck", (3, 4, 23, 3), "44,549,160", "7.80 G", "7.6 G"),
    "resnet152": ("bottleneck", (3, 8, 36, 3), "60,192,808", "11.51 G", "11.3 G"),
}
STRIDE = "the stride stands in the 3x3 convolution (torchvision), in the paper in the first 1x1"


def members() -> Iterator[Member]:
    """Five networks."""
    for name, (family, depths, params, macs, paper) in NETWORKS.items():
        stages = [_stage(family, i, depth) for i, depth in enumerate(depths)]
        stem = {"family": "pooled_conv", "width": 64, "kernel_size": 7, "stride": 4}
        figures = (
            Figure("params", params, TORCHVISION),
            Figure("macs", macs, TORCHVISION),
            Figure("macs", paper, SOURCE, differs=STRIDE if family == "bottleneck" else ""),
        )
        notes = (STRIDE,) if family == "bottleneck" else ()
        yield Member(name, "ResNet", SOURCE, chain(family, stages, stem), None, figures, notes)


def _stage(family: str, index: int, depth: int) -> dict[str, Any]:
    width = WIDTHS[index]
    own = {"width": width} if family == "basic" else {"width": 4 * width, "bottleneck": width}
    keeps = {"shortcut": "identity"} if family == "basic" and index == 0 else {}
    stride = 1 if index == 0 else 2
    return {"stride": stride, **own, "depth": depth, "strided_shortcut": True, **keeps}
