"""Norms beside those of each part: weights by hand, words, faults, the recount."""

import json

import pytest

import mathdesign
from mathdesign.spaces.transformer.network import Layer, Stack, Style, Transformer
from mathdesign.spaces.transformer.network_faults import ArchitectureError
from mathdesign.spaces.transformer.norms import SCHEMES, alive, extra_params, normed
from mathdesign.spec.faults import SpecError
from mathdesign.validators.errors import OutsideSpace
from mathdesign.validators.transformer.recheck import recount, verify_transformer

LAYER = Layer(4, 2, 8, 40, True)
BOTH = ("qk", "sandwich")


def decoder(extra, norm="rms", kind="decoder_lm", **more):
    stack = Stack(32, (LAYER,) * 3)
    stacks = (stack, stack) if kind == "encoder_decoder" else (stack,)
    return Transformer("x", kind, stacks, 50, 32, style=Style(norm, extra_norms=extra), **more)


@pytest.mark.parametrize(
    ("extra", "norm", "weights"),
    [
        ((), "rms", 0),
        (("qk",), "rms", 2 * 8),
        (("qk",), "layer", 4 * 8),
        (("sandwich",), "rms", 2 * 32),
        (BOTH, "rms", 2 * 8 + 2 * 32),
        (BOTH[::-1], "layer", 4 * 8 + 4 * 32),
    ],
)
def test_weights_of_a_layer_by_hand(extra, norm, weights):
    assert extra_params(Style(norm, extra_norms=extra), 32, LAYER, 1) == weights
    more = decoder(extra, norm).params() - decoder((), norm).params()
    assert more == 3 * weights


@pytest.mark.parametrize("extra", [("qk",), ("sandwich",), BOTH])
def test_cross_attention_has_its_own(extra):
    more = decoder(extra, kind="encoder_decoder").params()
    more -= decoder((), kind="encoder_decoder").params()
    attentions, parts = 3 + 3 * 2, 3 * 2 + 3 * 3
    assert more == ("qk" in extra) * attentions * 16 + ("sandwich" in extra) * parts * 32


@pytest.mark.parametrize("kind", ["decoder_lm", "encoder", "encoder_decoder"])
@pytest.mark.parametrize("extra", [("qk",), ("sandwich",), BOTH])
def test_the_recount_and_the_round_trip(extra, kind):
    net = decoder(extra, kind=kind)
    words = json.loads(json.dumps(net.to_dict()))
    assert Transformer.from_dict(words) == net
    assert recount(words).metrics["params"] == net.params()
    assert recount(words).metrics["macs"] == net.macs() == decoder((), kind=kind).macs()


def test_old_words_say_nothing_of_them():
    assert "extra_norms" not in decoder(()).to_dict()["style"]
    assert Transformer.from_dict(decoder(()).to_dict()) == decoder(())


@pytest.mark.parametrize("extra", [["qkv"], "qk", 3])
def test_what_is_no_scheme_is_refused(extra):
    words = decoder(()).to_dict()
    words["style"]["extra_norms"] = extra
    with pytest.raises(ArchitectureError, match="extra_norms"):
        Transformer.from_dict(words)


def test_the_module_is_told_which_maps():
    assert normed(Style(extra_norms=("sandwich", "qk"))) == (
        ("query", True), ("key", True), ("out", False),
    )  # fmt: skip
    assert normed(Style()) == ()
    assert alive(Style(extra_norms=("qk",))) == (True, False)
    assert alive(Style(extra_norms=("sandwich",))) == (False, True)
    assert alive(Style("layer", extra_norms=BOTH)) == (False, False)
    assert all(scheme.meaning for scheme in SCHEMES.values())


TEXT = """
space:
  family: decoder_lm
  vocabulary: 50
  context: 32
  extra_norms: NORMS
  stacks: [{width: [32, 64], depth: 2..3, head_size: 16, ffn_ratio: [2, 3]}]
"""


def test_they_are_words_of_a_space():
    spec = mathdesign.loads(TEXT.replace("NORMS", "[sandwich, qk]"))
    design = mathdesign.design(spec)
    assert design.network.style.extra_norms == BOTH
    assert sum(p.numel() for p in design.build().parameters()) == design.metrics["params"]
    assert mathdesign.loads(spec.to_yaml()) == spec
    plain = mathdesign.loads(TEXT.replace("  extra_norms: NORMS\n", ""))
    assert "extra_norms" not in plain.to_yaml()
    with pytest.raises(OutsideSpace, match="extra_norms"):
        verify_transformer(
            design.network.to_dict(), plain, design.metrics, design.certificate.objective
        )
    with pytest.raises(SpecError, match="sandwich"):
        mathdesign.loads(TEXT.replace("NORMS", "[sandwitch]"))
