"""MobileNetV2 is a point of the space: its first block expands nothing and has no 1x1 in front."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mathdesign.export.convnet import build
from mathdesign.kinds.load import loads
from mathdesign.programs.evaluate import Evaluator
from mathdesign.spaces.convnet.network import Network
from mathdesign.spaces.convnet.pose import to_program
from mathdesign.spec.faults import SpecError
from mathdesign.validators.convnet.recheck import recheck
from mathdesign.validators.convnet.recount import check_gradients, check_module

#: Expansion, width, blocks, stride: arXiv 1801.04381, table 2.
TABLE = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1),
         (6, 160, 3, 2), (6, 320, 1, 1))  # fmt: skip


def eights(width: float) -> int:
    """torchvision's _make_divisible."""
    near = max(8, int(width + 4) // 8 * 8)
    return near + 8 if near < 0.9 * width else near


def convolution(c_in, c_out, kernel=1, stride=1, groups=1):
    return [
        nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(c_out),
    ]


class Block(nn.Module):
    """torchvision's InvertedResidual."""

    def __init__(self, c_in, c_out, stride, expansion):
        super().__init__()
        inner = c_in * expansion
        front = [] if expansion == 1 else [*convolution(c_in, inner), nn.ReLU6()]
        middle = [*convolution(inner, inner, 3, stride, inner), nn.ReLU6()]
        self.path = nn.Sequential(*front, *middle, *convolution(inner, c_out))
        self.residual = stride == 1 and c_in == c_out

    def forward(self, x):
        return x + self.path(x) if self.residual else self.path(x)


def published(factor: float) -> nn.Module:
    """mobilenet_v2(width_mult=factor) of torchvision, after its source (models/mobilenetv2.py)."""
    width = eights(32 * factor)
    layers = [*convolution(3, width, 3, 2), nn.ReLU6()]
    for expansion, c, blocks, stride in TABLE:
        for index in range(blocks):
            layers.append(Block(width, eights(c * factor), 1 if index else stride, expansion))
            width = eights(c * factor)
    last = eights(1280 * max(1.0, factor))
    layers += [*convolution(width, last), nn.ReLU6(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(last, 1000))


def words(factor: float) -> str:
    """Its specification. Inner widths follow the width that enters: a stage for each first block."""
    prev, stages = eights(32 * factor), []
    for expansion, c, blocks, stride in TABLE:
        width = eights(c * factor)
        if expansion == 1:
            stages.append(f"{{family: depthwise_separable, stride: {stride}, width: {width}}}")
        else:
            se = "squeeze_excitation: false"
            stages.append(f"{{stride: {stride}, width: {width}, bottleneck: {6 * prev}, {se}}}")
            if blocks > 1:
                stages.append(
                    f"{{width: {width}, bottleneck: {6 * width}, depth: {blocks - 1}, {se}}}"
                )
        prev = width
    listed = "".join(f"    - {stage}\n" for stage in stages)
    return (
        "space:\n  family: inverted_residual\n  input: {channels: 3, size: 224}\n"
        f"  stem: {{width: {eights(32 * factor)}}}\n  head: {{width: {eights(1280 * max(1, factor))}}}\n"
        f"  stages:\n{listed}"
    )


@pytest.mark.parametrize(("factor", "params"), [(1.0, 3_504_872), (1.4, 6_108_776)])
def test_torchvisions_network_counts_exactly(factor, params):
    """By program, by unrolled layers and by torch on the built module: 582 M multiply-adds at 1.4."""
    with torch.device("meta"):
        theirs = published(factor).eval()
        counter = FlopCounterMode(display=False)
        with torch.no_grad(), counter:
            theirs(torch.empty(1, 3, 224, 224))
    assert sum(p.numel() for p in theirs.parameters()) == params
    macs = counter.get_total_flops() // 2
    assert factor != 1.4 or round(macs / 1e6) == 582
    posed = to_program(loads(words(factor)))
    point = tuple(s.choices[d][0] for s in posed.space.stages for d in s.block.decisions)
    network = Network.from_point(posed.space, point, "mobilenet_v2")
    scored = Evaluator(posed.program)(np.array(point)).metrics
    assert (int(scored["params"][0]), int(scored["macs"][0])) == (params, macs)
    assert recheck(network).metrics == {"params": params, "macs": macs, "blocks": 17}
    found = check_module(network, build(network))
    assert (found.params, found.macs) == (params, macs)


def test_it_is_chosen_written_and_run():
    """A stage of several such blocks; the later ones keep their input."""
    spec = loads(
        "space: {family: depthwise_separable, input: {channels: 3, size: 16}, classes: 10, "
        "stem: {width: [8, 12]}, stages: [{width: [8, 16], kernel_size: [3, 5], depth: 1..3}]}\n"
        "budgets: {params: 2k}"
    )
    posed = to_program(spec)
    network = Network.from_point(posed.space, (12, 3, 1, 16, 5, 3, 10, 1), "small")
    assert Network.from_dict(network.to_dict()) == network
    module = build(network)
    assert [block.residual for block in module.stages[1]] == [False, True, True]
    check_module(network, module)
    check_gradients(module, 3, 16)
    with pytest.raises(SpecError, match="keeps its input"):
        loads("space: {family: depthwise_separable, stages: [{width: 8, shortcut: identity}]}")
