"""Metrics of untrained networks: what theory says of them, and no trace left behind."""

import math

import pytest
import torch
from torch import nn

from mathdesign.search import untrained
from mathdesign.search.untrained import METRICS, untrained_metrics

torch.set_num_threads(1)


def network(width: int = 8, depth: int = 2) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers, before = [], 3
        for _ in range(depth):
            layers += [nn.Conv2d(before, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
            before = width
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 5))


def test_every_metric_is_a_number_and_repeats():
    first = untrained_metrics(network(), 3, 8)
    assert set(first) == set(METRICS) and all(map(math.isfinite, first.values()))
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    assert untrained_metrics(network(), 3, 8) == first
    assert (torch.random.get_rng_state() == before).all()
    assert untrained_metrics(network(), 3, 8, seed=1) != first


def test_the_module_is_left_as_it_was():
    module = network()
    state = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    untrained_metrics(module, 3, 8)
    assert all((module.state_dict()[name] == tensor).all() for name, tensor in state.items())
    assert all(p.grad is None for p in module.parameters())


def test_synflow_of_linear_layers_is_layers_times_the_flow():
    """Each layer's sum of theta dR/dtheta is R itself (Tanaka et al. 2020, theorem 1)."""
    first, second = nn.Linear(12, 7, bias=False), nn.Linear(7, 4, bias=False)
    module = nn.Sequential(nn.Flatten(), first, second)
    flow = float((second.weight.double().abs() @ first.weight.double().abs()).sum())
    value = untrained.synflow(module, torch.zeros(2, 3, 2, 2))
    assert value == pytest.approx(math.log(2 * flow))


def test_zen_grows_with_width_and_depth_as_the_entropy_does():
    values = [untrained_metrics(network(w, d), 3, 16)["zen"] for w, d in ((4, 2), (16, 2), (16, 4))]
    assert values == sorted(values)


def test_nwot_needs_different_images_and_some_activation():
    module = network()
    same = torch.ones(4, 3, 8, 8)
    assert untrained.nwot(module.eval(), same) == -math.inf
    assert untrained.nwot(nn.Conv2d(3, 4, 1), torch.randn(4, 3, 8, 8)) == -math.inf


def test_jacobian_covariance_prefers_uncorrelated_jacobians():
    linear = nn.Sequential(nn.Flatten(), nn.Linear(48, 5))  # the same Jacobian for all images
    bent = nn.Sequential(nn.Flatten(), nn.Linear(48, 64), nn.ReLU(), nn.Linear(64, 5))
    batch = torch.randn(8, 3, 4, 4)
    assert untrained.jacobian_covariance(bent, batch) > untrained.jacobian_covariance(linear, batch)
