"""DeepMAD's networks sit on the effectiveness that they were sought under, scale by scale."""

import math

import pytest

from mathdesign.validators.convnet.recheck import recheck
from mathdesign.zoo.designs import design_of
from mathdesign.zoo.members import member

#: Effectiveness up to the end of each scale, layers on the main path, blocks of each stage, and the
#: limit of the published configuration.
TABLE = {
    "deepmad_r18": ((.037, .0522, .1167, .2464, .2991), 115, (1, 6, 9, 10, 12), 0.3),
    "deepmad_r34": ((.037, .0724, .1404, .2381, .3000), 148, (1, 10, 13, 11, 14), 0.3),
    "deepmad_r50": ((.037, .0522, .1445, .2483, .2998), 157, (1, 11, 12, 13, 15), 0.3),
    "deepmad_29m": ((.1269, .2418, .3613, .4479, .4965), 71, (2, 4, 6, 6, 5), 0.5),
    "deepmad_29m_288": ((.037, .1774, .2841, .4597, .4966), 71, (4, 4, 5, 6, 4), 0.5),
    "deepmad_50m": ((.037, .1984, .3619, .4546, .4930), 83, (7, 9, 7, 3, 1), 0.5),
    "deepmad_89m": ((.037, .2394, .3829, .4585, .4951), 95, (10, 9, 7, 4, 1), 0.5),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLE)
def test_effectiveness_of_each_scale(name):
    scales, layers, depths, limit = TABLE[name]
    network = design_of(member(name)).network
    found = recheck(network)
    body = [stage for stage in network.stages if stage.role == "body"]
    assert tuple(stage.choice["depth"] for stage in body) == depths
    assert found.layers[-1] == layers
    strides = [s.shape.stride for s in network.stages if s.role != "classifier"]
    ends = [i for i, after in enumerate(strides[1:]) if after == 2] + [len(strides) - 1]
    rho = [found.layers[s] * math.exp(-found.log_widths[s] / found.layers[s]) for s in ends]
    assert rho == pytest.approx(scales, abs=6e-5)
    assert limit - 0.01 < found.effectiveness <= limit
