"""Softmax attention in plain torch, from which every kind of attention is made.

Printed into ``model.py`` as it stands: it imports torch alone, and only what builds or prints
modules imports it. Streams have the shape (batch, tokens, width). ``cache``: one dictionary of
tensors a part, filled in place.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

Cache = dict[str, Tensor]
Rotary = tuple[Tensor, Tensor]


@dataclass
class Flow:
    """What the parts of a stack see in one pass besides the stream."""

    causal: bool = False
    prefix: int = 0
    """Causal: the first tokens, which all tokens see."""
    start: int = 0
    """Position of the first token; the earlier ones are in the caches."""
    rotary: dict[int, Rotary] = field(default_factory=dict)
    """Cosines and sines of shape (tokens, head size / 2), by head size."""
    bias: Tensor | None = None
    """Added to the scores of attention, shape (heads, tokens, positions seen)."""
    memory: tuple[Tensor, ...] = ()
    """What the encoder's last layers gave."""


class RMSNorm(nn.Module):
    """Root mean square normalisation (arXiv 1910.07467)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        scale = torch.rsqrt(x.float().square().mean(-1, keepdim=True) + 1e-5)
        return x * scale.to(x.dtype) * self.weight


@dataclass(frozen=True)
class Style:
    """What all parts have in common."""

    norm: str
    bias: bool
    qkv_bias: bool
    norm_first: bool
    normed: tuple[tuple[str, bool], ...] = ()  # only: NormedLinear

    def make_norm(self, width: int) -> nn.Module:
        return RMSNorm(width) if self.norm == "rms" else nn.LayerNorm(width)


class Attention(nn.Module):
    """Softmax attention; several query heads may share keys and values (arXiv 2305.13245).

    ``window``: tokens see those of their own window alone, windows do not overlap.
    """

    def __init__(
        self, width: int, style: Style, heads: int, kv_heads: int, head_size: int, window: int = 0
    ) -> None:
        super().__init__()
        self.heads, self.kv_heads, self.head_size, self.window = heads, kv_heads, head_size, window
        self.norm_first = style.norm_first
        self.norm = style.make_norm(width)
        self.query = nn.Linear(width, heads * head_size, style.qkv_bias)
        self.key = nn.Linear(width, kv_heads * head_size, style.qkv_bias)
        self.value = nn.Linear(width, kv_heads * head_size, style.qkv_bias)
        self.out = nn.Linear(heads * head_size, width, style.bias)

    def new_cache(self, batch: int, length: int, like: Tensor) -> Cache:
        """Empty keys and values of ``length`` positions (or of one window)."""
        seen = min(length, self.window) if self.window else length
        shape = (batch, self.kv_heads, seen, self.head_size)
        return {name: like.new_zeros(shape) for name in ("keys", "values")}

    def forward(self, x: Tensor, flow: Flow, cache: Cache | None = None) -> Tensor:
        h = self.norm(x) if self.norm_first else x
        rotary = flow.rotary.get(self.head_size)
        q = self.rotated(self.split(self.query(h), self.heads), rotary)
        k = self.rotated(self.split(self.key(h), self.kv_heads), rotary)
        v = self.split(self.value(h), self.kv_heads)
        del h
        mixed = self.mix(q, k, v, flow, cache)
        del q, k, v
        y = x + self.out(mixed.transpose(1, 2).flatten(2))
        return y if self.norm_first else self.norm(y)

    def split(self, x: Tensor, heads: int) -> Tensor:
        """From (batch, tokens, heads * size) to (batch, heads, tokens, size)."""
        return x.unflatten(2, (heads, self.head_size)).transpose(1, 2)

    def rotated(self, x: Tensor, rotary: Rotary | None) -> Tensor:
        """Rotary positions (arXiv 2104.09864): halves of a head are turned against each other."""
        if rotary is None:
            return x
        cos, sin = rotary
        a, b = x.chunk(2, -1)
        return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)

    def mix(self, q: Tensor, k: Tensor, v: Tensor, flow: Flow, cache: Cache | None) -> Tensor:
        """What every query reads, shape of ``q``."""
        n = q.shape[2]
        if cache is not None and n == 1:
            k, v = self.remembered(k, v, flow.start, cache)
            bias = flow.bias
            if bias is not None and self.window:
                bias = bias[..., -k.shape[2] :]
            return self.attend(q, k, v, bias)
        if cache is not None:
            self.fill(k, v, cache)
        if not self.window or n <= self.window:
            return self.masked(q, k, v, flow)
        whole = n - n % self.window
        parts = [t[:, :, :whole].unflatten(2, (-1, self.window)).movedim(2, 1) for t in (q, k, v)]
        first, second, third = (t.flatten(0, 1) for t in parts)
        y = self.masked(first, second, third, flow).unflatten(0, (len(q), -1))
        y = y.movedim(1, 2).flatten(2, 3)
        if whole == n:
            return y
        rest = self.masked(q[:, :, whole:], k[:, :, whole:], v[:, :, whole:], flow)
        return torch.cat((y, rest), 2)

    def masked(self, q: Tensor, k: Tensor, v: Tensor, flow: Flow) -> Tensor:
        """Attention of tokens to themselves and, if causal, to those before them and a prefix."""
        n = q.shape[2]
        bias = None if flow.bias is None else flow.bias[..., :n, :n]
        if flow.causal and flow.prefix < 2 and bias is None:
            return self.attend(q, k, v, causal=True)
        if flow.causal:
            at = torch.arange(n, device=q.device)
            visible = (at <= at[:, None]) | (at < flow.prefix)
            base = q.new_zeros(()) if bias is None else bias
            bias = torch.where(visible, base, -math.inf)
        return self.attend(q, k, v, bias)

    def attend(
        self, q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None = None, causal: bool = False
    ) -> Tensor:
        shared = self.heads != self.kv_heads
        return functional.scaled_dot_product_attention(
            q, k, v, attn_mask=bias, is_causal=causal, enable_gqa=shared
        )

    def fill(self, k: Tensor, v: Tensor, cache: Cache) -> None:
        """Keep the keys and values of a first pass over several tokens."""
        n, room = k.shape[2], cache["keys"].shape[2]
        begin = n - n % self.window if self.window else 0
        if begin == n:
            return
        cache["keys"][:, :, : n - begin] = k[:, :, begin : begin + room]
        cache["values"][:, :, : n - begin] = v[:, :, begin : begin + room]

    def remembered(self, k: Tensor, v: Tensor, start: int, cache: Cache) -> tuple[Tensor, Tensor]:
        """All keys and values that the token at ``start`` sees, its own put in."""
        at = start % self.window if self.window else start
        cache["keys"][:, :, at : at + 1] = k
        cache["values"][:, :, at : at + 1] = v
        return cache["keys"][:, :, : at + 1], cache["values"][:, :, : at + 1]
