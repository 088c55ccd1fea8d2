r"""What one layer of a transformer costs, in exact integers.

A layer has an attention part and a feed-forward part. With model width :math:`d`, :math:`h` query
heads and :math:`g` key/value heads of size :math:`s` and feed-forward width :math:`f`, the
multiply-adds of the weights are

.. math:: 2 d h s + 2 d g s + (2 + [\text{gated}]) d f

a token; what attention itself adds is said by its kind, :mod:`mathdesign.spaces.transformer.mixers`.
Normalisation, softmax, activation functions and look-ups count nothing.
"""

from __future__ import annotations

from mathdesign.spaces.transformer.mixers import MIXERS, attention_params
from mathdesign.spaces.transformer.norms import alive, extra_params
from mathdesign.spaces.transformer.shape import Layer, Style

__all__ = ["Layer", "Style"]

PLAIN = Style()


def ffn_params(style: Style, width: int, layer: Layer) -> int:
    """Weights of the feed-forward part without its norm."""
    inner = (1 + layer.gated) * layer.ffn
    return (inner + layer.ffn) * width + style.bias * (inner + width)


def layer_params(style: Style, width: int, layer: Layer, memory_width: int = 0) -> int:
    """Weights of a layer with its norms; ``memory_width > 0`` adds cross-attention."""
    parts = 2 + (memory_width > 0)
    total = MIXERS[layer.attention].params(style, width, layer) + ffn_params(style, width, layer)
    if memory_width:
        total += attention_params(style, width, layer, memory_width)
    return total + parts * style.norm_params(width) + extra_params(style, width, layer, parts - 1)


def layer_macs(
    width: int, layer: Layer, tokens: int, memory_width: int = 0, memory_tokens: int = 0
) -> int:
    """Multiply-adds of a layer for a sequence of ``tokens``.

    ``memory_width > 0`` adds cross-attention to ``memory_tokens`` encoder positions, whose keys
    and values are projected once for each of ``memory_layers``.
    """
    q, kv = layer.query_width, layer.kv_width
    weights = 2 * width * q + 2 * width * kv + (2 + layer.gated) * width * layer.ffn
    total = tokens * weights + MIXERS[layer.attention].macs(layer, tokens)
    if memory_width:
        memory = memory_tokens * layer.memory_layers
        total += 2 * tokens * width * q + 2 * memory * memory_width * kv + 2 * tokens * memory * q
    return total


def layer_token_macs(
    width: int, layer: Layer, cached: int, memory_width: int = 0, memory_tokens: int = 0
) -> int:
    """Multiply-adds of a layer for one generated token that attends to ``cached`` positions.

    Itself included. Keys and values of an encoder (``memory_tokens``) are cached, not recomputed.
    """
    q, kv = layer.query_width, layer.kv_width
    total = 2 * width * q + 2 * width * kv + (2 + layer.gated) * width * layer.ffn
    total += MIXERS[layer.attention].token_macs(layer, cached)
    if memory_width:
        total += 2 * width * q + 2 * memory_tokens * layer.memory_layers * q
    return total


def layer_cache_values(layer: Layer, length: int, memory_tokens: int = 0) -> int:
    """Numbers that one sequence of ``length`` tokens keeps in a layer's cache.

    Cross-attention adds keys and values of the memory.
    """
    own = MIXERS[layer.attention].cache_values(layer, length)
    return own + 2 * memory_tokens * layer.memory_layers * layer.kv_width


def layer_peak_values(
    width: int, layer: Layer, tokens: int, rotary: bool = False, style: Style = PLAIN
) -> int:
    """Numbers alive at once, at the most, in a forward pass of a layer without gradients.

    The residual stream and, in turn: normed input with queries, keys, values (each, if ``rotary``,
    with as much again twice while it is turned); those with the attention's output; that with its
    projection and the sum; normed input with the inner width (gated: two of it); the inner width
    with its activation; inner width with its projection and the sum (``style``: extra norms hold
    what they norm once more). Attention holds no
    ``tokens x tokens`` matrix (fused). As the exported module allocates; linear attention, which
    keeps a state for each token of a chunk, is not covered.
    """
    q, kv, f = layer.query_width, layer.kv_width, layer.ffn
    inner, outer = alive(style)
    steps = (
        width + q + 2 * kv,
        (rotary or inner) * (width + max(3 * q, q + 3 * kv)),
        q + (2 + outer) * width,
        width + (1 + layer.gated) * f,
        (2 + layer.gated) * f,
        f + (2 + outer) * width,
    )
    mixing = MIXERS[layer.attention].peak_values(layer, tokens)
    return tokens * width + max(tokens * max(steps), mixing)
