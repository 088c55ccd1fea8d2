"""Multiply-adds seen from outside are those of torch's own counter and of hooks on layers."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mathdesign.validators.calls import drawn_nowhere, macs_of


def by_torch(module, inputs):
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        module.eval()(*inputs)
    return counter.get_total_flops() // 2


class Attends(nn.Module):
    """A product of every kind, and calls that only look like one."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, 2, 1, groups=1)
        self.norm = nn.BatchNorm2d(8)
        self.deep = nn.Conv2d(8, 8, 5, 1, 2, groups=8, bias=False)
        self.gate = nn.Conv2d(8, 8, 1)
        self.line = nn.Conv1d(8, 16, 3, padding=1)
        self.query = nn.Linear(16, 16)
        self.table = nn.Embedding(4, 16)

    def forward(self, x):
        y = torch.relu(self.norm(self.conv(x)))
        y = y * torch.sigmoid(self.gate(y.mean((2, 3), keepdim=True)))
        y += self.deep(y)
        z = self.line(y.flatten(2)).transpose(1, 2)
        z = self.query(z) + self.table(torch.zeros(1, dtype=torch.long, device=x.device))
        a, b = z.chunk(2, -1)
        z = torch.cat((a - b, b), dim=-1)
        z = nn.functional.scaled_dot_product_attention(z, z, torch.cat((z, z), -1))
        z = z[..., :16] - z.mean(-1, keepdim=True)
        return (z @ z.transpose(1, 2)).softmax(-1) + 1


@pytest.mark.parametrize("size", [8, 13])
def test_it_counts_as_torch_does(size):
    with torch.device("meta"):
        module, x = Attends(), torch.empty(1, 3, size, size)
    assert macs_of(module, (x,)) == by_torch(module, (x,)) > 0


def test_known_products():
    with torch.device("meta"):
        layer, x = nn.Conv2d(6, 4, (3, 1), groups=2), torch.empty(1, 6, 9, 5)
        assert macs_of(layer, (x,)) == 4 * 7 * 5 * 3 * 3
        assert macs_of(nn.Linear(7, 5), (torch.empty(2, 3, 7),)) == 2 * 3 * 7 * 5


def test_nothing_is_drawn_while_nobody_looks():
    """What is written by initialisation stays unwritten, and draws nothing from the generator."""
    before = torch.get_rng_state()
    with drawn_nowhere():
        nn.Linear(4, 4)
        kept = nn.init.zeros_(torch.full((2,), 7.0))
    assert torch.equal(torch.get_rng_state(), before)
    assert kept.tolist() == [7.0, 7.0]
    assert nn.init.zeros_(torch.full((2,), 7.0)).tolist() == [0.0, 0.0]
