"""Published transformers as data: what their tables say, built and counted.

Shapes are facts from the papers and model cards named with them. ``params`` is what the source
says, in weights, where it says so to the unit; a table's rounding is in ``rounded``. ``warnings``
name rows that contradict themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from mathdesign.spaces.transformer.network import Transformer
from mathdesign.spaces.transformer.shape import Image, Layer, Stack, Style

GPT = Style("layer", bias=True)
POST_NORM = Style("layer", bias=True, norm_first=False)
GPT3_VOCABULARY, GPT3_CONTEXT = 50257, 2048


@dataclass(frozen=True, slots=True)
class Published:
    """One network with its source."""

    network: Transformer
    source: str
    rounded: float | None = None
    """Params as the table gives them, where it rounds."""
    warnings: tuple[str, ...] = ()


def _llama(name: str, shape: tuple[int, ...], context: int = 2048) -> Transformer:
    depth, width, heads, kv, ffn, vocabulary = shape
    style = Style("rms", qkv_bias=True) if name.startswith("qwen") else Style("rms")
    layer = Layer(heads, kv, width // heads, ffn, gated=True)
    stack = (Stack(width, (layer,) * depth),)
    return Transformer(name, "decoder_lm", stack, vocabulary, context, style=style)


LLAMA_LIKE = {
    "mobilellm-125m": (30, 576, 9, 3, 1536, 32000),
    "mobilellm-350m": (32, 960, 15, 5, 2560, 32000),
    "mobilellm-600m": (40, 1152, 18, 6, 3072, 32000),
    "mobilellm-1b": (54, 1280, 20, 5, 3584, 32000),
    "mobilellm-1.5b": (54, 1600, 25, 5, 4352, 32000),
    "smollm-135m": (30, 576, 9, 3, 1536, 49152),
    "smollm-360m": (32, 960, 15, 5, 2560, 49152),
    "smollm-1.7b": (24, 2048, 32, 32, 8192, 49152),
    "qwen2.5-0.5b": (24, 896, 14, 2, 4864, 151936),
}
"""Layers, width, heads, key/value heads, feed-forward width, vocabulary; tied embeddings."""
GPT3 = {
    "gpt3-125m": (12, 768, 12, 64, 125e6),
    "gpt3-350m": (24, 1024, 16, 64, 350e6),
    "gpt3-760m": (24, 1536, 16, 96, 760e6),
    "gpt3-1.3b": (24, 2048, 24, 128, 1.3e9),
    "gpt3-2.7b": (32, 2560, 32, 80, 2.7e9),
    "gpt3-6.7b": (32, 4096, 32, 128, 6.7e9),
    "gpt3-13b": (40, 5140, 40, 128, 13e9),
    "gpt3-175b": (96, 12288, 96, 128, 175e9),
}
"""Layers, width, heads, head size, params of arXiv 2005.14165, table 2.1."""
PYTHIA = {
    "pythia-70m": (6, 512, 8, 18_915_328),
    "pythia-160m": (12, 768, 12, 85_056_000),
    "pythia-410m": (24, 1024, 16, 302_311_424),
    "pythia-1b": (16, 2048, 8, 805_736_448),
    "pythia-1.4b": (24, 2048, 16, 1_208_602_624),
    "pythia-2.8b": (32, 2560, 32, 2_517_652_480),
    "pythia-6.9b": (32, 4096, 32, 6_444_163_072),
    "pythia-12b": (36, 5120, 40, 11_327_027_200),
}
"""Layers, width, heads, non-embedding params of arXiv 2304.01373, table 1."""


def _gpt3(name: str) -> Published:
    depth, width, heads, size, rounded = GPT3[name]
    warnings: tuple[str, ...] = ()
    if heads * size != width:
        warnings = (f"{heads} heads of {size} are {heads * size} channels, the width is {width}",)
        # The count needs a query width as wide as the model: the heads that divide it do.
        heads = next(h for h in range(heads, 0, -1) if width % h == 0)
    layer = Layer(heads, heads, width // heads, 4 * width)
    net = Transformer(
        name, "decoder_lm", (Stack(width, (layer,) * depth),), GPT3_VOCABULARY, GPT3_CONTEXT,
        "learned", style=GPT,
    )  # fmt: skip
    return Published(net, "arXiv 2005.14165, table 2.1", rounded, warnings)


def _pythia(name: str) -> Published:
    depth, width, heads, _ = PYTHIA[name]
    layer = Layer(heads, heads, width // heads, 4 * width)
    stack = (Stack(width, (layer,) * depth),)
    net = Transformer(name, "decoder_lm", stack, 50304, 2048, "rotary", tied=False, style=GPT)
    return Published(net, "arXiv 2304.01373, table 1")


def _others() -> dict[str, Published]:
    layer = Layer(12, 12, 64, 3072)
    bert = Transformer(
        "bert-base", "encoder", (Stack(768, (layer,) * 12),), 30522, 512, "learned",
        style=POST_NORM, token_types=2, embedding_norm=True, pooler=True,
    )  # fmt: skip
    stack = Stack(4096, (Layer(64, 64, 64, 10240, gated=True),) * 24)
    pair = Transformer(
        "t5-style-xxl", "encoder_decoder", (stack, stack), 32128, 512, "relative"
    )  # fmt: skip
    twin = Transformer("decoder-xxl", "decoder_lm", (stack,), 32128, 512, "relative")
    zero_shot = "arXiv 2204.05832"
    found = {
        "bert-base": Published(bert, "arXiv 1810.04805"),
        "t5-style-xxl": Published(pair, zero_shot),
        "decoder-xxl": Published(twin, zero_shot),
    }
    for name, width in (("vit-ti", 192), ("vit-s", 384), ("vit-b", 768)):
        block = Layer(width // 64, width // 64, 64, 4 * width)
        net = Transformer(
            name, "vit", (Stack(width, (block,) * 12),), positions="learned", style=GPT,
            image=Image(), classes=1000,
        )  # fmt: skip
        found[name] = Published(net, "arXiv 2012.12877, 2010.11929")
    return found


def _recent() -> dict[str, Published]:
    """Decoders with norms of queries and keys; windows that slide between full layers."""
    qwen = Stack(2560, (Layer(32, 8, 128, 9728, gated=True),) * 36)
    full = Layer(4, 1, 256, 2048, gated=True)
    slides = replace(full, attention="sliding", window=512)
    gemma = Stack(640, ((slides,) * 5 + (full,)) * 3)
    qk, sandwich = Style(extra_norms=("qk",)), Style(extra_norms=("qk", "sandwich"))
    return {
        "qwen3-4b": Published(
            Transformer("qwen3-4b", "decoder_lm", (qwen,), 151936, 32768, style=qk),
            "arXiv 2505.09388, table 1; model card",
        ),
        "gemma-3-270m": Published(
            Transformer("gemma-3-270m", "decoder_lm", (gemma,), 262144, 32768, style=sandwich),
            "arXiv 2503.19786; model card",
        ),
    }


def published() -> dict[str, Published]:
    """Every network by name."""
    source = "arXiv 2402.14905 (MobileLLM); model cards (SmolLM, Qwen2.5)"
    found = {name: Published(_llama(name, s), source) for name, s in LLAMA_LIKE.items()}
    found |= {name: _gpt3(name) for name in GPT3} | {name: _pythia(name) for name in PYTHIA}
    return found | _others() | _recent()


def language_model_choice(*, multitask_finetuned: bool, zero_shot: bool = True) -> dict[str, str]:
    """Which language model to train, as the study arXiv 2204.05832 found, with its reason.

    Without multitask finetuning: a causal decoder on full language modelling. With it: visibility
    of the whole input (encoder-decoder, or a prefix decoder adapted from it) on masked language
    modelling.
    """
    if zero_shot and not multitask_finetuned:
        family, goal = "decoder_lm", "full language modelling"
    else:
        family, goal = "encoder_decoder", "masked language modelling"
    return {"family": family, "objective": goal, "evidence": "arXiv 2204.05832, abstract"}
