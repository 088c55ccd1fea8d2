"""What a transformer is made of, as plain frozen data: nothing is checked or counted here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

Kind = Literal[
    "decoder_lm", "prefix_lm", "encoder", "encoder_decoder", "vit", "hierarchical_vit"
]  # fmt: skip
Positions = Literal["learned", "rotary", "relative", "none"]
Norm = Literal["rms", "layer"]
KINDS: tuple[str, ...] = get_args(Kind)
POSITIONS: tuple[str, ...] = get_args(Positions)
NORMS: tuple[str, ...] = get_args(Norm)
VISION = ("vit", "hierarchical_vit")
GENERATES = ("decoder_lm", "prefix_lm", "encoder_decoder")


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
    attention: str = "softmax"
    """A kind of :data:`mathdesign.spaces.transformer.mixers.MIXERS`."""
    window: int = 0
    """Tokens of one window where ``attention`` has windows, else 0."""
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
    extra_norms: tuple[str, ...] = ()
    """Names of :data:`mathdesign.spaces.transformer.norms.SCHEMES`."""

    def norm_params(self, width: int) -> int:
        """Weights of one norm."""
        return width if self.norm == "rms" else 2 * width

    @property
    def has_qkv_bias(self) -> bool:
        """Whether queries, keys and values have biases."""
        return self.bias if self.qkv_bias is None else self.qkv_bias


@dataclass(frozen=True, slots=True)
class Stack:
    """Layers of one width, in channels. ``pool`` tokens become one on entry (1: none)."""

    width: int
    layers: tuple[Layer, ...]
    pool: int = 1


@dataclass(frozen=True, slots=True)
class Image:
    """What a vision transformer sees: square images cut into square patches."""

    channels: int = 3
    size: int = 224
    patch: int = 16

    @property
    def patches(self) -> int:
        """Number of patches."""
        return (self.size // self.patch) ** 2


@dataclass(frozen=True, slots=True)
class Description:
    """The choices of a whole network.

    ``vocabulary`` is 0 for vision, ``classes`` 0 for language models (an encoder may have
    either). ``context`` is the longest sequence in tokens: the length of a learned position table.
    """

    name: str
    kind: Kind
    stacks: tuple[Stack, ...]
    vocabulary: int = 0
    context: int = 0
    positions: Positions = "rotary"
    tied: bool = True
    """The output head shares the token embedding's matrix."""
    style: Style = field(default_factory=Style)
    image: Image | None = None
    classes: int = 0
    class_token: bool = True
    """Vision: a learned token that is read by the head; else the mean over tokens."""
    token_types: int = 0
    """BERT's segments: rows of a second embedding."""
    embedding_norm: bool = False
    """A norm right after the embeddings (BERT)."""
    pooler: bool = False
    """A linear layer ``width x width`` with bias on the first token (BERT)."""

    def __post_init__(self) -> None:
        """A network checks itself here."""
