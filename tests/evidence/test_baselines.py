"""Rivals are fair: same space, same budgets, known networks as published."""

import pytest

from mathdesign import api
from mathdesign.evidence.baselines import LEAST_USE, OURS, BaselineError, rivals_of
from mathdesign.kinds.load import load
from mathdesign.result import Design
from mathdesign.spaces.convnet.pose import to_program
from mathdesign.validators.convnet.recheck import count, verify
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
