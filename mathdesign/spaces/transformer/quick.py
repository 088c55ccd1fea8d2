"""What a transformer of which only a family and a size are known is made of: the quick form's space.

One width for all layers, heads of 64 channels, as many key/value heads as heads, feed-forward parts
of the usual width: GPT-2, BERT, T5 and ViT lie inside, from a hundredth to a hundred times their
size. The log-volume balances depth and width by itself, near a layer for 24 channels, as the small
language models of arXiv 2402.14905 do; no table says so of images, where depth stays near the published.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from mathdesign.spaces.transformer.shape import GENERATES, VISION
from mathdesign.spec.quantities import size_bytes

HEAD_SIZE = 64
#: Greatest depth / width of what sees images: ViT-S has 12 layers of 384 channels.
EFFECTIVENESS = {"vit": 0.0334, "hierarchical_vit": 0.0625}
#: Layers a channel of width, about, where a cache alone is given.
LAYERS_A_CHANNEL = 0.025
#: Feed-forward width / width; three matrices of 3 hold about as much as two of 4.
GATED, PLAIN = 3, 4
#: Weights of a layer over width^2: queries, keys, values, output; the feed-forward part.
A_LAYER = 4 + 3 * GATED
WIDTHS = "64..1024/64"
WIDE = [1152, 1280, 1408, 1536, 1792, 2048, 2560, 3072, 4096]
TEXT: Mapping[str, Mapping[str, Any]] = {
    "decoder_lm": {"vocabulary": 32000, "context": 1024},
    "prefix_lm": {"vocabulary": 32000, "context": 1024},
    "encoder": {"vocabulary": 30522, "context": 512},
    "encoder_decoder": {"vocabulary": 32128, "context": 512},
}
IMAGE = (3, 224)
CLASSES = 1000
#: Tokens a side that a picture is cut into at least, and the widest patch, pixels.
TOKENS, PATCH = 8, 16


def quick_words(
    family: str, image: tuple[int, int] | None, classes: int | None, budgets: Mapping[str, Any]
) -> dict[str, Any]:
    """Space and budgets; ``image`` is ``(channels, size)`` for families that see images."""
    space: dict[str, Any] = {"family": family}
    if classes is not None or family in VISION:
        space["classes"] = CLASSES if classes is None else classes
    if image is not None or family in VISION:
        channels, size = image or IMAGE
        side = patch_of(size, pooled=family == "hierarchical_vit")
        space["image"] = {"channels": channels, "size": size, "patch": side}
    space |= TEXT.get(family, {})
    stack = {
        "width": [WIDTHS, *WIDE], "depth": "2..48", "head_size": HEAD_SIZE,
        "ffn_ratio": GATED if family in GENERATES else PLAIN, "layers": "shared",
    }  # fmt: skip
    space["stacks"] = [stack]
    if family == "encoder_decoder":
        space["monotone_width"] = True
        space["stacks"] = [{**stack, "width": WIDTHS, "depth": d} for d in ("6..12", "4..8")]
    if family == "hierarchical_vit":
        space["stacks"] = _pooled()
        space["monotone_width"] = True
    limit = {"effectiveness": EFFECTIVENESS[family]} if family in EFFECTIVENESS else {}
    return limit | {
        "space": space,
        "budgets": {**_weights_for_cache(budgets, space.get("context", 0)), **budgets},
    }


def _weights_for_cache(budgets: Mapping[str, Any], context: int) -> dict[str, Any]:
    """A cache alone does not say how wide layers are: weights of the usual shape that it allows.

    ``layers * width`` channels are cached, 4 bytes each a token.
    """
    most = budgets.get("kv_cache_bytes")
    most = most.get("max") if isinstance(most, Mapping) else most
    if most is None or any("params" in metric or "macs" in metric for metric in budgets):
        return {}
    try:
        channels = size_bytes(most) // (4 * context)
    except ValueError:
        return {}  # the limit's own fault is told where it stands
    width = math.sqrt(channels / LAYERS_A_CHANNEL)
    return {"non_embedding_params": max(1, int(1.1 * A_LAYER * channels * width))}


def patch_of(size: int, *, pooled: bool) -> int:
    """Pixels of a patch's side: 16 for 224 pixels; pooling stages start at 4."""
    if pooled:
        return 4
    fits = [p for p in (PATCH, 14, 8, 7, 4, 2) if size % p == 0 and size // p >= TOKENS]
    return fits[0] if fits else 1


def _pooled() -> list[dict[str, Any]]:
    """Windows early, pooling between stages, global attention late, as in the preset pooled-vit."""
    depths = ("1..3", "2..4", "4..16", "2..4")
    stacks: list[dict[str, Any]] = []
    for i, depth in enumerate(depths):
        local = {"attention": "window", "window": 64 // 4**i} if i < 2 else {}
        own = {"width": [width * 2**i for width in (32, 64, 96)], "head_size": 32}
        ratio = {"ffn_ratio": PLAIN, "depth": depth, "pool": 4 if i else 1}
        stacks.append({**own, **ratio, "layers": "shared", **local})
    return stacks
