"""What is alive at each operator: symbols, a recount in integers, and the built module's own graph."""

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from mathdesign.export.convnet import build
from mathdesign.kinds.load import loads
from mathdesign.memory.steps import MemoryOptions
from mathdesign.spaces.convnet.families import FAMILIES
from mathdesign.spaces.convnet.network import Network
from mathdesign.spaces.convnet.pose import to_space
from mathdesign.spaces.convnet.program import pose
from mathdesign.spaces.errors import NetworkError
from mathdesign.validators.convnet.execution import moments, peak_values, weights_of
from mathdesign.validators.convnet.memory import BLOCKS, held
from mathdesign.validators.convnet.recheck import count_memory
from tests.spaces.convnet.families.random_spaces import points, spaces
from tests.spaces.convnet.families.test_mobilenet import words

DTYPES = st.sampled_from(["int8", "float16", "float32"])


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data(), st.booleans(), DTYPES)
def test_symbols_recount_and_the_modules_own_execution_agree(data, in_place, dtype):
    space = data.draw(spaces())
    point = data.draw(points(space))
    try:
        network = Network.from_point(space, point, "held")
    except NetworkError:
        return
    # A group of one channel is a depthwise convolution to torch, and a grouped one to the family.
    ones = any(s.choice.get("group_width") == 1 for s in network.stages)
    options = MemoryOptions(dtype, in_place and not ones)
    try:
        program = pose(space, memory=options)
    except ValueError:  # a quarter of an odd width
        return
    module, image = build(network), (space.input_channels, space.input_size, space.input_size)
    values = peak_values(module, image, in_place_depthwise=options.in_place_depthwise)
    stored = sum(
        tensor.numel() * (options.value_bytes if weight else options.bias_bytes)
        for tensor, weight in weights_of(module)
    )
    claimed = program.measured(point)
    assert claimed["activation_bytes"] == values * options.value_bytes
    assert claimed["weight_bytes"] == stored
    assert count_memory(network, options) == {
        "activation_bytes": values * options.value_bytes,
        "weight_bytes": stored,
    }


@pytest.mark.parametrize(("in_place", "values"), [(True, 1_404_928), (False, 1_505_280)])
def test_mobilenet_v2_peaks_where_its_first_expansion_runs(in_place, values):
    space = to_space(loads(words(1.0)))
    options = MemoryOptions("int8", in_place)
    program = pose(space, memory=options)
    point = tuple(domain[0] for domain in program.decisions.values())
    network = Network.from_point(space, point, "mobilenet_v2")
    found = held(network, options)
    assert program.peaks(point)["activation_bytes"] == found.peak == values
    what = "expansion" if in_place else "depthwise convolution"
    assert found.where == f"stage2, block 1: {what}"
    assert peak_values(build(network), (3, 224, 224), in_place_depthwise=in_place) == values


def test_every_family_says_what_runs():
    assert set(BLOCKS) == set(FAMILIES)


class Small(nn.Module):
    """By hand: 12 values in; 8 out of the convolution; the sum needs both paths."""

    def __init__(self):
        super().__init__()
        self.first, self.norm, self.act = nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2), nn.ReLU()
        self.second, self.third = nn.Conv2d(2, 2, 3, padding=1, groups=2), nn.Conv2d(2, 5, 1)
        self.scale = nn.Parameter(torch.ones(5, 1, 1))

    def forward(self, x):
        y = self.act(self.norm(self.first(x)))
        z = self.second(y)
        return self.third(y * z) * self.scale


def test_a_module_by_hand():
    found = [m.values for m in moments(Small(), (3, 2, 2))]
    assert found == [12 + 8, 8 + 8, 8 + 8 + 8, 8 + 20]  # first, second, product, third
    assert [m.values for m in moments(Small(), (3, 2, 2), in_place_depthwise=True)] == found
