"""Norms beside those before or after each part, one entry a scheme.

A scheme norms what some linear maps give: over each head, as queries and keys are normed against
scores that grow (arXiv 2302.05442), or over all channels, as what a part adds to the stream is in
Gemma 2 and 3 (arXiv 2408.00118: a norm before each part and one after it). They are norms of the
network's kind. A new scheme is an entry here and the independent recount of
``validators/transformer/recheck.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

from mathdesign.spaces.transformer.shape import Layer, Style


@dataclass(frozen=True, slots=True)
class Scheme:
    """Which linear maps are normed."""

    name: str
    """The word ``extra_norms:`` takes."""
    maps: tuple[str, ...]
    """Of ``query``, ``key``, ``value``, ``out``; the last one of the feed-forward part too."""
    heads: bool
    """Over the channels of each head, with the same weights, else over all that a map gives."""
    meaning: str


SCHEMES: dict[str, Scheme] = {
    scheme.name: scheme
    for scheme in (
        Scheme("qk", ("query", "key"), True, "each head of queries and keys (Qwen 3, Gemma 3)"),
        Scheme("sandwich", ("out",), False, "what each part adds to the stream (Gemma 2 and 3)"),
    )
}


def normed(style: Style) -> tuple[tuple[str, bool], ...]:
    """The maps that are normed, and whether over each head, as the module is told."""
    schemes = [SCHEMES[name] for name in SCHEMES if name in style.extra_norms]
    return tuple((name, scheme.heads) for scheme in schemes for name in scheme.maps)


def extra_params(style: Style, width: int, layer: Layer, attentions: int) -> int:
    """Weights of the extra norms of a layer with ``attentions`` attention parts."""
    widths = {"query": layer.query_width, "key": layer.kv_width, "value": layer.kv_width}
    total = 0
    for name, heads in normed(style):
        size = layer.head_size if heads else widths.get(name, width)
        parts = attentions + (name == "out")
        total += parts * style.norm_params(size)
    return total


def alive(style: Style) -> tuple[bool, bool]:
    """Whether queries or keys, and what a part adds, are alive twice while they are normed.

    A fused LayerNorm makes its result alone.
    """
    names = [name for name, _ in normed(style)] if style.norm == "rms" else []
    return any(name != "out" for name in names), "out" in names
