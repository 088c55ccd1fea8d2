"""Operators of a network are what its module executes, in that order, and count as it counts."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from mathdesign.devices.operators import Operator, convolution, linear, plain
from mathdesign.export.convnet import build
from mathdesign.spaces.convnet.families import BODY_FAMILIES, StageShape
from mathdesign.spaces.convnet.network import Network
from mathdesign.spaces.convnet.operators import operators
from mathdesign.spaces.convnet.space import Space, StageSpace
from mathdesign.spaces.convnet.symbolic import block_operators
from mathdesign.validators.convnet.recheck import count
from tests.strategies import random_space


class Recorder(TorchDispatchMode):
    """Writes down additions and products of tensors of one shape; hooks write down modules."""

    def __init__(self):
        super().__init__()
        self.found: list[Operator] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        names = {"aten.add.Tensor": "add", "aten.mul.Tensor": "mul"}
        if (name := names.get(str(func))) and all(getattr(a, "dim", int)() == 4 for a in args[:2]):
            _, c, h, w = args[0].shape
            kind = "excite" if args[1].shape != args[0].shape else name
            self.found.append(plain(kind, c, h, w))
        return out

    def watch(self, module: nn.Module) -> None:
        for part in module.modules():
            part.register_forward_pre_hook(self.note)

    def note(self, part: nn.Module, args) -> None:
        x = args[0]
        if isinstance(part, nn.Conv2d):
            shape = (x.shape[1], *x.shape[2:], part.out_channels)
            # A padded patch: the module is given what the operator pads by itself.
            self.found.append(
                convolution(*map(int, shape), part.kernel_size, part.stride, part.groups)
            )
        elif isinstance(part, nn.Linear):
            if x.dim() == 4:
                self.found.append(
                    convolution(x.shape[3], x.shape[1], x.shape[2], part.out_features)
                )
            else:
                self.found.append(linear(x.shape[1], 1, part.out_features))
        elif isinstance(part, nn.AvgPool2d):
            _, c, h, w = x.shape
            self.found.append(Operator("pool", c, h, w, c, (2, 2), (2, 2)))
        elif isinstance(part, nn.MaxPool2d):
            _, c, h, w = x.shape
            self.found.append(Operator("pool", c, h, w, c, (3, 3), (2, 2)))
        elif isinstance(part, nn.AdaptiveAvgPool2d):
            self.found.append(plain("global_pool", *x.shape[1:]))
        elif isinstance(part, nn.LayerNorm):
            c, h, w = (x.shape[1], 1, 1) if x.dim() == 2 else (x.shape[3], *x.shape[1:3])
            self.found.append(plain("norm", c, h, w))


def executed(network: Network) -> list[Operator]:
    module = build(network).eval()
    recorder = Recorder()
    recorder.watch(module)
    size = network.input_size
    with torch.no_grad(), recorder:
        module(torch.zeros(2, network.input_channels, size, size))
    return recorder.found


def drawn(rng, family: str | None) -> Network:
    space = random_space(rng, family)
    point = [int(rng.choice(v)) for s in space.stages for v in s.choices.values()]
    return Network.from_point(space, point, "drawn")


@pytest.mark.parametrize("family", [None, *BODY_FAMILIES])
def test_operators_are_what_the_module_executes(family):
    checked = 0
    for seed in range(12):
        try:
            network = drawn(np.random.default_rng(seed), family)
        except ValueError:  # widths that do not go together
            continue
        assert list(operators(network)) == executed(network), network
        checked += 1
    assert checked >= 4


def test_convnext_as_published_with_patches_and_its_classifier():
    shape = StageShape(2, 8, 4, options=frozenset({"as_published"}))
    space = Space(3, 32, (
        StageSpace("stem", "stem", "patchify", StageShape(4, 32, 8),
                   {"width": (8,), "kernel_size": (4,), "depth": (1,)}),
        StageSpace("stage1", "body", "convnext", shape,
                   {"width": (16,), "bottleneck": (24,), "kernel_size": (5,), "depth": (2,)}),
        StageSpace("classifier", "classifier", "normed_classifier", StageShape(1, 4, 1),
                   {"width": (10,), "depth": (1,)}),
    ))  # fmt: skip
    network = Network.from_point(space, (8, 4, 1, 16, 24, 5, 2, 10, 1), "published")
    assert list(operators(network)) == executed(network)


@pytest.mark.parametrize("size", [32, 37, 5])
def test_resnets_stem_and_its_strided_shortcuts(size):
    """A convolution of stride 2, a maximum of stride 2; 1x1 shortcuts that stride themselves."""
    after = -(-size // 4)
    out = -(-after // 2)
    shape = StageShape(2, after, out, options=frozenset({"strided_shortcut"}))
    space = Space(3, size, (
        StageSpace("stem", "stem", "pooled_conv", StageShape(4, size, after),
                   {"width": (8,), "kernel_size": (7,), "depth": (1,)}),
        StageSpace("stage1", "body", "basic", shape,
                   {"width": (16,), "kernel_size": (3,), "depth": (2,)}),
        StageSpace("classifier", "classifier", "classifier", StageShape(1, out, 1),
                   {"width": (10,), "depth": (1,)}),
    ))  # fmt: skip
    network = Network.from_point(space, (8, 7, 1, 16, 3, 2, 10, 1), "residual")
    found = list(operators(network))
    assert found == executed(network)
    symbolic = [
        operator.at({"prev": 3, "width": 8, "kernel_size": 7})
        for operator in block_operators(space.stages[0], first=True)
    ]
    assert symbolic == found[: len(symbolic)] and len(symbolic) == 2


@pytest.mark.parametrize("seed", range(8))
def test_multiply_adds_of_operators_are_those_of_the_network(seed):
    network = drawn(np.random.default_rng(100 + seed), None)
    assert sum(op.macs for op in operators(network)) == count(network, "macs")["macs"]
