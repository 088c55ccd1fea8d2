"""Generation with caches repeats the full pass; caches and activations are as large as said."""

import pytest
import torch

from mathdesign.export.transformer.module import build
from mathdesign.spaces.transformer.network import Layer, Stack, Style, Transformer
from mathdesign.validators.training.memory import AliveBytes
from tests.export.transformer.test_module import GPT, SMALL, inputs

torch.set_num_threads(1)
DECODERS = (
    "mixed",
    "blocks",
    "untied",
    "post-norm",
    "learned",
    "relative",
    "prefix",
    "sliding",
    "sliding-relative",
    "qk",
    "sandwich",
)


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def lively(net):
    """What each part adds is large enough to matter."""
    module = build(net).eval()
    with torch.no_grad():
        for name, p in module.named_parameters():
            p.mul_(10 if ".out." in name else 1)
    return module


@pytest.mark.parametrize("prompt", [1, 7, 16, 21])
@pytest.mark.parametrize("name", DECODERS)
def test_token_by_token_is_the_full_pass(name, prompt):
    module = lively(SMALL[name])
    (tokens,) = inputs(SMALL[name], batch=2, device="cpu")
    caches = module.new_caches(2, 32)
    with torch.no_grad():
        full = module(tokens)
        steps = [module(tokens[:, :prompt], caches)]
        steps += [module(tokens[:, t : t + 1], caches, t) for t in range(prompt, 32)]
    assert torch.allclose(torch.cat(steps, 1), full, atol=2e-4)


@pytest.mark.parametrize("name", ["pair", "pair-untied", "pair-normed"])
def test_a_pair_token_by_token(name):
    module = lively(SMALL[name])
    source, target = inputs(SMALL[name], batch=2, device="cpu")
    with torch.no_grad():
        full, memory = module(source, target), module.encode(source)
        caches = module.new_caches(2, 32)
        steps = [module.decode(target[:, :9], memory, caches)]
        steps += [module.decode(target[:, t : t + 1], memory, caches, t) for t in range(9, 32)]
        held = sum(t.untyped_storage().nbytes() for cache in caches for t in cache.values())
    assert torch.allclose(torch.cat(steps, 1), full, atol=2e-4)
    assert held == SMALL[name].kv_cache_bytes(2, 32, 4)


def test_generation_continues_what_it_is_given():
    module = lively(SMALL["mixed"])
    (tokens,) = inputs(SMALL["mixed"], 5, batch=2, device="cpu")
    longer = module.generate(tokens, 11)
    assert torch.equal(longer[:, :5], tokens)
    for t in range(5, 16):
        with torch.no_grad():
            assert torch.equal(longer[:, t], module(longer[:, :t])[:, -1].argmax(-1))
    drawn = [module.generate(tokens, 11, 1.0, torch.Generator().manual_seed(3)) for _ in range(2)]
    assert torch.equal(*drawn)
    with pytest.raises(ValueError, match="context"):
        module.generate(tokens, 28)


@pytest.mark.parametrize("name", DECODERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("length", [3, 32])
def test_caches_are_as_large_as_said(name, dtype, length):
    module = build(SMALL[name]).to(dtype)
    tensors = [t for stack in module.new_caches(3, length) for c in stack for t in c.values()]
    allocated = sum(t.untyped_storage().nbytes() for t in tensors)
    assert allocated == SMALL[name].kv_cache_bytes(3, length, dtype.itemsize)


def test_weights_are_as_large_as_said():
    module = build(SMALL["blocks"]).to(torch.bfloat16)
    assert sum(p.nbytes for p in module.parameters()) == SMALL["blocks"].weight_bytes()


def most_alive(net, batch, length):
    module = build(net).eval()
    tokens = torch.zeros(batch, length, dtype=torch.long)
    own = {p.untyped_storage()._cdata for p in module.parameters()}
    alive = AliveBytes()
    alive.seen.update(dict.fromkeys(own))
    with torch.no_grad(), alive.watching():
        module(tokens)
    return alive.most


@pytest.mark.parametrize(
    "net",
    [
        Transformer("gated", "decoder_lm", (Stack(64, (Layer(4, 2, 16, 256, True),) * 3),), 32, 256),
        Transformer("wide", "decoder_lm", (Stack(64, (Layer(4, 4, 16, 512),) * 2),), 32, 256,
                    "learned", style=GPT),
        Transformer("queries", "decoder_lm", (Stack(64, (Layer(16, 4, 16, 64),) * 2),), 32, 256),
        Transformer("slides", "decoder_lm", (Stack(64, (Layer(16, 4, 16, 64, attention="sliding",
                    window=32),) * 2),), 32, 256),
        Transformer("heads", "decoder_lm", (Stack(64, (Layer(16, 4, 16, 64),) * 2),), 32, 256,
                    "none", style=Style(extra_norms=("qk",))),
        Transformer("sandwich", "decoder_lm", (Stack(256, (Layer(4, 1, 16, 512),) * 2),), 32, 256,
                    style=Style(extra_norms=("sandwich",))),
        Transformer("layers", "decoder_lm", (Stack(256, (Layer(4, 1, 16, 512),) * 2),), 32, 256,
                    style=Style("layer", extra_norms=("qk", "sandwich"))),
        Transformer("words", "decoder_lm", (Stack(64, (Layer(4, 4, 16, 128),) * 2),), 2048, 256),
    ],
    ids=lambda net: net.name,
)  # fmt: skip
def test_activations_are_as_large_as_said(net):
    """Beside them there are small things: indices, rotary tables, sums of the fused kernel."""
    said = net.activation_bytes(3, 256, 4)
    found = most_alive(net, 3, 256)
    assert said <= found <= 1.03 * said
