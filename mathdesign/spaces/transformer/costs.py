r"""What one layer of a transformer costs, in exact integers.

A layer has an attention part and a feed-forward part. With model width :math:`d`, :math:`h` query
heads and :math:`g` key/value heads of size :math:`s`, feed-forward width :math:`f` and :math:`n`
tokens, the multiply-adds of the weights are

.. math:: 2 d h s + 2 d g s + (2 + [\text{gated}]) d f

a token; what attention itself adds for a whole sequence is

.. math:: 2 n^2 h s \;\text{(softmax)}, \qquad 2 n w h s \;\text{(windows of } w \text{ tokens)},
          \qquad n (h + g) s \cdot c s \;\text{(linear)}

where :math:`c` is 1, or 2 for doubled features (cosFormer). For :math:`g = h` softmax and linear
attention cross at :math:`n^* = c s`. Masks are not exploited: causal attention counts in full, as
``torch.utils.flop_counter`` counts it. Normalisation, softmax, activation functions and look-ups
count nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Attention = Literal["softmax", "linear", "window"]
Norm = Literal["rms", "layer"]
ATTENTIONS: tuple[str, ...] = get_args(Attention)
NORMS: tuple[str, ...] = get_args(Norm)


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer: self-attention (and cross-attention in the decoder of a pair), feed-forward."""

    heads: int
    """Query heads."""
    kv_heads: int
    """Key/value heads; divides ``heads`` (grouped-query attention where smaller)."""
    head_size: int
    ffn: int
    """Width of the feed-forward part."""
    gated: bool = False
    """Three matrices (SwiGLU, GEGLU) instead of two."""
    attention: Attention = "softmax"
    window: int = 0
    """Tokens of one window where ``attention`` is ``window``, else 0."""
    features: int = 1
    """Linear attention: feature width as a multiple of ``head_size`` (cosFormer: 2)."""
    memory_layers: int = 1
    """Cross-attention: how many of the encoder's last layers are attended to (HAT: 1, 2, 3)."""

    @property
    def query_width(self) -> int:
        """``heads * head_size``."""
        return self.heads * self.head_size

    @property
    def kv_width(self) -> int:
        """``kv_heads * head_size``, of the keys and of the values."""
        return self.kv_heads * self.head_size


@dataclass(frozen=True, slots=True)
class Style:
    """What all layers of a network have in common."""

    norm: Norm = "rms"
    """RMSNorm has one weight a channel, LayerNorm a weight and a bias."""
    bias: bool = False
    """Whether linear layers have biases (the language model head never has)."""
    qkv_bias: bool | None = None
    """Instead of ``bias`` for queries, keys and values (Qwen2: only those)."""
    norm_first: bool = True
    """Norms before each part and one after the last layer; else after each part (BERT)."""

    def norm_params(self, width: int) -> int:
        """Weights of one norm."""
        return width if self.norm == "rms" else 2 * width

    @property
    def has_qkv_bias(self) -> bool:
        """Whether queries, keys and values have biases."""
        return self.bias if self.qkv_bias is None else self.qkv_bias


def attention_params(style: Style, width: int, layer: Layer, memory_width: int) -> int:
    """Weights of one attention part without its norm; keys read a stream of ``memory_width``."""
    q, kv = layer.query_width, layer.kv_width
    weights = 2 * width * q + 2 * memory_width * kv
    return weights + style.has_qkv_bias * (q + 2 * kv) + style.bias * width


def ffn_params(style: Style, width: int, layer: Layer) -> int:
    """Weights of the feed-forward part without its norm."""
    inner = (1 + layer.gated) * layer.ffn
    return (inner + layer.ffn) * width + style.bias * (inner + width)


def layer_params(style: Style, width: int, layer: Layer, memory_width: int = 0) -> int:
    """Weights of a layer with its norms; ``memory_width > 0`` adds cross-attention."""
    parts = 2 + (memory_width > 0)
    total = attention_params(style, width, layer, width) + ffn_params(style, width, layer)
    if memory_width:
        total += attention_params(style, width, layer, memory_width)
    return total + parts * style.norm_params(width)


