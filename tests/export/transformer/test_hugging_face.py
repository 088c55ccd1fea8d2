"""The configuration makes a network with as many weights, or it is said why there is none."""

import json

import pytest
import torch

from mathdesign.export.transformer.hugging_face import DoesNotFit, config, config_text
from mathdesign.export.transformer.module import build
from mathdesign.spaces.transformer.network import Layer, Stack, Style, Transformer
from mathdesign.spaces.transformer.zoo import published
from tests.export.transformer.test_module import PUBLISHED, SMALL, bert

FITTING = ("mobilellm-125m", "smollm-135m", "qwen2.5-0.5b", "gpt2", "bert-base", "vit-ti", "vit-b")


def model(net):
    transformers = pytest.importorskip("transformers")
    words = json.loads(config_text(net))
    settings = transformers.AutoConfig.for_model(**words)
    return getattr(transformers, words["architectures"][0])(settings)


@pytest.mark.parametrize("name", FITTING)
def test_as_many_weights(name):
    net = PUBLISHED[name]
    with torch.device("meta"):
        theirs = model(net)
    assert sum(p.numel() for p in theirs.parameters()) == net.params()


def test_a_classifier():
    net = bert(classes=3)
    with torch.device("meta"):
        theirs = model(net)
    assert sum(p.numel() for p in theirs.parameters()) == net.params()


def test_a_llama_computes_the_same():
    """Weights carried over give the same scores: rotary positions and heads are laid out alike."""
    net = Transformer("x", "decoder_lm", (Stack(32, (Layer(4, 2, 8, 48, True),) * 2),), 50, 64)
    ours, theirs = build(net).eval(), model(net).eval()
    names = {"query": "self_attn.q_proj", "key": "self_attn.k_proj", "value": "self_attn.v_proj"}
    mlp = {"up": "mlp.up_proj", "gate": "mlp.gate_proj", "out": "mlp.down_proj"}
    state = {"model.embed_tokens.weight": ours.embedding.tokens.weight}
    state["lm_head.weight"] = state["model.embed_tokens.weight"]
    state["model.norm.weight"] = ours.stacks[0].norm.weight
    for i in range(2):
        first, second = ours.stacks[0].parts[2 * i : 2 * i + 2]
        at = f"model.layers.{i}."
        for part, table, norm in (
            (first, {**names, "out": "self_attn.o_proj"}, "input_layernorm"),
            (second, mlp, "post_attention_layernorm"),
        ):
            state[f"{at}{norm}.weight"] = part.norm.weight
            state |= {f"{at}{v}.weight": getattr(part, k).weight for k, v in table.items()}
    theirs.load_state_dict(state)
    tokens = torch.arange(40).reshape(2, 20)
    with torch.no_grad():
        assert torch.allclose(ours(tokens), theirs(tokens).logits, atol=1e-5)


def tiny(extra, layers, **style):
    style = Style(extra_norms=extra, **style)
    return Transformer("x", "decoder_lm", (Stack(32, layers),), 50, 64, style=style)


def carried(ours, extra=()):
    """Our weights under the names of the library: parts in order, extra norms where there are."""
    names = {"query": "self_attn.q_proj", "key": "self_attn.k_proj", "value": "self_attn.v_proj"}
    mlp = {"up": "mlp.up_proj", "gate": "mlp.gate_proj", "out": "mlp.down_proj"}
    gemma = "sandwich" in extra
    before = "pre_feedforward_layernorm" if gemma else "post_attention_layernorm"
    state = {"model.embed_tokens.weight": ours.embedding.tokens.weight}
    state["lm_head.weight"] = state["model.embed_tokens.weight"]
    norms = {"model.norm.weight": ours.stacks[0].norm.weight}
    for i, part in enumerate(ours.stacks[0].parts):
        at, first = f"model.layers.{i // 2}.", i % 2 == 0
        norms[f"{at}{'input_layernorm' if first else before}.weight"] = part.norm.weight
        table = {**names, "out": "self_attn.o_proj"} if first else mlp
        state |= {f"{at}{v}.weight": getattr(part, k).weight for k, v in table.items()}
        if first:
            norms[f"{at}self_attn.q_norm.weight"] = part.query.norm.weight
            norms[f"{at}self_attn.k_norm.weight"] = part.key.norm.weight
        if gemma:
            after = "post_attention_layernorm" if first else "post_feedforward_layernorm"
            # Gemma's stream is the root of the width times ours.
            scale = ours.stacks[0].width ** 0.5
            norms[f"{at}{after}.weight"] = part.out.norm.weight * scale
    # Gemma's norms multiply by one more than their weights.
    return state | {name: w - 1 if gemma else w for name, w in norms.items()}


QK, GEMMA = ("qk",), ("qk", "sandwich")
FULL, SLIDES = Layer(4, 2, 16, 48, True), Layer(4, 2, 16, 48, True, "sliding", 6)


@pytest.mark.parametrize(
    ("extra", "layers"),
    [(QK, (FULL,) * 3), (GEMMA, (SLIDES, SLIDES, FULL, SLIDES)), (GEMMA, (SLIDES,) * 2)],
    ids=["qwen3", "gemma3", "gemma3-no-full"],
)
def test_qwen3_and_gemma3_compute_the_same(extra, layers):
    """Random weights, carried over: norms, windows that slide and their place among full layers."""
    net = tiny(extra, layers)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        ours, theirs = build(net).eval(), model(net).eval()
        with torch.no_grad():
            for name, p in ours.named_parameters():
                if "norm" in name:
                    p.uniform_(0.5, 1.5)
                else:
                    p.normal_(std=1 if "embedding" in name else 0.2)
            for part in ours.stacks[0].parts if "sandwich" in extra else ():
                part.out.norm.weight /= 4
    theirs.load_state_dict(carried(ours, extra))
    tokens = torch.arange(40).reshape(2, 20)
    with torch.no_grad():
        found, wanted = ours(tokens), theirs(tokens).logits
    assert wanted.std() > 0.5
    assert torch.allclose(found, wanted, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", ["qwen3-4b", "gemma-3-270m"])
def test_recent_decoders_have_as_many_weights(name):
    net = published()[name].network
    with torch.device("meta"):
        theirs, ours = model(net), build(net)
    assert sum(p.numel() for p in theirs.parameters()) == net.params()
    assert sum(p.numel() for p in ours.parameters()) == net.params()


def test_gemma_says_the_kind_of_every_layer():
    words = config(published()["gemma-3-270m"].network)
    assert words["layer_types"] == [*["sliding_attention"] * 5, "full_attention"] * 3
    assert words["sliding_window"] == 512 and words["head_dim"] == 256


@pytest.mark.parametrize(
    ("net", "words"),
    [
        (SMALL["mixed"], "not all alike"),
        (SMALL["pair"], "no configuration for encoder_decoder"),
        (SMALL["vit-mean"], "class_token"),
        (SMALL["learned"], "kv_heads"),
        (SMALL["sliding"], "attention: sliding; accepted: softmax"),
        (tiny(("sandwich",), (FULL,)), "extra_norms"),
        (tiny(GEMMA, (SLIDES, Layer(4, 2, 16, 48, True, "sliding", 7))), "window: not all alike"),
        (tiny(QK, (FULL,), qkv_bias=True), "qkv_bias"),
        (tiny(QK, (FULL,), norm="layer"), "norm: layer; accepted: rms"),
    ],
)
def test_what_does_not_fit_is_said(net, words):
    with pytest.raises(DoesNotFit, match=words):
        config(net)
