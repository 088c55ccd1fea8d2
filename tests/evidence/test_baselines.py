"""Rivals are fair: same space, same budgets, known networks as published; of every kind."""

from fractions import Fraction

import pytest

from mathdesign import api
from mathdesign.evidence import baselines
from mathdesign.evidence.baselines import (
    LEAST_USE,
    OURS,
    BaselineError,
    Skipped,
    accepted,
    rivals_of,
)
from mathdesign.kinds.load import load, loads
from mathdesign.programs.base import Budget
from mathdesign.result import Design
from mathdesign.spaces.convnet.pose import to_program
from mathdesign.validators.convnet.recheck import count, verify
from mathdesign.validators.transformer.recheck import counted, verify_transformer
from tests.places import ROOT


def candidates(design: Design, words, seed=0):
    found = rivals_of(design, words, seed)
    assert found.skipped == ()
    return list(found.candidates)


@pytest.fixture(scope="module")
def design() -> Design:
    return api.design(load(ROOT / "examples/03_digits_tiny/design.yaml"))


def test_random_designs_are_feasible_and_use_the_budgets(design):
    spec = load(ROOT / "examples/03_digits_tiny/design.yaml")
    program = to_program(spec)
    drawn = candidates(design, ["random:6"], seed=3)[1:]
    assert len({c.network.point for c in drawn} | {design.network.point}) == 7
    for c in drawn:
        found = verify(
            program.space, c.network.point, counting=spec.counting, budgets=program.budgets,
            effectiveness=program.effectiveness, entropy=program.entropy,
        )  # fmt: skip
        assert found.objective <= design.certificate.objective + 1e-9
        for use in design.budgets:
            if use.upper and use.metric in found.metrics and use.used >= LEAST_USE * use.upper:
                assert found.metrics[use.metric] >= LEAST_USE * use.upper
    assert candidates(design, ["random:6"], seed=3)[1:] == drawn
    assert candidates(design, ["random:6"], seed=4)[1:] != drawn


@pytest.mark.parametrize(
    "word", ["uniform", "published", "resnet18", "mobilenet_v2", "deepmad_50m"]
)
def test_scaled_networks_keep_the_budgets_and_grow_with_them(design, word):
    (rival,) = candidates(design, [word])[1:]
    counted = count(rival.network, "macs")
    for use in design.budgets:
        if use.metric in counted and use.upper is not None:
            assert counted[use.metric] <= use.upper
    assert rival.network.classes == design.network.classes
    assert rival.network.input_size == design.network.input_size


def test_the_most_params_has_at_least_as_many_as_any_other(design):
    found = {
        c.name: count(c.network, "macs") for c in candidates(design, ["params", "macs", "random:3"])
    }
    assert all(found["params"]["params"] >= c["params"] for c in found.values())
    assert all(found["macs"]["macs"] >= c["macs"] for c in found.values())


def test_every_unknown_rival_is_named_at_once(design):
    with pytest.raises(BaselineError) as caught:
        candidates(design, ["best", "random:0", "uniform", "random:x"])
    for word in ("best", "random:0", "random:x", "accepted: random:N"):
        assert word in str(caught.value)


def test_the_design_is_always_the_first(design):
    assert [c.name for c in candidates(design, [])] == [OURS]


# ---- transformers --------------------------------------------------------------------------------

DECODER = """
space:
  family: decoder_lm
  vocabulary: 256
  context: 32
  stacks:
    - {width: 16..64/16, depth: 1..5, head_size: 8, heads: [1, 2, 4], kv_heads: [1, 2],
       ffn_ratio: [1, 2, 3], layers: LAYERS}
objective: {metric: OBJECTIVE}
budgets: {params: 60k, kv_cache_bytes: 8k, macs: {min: 200k}}
linear_metrics: [{name: time, terms: {layers: 3, macs: 0.001}}]
"""
VIT = """
space:
  family: FAMILY
  classes: 10
  image: {channels: 1, size: 8, patch: 2}
  stacks: [{width: 16..48/8, depth: 1..4, head_size: 8, ffn_ratio: 1..4/0.5}]
objective: {metric: entropy}
budgets: {params: 40k, activation_bytes: 20k}
"""


