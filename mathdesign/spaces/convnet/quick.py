"""What a network of which only a family and a size are known is made of: the quick form's space.

Ranges follow the published members of each family (ResNet, RegNetX, ConvNeXt, MobileNetV2/V3) from
a tenth to ten times their size: widths in multiples of 8 that rise with depth, 3x3 and 5x5 kernels
(7x7 where the family has them), most blocks in the last stage but one. The presets of families, on
which saved specifications rely, are wider and stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from mathdesign.spaces.convnet.facts import STEM_HALVES_FROM
from mathdesign.spaces.convnet.families import FAMILIES

Stage = Mapping[str, Any]

#: The family that is taken where none is named.
FAMILY = "regnet"
#: Stages from the input on; strides follow from the size of the input.
STAGES: Mapping[str, tuple[Stage, ...]] = {
    "bottleneck": (
        {"width": "32..256/32", "bottleneck": "8..64/8", "depth": "1..4"},
        {"width": "64..512/32", "bottleneck": "16..128/8", "depth": "1..6"},
        {"width": "128..1024/64", "bottleneck": "32..256/16", "depth": "2..12"},
        {"width": "256..2048/128", "bottleneck": "64..512/32", "depth": "1..4"},
    ),
    "inverted_residual": (
        {"width": "8..40/8", "expansion": [1, 2, 3], "kernel_size": 3, "depth": "1..2"},
        {"width": "16..64/8", "expansion": [3, 4, 6], "kernel_size": [3, 5], "depth": "1..4"},
        {"width": "24..112/8", "expansion": [3, 4, 6], "kernel_size": [3, 5], "depth": "1..4"},
        {"width": "40..208/8", "expansion": [3, 4, 6], "kernel_size": [3, 5], "depth": "2..8"},
        {"width": "64..448/16", "expansion": [3, 4, 6], "kernel_size": [3, 5], "depth": "1..4"},
    ),
    "basic": (
        {"width": "8..128/8", "depth": "1..3"},
        {"width": "16..256/8", "depth": "1..4"},
        {"width": "32..512/16", "depth": "1..6"},
        {"width": "64..1024/32", "depth": "1..3"},
    ),
    "convnext": (
        {"width": "16..192/16", "bottleneck": "64..768/64", "kernel_size": [5, 7], "depth": "1..3"},
        {"width": "32..384/32", "bottleneck": "128..1536/128", "kernel_size": [5, 7],
         "depth": "1..3"},
        {"width": "64..768/64", "bottleneck": "256..3072/256", "kernel_size": [5, 7],
         "depth": "2..9"},
        {"width": "128..1536/128", "bottleneck": "512..6144/512", "kernel_size": [5, 7],
         "depth": "1..3"},
    ),
    "regnet": (
        {"width": ["16..128/8", "144..256/16"], "group_width": [8, 16], "depth": "1..3"},
        {"width": ["32..320/16", "352..640/32"], "group_width": [8, 16], "depth": "1..6"},
        {"width": ["64..800/16", "832..1600/64"], "group_width": [8, 16], "depth": "1..12"},
        {"width": ["128..1600/32", "1664..3200/128"], "group_width": [8, 16], "depth": "1..4"},
    ),
}  # fmt: skip
#: Inner over output width where a family has one ratio: ResNet's quarter, ConvNeXt's four.
RATIOS: Mapping[str, int | float] = {"bottleneck": 0.25, "convnext": 4}
#: Greatest width over the width before: a stage at half the resolution is about twice as wide.
GROWTH: Mapping[str, int | float] = {"bottleneck": 4}
USUAL_GROWTH = 2.5
STEM: Mapping[str, str] = {"convnext": "16..192/16", "inverted_residual": "8..40/8"}
USUAL_STEM = "8..64/8"
HEADS: Mapping[str, list[int]] = {"inverted_residual": [320, 640, 960, 1280]}
#: Multiply-adds a weight where the last maps have 7x7 pixels: a tenth above the published (ResNet-50: 4.1 G / 25.6 M).
#: Weights alone do not say how wide the early stages are, which have few of them.
MACS_A_WEIGHT: Mapping[str, int] = {
    "bottleneck": 180, "inverted_residual": 95, "basic": 180, "convnext": 170, "regnet": 140,
}  # fmt: skip
USUAL_MACS_A_WEIGHT = 140
LAST = 7
IMAGE = (3, 224)
CLASSES = 1000


def quick_words(
    family: str, image: tuple[int, int] | None, classes: int | None, budgets: Mapping[str, Any]
) -> dict[str, Any]:
    """Space and budgets for images of ``(channels, size)``."""
    from mathdesign.spec.quantities import count

    channels, size = image or IMAGE
    ranges = STAGES.get(family, FAMILIES[family].preset)  # a family without a word here: its preset
    strides = strides_for(size, len(ranges))
    stages = [{**stage, "stride": stride} for stage, stride in zip(ranges, strides)]
    rules: dict[str, Any] = {"monotone_width": True, "growth": GROWTH.get(family, USUAL_GROWTH)}
    if family in RATIOS:
        rules["bottleneck_ratio"] = [RATIOS[family]] * 2
    space = {
        "family": family,
        "input": {"channels": channels, "size": size},
        "classes": CLASSES if classes is None else classes,
        "stem": {"width": STEM.get(family, USUAL_STEM)},
        "stages": stages,
        "rules": rules,
    }
    if family in HEADS:
        space["head"] = {"width": HEADS[family]}
    limits = dict(budgets)
    most = budgets.get("params")
    most = most.get("max") if isinstance(most, Mapping) else most
    if most is not None and "macs" not in budgets:
        try:
            scale = Fraction(last_size(size, strides), LAST) ** 2 * MACS_A_WEIGHT.get(
                family, USUAL_MACS_A_WEIGHT
            )
            limits["macs"] = int(scale * count(most))
        except ValueError:
            pass  # the limit's own fault is told where it stands
    return {"space": space, "budgets": limits}


def strides_for(size: int, stages: int) -> list[int]:
    """Strides of the stages: the last maps keep four pixels a side or more, where they can."""
    left, halvings = last_size(size, []), 0
    while halvings < min(4, stages) and left >= 8:
        left, halvings = -(-left // 2), halvings + 1
    return [1] * (stages - halvings) + [2] * halvings


def last_size(size: int, strides: list[int]) -> int:
    """Pixels a side of the last maps, after the stem and stages of these strides."""
    left = -(-size // 2) if size >= STEM_HALVES_FROM else size
    for stride in strides:
        left = -(-left // stride)
    return left
