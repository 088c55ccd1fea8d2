"""Families of blocks: one module each, registered here by name."""

from __future__ import annotations

from mathdesign.families.base import CountingProfile, Family, Layer, StageShape
from mathdesign.families.basic import Basic
from mathdesign.families.bottleneck import Bottleneck
from mathdesign.families.classifier import Classifier
from mathdesign.families.conv import Conv
from mathdesign.families.convnext import ConvNeXt
from mathdesign.families.inverted_residual import InvertedResidual

__all__ = ["BODY_FAMILIES", "FAMILIES", "CountingProfile", "Family", "Layer", "StageShape"]

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (Bottleneck(), InvertedResidual(), Basic(), ConvNeXt(), Conv(), Classifier())
}
"""Every family by name."""

BODY_FAMILIES: tuple[str, ...] = ("bottleneck", "inverted_residual", "basic", "convnext")
"""Families that a specification may name; ``conv`` and ``classifier`` are stem, head and end."""