def decoder(objective="volume", layers="shared", **changed) -> Design:
    words = DECODER.replace("OBJECTIVE", objective).replace("LAYERS", layers)
    for old, new in changed.items():
        assert old in words
        words = words.replace(old, new)
    return api.design(loads(words))


def vit(family="vit") -> Design:
    return api.design(loads(VIT.replace("FAMILY", family)))


@pytest.fixture(scope="module", params=["shared", "free", "entropy", "vit", "hierarchical_vit"])
def transformer(request) -> Design:
    if request.param in ("vit", "hierarchical_vit"):
        return vit(request.param)
    if request.param == "entropy":
        return decoder("entropy", "free")
    return decoder(layers=request.param)


def test_random_transformers_are_of_the_space_and_use_the_budgets(transformer):
    spec = transformer.specification()
    drawn = candidates(transformer, ["random:4"], seed=5)[1:]
    assert len({c.network.stacks for c in drawn} | {transformer.network.stacks}) == 5
    for c in drawn:
        words = c.network.to_dict()
        found = counted(words, spec)
        value = getattr(found, spec.objective.metric)
        verify_transformer(words, spec, {}, value)  # inside the space, within the budgets
        assert value <= transformer.certificate.objective * (1 + 1e-9)
        for use in transformer.budgets:
            if use.metric in transformer.metrics and use.upper is not None:
                filled = use.metric != "activation_bytes" and use.used >= LEAST_USE * use.upper
                assert found.metrics[use.metric] >= LEAST_USE * use.upper * filled
    assert candidates(transformer, ["random:4"], seed=5)[1:] == drawn
    assert candidates(transformer, ["random:4"], seed=6)[1:] != drawn


def test_the_most_of_a_size_is_under_the_same_program(transformer):
    """No random design has more, and the limit that entropy brought along holds for it too."""
    spec, kind = transformer.specification(), transformer.kind
    found = {
        c.name: kind.counts(spec, c.network)
        for c in rivals_of(transformer, ["random:3", "params", "macs"]).candidates
    }
    for metric in {"params", "macs"} & set(found):
        assert all(found[metric][metric] >= counts[metric] for counts in found.values())
    limit = spec.effectiveness_limit()
    for c in rivals_of(transformer, ["params", "macs", "volume"]).candidates:
        thinnest = sum(Fraction(len(s.layers), s.width) for s in c.network.stacks)
        assert limit is None or thinnest <= limit


def test_the_limit_of_entropy_is_what_holds_the_most_params_back():
    """Without it the same budgets hold deeper networks: the probe above can fail."""
    bounded, free = decoder("entropy"), decoder("volume")
    depths = [
        sum(Fraction(len(s.layers), s.width) for s in c.network.stacks)
        for design in (bounded, free)
        for c in candidates(design, ["macs"])[1:]
    ]
    assert depths[0] <= Fraction(1, 16) < depths[1]


@pytest.mark.parametrize(("ours", "other"), [("volume", "entropy"), ("entropy", "volume")])
def test_the_objective_that_the_design_maximises_is_no_rival(ours, other):
    design = decoder(ours)
    found = rivals_of(design, [ours, other])
    assert found.skipped == (Skipped(ours, "the design itself maximises it"),)
    best = {c.name: counted(c.network.to_dict(), design.specification()) for c in found.candidates}
    assert getattr(best[OURS], ours) >= getattr(best[other], ours)
    assert found.candidates[1].note == f"maximises {other} (optimal)"


@pytest.mark.parametrize("word", ["gpt2", "llama", "vit"])
def test_scaled_by_hand_is_the_largest_rung_within_every_budget(word):
    design = vit() if word == "vit" else decoder()
    spec = design.specification()
    (rival,) = candidates(design, [word])[1:]
    found = counted(rival.network.to_dict(), spec).metrics
    uppers = {b.metric: b.upper for b in design.budgets if b.upper and b.metric in found}
    assert uppers and all(found[metric] <= upper for metric, upper in uppers.items())
    ladder = design.kind.ladders(design.network)[word]
    rung = next(n for n in range(1, 99) if ladder.rung(n) == rival.network)
    above = counted(ladder.rung(rung + 1).to_dict(), spec).metrics
    assert any(above[metric] > upper for metric, upper in uppers.items())
    assert rival.note == ladder.told(rung) and word in rival.note
    assert rival.network.style == design.network.style


