"""The common blocks in few words, for the files that state published spaces."""

from __future__ import annotations

from mathdesign.spaces.blocks.base import Block, Value
from mathdesign.spaces.blocks.registry import BLOCKS


def conv(width: int, kernel: int = 1, stride: int = 1, **settings: Value) -> Block:
    """Convolution, norm, activation."""
    return BLOCKS["conv"].block(width=width, kernel=kernel, stride=stride, **settings)


def inverted(width: int, kernel: int = 3, stride: int = 1, **settings: Value) -> Block:
    """An inverted residual."""
    return BLOCKS["inverted_residual"].block(width=width, kernel=kernel, stride=stride, **settings)


def classifier(classes: int, **settings: Value) -> Block:
    """Mean over positions, linear layer."""
    return BLOCKS["classifier"].block(width=classes, **settings)
