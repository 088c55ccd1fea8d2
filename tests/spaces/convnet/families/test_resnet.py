"""ResNets are points of families ``basic`` and ``bottleneck``: their stem pools, their shortcuts stride."""

import pytest
import torch
from torch import nn

from mathdesign.export.convnet import build
from mathdesign.kinds.load import loads
from mathdesign.spaces.convnet.network import Network
from mathdesign.spaces.convnet.pose import to_program
from mathdesign.spec.faults import SpecError
from mathdesign.validators.convnet.recheck import recheck
from mathdesign.validators.convnet.recount import check_gradients, check_module

#: Family, depths; parameters and multiply-adds of torchvision's models (its documentation: 11689512,
#: 21797672, 25557032 and 1.81, 3.66, 4.09 G).
TABLE = {
    "resnet18": ("basic", (2, 2, 2, 2), 11_689_512, 1_814_073_344),
    "resnet34": ("basic", (3, 4, 6, 3), 21_797_672, 3_663_761_408),
    "resnet50": ("bottleneck", (3, 4, 6, 3), 25_557_032, 4_089_184_256),
}


def words(family: str, depths: tuple[int, ...], size: int = 224) -> str:
    stages = []
    for i, (width, depth) in enumerate(zip((64, 128, 256, 512), depths)):
        own = f"width: {width}" if family == "basic" else f"width: {4 * width}, bottleneck: {width}"
        keeps = ", shortcut: identity" if family == "basic" and i == 0 else ""
        stride = f"stride: {1 if i == 0 else 2}, strided_shortcut: true"
        stages.append(f"    - {{{own}, depth: {depth}, {stride}{keeps}}}\n")
    return (
        f"space:\n  family: {family}\n  input: {{channels: 3, size: {size}}}\n"
        "  stem: {family: pooled_conv, width: 64, kernel_size: 7, stride: 4}\n"
        "  stages:\n" + "".join(stages)
    )


@pytest.mark.parametrize("name", TABLE)
def test_torchvisions_networks_count_exactly(name):
    family, depths, params, macs = TABLE[name]
    posed = to_program(loads(words(family, depths)))
    assert posed.program.size == 1
    point = tuple(s.choices[d][0] for s in posed.space.stages for d in s.block.decisions)
    network = Network.from_point(posed.space, point, name)
    costs = posed.program.costs(point)
    assert (costs["params"], costs["macs"]) == (params, macs)
    assert recheck(network).metrics == {"params": params, "macs": macs, "blocks": sum(depths)}
    with torch.device("meta"):
        module = build(network)
    check_module(network, module)
    shortcuts = [m for m in module.modules() if isinstance(m, nn.AvgPool2d)]
    assert not shortcuts


def test_the_stem_halves_twice_odd_sizes_included():
    text = words("basic", (1, 1, 1, 1), 37).replace("512", "128").replace("256", "128")
    posed = to_program(loads(text))
    point = tuple(s.choices[d][0] for s in posed.space.stages for d in s.block.decisions)
    network = Network.from_point(posed.space, point, "odd")
    assert Network.from_dict(network.to_dict()) == network
    module = build(network)
    check_module(network, module)
    check_gradients(module, 3, 37)
    assert module.stages[0](torch.zeros(1, 3, 37, 37)).shape[-1] == 10


def test_its_stride_is_four():
    text = words("basic", (1, 1, 1, 1)).replace("kernel_size: 7, stride: 4", "stride: 2")
    with pytest.raises(SpecError, match="accepted: 4"):
        loads(text)
