"""Operators of a transformer: what its module executes, and its multiply-adds to the unit."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from mathdesign.devices.operators import Operator, convolution, linear, plain
from mathdesign.export.transformer.module import build
from mathdesign.spaces.transformer.network import Image, Layer, Stack, Style, Transformer
from mathdesign.spaces.transformer.operators import layer_operators, operators, place
from mathdesign.spaces.transformer.zoo import published

LAYER = Layer(4, 2, 8, 48, gated=True)
STACK = Stack(32, (LAYER, replace(LAYER, ffn=64)))
RMS, LN = Style("rms"), Style("layer", bias=True)
POST = replace(LN, norm_first=False)
NORMED = replace(RMS, extra_norms=("qk", "sandwich"))


def language(kind="decoder_lm", **given) -> Transformer:
    words = {"stacks": (STACK,), "vocabulary": 100, "context": 24} | given
    return Transformer("net", kind, **words)


NETWORKS = {
    "llama": language(),
    "gpt": language(positions="learned", style=LN, tied=False),
    "norms": language(style=NORMED),
    "widths": language(stacks=(STACK, Stack(48, (LAYER,)))),
    "sliding": language(stacks=(Stack(32, (replace(LAYER, attention="sliding", window=7),)),)),
    "windows": language(stacks=(Stack(32, (replace(LAYER, attention="window", window=5),)),)),
    "linear": language(stacks=(Stack(32, (replace(LAYER, attention="linear", features=2),)),)),
    "bert": language("encoder", positions="learned", style=POST, token_types=2, pooler=True,
                     embedding_norm=True, classes=3),
    "encoder": language("encoder", classes=3),
    "pair": language("encoder_decoder", stacks=(STACK, Stack(48, (replace(LAYER, memory_layers=2),)))),
    "vit": Transformer("net", "vit", (STACK,), positions="learned", style=LN,
                       image=Image(3, 32, 8), classes=10),
    "pooled": Transformer("net", "hierarchical_vit", (STACK, Stack(64, (LAYER,), 4)),
                          positions="learned", style=LN, image=Image(3, 32, 4), classes=10),
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_multiply_adds_are_those_of_the_network(name):
    net = NETWORKS[name]
    assert sum(op.macs for op in operators(net)) == net.macs()
    if net.image is None:
        assert sum(op.macs for op in operators(net, 17)) == net.macs(17)


def test_published_networks_count_alike():
    for name, entry in published().items():
        net = entry.network
        assert sum(op.macs for op in operators(net)) == net.macs(), name


def executed(net: Transformer) -> list[Operator]:
    """Maps, look-ups and norms that the module executes, in order."""
    found: list[Operator] = []

    def note(part: nn.Module, args) -> None:
        x = args[0]
        n = x.shape[1] if x.dim() == 3 else 1
        if isinstance(part, nn.Linear):
            found.append(linear(x.shape[-1], n, part.out_features))
        elif isinstance(part, nn.Embedding) and part.num_embeddings != 32:
            found.append(
                Operator("embedding", part.num_embeddings, 1, x.shape[1], part.embedding_dim)
            )
        elif isinstance(part, nn.Conv2d):
            found.append(
                convolution(*x.shape[1:], part.out_channels, part.kernel_size, part.stride)
            )
        elif isinstance(part, nn.LayerNorm) or type(part).__name__ == "RMSNorm":
            wide = x.shape[-1] * (x.shape[-2] if x.dim() == 4 else 1)
            found.append(plain("norm", wide, 1, n if x.dim() == 3 else x.shape[1]))

    module = build(net).eval()
    for part in module.modules():
        part.register_forward_pre_hook(note)
    with torch.no_grad():
        if net.image is not None:
            module(torch.zeros(1, net.image.channels, net.image.size, net.image.size))
        else:
            tokens = torch.zeros(1, net.context, dtype=torch.long)
            module(tokens, tokens) if net.kind == "encoder_decoder" else module(tokens)
    return found


@pytest.mark.parametrize("name", NETWORKS)
def test_maps_look_ups_and_norms_are_what_the_module_executes(name):
    net = NETWORKS[name]
    seen = ("linear", "embedding", "conv", "norm")
    ours = [op for op in operators(net) if op.kind in seen]
    if net.tied and net.kind in ("decoder_lm", "encoder_decoder"):
        assert ours.pop() == linear(net.width, net.context, 100)  # the tied head is no module
    found = executed(net)
    if net.kind == "encoder_decoder":  # the ends of two encoder layers are normed, counted as one
        end = 1 + 2 * 9
        assert found[end : end + 2] == [plain("norm", 32, 1, 24)] * 2
        del found[end]
    assert found == ours


def test_layers_add_up_to_the_network():
    net = NETWORKS["widths"]
    whole = list(map(str, operators(net)))
    for i, stack in enumerate(net.stacks):
        for layer in stack.layers:
            for op in layer_operators(place(net, i), layer):
                whole.remove(op.key)
    assert [word.split("-")[0] for word in whole] == [
        "embedding", "linear", "norm", "linear", "linear",
    ]  # fmt: skip
