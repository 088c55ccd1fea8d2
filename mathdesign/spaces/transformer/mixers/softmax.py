"""Softmax attention: every token sees all, :math:`2 n^2 h s` multiply-adds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mathdesign.spaces.transformer.mixers.base import Mixer
from mathdesign.spaces.transformer.shape import Layer

if TYPE_CHECKING:
    from mathdesign.spaces.transformer.mixers.attention import Attention


class Softmax(Mixer):
    """Every token reads every other; the cache grows with the sequence."""

    name = "softmax"

    def macs(self, layer: Layer, tokens: int) -> int:
        """Scores of all pairs and as much again to read values."""
        return 2 * tokens * tokens * layer.query_width

    def token_macs(self, layer: Layer, cached: int) -> int:
        """Of one row of the scores."""
        return 2 * cached * layer.query_width

    def cache_values(self, layer: Layer, length: int) -> int:
        """Keys and values of all tokens."""
        return 2 * length * layer.kv_width

    def torch_class(self) -> type[Attention]:
        """The class that every kind is made from."""
        from mathdesign.spaces.transformer.mixers.attention import Attention

        return Attention
