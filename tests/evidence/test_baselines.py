"""Rivals are fair: same space, same budgets, known networks as published."""

import json

import pytest

from mathdesign import api
from mathdesign.bench.published import named
from mathdesign.evidence.baselines import LEAST_USE, OURS, BaselineError, candidates
from mathdesign.evidence.networks import PUBLISHED
from mathdesign.kinds.load import load
from mathdesign.result import Design
from mathdesign.spaces.convnet.pose import to_program
from mathdesign.validators.convnet.recheck import count, verify
from tests.places import ROOT

STRUCTURES = ROOT.parent / "shared/data/deepmad_structures.json"


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


@pytest.mark.skipif(not STRUCTURES.exists(), reason="shared/data is not beside the checkout")
def test_published_structures_are_those_of_the_published_code():
    models = {m["model"]: m for m in json.loads(STRUCTURES.read_text())["models"]}
    names = {"R18": "r18", "R34": "r34", "R50": "r50", "29M-224": "29m", "50M": "50m", "89M": "89m"}
    for theirs, ours in names.items():
        blocks, known = models[f"DeepMAD-{theirs}"]["blocks"], PUBLISHED[f"deepmad_{ours}"]
        assert known.stem == blocks[0]["out_ch"]
        body = [b for b in blocks[1:] if "depth" in b]
        assert [(s.width, s.inner, s.kernel_size, s.stride, s.depth) for s in known.stages] == [
            (b["out_ch"], b["bottleneck"], b["kernel"], b["stride"], b["depth"]) for b in body
        ]
        assert known.head == (blocks[-1]["out_ch"] if len(body) + 2 == len(blocks) else 0)


@pytest.mark.parametrize("name", ["R18", "R34", "R50", "29M", "50M", "89M-defect"])
def test_a_program_has_the_strides_of_the_published_network_it_is_compared_with(name):
    """Scales end before each stage that halves the resolution."""
    known = PUBLISHED[f"deepmad_{name.partition('-')[0].lower()}"]
    before = [i for i, stage in enumerate(known.stages) if stage.stride == 2]
    scales = named(name).objective.scales
    assert [scale.stage for scale in scales[:-1]] == before
