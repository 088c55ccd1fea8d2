"""What a kind of attention says of itself: its weights, its costs, its words, its module.

With model width :math:`d`, :math:`h` query heads and :math:`g` key/value heads of size :math:`s`,
every kind multiplies :math:`2 d h s + 2 d g s` a token for its four matrices. What it adds to mix
``n`` tokens is its own. Masks are not exploited: causal attention counts in full, as
``torch.utils.flop_counter`` counts it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from mathdesign.spaces.transformer.shape import KINDS, Layer, Style

if TYPE_CHECKING:
    from mathdesign.spaces.transformer.mixers.attention import Attention

#: Words that only some kinds of attention have: the value that a layer of any other kind keeps.
OPTIONS = {"window": 0, "features": 1}
#: Options that have to be said by who has them, and by no one else.
REQUIRED = ("window",)


def attention_params(style: Style, width: int, layer: Layer, memory_width: int) -> int:
    """Weights of one attention part without its norm; keys read a stream of ``memory_width``."""
    q, kv = layer.query_width, layer.kv_width
    weights = 2 * width * q + 2 * memory_width * kv
    return weights + style.has_qkv_bias * (q + 2 * kv) + style.bias * width


class Mixer(ABC):
    """One kind of attention. What is not said otherwise is as in softmax attention."""

    name: ClassVar[str]
    """The word ``attention:`` takes."""
    options: ClassVar[tuple[str, ...]] = ()
    """Which of :data:`OPTIONS` it has."""
    families: ClassVar[tuple[str, ...]] = KINDS
    """Families of networks whose layers may be of this kind."""
    closed: ClassVar[bool] = False
    """Where one layer in every few is full, whether that one closes a run of these (Gemma 3: five,
    then a full one); else full layers are spread evenly among the others."""
    own_class: ClassVar[bool] = False
    """Whether :meth:`torch_class` is printed only where it is used (old files have the others)."""

    def params(self, style: Style, width: int, layer: Layer) -> int:
        """Weights of the part without its norm."""
        return attention_params(style, width, layer, width)

    @abstractmethod
    def macs(self, layer: Layer, tokens: int) -> int:
        """Multiply-adds that mix a sequence, beside those of the four matrices."""

    @abstractmethod
    def token_macs(self, layer: Layer, cached: int) -> int:
        """The same for one generated token that attends to ``cached`` positions, itself included."""

    @abstractmethod
    def cache_values(self, layer: Layer, length: int) -> int:
        """Numbers that one sequence of ``length`` tokens keeps in the cache."""

    def peak_values(self, layer: Layer, tokens: int) -> int:
        """Numbers alive at once while ``tokens`` are mixed: queries, keys, values, what is read."""
        return tokens * (2 * layer.query_width + 2 * layer.kv_width)

    def entropy(self, width: int, layer: Layer, tokens: int) -> float:
        """What mixing adds to the layer's entropy, in nats: 0 where its matrix has full rank."""
        return 0.0

    def faults(self, layer: Layer) -> Iterator[tuple[str, str]]:
        """Options that do not fit: the option, what was found and is accepted."""
        yield from ()

    def unbuilt(self, layer: Layer, kind: str) -> Iterator[str]:
        """Why no torch module is made for such a layer in a network of ``kind``."""
        yield from ()

    @abstractmethod
    def torch_class(self) -> type[Attention]:
        """The part as a module (imports torch); it is printed into ``model.py``.

        With ``own_class`` it is made by ``(width, style, heads, kv_heads, head_size, window,
        features, horizon)``, the longest sequence last.
        """


class Windowed(Mixer):
    """Attention to a window of tokens."""

    options = ("window",)

    def token_macs(self, layer: Layer, cached: int) -> int:
        """Of the window alone."""
        return 2 * min(cached, layer.window) * layer.query_width

    def cache_values(self, layer: Layer, length: int) -> int:
        """Keys and values of the last ``window`` tokens."""
        return 2 * min(length, layer.window) * layer.kv_width

    def faults(self, layer: Layer) -> Iterator[tuple[str, str]]:
        """A window holds a token or more."""
        if layer.window < 1:
            yield "window", f"found {layer.window}; above 0 for attention `{self.name}`, else 0"
