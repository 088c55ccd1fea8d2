"""``config.json`` for Hugging Face's transformers, where a shape fits one of its models.

The configuration makes a network with as many weights in the same places; it says nothing of
trained weights. A shape fits if its layers are alike and its details are those of the model:
Llama, Qwen 2 and 3 or Gemma 3 (RMSNorm, rotary, gated; Gemma's windows may slide in some layers),
GPT-2, BERT, or ViT (LayerNorm with biases, learned positions, not gated). Gemma multiplies its
embeddings by the root of the width, which its own norms undo and our module leaves out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from mathdesign.spaces.transformer.network import Transformer
from mathdesign.spaces.transformer.norms import SCHEMES
from mathdesign.spaces.transformer.shape import Layer


class DoesNotFit(ValueError):
    """No model of the library has this shape; the message says what stands in the way."""


#: Decoders with rotary positions by the extra norms that they have.
EXTRA_NORMS = {(): "Llama, Qwen 2", ("qk",): "Qwen 3", ("qk", "sandwich"): "Gemma 3"}


def config(net: Transformer) -> dict[str, Any]:
    """The configuration as plain data. Raises :class:`DoesNotFit` with every obstacle."""
    makers = {"decoder_lm": _decoder, "encoder": _bert, "vit": _vit}
    if net.kind not in makers:
        raise DoesNotFit(
            f"kind: no configuration for {net.kind}; there is one for {', '.join(makers)}"
        )
    if obstacles := list(_obstacles(net)):
        raise DoesNotFit("; ".join(obstacles))
    return makers[net.kind](net, net.stacks[0].layers[0])


def config_text(net: Transformer) -> str:
    """``config.json``. Raises :class:`DoesNotFit`."""
    return json.dumps(config(net), indent=2) + "\n"


def _obstacles(net: Transformer) -> Iterator[str]:
    """What no model of the library has, or not in this combination."""
    layer, style, llama = net.stacks[0].layers[0], net.style, net.positions == "rotary"
    gemma = llama and _extra(net) == ("qk", "sandwich")
    layers = [layer for stack in net.stacks for layer in stack.layers]
    alike = {replace(x, attention="", window=0) if gemma else x for x in layers}
    if len(net.stacks) > 1 or len(alike) > 1:
        yield "layers: not all alike"
    accepted = ("softmax", "sliding") if gemma else ("softmax",)
    for kind in dict.fromkeys(x.attention for x in layers if x.attention not in accepted):
        yield f"attention: {kind}; accepted: {', '.join(accepted)}"
    if gemma and len({x.window for x in layers if x.attention == "sliding"}) > 1:
        yield "window: not all alike"
    if net.kind == "decoder_lm" and llama:
        wanted: dict[str, object] = {"norm": "rms", "gated": True, "bias": False}
        if _extra(net) not in EXTRA_NORMS:
            yield f"extra_norms: {_extra(net)}; accepted: {', '.join(map(str, EXTRA_NORMS))}"
        if _extra(net) and style.has_qkv_bias:
            yield "qkv_bias: True; with extra_norms accepted: False"
    else:
        if _extra(net):
            yield f"extra_norms: {_extra(net)}; accepted: ()"
        if net.positions != "learned":
            yield f"positions: {net.positions}; accepted: learned"
        if layer.query_width != net.width:
            yield f"heads * head_size: {layer.query_width}; accepted: the width {net.width}"
        if layer.kv_heads != layer.heads:
            yield f"kv_heads: {layer.kv_heads}; accepted: heads = {layer.heads}"
        wanted = {"norm": "layer", "gated": False, "bias": True, "qkv_bias": True}
    wanted["norm_first"] = net.kind != "encoder"
    found = {
        "norm": style.norm, "gated": layer.gated, "bias": style.bias,
        "qkv_bias": style.has_qkv_bias, "norm_first": style.norm_first,
    }  # fmt: skip
    yield from (f"{k}: {found[k]}; accepted: {v}" for k, v in wanted.items() if found[k] != v)
    yield from _frame(net)


def _extra(net: Transformer) -> tuple[str, ...]:
    return tuple(name for name in SCHEMES if name in net.style.extra_norms)


def _frame(net: Transformer) -> Iterator[str]:
    """Obstacles around the layers."""
    encoder = net.kind == "encoder"
    for name in ("embedding_norm", "pooler"):
        if getattr(net, name) != encoder:
            yield f"{name}: {getattr(net, name)}; accepted: {encoder}"
    if (net.token_types > 0) != encoder:
        yield f"token_types: {net.token_types}; accepted: {'1 or more' if encoder else 0}"
    if net.kind == "decoder_lm" and net.style.has_qkv_bias and net.positions == "rotary":
        layer = net.stacks[0].layers[0]
        if layer.query_width != net.width:
            yield f"heads * head_size: {layer.query_width}; with qkv_bias accepted: {net.width}"
    if net.kind == "vit" and not net.has_class_token:
        yield "class_token: False; accepted: True"


def _decoder(net: Transformer, layer: Layer) -> dict[str, Any]:
    shared = {"vocab_size": net.vocabulary, "tie_word_embeddings": net.tied, "bos_token_id": None,
              "eos_token_id": None}  # fmt: skip
    if net.positions != "rotary":
        return {
            "model_type": "gpt2",
            "architectures": ["GPT2LMHeadModel"],
            **shared,
            "n_positions": net.context,
            "n_embd": net.width,
            "n_layer": net.depth,
            "n_head": layer.heads,
            "n_inner": layer.ffn,
            "activation_function": "gelu",
            "layer_norm_epsilon": 1e-5,
        }
    # Qwen2 is Llama with biases on queries, keys and values alone.
    qwen = net.style.has_qkv_bias
    names = {(): ("qwen2", "Qwen2") if qwen else ("llama", "Llama"), ("qk",): ("qwen3", "Qwen3"),
             ("qk", "sandwich"): ("gemma3_text", "Gemma3")}  # fmt: skip
    model_type, model = names[_extra(net)]
    return {
        "model_type": model_type,
        "architectures": [f"{model}ForCausalLM"],
        **shared,
        "max_position_embeddings": net.context,
        "hidden_size": net.width,
        "num_hidden_layers": net.depth,
        "num_attention_heads": layer.heads,
        "num_key_value_heads": layer.kv_heads,
        **({} if qwen else {"head_dim": layer.head_size}),
        "intermediate_size": layer.ffn,
        **({} if model == "Gemma3" else {"hidden_act": "silu"}),
        "rms_norm_eps": 1e-5,
        **(_gemma(net) if model == "Gemma3" else {"rope_theta": 10000.0}),
    }


def _gemma(net: Transformer) -> dict[str, Any]:
    """What Gemma 3 names in its own way: the kind of every layer among others."""
    layers = net.stacks[0].layers
    kinds = {"softmax": "full_attention", "sliding": "sliding_attention"}
    rope = {"rope_type": "default", "rope_theta": 10000.0}
    return {
        "hidden_activation": "silu",
        "query_pre_attn_scalar": layers[0].head_size,
        "layer_types": [kinds[layer.attention] for layer in layers],
        "sliding_window": max(layer.window for layer in layers) or net.context,
        "rope_parameters": dict.fromkeys(kinds.values(), rope),
    }


def _blocks(net: Transformer, layer: Layer) -> dict[str, Any]:
    """What BERT and ViT name alike."""
    return {
        "hidden_size": net.width,
        "num_hidden_layers": net.depth,
        "num_attention_heads": layer.heads,
        "intermediate_size": layer.ffn,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-5,
        **({"num_labels": net.classes} if net.classes else {}),
    }


def _bert(net: Transformer, layer: Layer) -> dict[str, Any]:
    name = "BertForSequenceClassification" if net.classes else "BertModel"
    return {
        "model_type": "bert",
        "architectures": [name],
        **_blocks(net, layer),
        "vocab_size": net.vocabulary,
        "max_position_embeddings": net.context,
        "type_vocab_size": net.token_types,
    }


def _vit(net: Transformer, layer: Layer) -> dict[str, Any]:
    assert net.image is not None
    return {
        "model_type": "vit",
        "architectures": ["ViTForImageClassification" if net.classes else "ViTModel"],
        **_blocks(net, layer),
        "image_size": net.image.size,
        "patch_size": net.image.patch,
        "num_channels": net.image.channels,
    }
