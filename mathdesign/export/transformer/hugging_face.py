"""``config.json`` for Hugging Face's transformers, where a shape fits one of its models.

The configuration makes a network with as many weights in the same places; it says nothing of
trained weights. A shape fits if its layers are alike and its details are those of the model:
Llama or Qwen2 (RMSNorm, rotary, gated), GPT-2, BERT, or ViT (LayerNorm with biases, learned
positions, not gated).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from mathdesign.spaces.transformer.network import Transformer
from mathdesign.spaces.transformer.shape import Layer


class DoesNotFit(ValueError):
    """No model of the library has this shape; the message says what stands in the way."""


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
    layers = {layer for stack in net.stacks for layer in stack.layers}
    if len(net.stacks) > 1 or len(layers) > 1:
        yield "layers: not all alike"
    layer, style, llama = net.stacks[0].layers[0], net.style, net.positions == "rotary"
    if layer.attention != "softmax":
        yield f"attention: {layer.attention}; accepted: softmax"
    if net.kind == "decoder_lm" and llama:
        wanted: dict[str, object] = {"norm": "rms", "gated": True, "bias": False}
    else:
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
    return {
        "model_type": "qwen2" if qwen else "llama",
        "architectures": ["Qwen2ForCausalLM" if qwen else "LlamaForCausalLM"],
        **shared,
        "max_position_embeddings": net.context,
        "hidden_size": net.width,
        "num_hidden_layers": net.depth,
        "num_attention_heads": layer.heads,
        "num_key_value_heads": layer.kv_heads,
        **({} if qwen else {"head_dim": layer.head_size}),
        "intermediate_size": layer.ffn,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
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
