"""Families of blocks: one module each, registered here by name."""

from __future__ import annotations

from mathdesign.spaces.convnet.families.base import CountingProfile, Family, Layer, StageShape
from mathdesign.spaces.convnet.families.basic import Basic
from mathdesign.spaces.convnet.families.bottleneck import Bottleneck
from mathdesign.spaces.convnet.families.classifier import Classifier
from mathdesign.spaces.convnet.families.conv import Conv
from mathdesign.spaces.convnet.families.convnext import ConvNeXt
from mathdesign.spaces.convnet.families.inverted_residual import InvertedResidual

__all__ = ["BODY_FAMILIES", "FAMILIES", "CountingProfile", "Family", "Layer", "StageShape"]

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (Bottleneck(), InvertedResidual(), Basic(), ConvNeXt(), Conv(), Classifier())
}
"""Every family by name."""

BODY_FAMILIES: tuple[str, ...] = ("bottleneck", "inverted_residual", "basic", "convnext")
"""Families that a specification may name; ``conv`` and ``classifier`` are stem, head and end."""
