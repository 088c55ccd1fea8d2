"""Every kind of attention: costs by hand and as built, its words, its faults."""

import math
import subprocess
import sys

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import mathdesign
from mathdesign.export.printed import printed
from mathdesign.spaces.transformer.mixers import MIXERS, OPTIONS, OWN, Mixer, having
from mathdesign.spaces.transformer.mixers.attention import Attention, Flow, Style
from mathdesign.spaces.transformer.network import Layer, Stack, Transformer
from mathdesign.spaces.transformer.network_faults import ArchitectureError
from mathdesign.spaces.transformer.words import StackSpec
from mathdesign.spec.faults import SpecError

VALUES = {"window": 8, "features": 2}
STYLE = Style("rms", False, False, True)


def layer(kind, **more):
    own = {option: VALUES[option] for option in MIXERS[kind].options}
    return Layer(4, 2, 8, 40, attention=kind, **{**own, **more})


def module(kind):
    """The part as it is built for ``layer(kind)``."""
    mixer, shape = MIXERS[kind], (32, STYLE, 4, 2, 8)
    if mixer.own_class:
        return mixer.torch_class()(*shape, VALUES["window"], VALUES["features"], 64)
    return mixer.torch_class()(*shape, *(VALUES[option] for option in mixer.options))


@pytest.mark.parametrize("kind", MIXERS)
def test_a_kind_says_everything_of_itself(kind):
    mixer = MIXERS[kind]
    assert mixer.name == kind and set(mixer.options) <= set(OPTIONS)
    assert issubclass(mixer.torch_class(), Attention)
    assert not list(mixer.faults(layer(kind)))
    assert type(mixer).__doc__ and mixer.families
    if mixer.own_class:
        assert printed(type(mixer).torch_class).name == mixer.torch_class().__name__


@pytest.mark.parametrize("length", [1, 5, 8, 9, 16, 21])
@pytest.mark.parametrize("kind", MIXERS)
def test_a_sequence_multiplies_what_the_module_does(kind, length):
    with torch.device("meta"):
        part, x = module(kind).eval(), torch.zeros(1, length, 32)
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        part(x, Flow(causal=True))
    weights = length * (2 * 32 * 32 + 2 * 32 * 16)
    found, said = counter.get_total_flops() / 2, weights + MIXERS[kind].macs(layer(kind), length)
    # The last of the windows that do not overlap may be cut short.
    short = kind == "window" and length > 8 and length % 8
    assert found < said if short else found == said


@pytest.mark.parametrize("cached", [1, 5, 8, 9, 21])
@pytest.mark.parametrize("kind", MIXERS)
def test_a_token_multiplies_what_the_module_does(kind, cached):
    with torch.device("meta"):
        part, x = module(kind).eval(), torch.zeros(1, 1, 32)
        caches = part.new_cache(1, 32, x)
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        part(x, Flow(causal=True, start=cached - 1), caches)
    # A window that does not overlap holds fewer tokens right after its start.
    seen = (cached - 1) % 8 + 1 if kind == "window" else cached
    mixing = counter.get_total_flops() / 2 - (2 * 32 * 32 + 2 * 32 * 16)
    assert mixing == MIXERS[kind].token_macs(layer(kind), seen)
    assert mixing <= MIXERS[kind].token_macs(layer(kind), cached)


@pytest.mark.parametrize("kind", MIXERS)
def test_weights_and_caches_are_the_modules(kind):
    mixer, part = MIXERS[kind], module(kind)
    weights = sum(p.numel() for p in part.parameters()) - 32  # its norm
    assert weights == mixer.params(STYLE_WORDS, 32, layer(kind))
    for length in (3, 8, 40):
        cache = part.new_cache(1, length, torch.zeros(()))
        assert sum(t.numel() for t in cache.values()) == mixer.cache_values(layer(kind), length)


STYLE_WORDS = Transformer("x", "decoder_lm", (Stack(8, (Layer(2, 2, 4, 8),)),), 5, 8).style


def test_closed_forms_by_hand():
    plain, linear, window = layer("softmax"), layer("linear"), layer("window")
    assert MIXERS["softmax"].macs(plain, 20) == 2 * 20 * 20 * 32
    assert MIXERS["linear"].macs(linear, 20) == 20 * (4 + 2) * 2 * 64
    assert MIXERS["window"].macs(window, 20) == 2 * 20 * 8 * 32
    assert MIXERS["window"].macs(window, 5) == 2 * 5 * 5 * 32
    assert MIXERS["linear"].cache_values(linear, 999) == 2 * (2 * 64 + 16)
    assert MIXERS["linear"].entropy(32, linear, 64) == pytest.approx(-16 * math.log(64 / 16))
    assert MIXERS["linear"].entropy(32, linear, 16) == 0
    assert MIXERS["softmax"].entropy(32, plain, 64) == 0
    assert MIXERS["softmax"].peak_values(plain, 3) == 3 * (32 + 16 + 16 + 32)


def test_options_are_words_of_a_stack_and_fields_of_a_layer():
    for option, default in OPTIONS.items():
        assert StackSpec.model_fields[option].default == default
        assert getattr(Layer(1, 1, 1, 1), option) == default
        assert having(option)


def test_the_words_of_a_stack_are_the_kinds():
    (schema,) = [
        s for s in StackSpec.model_json_schema()["properties"]["attention"].values()
        if isinstance(s, dict)
    ]  # fmt: skip
    assert schema["enum"] == list(MIXERS)


TEXT = """
space:
  family: FAMILY
  vocabulary: 16
  context: 32
  stacks: [{width: 32, depth: 2, heads: 4, ffn: 64, attention: KIND, window: WINDOW}]
"""


@pytest.mark.parametrize("kind", MIXERS)
def test_a_window_is_asked_for_by_who_has_it_alone(kind):
    text, has = TEXT.replace("KIND", kind), "window" in MIXERS[kind].options
    family = MIXERS[kind].families[0]
    right, wrong = (text.replace("WINDOW", str(8 if has is fits else 0)) for fits in (True, False))
    mathdesign.loads(right.replace("FAMILY", family))
    with pytest.raises(SpecError, match="above 0 with attention `window`"):
        mathdesign.loads(wrong.replace("FAMILY", family))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"attention": "sofmax"}, "accepted: softmax, linear, window"),
        ({"attention": "window"}, "found 0; above 0 for attention `window`, else 0"),
        ({"window": 4}, "found 4; only window.* attention has it: 0"),
        ({"features": 2}, "found 2; only linear attention has it: 1"),
    ],
)
def test_faults_of_a_network_name_the_option(more, words):
    with pytest.raises(ArchitectureError, match=words):
        Transformer("x", "decoder_lm", (Stack(8, (Layer(2, 2, 4, 8, **more),)),), 5, 8)


def test_a_kind_may_keep_to_its_families(monkeypatch):
    class Causal(type(MIXERS["softmax"])):
        name, families = "causal", ("decoder_lm",)

    monkeypatch.setitem(MIXERS, "causal", Causal())
    stacks = (Stack(8, (Layer(2, 2, 4, 8, attention="causal"),)),)
    assert Transformer("x", "decoder_lm", stacks, 5, 8).macs() > 0
    with pytest.raises(ArchitectureError, match="causal attention is for decoder_lm"):
        Transformer("x", "encoder", stacks, 5, 8)


def test_mixers_import_no_torch():
    code = (
        "import sys, mathdesign.spaces.transformer.pose, mathdesign.export.transformer.module\n"
        "print('torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def test_the_base_is_no_kind():
    with pytest.raises(TypeError):
        Mixer()
    assert set(OWN) <= set(MIXERS)
