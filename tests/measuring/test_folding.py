"""Batch norms are folded where they follow a convolution, and only there."""

import torch
from torch import nn

from mathdesign.export.convnet import build
from mathdesign.measuring.folding import folded
from tests.validators.training.test_measuring import NETWORKS


def norms(module):
    return sum(isinstance(part, nn.BatchNorm2d) for part in module.modules())


def drawn(module):
    """Statistics as training leaves them."""
    generator = torch.Generator().manual_seed(0)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            for tensor in (part.weight, part.bias, part.running_mean, part.running_var):
                tensor.data = torch.rand(tensor.shape, generator=generator) + 0.5
    return module


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.BatchNorm2d(4)  # before its convolution: stays
        self.conv, self.norm = nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)

    def forward(self, x):
        return x + self.norm(self.conv(self.first(x)))


class Twice(nn.Module):
    """What a convolution gives is read with and without its norm."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)

    def forward(self, x):
        y = self.conv(x)
        return y + self.norm(y)


def test_a_norm_behind_a_convolution_is_gone_and_the_output_stays():
    module, x = drawn(Residual()), torch.randn(2, 4, 5, 5)
    found = folded(module, (x,))
    assert norms(found) == 1 and norms(module) == 2 and module.training
    with torch.no_grad():
        assert torch.allclose(found(x), module.eval()(x), atol=1e-5)


def test_where_folding_changes_the_output_nothing_is_folded():
    module, x = drawn(Twice()), torch.randn(2, 4, 5, 5)
    found = folded(module, (x,))
    assert norms(found) == 1
    with torch.no_grad():
        assert torch.equal(found(x), module.eval()(x))


def test_a_designed_network_has_none_left():
    x = torch.randn(1, 3, 32, 32)
    module = drawn(build(NETWORKS["inverted_residual"]))
    found = folded(module, (x,))
    assert norms(module) > 3 and norms(found) == 0
    with torch.no_grad():
        assert torch.allclose(found(x), module.eval()(x), rtol=1e-3, atol=1e-4)
