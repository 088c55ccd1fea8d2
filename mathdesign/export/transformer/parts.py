"""The other parts of transformers. Printed into ``model.py`` as they stand: they import torch alone.

A stack is a chain of residual parts (attention, cross-attention, feed-forward), each with its own
norm, so that no more than the stream and the inside of one part is alive at once.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from mathdesign.spaces.transformer.mixers import MIXERS, OWN
from mathdesign.spaces.transformer.mixers.attention import Attention, Cache, Flow, Rotary, Style

LinearAttention: Any = MIXERS["linear"].torch_class()
OWN_MIXERS: Any = {name: MIXERS[name].torch_class() for name in OWN}
"""Kinds of attention with a class of their own."""


class CrossAttention(Attention):
    """Attention of a decoder to what the last ``memory_layers`` layers of the encoder gave."""

    def __init__(
        self, width: int, style: Style, heads: int, kv_heads: int, head_size: int,
        memory_width: int, memory_layers: int = 1,
    ) -> None:  # fmt: skip
        super().__init__(width, style, heads, kv_heads, head_size)
        self.memory_layers = memory_layers
        self.key = nn.Linear(memory_width, kv_heads * head_size, style.qkv_bias)
        self.value = nn.Linear(memory_width, kv_heads * head_size, style.qkv_bias)

    def new_cache(self, batch: int, length: int, like: Tensor) -> Cache:
        """Filled on the first pass with the keys and values of the memory."""
        return {}

    def forward(self, x: Tensor, flow: Flow, cache: Cache | None = None) -> Tensor:
        h = self.norm(x) if self.norm_first else x
        q = self.split(self.query(h), self.heads)
        del h
        kept = cache if cache is not None else {}
        if not kept:
            memory = torch.cat(flow.memory[-self.memory_layers :], 1)
            kept["keys"] = self.split(self.key(memory), self.kv_heads)
            kept["values"] = self.split(self.value(memory), self.kv_heads)
        mixed = self.attend(q, kept["keys"], kept["values"])
        y = x + self.out(mixed.transpose(1, 2).flatten(2))
        return y if self.norm_first else self.norm(y)


class FeedForward(nn.Module):
    """Two linear layers around GELU; gated: three around SiLU (arXiv 2002.05202)."""

    def __init__(self, width: int, style: Style, inner: int, gated: bool = False) -> None:
        super().__init__()
        self.norm_first = style.norm_first
        self.norm = style.make_norm(width)
        self.up = nn.Linear(width, inner, style.bias)
        self.gate = nn.Linear(width, inner, style.bias) if gated else None
        self.out = nn.Linear(inner, width, style.bias)

    def new_cache(self, batch: int, length: int, like: Tensor) -> Cache:
        """Nothing is remembered."""
        return {}

    def forward(self, x: Tensor, flow: Flow, cache: Cache | None = None) -> Tensor:
        h = self.norm(x) if self.norm_first else x
        up = self.up(h)
        gate = None if self.gate is None else self.gate(h)
        del h
        if gate is None:
            up = functional.gelu(up)
        else:
            gate = functional.silu(gate)
            up = up * gate
            del gate
        y = x + self.out(up)
        return y if self.norm_first else self.norm(y)


class NormedLinear(nn.Linear):
    """A linear map with a norm over each ``size`` channels of what it gives."""

    def __init__(self, plain: nn.Linear, size: int, norm: nn.Module) -> None:
        super().__init__(plain.in_features, plain.out_features, plain.bias is not None)
        self.size, self.norm = size, norm

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(super().forward(x).unflatten(-1, (-1, self.size))).flatten(-2)


def add_norms(part: Any, style: Style) -> None:
    """Norms after the linear maps that ``style`` names, over each head or over all channels."""
    for name, heads in style.normed:
        if hasattr(part, name):
            plain = getattr(part, name)
            size = part.head_size if heads else plain.out_features
            setattr(part, name, NormedLinear(plain, size, style.make_norm(size)))


class RelativeBias(nn.Module):
    """T5's learned bias for each bucket of distances and head (arXiv 1910.10683)."""

    BUCKETS, FARTHEST = 32, 128

    def __init__(self, heads: int, causal: bool) -> None:
        super().__init__()
        self.causal = causal
        self.table = nn.Embedding(self.BUCKETS, heads)

    def forward(self, start: int, tokens: int) -> Tensor:
        """Biases of ``tokens`` queries from ``start`` on and all positions up to the last."""
        keys = torch.arange(start + tokens, device=self.table.weight.device)
        distance = keys - keys[start:, None]
        if self.causal:
            buckets, first = self.BUCKETS, torch.zeros_like(distance)
            distance = (-distance).clamp_min(0)
        else:
            buckets = self.BUCKETS // 2
            first, distance = (distance > 0) * buckets, distance.abs()
        exact = buckets // 2
        far: Tensor = torch.log(distance.clamp_min(1) / exact) / math.log(self.FARTHEST / exact)
        far = (exact + far * (buckets - exact)).long().clamp_max(buckets - 1)
        bucket = first + torch.where(distance < exact, distance, far)
        return self.table(bucket).permute(2, 0, 1)


