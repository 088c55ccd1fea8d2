"""Transformers in plain torch. Printed into ``model.py`` as it stands: it imports torch alone.

A stack is a chain of residual parts (attention, cross-attention, feed-forward), each with its own
norm, so that no more than the stream and the inside of one part is alive at once. Streams have the
shape (batch, tokens, width). ``cache``: one dictionary of tensors a part, filled in place.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

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

    def mix(self, q: Tensor, k: Tensor, v: Tensor, flow: Flow, cache: Cache | None) -> Tensor:
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
    """Weights of GPT-2: deviation 0.02, smaller for what is added to the stream."""
    for name, part in module.named_modules():
        if isinstance(part, nn.Linear | nn.Embedding | nn.Conv2d):
            deviation = 0.02 / math.sqrt(2 * depth) if name.endswith(".out") else 0.02
            nn.init.normal_(part.weight, std=deviation)
        if isinstance(part, nn.Linear | nn.Conv2d) and part.bias is not None:
            nn.init.zeros_(part.bias)


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
