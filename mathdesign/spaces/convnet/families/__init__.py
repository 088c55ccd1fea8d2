"""Families of blocks: one module each, registered here by name."""

from __future__ import annotations

from mathdesign.metrics import CountingProfile
from mathdesign.spaces.convnet.families.base import (
    Family,
    Option,
    StageRole,
    StageShape,
    UnrolledLayer,
    Word,
)
from mathdesign.spaces.convnet.families.basic import Basic
from mathdesign.spaces.convnet.families.bottleneck import Bottleneck
from mathdesign.spaces.convnet.families.classifier import Classifier
from mathdesign.spaces.convnet.families.conv import Conv, PooledConv
from mathdesign.spaces.convnet.families.convnext import ConvNeXt, NormedClassifier, Patchify
from mathdesign.spaces.convnet.families.depthwise_separable import DepthwiseSeparable
from mathdesign.spaces.convnet.families.inverted_residual import InvertedResidual
from mathdesign.spaces.convnet.families.regnet import RegNet

__all__ = [
    "BODY_FAMILIES",
    "FAMILIES",
    "OPTIONS",
    "WORDS",
    "CountingProfile",
    "Family",
    "StageShape",
    "UnrolledLayer",
    "Word",
    "families_with",
    "named_for",
]

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        Bottleneck(),
        InvertedResidual(),
        Basic(),
        ConvNeXt(),
        RegNet(),
        DepthwiseSeparable(),
        Conv(),
        Classifier(),
        Patchify(),
        NormedClassifier(),
        PooledConv(),
    )
}
"""Every family by name."""


def named_for(role: StageRole) -> tuple[str, ...]:
    """Names of the families that may stand there."""
    return tuple(name for name, family in FAMILIES.items() if role in family.roles)


BODY_FAMILIES: tuple[str, ...] = named_for("body")
"""Families that a specification may name; ``conv`` and ``classifier`` are stem, head and end."""

WORDS: dict[str, Word] = {word.name: word for f in FAMILIES.values() for word in f.words}
"""Keys of a stage that set a decision of some family, beyond the common ones."""

OPTIONS: dict[str, Option] = {
    option.name: option for f in FAMILIES.values() for option in f.options
}
"""Keys of a stage that are options of some family."""


def families_with(name: str) -> list[str]:
    """The families that have a word or an option of that name."""
    return [f.name for f in FAMILIES.values() if name in f.declared]