def layer_macs(
    width: int, layer: Layer, tokens: int, memory_width: int = 0, memory_tokens: int = 0
) -> int:
    """Multiply-adds of a layer for a sequence of ``tokens``.

    ``memory_width > 0`` adds cross-attention to ``memory_tokens`` encoder positions, whose keys
    and values are projected once for each of ``memory_layers``.
    """
    q, kv = layer.query_width, layer.kv_width
    weights = 2 * width * q + 2 * width * kv + (2 + layer.gated) * width * layer.ffn
    total = tokens * weights + _mixing_macs(layer, tokens)
    if memory_width:
        memory = memory_tokens * layer.memory_layers
        total += 2 * tokens * width * q + 2 * memory * memory_width * kv + 2 * tokens * memory * q
    return total


def _mixing_macs(layer: Layer, tokens: int) -> int:
    if layer.attention == "linear":
        # The state of each key/value head is summed once, and read by every query head.
        state = layer.features * layer.head_size**2
        return tokens * (layer.heads + layer.kv_heads) * state
    seen = min(tokens, layer.window) if layer.attention == "window" else tokens
    return 2 * tokens * seen * layer.query_width


def layer_token_macs(
    width: int, layer: Layer, cached: int, memory_width: int = 0, memory_tokens: int = 0
) -> int:
    """Multiply-adds of a layer for one generated token that attends to ``cached`` positions.

    Itself included. Keys and values of an encoder (``memory_tokens``) are cached, not recomputed.
    """
    q, kv = layer.query_width, layer.kv_width
    total = 2 * width * q + 2 * width * kv + (2 + layer.gated) * width * layer.ffn
    if layer.attention == "linear":
        total += (layer.heads + layer.kv_heads) * layer.features * layer.head_size**2
    else:
        seen = min(cached, layer.window) if layer.attention == "window" else cached
        total += 2 * seen * q
    if memory_width:
        total += 2 * width * q + 2 * memory_tokens * layer.memory_layers * q
    return total


def layer_cache_values(layer: Layer, length: int, memory_tokens: int = 0) -> int:
    """Numbers that one sequence of ``length`` tokens keeps in a layer's cache.

    Softmax: keys and values. Windows: those of the last ``window`` tokens. Linear: the state
    ``features * head_size x head_size`` and its normaliser for each key/value head, whatever the
    length. Cross-attention adds keys and values of the memory.
    """
    if layer.attention == "linear":
        inner = layer.features * layer.head_size
        own = layer.kv_heads * (inner * layer.head_size + inner)
    else:
        seen = min(length, layer.window) if layer.attention == "window" else length
        own = 2 * seen * layer.kv_width
    return own + 2 * memory_tokens * layer.memory_layers * layer.kv_width


def layer_peak_values(width: int, layer: Layer, tokens: int, rotary: bool = False) -> int:
    """Numbers alive at once, at the most, in a forward pass of a layer without gradients.

    The residual stream and, in turn: normed input with queries, keys, values (each, if ``rotary``,
    with as much again twice while it is turned); those with the attention's output; that with its
    projection and the sum; normed input with the inner width (gated: two of it); the inner width
    with its activation; inner width with its projection and the sum. Attention holds no
    ``tokens x tokens`` matrix (fused). As the exported module allocates; linear attention, which
    keeps a state for each token of a chunk, is not covered.
    """
    q, kv, f = layer.query_width, layer.kv_width, layer.ffn
    steps = (
        width + q + 2 * kv,
        rotary * (width + max(3 * q, q + 3 * kv)),
        q + 2 * kv + q,
        q + 2 * width,
        width + (1 + layer.gated) * f,
        (2 + layer.gated) * f,
        f + 2 * width,
    )
    return tokens * (width + max(steps))
