"""Published networks, counted as their authors' code counts them."""

import json

import numpy as np
import pytest

from mathdesign.programs.evaluate import Evaluator
from mathdesign.spaces.convnet.families import StageShape
from mathdesign.spaces.convnet.network import Network
from mathdesign.spaces.convnet.program import EntropyOptions, pose
from mathdesign.spaces.convnet.space import Space, StageSpace
from mathdesign.validators.convnet.recheck import recheck
from tests.places import SHARED

STRUCTURES = SHARED / "data" / "deepmad_structures.json"
FAMILY = {
    "bottleneck_k1_kx_k1": "bottleneck",
    "inverted_k1_dw_se_k1": "inverted_residual",
    "conv_bn_relu": "conv",
}
MODELS = json.loads(STRUCTURES.read_text())["models"] if STRUCTURES.exists() else []
needs_structures = pytest.mark.skipif(
    not MODELS, reason="shared/data/deepmad_structures.json is not beside the checkout"
)


def one_point(size: int, stages: list[tuple[str, str, StageShape, dict[str, int]]]) -> Space:
    """A space with a single network."""
    return Space(
        3,
        size,
        tuple(
            StageSpace(f"{role}{s}", role, family, shape, {k: (v,) for k, v in choice.items()})
            for s, (role, family, shape, choice) in enumerate(stages)
        ),
    )