class Stack(nn.Module):
    """Layers of one width: pooling and a projection on entry, parts, a norm at the end."""

    def __init__(
        self, width: int, layers: tuple[dict[str, Any], ...], style: Style, *,
        before: int, pool: int = 1, memory_width: int = 0, causal: bool = False,
        relative: bool = False, horizon: int = 1, last: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        self.width, self.pool, self.causal = width, pool, causal
        self.enter = nn.Linear(before, width, style.bias) if before != width else nn.Identity()
        self.bias = RelativeBias(layers[0]["heads"], causal) if relative and layers else None
        self.parts = nn.ModuleList()
        for layer in layers:
            self.parts.extend(make_parts(width, style, memory_width, horizon, **layer))
        for part in self.parts:  # only: NormedLinear
            add_norms(part, style)  # only: NormedLinear
        self.norm = style.make_norm(width) if last and style.norm_first else nn.Identity()

    def forward(self, x: Tensor, flow: Flow, caches: list[Cache] | None = None) -> Tensor:
        """The stream after the last part, not normed."""
        stream = x
        for stream in self.steps(x, flow, caches):  # noqa: B007
            pass
        return stream

    def steps(self, x: Tensor, flow: Flow, caches: list[Cache] | None = None) -> Any:
        """The stream on entry and after every part."""
        if self.pool > 1:
            x = x.unflatten(1, (-1, self.pool)).amax(2)
        x = self.enter(x)
        if self.bias is not None:
            flow.bias = self.bias(flow.start, x.shape[1])
        yield x
        for i, part in enumerate(self.parts):
            x = part(x, flow, None if caches is None else caches[i])
            yield x

    def new_caches(self, batch: int, length: int, like: Tensor) -> list[Cache]:
        return [part.new_cache(batch, length, like) for part in self.parts]


def make_parts(
    width: int, style: Style, memory_width: int, horizon: int, *, heads: int, kv_heads: int,
    head_size: int, ffn: int, gated: bool = False, attention: str = "softmax", window: int = 0,
    features: int = 1, memory_layers: int = 1,
) -> list[nn.Module]:  # fmt: skip
    """The parts of one layer."""
    shape = (width, style, heads, kv_heads, head_size)
    if attention == "linear":
        parts: list[nn.Module] = [LinearAttention(*shape, features, horizon)]
    elif attention in OWN_MIXERS:  # only: OWN_MIXERS
        parts = [OWN_MIXERS[attention](*shape, window, features, horizon)]  # only: OWN_MIXERS
    else:
        parts = [Attention(*shape, window)]
    if memory_width:
        parts.append(CrossAttention(*shape, memory_width, memory_layers))
    return [*parts, FeedForward(width, style, ffn, gated)]


def rotary_tables(sizes: set[int], start: int, tokens: int, like: Tensor) -> dict[int, Rotary]:
    """Cosines and sines of all positions, by head size; base 10,000."""
    tables = {}
    at = torch.arange(start, start + tokens, device=like.device, dtype=torch.float32)
    for size in sizes:
        powers = torch.arange(0, size, 2, device=like.device, dtype=torch.float32) / size
        angles = at[:, None] * 10000.0**-powers
        tables[size] = (angles.cos().to(like.dtype), angles.sin().to(like.dtype))
    return tables


def initialise(module: nn.Module, depth: int) -> None:
    """Maps keep the scale of what they read, whatever the width: deviation 1/sqrt(inputs).

    What parts add to the stream is smaller by 2 depth, so that a fresh network of any ``depth``
    begins near its shortcuts (arXiv 2002.10444). Tables of embeddings are as small as a tied head
    needs; biases of distances begin near none.
    """
    small = 1 / (2 * max(1, depth))
    for name, part in module.named_modules():
        if isinstance(part, nn.Linear | nn.Embedding | nn.Conv2d):
            deviation = part.weight[0].numel() ** -0.5
            if name.endswith(".out"):
                deviation *= small
            if name.endswith(".bias.table"):
                deviation = 0.02
            nn.init.normal_(part.weight, std=deviation)
        if isinstance(part, nn.Linear | nn.Conv2d) and part.bias is not None:
            nn.init.zeros_(part.bias)
        if isinstance(part, NormedLinear) and name.endswith(".out"):  # only: NormedLinear
            nn.init.constant_(part.norm.weight, small)  # type: ignore[arg-type]  # only: NormedLinear


class Embedding(nn.Module):
    """Tokens (and types of tokens) to a stream, with learned positions where there are some."""

    def __init__(
        self, vocabulary: int, width: int, positions: int = 0, token_types: int = 0,
        norm: nn.Module | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(positions, width) if positions else None
        self.types = nn.Embedding(token_types, width) if token_types else None
        self.norm = norm if norm is not None else nn.Identity()

    def forward(self, tokens: Tensor, start: int = 0, types: Tensor | None = None) -> Tensor:
        x = self.tokens(tokens)
        if self.positions is not None:
            x = x + self.positions.weight[start : start + tokens.shape[1]]
        if self.types is not None:
            x = x + self.types(torch.zeros_like(tokens) if types is None else types)
        return self.norm(x)
