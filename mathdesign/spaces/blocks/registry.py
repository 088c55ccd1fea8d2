"""Every kind of block by name. To add one, add its file and its line."""

from __future__ import annotations

from mathdesign.spaces.blocks.base import BlockKind
from mathdesign.spaces.blocks.kinds.cell101 import Cell101
from mathdesign.spaces.blocks.kinds.cell201 import Cell201
from mathdesign.spaces.blocks.kinds.classifier import ClassifierBlock
from mathdesign.spaces.blocks.kinds.compression import Compression
from mathdesign.spaces.blocks.kinds.conv import ConvBlock
from mathdesign.spaces.blocks.kinds.coordinates import Coordinates
from mathdesign.spaces.blocks.kinds.factorised import FactorisedConv
from mathdesign.spaces.blocks.kinds.inverted_residual import InvertedResidualBlock
from mathdesign.spaces.blocks.kinds.norm import NormBlock
from mathdesign.spaces.blocks.kinds.pool import PoolBlock
from mathdesign.spaces.blocks.kinds.pooled import PooledConv
from mathdesign.spaces.blocks.kinds.res2 import Res2Block
from mathdesign.spaces.blocks.kinds.residual201 import Residual201
from mathdesign.spaces.blocks.kinds.statistics import Statistics

__all__ = ["BLOCKS"]

KINDS: tuple[BlockKind, ...] = (
    ConvBlock(), InvertedResidualBlock(), NormBlock(), Cell201(), Cell101(), PoolBlock(), Residual201(), PooledConv(), Res2Block(), Statistics(),
    FactorisedConv(), Coordinates(), Compression(),
    ClassifierBlock(),
)  # fmt: skip
BLOCKS: dict[str, BlockKind] = {kind.name: kind for kind in KINDS}
