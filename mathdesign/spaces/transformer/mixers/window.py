"""Attention inside windows that do not overlap: :math:`2 n w h s` multiply-adds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mathdesign.spaces.transformer.mixers.base import Windowed
from mathdesign.spaces.transformer.shape import Layer

if TYPE_CHECKING:
    from mathdesign.spaces.transformer.mixers.attention import Attention


class Window(Windowed):
    """Tokens see those of their own window alone."""

    name = "window"

    def macs(self, layer: Layer, tokens: int) -> int:
        """Of every token with its window."""
        return 2 * tokens * min(tokens, layer.window) * layer.query_width

    def unbuilt(self, layer: Layer, kind: str) -> Iterator[str]:
        """Windows and prefixes exclude each other."""
        if kind == "prefix_lm":
            yield "a prefix is seen by all tokens: windows are not built in a prefix_lm"

    def torch_class(self) -> type[Attention]:
        """Softmax attention, told how long a window is."""
        from mathdesign.spaces.transformer.mixers.attention import Attention

        return Attention