def test_without_a_limit_on_size_the_designs_own_is_the_limit():
    """Three layers alone would allow a rung of 48 channels, the space only 16."""
    words = VIT.replace("FAMILY", "vit").replace("params: 40k, ", "layers: 3, ")
    design = api.design(loads(words.replace("16..48/8", "16")))
    (rival,) = candidates(design, ["vit"])[1:]
    found = design.kind.counts(design.specification(), rival.network)
    assert all(found[metric] <= design.metrics[metric] for metric in ("params", "macs", "layers"))


def test_what_cannot_be_had_is_told_and_the_others_stay():
    """The least rung is too large; a limit from below is above the largest within the budgets."""
    design = decoder(**{"params: 60k": "params: 4k", "16..64/16": "8..64/8"})
    found = rivals_of(design, ["llama", "params"])
    (skipped,) = found.skipped
    assert skipped.rival == "llama" and "exceeds params" in skipped.reason
    assert "llama by hand: 1 layer of 16" in skipped.reason
    assert [c.name for c in found.candidates] == [OURS, "params"]
    design = decoder(**{"min: 200k": "min: 1.9M"})
    (skipped,) = rivals_of(design, ["gpt2"]).skipped
    assert "is the largest within the budgets: macs" in skipped.reason


@pytest.mark.parametrize(
    ("budgets", "used", "floors", "words"),
    [
        ([("params", 100), ("macs", 100)], (95, 90), {"params": 90, "macs": 90}, "the budgets"),
        ([("params", 100), ("macs", 100)], (95, 89), {"params": 90}, "params"),
        ([("params", 100), ("macs", 100)], (50, 70), {"macs": 63}, "the design's macs"),
    ],
)
def test_random_designs_spend_what_the_design_spends(budgets, used, floors, words):
    asked = [Budget(metric, upper) for metric, upper in budgets]
    found = baselines._floors(asked, dict(zip(("params", "macs"), used)))
    assert found == (floors, f"random, at least 90% of {words}")
    assert baselines._floors([Budget("params", lower=3)], {"params": 5}) == ({}, "random")


def test_fewer_random_designs_than_asked_for_are_kept_and_told():
    words = (
        VIT.replace("FAMILY", "vit").replace("16..48/8", "16").replace("params: 40k", "layers: 1")
    )
    design = api.design(loads(words))  # seven feed-forward parts, one of them the design's
    found = rivals_of(design, ["random:9"])
    assert found.skipped == (Skipped("random:9", "only 6 different designs found"),)
    assert len(found.candidates) == 7


def test_the_same_network_is_trained_once(monkeypatch):
    design = decoder()
    monkeypatch.setattr(
        baselines, "_greatest", lambda field, word: baselines.Candidate(word, word, design.network)
    )
    found = rivals_of(design, ["params", "gpt2", "gpt2"])
    assert [c.name for c in found.candidates] == [OURS, "gpt2"]
    assert found.skipped == (Skipped("params", f"the same network as {OURS}"),)


def test_an_unknown_rival_names_those_of_its_kind(design):
    for ours, theirs in (
        (decoder(), ("gpt2", "llama", "volume", "entropy")),
        (vit(), ("vit",)),
        (design, ("uniform", "resnet18", "volume")),
    ):
        assert {"random:N", "params", "macs", *theirs} <= set(accepted(ours))
        with pytest.raises(BaselineError, match="no such rival") as caught:
            rivals_of(ours, ["gpt3", "random:1"])
        assert all(word in str(caught.value) for word in theirs)
    assert not {"gpt2", "uniform"} & set(accepted(vit("hierarchical_vit")))
    with pytest.raises(BaselineError, match="did you mean llama"):
        rivals_of(decoder(), ["lama"])
    with pytest.raises(BaselineError, match="one number of random designs"):
        rivals_of(decoder(), ["random:2", "random:3"])
