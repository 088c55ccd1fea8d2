"""The operators of a transformer, in the order in which its module executes them, for a whole sequence.

Activations are folded into the map before them; norms, additions and gates are operators of their own.
Biases of relative positions, which are looked up once a stack, and concatenations are left out, and the
states of an encoder are normed once, however many of its layers a decoder reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mathdesign.devices.operators import Operator, convolution, linear, plain
from mathdesign.spaces.transformer.network import Transformer
from mathdesign.spaces.transformer.norms import normed
from mathdesign.spaces.transformer.shape import GENERATES, Layer, Style

#: Kinds of attention whose operator has a name of its own.
OWN = {"linear": "linear_attention", "sliding": "sliding_attention"}


def operators(net: Transformer, length: int | None = None) -> tuple[Operator, ...]:
    """Every operator of one pass over ``length`` tokens (default: the whole context), or an image."""
    return tuple(_whole(net, length))


@dataclass(frozen=True, slots=True)
class LayerPlace:
    """Where a layer stands: its network's style, the stream, and the memory that it reads if any."""

    style: Style
    rotary: bool
    width: int
    tokens: int
    memory_width: int = 0
    """Of the stream that cross-attention reads; 0: there is none."""
    memory_tokens: int = 0


def place(net: Transformer, stack: int, length: int | None = None) -> LayerPlace:
    """Where the layers of a stack stand."""
    tokens = net.stack_tokens(length)
    pair = net.kind == "encoder_decoder"
    memory = (net.stacks[0].width, tokens[0]) if pair and stack == 1 else (0, 0)
    own = tokens[0] if pair else tokens[stack]
    return LayerPlace(net.style, net.positions == "rotary", net.stacks[stack].width, own, *memory)


def layer_operators(at: LayerPlace, layer: Layer) -> Iterator[Operator]:
    """Those of one layer."""
    norm, n, d = plain("norm", at.width, 1, at.tokens), at.tokens, at.width
    parts = [list(_attention(at, layer))]
    if at.memory_width:
        parts.append(list(_cross(at, layer)))
    parts.append(list(_feed_forward(at, layer)))
    for part in parts:
        if at.style.norm_first:
            yield norm
        yield from part
        if ("out", False) in normed(at.style):
            yield norm
        yield plain("add", d, 1, n)
        if not at.style.norm_first:
            yield norm


def _attention(at: LayerPlace, layer: Layer) -> Iterator[Operator]:
    """Maps, rotary positions, mixing, the map back."""
    n, q, kv = at.tokens, layer.query_width, layer.kv_width
    maps = {"query": q, "key": kv, "value": kv}
    for name, width in maps.items():
        yield linear(at.width, n, width)
        if (name, True) in normed(at.style):
            yield plain("norm", width, 1, n)
    if at.rotary and layer.attention != "linear":
        yield from (plain("rotary", width, 1, n) for width in (q, kv))
    seen = n
    if layer.attention == "linear":
        seen = layer.features
    elif layer.window:
        seen = min(n, layer.window)
    kind = OWN.get(layer.attention, "attention")
    yield Operator(kind, q + 2 * kv, 1, n, q, (1, seen), (1, 1), layer.heads)
    yield linear(q, n, at.width)


def _cross(at: LayerPlace, layer: Layer) -> Iterator[Operator]:
    """Queries of the stream, keys and values of the memory."""
    n, q, kv = at.tokens, layer.query_width, layer.kv_width
    memory = at.memory_tokens * layer.memory_layers
    yield linear(at.width, n, q)
    if ("query", True) in normed(at.style):
        yield plain("norm", q, 1, n)
    for name in ("key", "value"):
        yield linear(at.memory_width, memory, kv)
        if (name, True) in normed(at.style):
            yield plain("norm", kv, 1, memory)
    yield Operator("cross_attention", q + 2 * kv, 1, n, q, (1, memory), (1, 1), layer.heads)
    yield linear(q, n, at.width)


def _feed_forward(at: LayerPlace, layer: Layer) -> Iterator[Operator]:
    """Two maps, or three and a product."""
    yield linear(at.width, at.tokens, layer.ffn)
    if layer.gated:
        yield linear(at.width, at.tokens, layer.ffn)
        yield plain("mul", layer.ffn, 1, at.tokens)
    yield linear(layer.ffn, at.tokens, at.width)


def _whole(net: Transformer, length: int | None) -> Iterator[Operator]:
    projections = {into: (a, b) for a, b, into in net.projections()}
    pair = net.kind == "encoder_decoder"
    yield from _entry(net, net.tokens if length is None else length)
    for i, stack in enumerate(net.stacks):
        at = place(net, i, length)
        if pair and i == 1:
            yield from _entry(net, at.tokens)
        if stack.pool > 1:
            before = net.stacks[i - 1].width if i else net.width
            yield Operator(
                "pool", before, 1, at.tokens * stack.pool, before, (1, stack.pool), (1, stack.pool)
            )
        if i in projections:
            yield linear(projections[i][0], at.tokens, projections[i][1])
        for layer in stack.layers:
            yield from layer_operators(at, layer)
        last = i == len(net.stacks) - 1
        if net.style.norm_first and (last or pair):
            yield plain("norm", stack.width, 1, at.tokens)
    yield from _exit(net, place(net, len(net.stacks) - 1, length).tokens, projections)


def _entry(net: Transformer, tokens: int) -> Iterator[Operator]:
    """Tokens or patches to a stream."""
    width, image = net.width, net.image
    if image is not None:
        yield convolution(image.channels, image.size, image.size, width, image.patch, image.patch)
        tokens = net.tokens
    else:
        yield Operator("embedding", net.vocabulary, 1, tokens, width)
    if net.positions == "learned":
        yield plain("add", width, 1, tokens)
    if net.token_types:
        yield Operator("embedding", net.token_types, 1, tokens, width)
        yield plain("add", width, 1, tokens)
    if net.embedding_norm:
        yield plain("norm", width, 1, tokens)


def _exit(
    net: Transformer, tokens: int, projections: dict[int, tuple[int, int]]
) -> Iterator[Operator]:
    """The stream to scores."""
    last = net.stacks[-1].width
    if len(net.stacks) in projections:
        yield linear(last, tokens, projections[len(net.stacks)][1])
    if net.kind in GENERATES:
        yield linear(net.width if net.tied else last, tokens, net.vocabulary)
    if net.pooler:
        yield linear(last, 1, last)
    if net.classes:
        if not net.pooler and not net.has_class_token:
            yield plain("global_pool", last, 1, tokens)
        yield linear(last, 1, net.classes)
