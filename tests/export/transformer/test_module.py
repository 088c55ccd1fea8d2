"""Exported transformers count what the description counts, stand alone, and are one network."""

import ast
import importlib.util
import subprocess
import sys

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from mathdesign.export.transformer.module import CannotBuild, build, source
from mathdesign.spaces.transformer.network import Image, Layer, Stack, Style, Transformer

torch.set_num_threads(1)
GPT = Style("layer", bias=True)
BERT = Style("layer", bias=True, norm_first=False)


def uniform(depth, width, heads, kv, ffn, gated=True, **more):
    return Stack(width, (Layer(heads, kv, width // heads, ffn, gated, **more),) * depth)


def llama(depth, width, heads, kv, ffn, vocabulary, **more):
    stack = uniform(depth, width, heads, kv, ffn)
    return Transformer("llama-like", "decoder_lm", (stack,), vocabulary, 2048, **more)


def bert(stack=None, **more):
    stack = stack or uniform(12, 768, 12, 12, 3072, gated=False)
    return Transformer(
        "bert", "encoder", (stack,), 30522, 512, "learned", style=BERT, token_types=2,
        embedding_norm=True, pooler=True, **more,
    )  # fmt: skip


def vit(width):
    stack = uniform(12, width, width // 64, width // 64, 4 * width, gated=False)
    return Transformer(
        "vit", "vit", (stack,), positions="learned", style=GPT, image=Image(), classes=1000
    )


BIG = Stack(4096, (Layer(64, 64, 64, 10240, gated=True),) * 24)
T5 = {"vocabulary": 32128, "context": 512, "positions": "relative"}
PUBLISHED = {
    "mobilellm-125m": llama(30, 576, 9, 3, 1536, 32000),
    "mobilellm-350m": llama(32, 960, 15, 5, 2560, 32000),
    "mobilellm-1.5b": llama(54, 1600, 25, 5, 4352, 32000),
    "smollm-135m": llama(30, 576, 9, 3, 1536, 49152),
    "smollm-1.7b": llama(24, 2048, 32, 32, 8192, 49152),
    "qwen2.5-0.5b": llama(24, 896, 14, 2, 4864, 151936, style=Style(qkv_bias=True)),
    "gpt2": Transformer(
        "gpt2", "decoder_lm", (uniform(12, 768, 12, 12, 3072, False),), 50257, 1024, "learned",
        style=GPT,
    ),
    "pair-xxl": Transformer("pair", "encoder_decoder", (BIG, BIG), **T5),
    "twin-xxl": Transformer("twin", "decoder_lm", (BIG,), **T5),
    "bert-base": bert(),
    "vit-ti": vit(192),
    "vit-s": vit(384),
    "vit-b": vit(768),
}  # fmt: skip


def mixed_layers(gated=True, **more):
    return (
        Layer(4, 2, 8, 40, gated, **more),
        Layer(6, 1, 8, 24, gated, attention="linear"),
        Layer(2, 2, 16, 56, False, attention="linear", features=2),
        Layer(4, 4, 8, 40, gated, attention="window", window=8),
    )


def text(kind, stacks, **more):
    return Transformer(kind, kind, stacks, 50, 32, **more)


def sliding_layers():
    """Five slide and one is full, as in Gemma 3; windows of any length against 32 tokens."""
    slides = (Layer(4, 2, 8, 40, True, attention="sliding", window=w) for w in (8, 5, 1, 31, 40))
    return (*slides, Layer(4, 2, 8, 40, True))


HIERARCHY = (
    Stack(16, (Layer(2, 2, 8, 64, attention="window", window=16),) * 2),
    Stack(32, (Layer(4, 2, 8, 96, attention="window", window=4),), pool=4),
    Stack(64, (Layer(4, 4, 16, 128),), pool=4),
)
SMALL = {
    "mixed": text("decoder_lm", (Stack(32, mixed_layers()),)),
    "blocks": text("decoder_lm", (Stack(32, mixed_layers()), Stack(48, mixed_layers())), style=GPT),
    "untied": text("decoder_lm", (Stack(32, mixed_layers()), Stack(48, mixed_layers())), tied=False),
    "post-norm": text("decoder_lm", (Stack(32, mixed_layers()),), positions="none", style=BERT),
    "learned": text("decoder_lm", (Stack(32, mixed_layers()),), positions="learned"),
    "relative": text(
        "decoder_lm", (Stack(32, (Layer(4, 2, 8, 40), Layer(4, 4, 8, 40, attention="window",
        window=8))),), positions="relative",
    ),
    "sliding": text("decoder_lm", (Stack(32, sliding_layers()),)),
    "sliding-relative": text(
        "decoder_lm", (Stack(32, (sliding_layers()[0], sliding_layers()[0])),), positions="relative"
    ),
    "qk": text("decoder_lm", (Stack(32, mixed_layers()),), style=Style(extra_norms=("qk",))),
    "sandwich": text("decoder_lm", (Stack(32, sliding_layers()), Stack(48, mixed_layers())),
                     style=Style("layer", True, extra_norms=("qk", "sandwich"))),
    "pair-normed": text(
        "encoder_decoder", (Stack(32, mixed_layers()), Stack(48, mixed_layers(memory_layers=2))),
        style=Style(extra_norms=("qk", "sandwich")),
    ),
    "prefix": text("prefix_lm", (Stack(32, mixed_layers()[:3]),)),
    "encoder": text("encoder", (Stack(32, mixed_layers()),), classes=5, pooler=True),
    "mean": text("encoder", (Stack(32, mixed_layers()), Stack(24, mixed_layers())), classes=5),
    "pair": text(
        "encoder_decoder", (Stack(32, mixed_layers()), Stack(48, mixed_layers(memory_layers=3)))
    ),
    "pair-untied": text(
        "encoder_decoder", (Stack(32, mixed_layers()), Stack(48, mixed_layers())), tied=False
    ),
    "hierarchical": Transformer(
        "h", "hierarchical_vit", HIERARCHY, positions="learned", style=GPT,
        image=Image(3, 32, 4), classes=10,
    ),
    "vit-mean": Transformer(
        "v", "vit", (uniform(2, 32, 4, 2, 64),), positions="none", image=Image(1, 28, 7),
        classes=10, class_token=False,
    ),
}  # fmt: skip


def inputs(net, length=None, batch=1, device="meta"):
    if net.image is not None:
        return (
            torch.zeros(batch, net.image.channels, net.image.size, net.image.size, device=device),
        )
    generator = torch.Generator().manual_seed(1)
    n = length or net.context
    tokens = torch.randint(0, net.vocabulary, (batch, n), generator=generator).to(device)
    return (tokens, tokens) if net.kind == "encoder_decoder" else (tokens,)


def counted(net, length=None):
    with torch.device("meta"):
        module = build(net).eval()
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        module(*inputs(net, length))
    return sum(p.numel() for p in module.parameters()), counter.get_total_flops() / 2


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_networks_count_to_the_unit(name):
    net = PUBLISHED[name]
    length = None if net.image else 64
    assert counted(net, length) == (net.params(), net.macs(length))


@pytest.mark.parametrize("name", SMALL)
def test_every_feature_counts_to_the_unit(name):
    assert counted(SMALL[name]) == (SMALL[name].params(), SMALL[name].macs())


@pytest.mark.parametrize("name", SMALL)
def test_the_file_stands_alone_and_is_the_built_module(name, tmp_path):
    net = SMALL[name]
    path = tmp_path / "model.py"
    path.write_text(source(net, objective=2.5))
    imports = [
        n
        for n in ast.walk(ast.parse(path.read_text()))
        if isinstance(n, ast.Import | ast.ImportFrom)
    ]
    names = {n.module if isinstance(n, ast.ImportFrom) else n.names[0].name for n in imports}
    assert names <= {"torch", "torch.nn", "math", "dataclasses", "typing", "__future__"}
    spec = importlib.util.spec_from_file_location("exported_model", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["exported_model"] = module
    spec.loader.exec_module(module)
    theirs, ours = module.build().eval(), build(net).eval()
    theirs.load_state_dict(ours.state_dict())
    given = inputs(net, batch=2, device="cpu")
    with torch.no_grad():
        assert torch.equal(ours(*given), theirs(*given))


def test_the_file_runs_without_the_package(tmp_path):
    net = SMALL["mixed"]
    path = tmp_path / "model.py"
    path.write_text(source(net))
    run = subprocess.run(
        [sys.executable, "-I", "-W", "ignore", str(path)],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert run.stdout.splitlines() == [f"{net.params():,} parameters", "output shape (1, 16, 50)"]


def test_only_what_is_needed_is_printed():
    printed = source(vit(192))
    assert "LinearAttention" in source(SMALL["mixed"])
    for name in ("class Encoder", "class LanguageModel", "type: ignore", "noqa", "fmt: skip"):
        assert name not in printed


def test_a_name_cannot_escape_its_comment():
    plain, nasty = (
        Transformer(name, "decoder_lm", (uniform(1, 8, 2, 2, 8),), 5, 5)
        for name in ("plain", 'x"""\nimport os\n\u2028# \\ {name} \ud800')
    )
    assert source(nasty).encode()
    assert ast.dump(ast.parse(source(nasty))) == ast.dump(ast.parse(source(plain)))


def test_a_window_slides():
    """A token sees itself and the tokens before it that its window has room for."""
    layer = Layer(4, 2, 8, 40, attention="sliding", window=6)
    module = build(text("decoder_lm", (Stack(32, (layer,)),))).eval()
    (tokens,) = inputs(SMALL["mixed"], device="cpu")
    changed = tokens.clone()
    changed[:, 9] = (changed[:, 9] + 1) % 50
    with torch.no_grad():
        moved = (module(tokens) - module(changed)).abs().amax(2)[0] > 1e-6
    assert moved.nonzero().flatten().tolist() == list(range(9, 15))


def test_extra_norms_are_printed_where_they_are_used():
    printed, without = source(SMALL["qk"]), source(SMALL["learned"])
    assert "normed=(('query', True), ('key', True))" in printed and "# only" not in printed
    assert "NormedLinear" not in without and "normed:" not in without


def test_what_slides_is_printed_where_it_is_used():
    printed, without = source(SMALL["sliding"]), source(SMALL["learned"])
    assert "OWN_MIXERS = {'sliding': SlidingAttention}" in printed and "# only" not in printed
    assert "Sliding" not in without and "OWN_MIXERS" not in without


@pytest.mark.parametrize("name", ["mixed", "blocks", "untied", "post-norm", "learned", "relative"])
def test_a_token_sees_none_after_it(name):
    module = build(SMALL[name]).eval()
    (tokens,) = inputs(SMALL[name], device="cpu")
    changed = tokens.clone()
    changed[:, 20:] = (changed[:, 20:] + 1) % 50
    with torch.no_grad():
        a, b = module(tokens), module(changed)
    assert torch.allclose(a[:, :20], b[:, :20], atol=1e-5)
    assert not torch.allclose(a[:, 20:], b[:, 20:], atol=1e-3)


def test_a_prefix_sees_itself():
    module = build(SMALL["prefix"]).eval()
    (tokens,) = inputs(SMALL["prefix"], device="cpu")
    changed = tokens.clone()
    changed[:, 9] = (changed[:, 9] + 1) % 50
    with torch.no_grad():
        moved = (module(tokens, prefix=10) - module(changed, prefix=10)).abs().amax(2)[0]
        still = (module(tokens, prefix=9) - module(changed, prefix=9)).abs().amax(2)[0]
    assert (moved > 1e-6).all()
    assert still[:9].max() < 1e-6


@pytest.mark.parametrize(
    ("layer", "kind", "words"),
    [
        (Layer(2, 2, 4, 8, attention="linear", features=3), "decoder_lm", "features"),
        (Layer(2, 2, 4, 8, attention="window", window=4), "prefix_lm", "windows"),
    ],
)
def test_what_cannot_be_built_is_said(layer, kind, words):
    with pytest.raises(CannotBuild, match=words):
        build(Transformer("x", kind, (Stack(8, (layer,)),), 5, 8))
