"""The configuration makes a network with as many weights, or it is said why there is none."""

import json

import pytest
import torch

from mathdesign.export.transformer.hugging_face import DoesNotFit, config, config_text
from mathdesign.export.transformer.module import build
from mathdesign.spaces.transformer.network import Layer, Stack, Transformer
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


@pytest.mark.parametrize(
    ("net", "words"),
    [
        (SMALL["mixed"], "not all alike"),
        (SMALL["pair"], "no configuration for encoder_decoder"),
        (SMALL["vit-mean"], "class_token"),
        (SMALL["learned"], "kv_heads"),
    ],
)
def test_what_does_not_fit_is_said(net, words):
    with pytest.raises(DoesNotFit, match=words):
        config(net)
