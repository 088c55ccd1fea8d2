"""Families scaled by hand pass through their published members, and no cost falls on the way up."""

import itertools
from dataclasses import replace

import pytest

from mathdesign.spaces.transformer.by_hand import GPT2, LLAMA, OF_KIND, VIT, Family, ladders, rungs
from mathdesign.spaces.transformer.network import Transformer
from mathdesign.spaces.transformer.shape import Image, Layer, Stack, Style
from mathdesign.spaces.transformer.zoo import published
from mathdesign.validators.transformer.recheck import recount

DECODER = Transformer(
    "ours", "decoder_lm", (Stack(32, (Layer(4, 2, 8, 48, gated=True),) * 3),), 64, 32,
    tied=False, style=Style(extra_norms=("qk",)),
)  # fmt: skip
PICTURES = Transformer(
    "ours", "vit", (Stack(32, (Layer(4, 2, 8, 48),) * 3),), positions="learned",
    style=Style("layer", bias=True), image=Image(1, 8, 2), classes=10,
)  # fmt: skip


def falls(family: Family, ours: Transformer, first: int) -> list[str]:
    """The costs that are less on some of the first rungs than on the one below."""
    ladder = ladders_of(family, ours)
    counts = [recount(ladder.rung(n).to_dict()).metrics for n in range(1, first)]
    pairs = itertools.pairwise(counts)
    return sorted({name for low, high in pairs for name in low if high[name] < low[name]})


def ladders_of(family: Family, ours: Transformer):
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(OF_KIND, ours.kind, (family,))
        return ladders(ours)[family.name]


@pytest.mark.parametrize("family", [GPT2, LLAMA, VIT], ids=lambda family: family.name)
def test_published_members_are_rungs_and_each_is_one_layer_or_one_width_more(family):
    steps = rungs(family)
    assert set(family.members) <= set(steps)
    assert all(family.heads(width) * family.head_size == width for width, _ in family.members)
    for low, high in itertools.pairwise(steps):
        wider, deeper = high[0] > low[0], high[1] - low[1]
        assert (wider, deeper) in ((True, 0), (False, 1)) and high[0] >= low[0]


def test_feed_forward_parts_are_as_wide_as_published():
    assert [LLAMA.ffn(width, gated=True) for width, _ in LLAMA.members] == [
        11008, 13824, 17920, 22016,
    ]  # fmt: skip
    assert [GPT2.ffn(768, gated=gated) for gated in (False, True)] == [3072, 3072]
    assert LLAMA.ffn(4096, gated=False) == 4 * 4096  # as many weights without the third matrix


@pytest.mark.parametrize(
    ("name", "word", "member"),
    [("gpt3-125m", "gpt2", (768, 12)), ("gpt3-350m", "gpt2", (1024, 24)),
     ("vit-ti", "vit", (192, 12)), ("vit-s", "vit", (384, 12)), ("vit-b", "vit", (768, 12))],
)  # fmt: skip
def test_a_published_network_is_a_rung_of_its_own_ladder(name, word, member):
    network = published()[name].network
    number = rungs({"gpt2": GPT2, "vit": VIT}[word]).index(member) + 1
    assert replace(ladders(network)[word].rung(number), name=name) == network


@pytest.mark.parametrize(
    ("family", "ours"), [(GPT2, DECODER), (LLAMA, DECODER), (VIT, PICTURES)],
    ids=lambda value: value.name,
)  # fmt: skip
def test_no_cost_falls_on_the_way_up(family, ours):
    assert falls(family, ours, 60) == []


def test_a_family_that_grew_shallower_would_be_seen():
    slumps = Family("slumps", 64, ((128, 6), (256, 2)))
    assert "layers" in falls(slumps, DECODER, 30)


@pytest.mark.parametrize("ours", [DECODER, PICTURES], ids=["decoder_lm", "vit"])
def test_only_the_shape_is_the_familys(ours):
    for word, ladder in ladders(ours).items():
        network = ladder.rung(7)
        assert replace(network, name="", stacks=ours.stacks) == replace(ours, name="")
        (stack,) = network.stacks
        assert {layer.gated for layer in stack.layers} == {ours.stacks[0].layers[0].gated}
        assert {layer.attention for layer in stack.layers} == {"softmax"}
        assert f"{len(stack.layers)} layer" in ladder.told(7) and word in ladder.told(7)
        assert f"of {stack.width}, " in ladder.told(7)


def test_kinds_that_nobody_scales_have_none():
    assert ladders(replace(DECODER, kind="encoder")) == {}
