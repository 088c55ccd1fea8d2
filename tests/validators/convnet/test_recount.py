"""torch's own counter agrees with ours to the unit, and a wrong module is found out."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from mathdesign.export.convnet import build
from mathdesign.spaces.convnet.network import Network
from mathdesign.validators.convnet.recount import RecountError, check_gradients, check_module
from tests.small import two_stages
from tests.spaces.convnet.families.random_spaces import points, spaces

torch.set_num_threads(1)  # tiny tensors; several threads only wait for each other

POINTS = {
    "bottleneck": (16, 3, 1, 32, 8, 3, 2, 48, 16, 5, 3, 10, 1),
    "inverted_residual": (16, 3, 1, 32, 8, 3, 2, 48, 16, 5, 3, 10, 1),
    "basic": (16, 3, 1, 32, 3, 2, 48, 5, 3, 10, 1),
}


def network(family: str = "bottleneck") -> Network:
    return Network.from_point(two_stages(family), POINTS[family], family)


@settings(deadline=None, derandomize=True, max_examples=40)
@given(data=st.data())
def test_params_macs_and_shapes_of_any_network(data):
    """Every family, identity shortcuts, squeeze-and-excitation, odd and tiny input sizes."""
    space = data.draw(spaces())
    try:
        random = Network.from_point(space, data.draw(points(space)), "random")
    except ValueError:
        return
    check_module(random, build(random))


@pytest.mark.parametrize("family", POINTS)
def test_one_pass_forward_and_back(family):
    module = build(network(family))
    before = {name: value.clone() for name, value in module.state_dict().items()}
    check_gradients(module, 3, 32)
    assert module.training
    assert all(parameter.grad is None for parameter in module.parameters())
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())


def test_a_module_with_one_more_weight_is_found_out():
    module = build(network())
    module.extra = nn.Parameter(torch.zeros(1))
    with pytest.raises(RecountError, match="params: torch counts"):
        check_module(network(), module)
    with pytest.raises(RecountError, match="gradient of extra is missing"):
        check_gradients(module, 3, 32)


def test_a_module_that_computes_more_is_found_out():
    module = build(network())
    module.stages[0][0].conv.stride = (1, 1)
    with pytest.raises(RecountError, match="macs: torch counts"):
        check_module(network(), module)


def test_a_module_with_another_output_is_found_out():
    module = build(network())
    with pytest.raises(RecountError, match="output shape"):
        check_module(network(), nn.Sequential(module, nn.Unflatten(1, (5, 2))))


def test_numbers_that_are_not_finite_are_found_out():
    module = build(network())
    module.classifier.linear.weight.data.fill_(float("inf"))
    with pytest.raises(RecountError, match="not finite"):
        check_gradients(module, 3, 32)


class Changed(nn.Module):
    """The right weights and operations around something that loses what the image said."""

    def __init__(self, inner, lose):
        super().__init__()
        self.inner, self.lose = inner, lose

    def forward(self, images):
        return self.lose(self.inner, images)


class Nothing(nn.Module):
    def forward(self, x):
        return 0 * x


@pytest.mark.parametrize(
    "lose",
    [
        lambda inner, images: inner(images * 0),
        lambda inner, images: inner(images.mean(0, keepdim=True).expand_as(images)),
        lambda inner, images: inner(images) * 0 + inner.classifier.linear.bias,
    ],
)
@pytest.mark.parametrize("family", POINTS)
def test_a_module_that_does_not_look_at_the_image_is_found_out(family, lose):
    """Its parameters, multiply-adds and shapes are right, its gradients finite."""
    module = Changed(build(network(family)), lose)
    check_module(network(family), module)
    with pytest.raises(RecountError, match=r"does not depend on the input|has no influence"):
        check_gradients(module, 3, 32)


def test_a_parameter_that_does_nothing_is_found_out():
    """Zeros in a last norm are a beginning; a block that never adds what it computes is a fault."""
    module = build(network())
    block = module.stages[1][1]
    block.norm3 = nn.Sequential(block.norm3, Nothing())
    with pytest.raises(RecountError, match=r"stages\.1\.1\.\w+\.weight has no influence"):
        check_gradients(module, 3, 32)


@settings(deadline=None, derandomize=True, max_examples=25)
@given(data=st.data())
def test_every_parameter_of_any_network_has_an_influence(data):
    space = data.draw(spaces())
    try:
        random = Network.from_point(space, data.draw(points(space)), "random")
    except ValueError:
        return
    check_gradients(build(random), random.input_channels, random.input_size)
