"""Every kind of block by name. To add one, add its file and its line."""

from __future__ import annotations

from mathdesign.spaces.blocks.base import BlockKind
from mathdesign.spaces.blocks.kinds.classifier import ClassifierBlock
from mathdesign.spaces.blocks.kinds.conv import ConvBlock
from mathdesign.spaces.blocks.kinds.inverted_residual import InvertedResidualBlock

__all__ = ["BLOCKS"]

BLOCKS: dict[str, BlockKind] = {
    kind.name: kind for kind in (ConvBlock(), InvertedResidualBlock(), ClassifierBlock())
}