def published(model: dict) -> Space:
    resolution, stages = model["resolution"], []
    for index, block in enumerate(model["blocks"]):
        family = FAMILY[block["type"]]
        role = "body" if family != "conv" else "head" if index else "stem"
        after = -(-resolution // block["stride"])
        choice = {
            "width": block["out_ch"],
            "kernel_size": block["kernel"],
            "depth": block.get("depth", 1),
        }
        if "bottleneck" in block:
            choice["bottleneck"] = block["bottleneck"]
        se = frozenset({"squeeze_excitation"} if family == "inverted_residual" else ())
        shape = StageShape(block["stride"], resolution, after, options=se)
        stages.append((role, family, shape, choice))
        resolution = after
    end = StageShape(1, resolution, 1)
    stages.append(("classifier", "classifier", end, {"width": 1000, "depth": 1}))
    return one_point(model["resolution"], stages)


def only_point(space: Space) -> tuple[int, ...]:
    return tuple(s.choices[d][0] for s in space.stages for d in s.block.decisions)


@needs_structures
@pytest.mark.parametrize("model", MODELS, ids=[m["model"] for m in MODELS])
def test_published_networks_recount_exactly(model):
    space, count = published(model), model["repo_count"]
    options = EntropyOptions(se_resolution_defect=True)
    point = only_point(space)
    network = Network.from_point(space, point, model["model"])
    counted = recheck(network, counting="tinynas", entropy=options)
    scores = Evaluator(pose(space, counting="tinynas", entropy=options, effectiveness=0.5))(
        np.array(point)
    )
    for params, macs, effectiveness, objective in (
        (
            counted.metrics["params"],
            counted.metrics["macs"],
            counted.effectiveness,
            counted.objective,
        ),
        (
            scores.metrics["params"][0],
            scores.metrics["macs"][0],
            scores.effectiveness[0],
            scores.objective[0],
        ),
    ):
        assert params == count["backbone_params"]
        assert macs == count["backbone_flops"]
        assert effectiveness == pytest.approx(count["rho_max_over_cumulative_stages"], abs=1e-6)
        assert objective == pytest.approx(model["repo_score"]["objective"], rel=1e-9)
    assert counted.layers[-1] == count["layers_main_path"]
    assert counted.counts["macs"]["params"] == count["params_with_fc1000"]


@needs_structures
def test_without_the_resolution_defect_an_se_network_scores_higher():
    """Off by default: the published code takes ln(r^2) = 0 after its first SE unit."""
    model = next(m for m in MODELS if m["model"] == "DeepMAD-29M-224")
    network = Network.from_point(published(model), only_point(published(model)), "29M")
    with_defect = recheck(network, entropy=EntropyOptions(se_resolution_defect=True))
    without = recheck(network, entropy=EntropyOptions())
    assert with_defect.entropy < 0.75 * without.entropy


def deepmad(blocks: list[tuple[int, int, int, int]], stem: int = 32) -> Space:
    """DeepMAD's R configurations: strides 2, 2, 2, 1, 2 after a stride-2 stem, at 224 pixels."""
    resolution = 112
    stages = [
        ("stem", "conv", StageShape(2, 224, 112), {"width": stem, "kernel_size": 3, "depth": 1})
    ]
    for (width, inner, kernel, depth), stride in zip(blocks, (2, 2, 2, 1, 2)):
        shape = StageShape(stride, resolution, resolution // stride)
        choice = {"width": width, "bottleneck": inner, "kernel_size": kernel, "depth": depth}
        stages.append(("body", "bottleneck", shape, choice))
        resolution //= stride
    end = StageShape(1, resolution, 1)
    stages.append(("classifier", "classifier", end, {"width": 1000, "depth": 1}))
    return one_point(224, stages)


@pytest.mark.parametrize(
    ("blocks", "objective", "macs", "params", "effectiveness"),
    [
        pytest.param(  # the published search starts here (configs/classification/deepmad_R18.py)
            [(256, 64, 3, 1), (512, 128, 3, 1), (768, 256, 3, 1), (1024, 256, 3, 1),
             (2048, 512, 3, 1)],
            5218.0123288633295, 1686741504, 9639584, 0.05324525868718938, id="initial",
        ),
        pytest.param(  # best found by annealing for the R18 and the R50 budget
            [(128, 24, 5, 1), (200, 48, 5, 1), (600, 72, 5, 14), (720, 72, 5, 15),
             (880, 88, 5, 11)],
            36404.895, 1819372744, 11688752, 0.29840, id="R18",
        ),
        pytest.param(
            [(128, 72, 5, 1), (216, 88, 5, 1), (856, 88, 5, 20), (880, 88, 5, 19),
             (1176, 120, 5, 15)],
            51863.227, 4117617000, 25548336, 0.29995, id="R50",
        ),
    ],
)  # fmt: skip
def test_known_points_of_the_published_search(blocks, objective, macs, params, effectiveness):
    space = deepmad(blocks)
    counted = recheck(
        Network.from_point(space, only_point(space), "point"),
        counting="tinynas",
        entropy=EntropyOptions(),
    )
    assert dict(counted.metrics) | {"blocks": 0} == {"params": params, "macs": macs, "blocks": 0}
    assert counted.objective == pytest.approx(objective, rel=2e-8)
    assert counted.effectiveness == pytest.approx(effectiveness, abs=5e-6)


def test_resnet18_is_a_network_of_basic_blocks():
    """He et al. 2016 (arXiv 1512.03385), table 1, here with a 3x3 stem and no max pool at 56 px.

    torchvision's resnet18 has 11,689,512 parameters; its stem has 7*7*3*64 of them, ours 3*3*3*64.
    """
    stages = [("stem", "conv", StageShape(1, 56, 56), {"width": 64, "kernel_size": 3, "depth": 1})]
    resolution = 56
    for width, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        shape = StageShape(stride, resolution, resolution // stride, identity_shortcut=stride == 1)
        stages.append(("body", "basic", shape, {"width": width, "kernel_size": 3, "depth": 2}))
        resolution //= stride
    end = StageShape(1, resolution, 1)
    stages.append(("classifier", "classifier", end, {"width": 1000, "depth": 1}))
    space = one_point(56, stages)
    counted = recheck(Network.from_point(space, only_point(space), "resnet18"))
    assert counted.metrics["params"] == 11_689_512 - (49 - 9) * 3 * 64
    # Its multiply-adds at 224 px are 1,814,073,344 (torchvision lists 1.81 G), of which the
    # 7x7 stem has 49*3*64 at 112x112 positions.
    stem = 49 * 3 * 64 * 112**2
    assert counted.metrics["macs"] == 1_814_073_344 - stem + 9 * 3 * 64 * 56**2
    assert counted.layers[-1] == 17
