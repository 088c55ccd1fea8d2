"""Known networks have the structure of their sources, and programs of theirs the same strides."""

import json

import pytest

from mathdesign.bench.published import named
from mathdesign.spaces.convnet.known import PUBLISHED
from tests.places import ROOT

STRUCTURES = ROOT.parent / "shared/data/deepmad_structures.json"


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
