r"""Linear attention: keys and values are summed once, whatever the length.

.. math:: n (h + g) s \cdot c s

multiply-adds, where :math:`c` is 1, or 2 for doubled features (cosFormer): for :math:`g = h` softmax
and linear attention cross at :math:`n^* = c s`. The matrix that mixes :math:`n` tokens has rank
:math:`r = c s`: the layer loses :math:`\tfrac d2 \log (n / r)` of entropy where :math:`n > r`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mathdesign.spaces.transformer.mixers.base import Mixer
from mathdesign.spaces.transformer.shape import Layer

if TYPE_CHECKING:
    from mathdesign.spaces.transformer.mixers.attention import Attention


class Linear(Mixer):
    """The state of each key/value head is summed once, and read by every query head."""

    name = "linear"
    options = ("features",)

    def macs(self, layer: Layer, tokens: int) -> int:
        """A step for every token."""
        return tokens * self.token_macs(layer, tokens)

    def token_macs(self, layer: Layer, cached: int) -> int:
        """Of adding to the states and of reading them."""
        state = layer.features * layer.head_size**2
        return (layer.heads + layer.kv_heads) * state

    def cache_values(self, layer: Layer, length: int) -> int:
        """The state ``features * head_size x head_size`` and its normaliser, whatever the length."""
        inner = layer.features * layer.head_size
        return layer.kv_heads * (inner * layer.head_size + inner)

    def entropy(self, width: int, layer: Layer, tokens: int) -> float:
        """Less the dimensions that the rank leaves out."""
        return -width / 2 * math.log(max(1.0, tokens / (layer.features * layer.head_size)))

    def unbuilt(self, layer: Layer, kind: str) -> Iterator[str]:
        """There are modules with one and two sets of features."""
        if layer.features > 2:
            yield "linear attention is built with 1 or 2 sets of features"

    def torch_class(self) -> type[Attention]:
        """States of all tokens of a chunk at once, chunk after chunk (decision 0036)."""
        import torch
        from torch import Tensor
        from torch.nn import functional

        from mathdesign.spaces.transformer.mixers.attention import (
            Attention,
            Cache,
            Flow,
            Rotary,
            Style,
        )  # fmt: skip

        class LinearAttention(Attention):
            """Attention by positive features: keys and values summed once, whatever the length.

            One set of features: elu + 1 (arXiv 2006.16236). Two: rectified, times cosine and sine of the
            position (cosFormer, arXiv 2202.08791), ``horizon`` being the longest sequence.
            """

            CHUNK = 64

            def __init__(
                self, width: int, style: Style, heads: int, kv_heads: int, head_size: int,
                features: int = 1, horizon: int = 1,
            ) -> None:  # fmt: skip
                super().__init__(width, style, heads, kv_heads, head_size)
                self.features, self.horizon = features, horizon

            def new_cache(self, batch: int, length: int, like: Tensor) -> Cache:
                """The sums over no tokens."""
                shape = (batch, self.kv_heads, self.features * self.head_size)
                return {
                    "state": like.new_zeros(*shape, self.head_size),
                    "normaliser": like.new_zeros(shape),
                }

            def rotated(self, x: Tensor, rotary: Rotary | None) -> Tensor:
                return x

            def positive(self, x: Tensor, start: int) -> Tensor:
                """Features of shape (batch, heads, tokens, features * size)."""
                if self.features == 1:
                    return functional.elu(x) + 1
                at = torch.arange(start, start + x.shape[2], device=x.device, dtype=torch.float32)
                angle = (at * (math.pi / 2 / self.horizon))[:, None]
                x = functional.relu(x)
                return torch.cat((x * angle.cos().to(x.dtype), x * angle.sin().to(x.dtype)), -1)

            def mix(self, q: Tensor, k: Tensor, v: Tensor, flow: Flow, cache: Cache | None) -> Tensor:  # fmt: skip
                q, k = self.positive(q, flow.start), self.positive(k, flow.start)
                if not flow.causal:
                    y, _, _ = self.together(q, k, v)
                    return y
                sums = cache or self.new_cache(len(q), 0, q)
                state, normaliser = sums["state"], sums["normaliser"]
                results = []
                if flow.prefix and flow.start == 0:
                    pieces = [t[:, :, : flow.prefix] for t in (q, k, v)]
                    y, state, normaliser = self.together(pieces[0], pieces[1], pieces[2])
                    results.append(y)
                for at in range(flow.prefix if results else 0, q.shape[2], self.CHUNK):
                    pieces = [t[:, :, at : at + self.CHUNK] for t in (q, k, v)]
                    y, state, normaliser = self.one_by_one(
                        pieces[0], pieces[1], pieces[2], state, normaliser
                    )
                    results.append(y)
                if cache is not None:
                    cache["state"].copy_(state)
                    cache["normaliser"].copy_(normaliser)
                return torch.cat(results, 2)

            def together(self, q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
                """All tokens see all; the sums after them."""
                state, normaliser = k.transpose(2, 3) @ v, k.sum(2)
                grouped = q.unflatten(1, (self.kv_heads, -1)).flatten(2, 3)
                y = (grouped @ state) / self.total(grouped, normaliser[:, :, None])
                return y.unflatten(2, (-1, q.shape[2])).flatten(1, 2), state, normaliser

            def one_by_one(
                self, q: Tensor, k: Tensor, v: Tensor, state: Tensor, normaliser: Tensor
            ) -> tuple[Tensor, Tensor, Tensor]:
                """Every token sees itself, those before it and the sums handed in; the sums after all."""
                added = k[..., :, None] @ v[..., None, :]
                states = state[:, :, None] + added.cumsum(2)
                normalisers = normaliser[:, :, None] + k.cumsum(2)
                grouped = q.unflatten(1, (self.kv_heads, -1)).transpose(2, 3)
                y = (grouped @ states) / self.total(grouped, normalisers[..., None, :])
                return y.transpose(2, 3).flatten(1, 2), states[:, :, -1], normalisers[:, :, -1]

            @staticmethod
            def total(q: Tensor, normaliser: Tensor) -> Tensor:
                """What the weights of each query sum to."""
                return (q * normaliser).sum(-1, keepdim=True) + 1e-6

        return LinearAttention
