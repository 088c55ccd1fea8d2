"""Published transformers (:mod:`mathdesign.spaces.transformer.zoo`) as points of spaces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from mathdesign.spaces.transformer.mixers import MIXERS
from mathdesign.spaces.transformer.network import Transformer
from mathdesign.spaces.transformer.shape import Layer, Stack
from mathdesign.spaces.transformer.zoo import PYTHIA, published
from mathdesign.zoo.member import Figure, Member

GROUPS = {
    "mobilellm": "MobileLLM", "smollm": "SmolLM", "qwen2.5": "Qwen2.5", "gpt3": "GPT-3",
    "pythia": "Pythia", "bert": "BERT", "t5": "T5", "decoder": "T5", "vit": "ViT",
    "qwen3": "Qwen3", "gemma": "Gemma",
}  # fmt: skip
ROUNDED = "the source's name of the size"
#: Metric and figure as the source prints it, and why we count otherwise.
SAID: dict[str, tuple[tuple[str, str, str], ...]] = {
    "mobilellm-125m": (("params", "124.6 M", ""),),
    "mobilellm-350m": (("params", "345.3 M", ""),),
    "mobilellm-600m": (("params", "603.1 M", ""),),
    "mobilellm-1b": (("params", "1.01 B", ""),),
    "mobilellm-1.5b": (("params", "1.51 B", ""),),
    "smollm-135m": (("params", "135 M", ""),),
    "smollm-360m": (("params", "362 M", ""),),
    "smollm-1.7b": (("params", "1.7 B", ""),),
    "qwen2.5-0.5b": (("params", "0.49 B", ""),),
    "gpt3-125m": (("params", "125 M", ""),),
    "gpt3-350m": (("params", "350 M", ROUNDED),),
    "gpt3-760m": (("params", "760 M", ""),),
    "gpt3-1.3b": (("params", "1.3 B", ""),),
    "gpt3-2.7b": (("params", "2.7 B", ""),),
    "gpt3-6.7b": (("params", "6.7 B", ""),),
    "gpt3-13b": (("params", "13 B", ""),),
    "gpt3-175b": (("params", "175 B", ""),),
    "bert-base": (("params", "110 M", "109 M, in round numbers"),),
    "t5-style-xxl": (("params", "11,003,736,064", ""),),
    "decoder-xxl": (("params", "4.8 B", ""),),
    "vit-ti": (("params", "5 M", ""),),
    "vit-s": (("params", "22 M", ""),),
    "vit-b": (("params", "86 M", ""),),
    "qwen3-4b": (("params", "4.0 B", ""),),
    "gemma-3-270m": (("params", "270 M", ROUNDED),),
}
SAID |= {
    name: (("non_embedding_params", f"{params:,}", ""),) for name, (*_, params) in PYTHIA.items()
}


def members() -> Iterator[Member]:
    """Every published transformer."""
    for name, entry in published().items():
        figures = tuple(
            Figure(metric, said, entry.source, differs=why) for metric, said, why in SAID[name]
        )
        yield Member(
            name, GROUPS[name.partition("-")[0]], entry.source, request(entry.network),
            entry.network, figures, entry.warnings,
        )  # fmt: skip


def request(net: Transformer) -> dict[str, Any]:
    """A specification of a space that has ``net``: its frame, and stacks of its kinds of layers."""
    style = net.style
    words: dict[str, Any] = {
        "family": net.kind, "vocabulary": net.vocabulary, "context": net.context,
        "classes": net.classes, "positions": net.positions, "tied": net.tied, "norm": style.norm,
        "bias": style.bias, "qkv_bias": style.qkv_bias, "norm_first": style.norm_first,
        "extra_norms": list(style.extra_norms) or None, "class_token": net.class_token,
        "token_types": net.token_types, "embedding_norm": net.embedding_norm, "pooler": net.pooler,
        "image": None if net.image is None else asdict(net.image),
        "stacks": [_stack(stack) for stack in net.stacks],
    }  # fmt: skip
    space = {key: value for key, value in words.items() if value is not None}
    return {"space": space, "objective": {"metric": "params"}}


def _stack(stack: Stack) -> dict[str, Any]:
    """The words of a stack: one layer where all are alike, else the choice among their kinds."""
    kinds = tuple(dict.fromkeys(layer.attention for layer in stack.layers))
    first, depth = stack.layers[0], len(stack.layers)
    alike = len(kinds) == 1
    words: dict[str, Any] = {
        "width": stack.width, "depth": depth, "heads": first.heads, "head_size": first.head_size,
        "kv_heads": first.kv_heads, "ffn": first.ffn, "gated": first.gated,
        "attention": list(kinds), "memory_layers": first.memory_layers, "pool": stack.pool,
    }  # fmt: skip
    for layer in stack.layers:
        words |= {option: getattr(layer, option) for option in MIXERS[layer.attention].options}
    if not alike:
        words["softmax_every"] = _every(stack.layers)
    return words


def _every(layers: tuple[Layer, ...]) -> int:
    """The longest run without a softmax layer, and that layer."""
    softmax = [i for i, layer in enumerate(layers) if layer.attention == "softmax"]
    return max(b - a for a, b in zip([-1, *softmax], [*softmax, len(layers)]))
