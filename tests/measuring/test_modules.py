"""One operator as a module: it computes what its key says, counted by torch."""

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from mathdesign.devices.operators import OPERATOR_KINDS, Operator, parse_key
from mathdesign.measuring.modules import MAKERS, CannotMeasure, made
from mathdesign.measuring.surroundings import ACTIVATIONS, NONE, Surroundings

KEYS = (
    "conv-3x15x14-8-k3x3-s2x2", "conv-8x7x7-16", "conv-8x6x6-k3x3-g4", "conv-3x16x16-8-k4x4-s4x4",
    "conv-8x1x30-16-k1x5", "depthwise-8x9x9-k5x5-s2x2-g8", "linear-16x1x6-24", "linear-16x1x1-10",
    "attention-48x1x8-16-k1x8-g2", "attention-32x1x8-16-k1x4-g2", "cross_attention-48x1x8-16-k1x5-g2",
    "sliding_attention-32x1x9-16-k1x4-g2", "linear_attention-48x1x8-16-k1x2-g2",
    "embedding-50x1x6-16", "pool-8x8x8-k2x2-s2x2", "pool-8x9x9-k3x3-s2x2", "global_pool-8x7x7",
    "global_pool-8x1x49", "add-8x7x7", "mul-8x1x6", "excite-8x7x7", "norm-8x1x6", "norm-8x7x7",
    "act-8x7x7", "rotary-8x1x6", "shuffle-8x7x7", "concat-8x7x7-24", "skip-8x7x7",
)  # fmt: skip


def test_every_kind_of_operator_is_made_and_tried():
    assert set(MAKERS) == set(OPERATOR_KINDS) == {parse_key(key).kind for key in KEYS}


@pytest.mark.parametrize("key", KEYS)
def test_the_module_gives_the_shape_and_multiply_adds_of_the_key(key):
    operator = parse_key(key)
    module, inputs = made(operator, Surroundings(activation="silu", norm="rms"), batch=2)
    counter = FlopCounterMode(display=False)
    # As matrix products, which the counter sees; fused attention it does not.
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
        output = module(*inputs)
    assert not module.training and torch.isfinite(output).all()
    values = output.numel() // 2
    assert values == operator.values_out or (operator.kind, operator.positions) == ("linear", 1)
    assert counter.get_total_flops() == 2 * 2 * operator.macs


@pytest.mark.parametrize("name", [*ACTIVATIONS.values(), NONE])
def test_activations_are_those_of_the_space(name):
    module, inputs = made(parse_key("conv-4x5x5-8"), Surroundings(activation=name))
    convs = [m for m in module.modules() if isinstance(m, torch.nn.Conv2d)]
    assert len(convs) == 1 and convs[0].bias is not None
    functions = {"none": lambda x: x, "relu6": torch.nn.functional.relu6}
    function = functions.get(name) or getattr(torch.nn.functional, name)
    with torch.no_grad():
        assert torch.equal(module(*inputs), function(convs[0](*inputs)))


def test_causal_attention_sees_nothing_later():
    operator = parse_key("attention-24x1x6-8-k1x6-g2")
    module, inputs = made(operator, Surroundings(causal=True))
    changed = tuple(x.clone() for x in inputs)
    for x in changed:
        x[:, -1] += 1
    with torch.no_grad():
        before, after = module(*inputs), module(*changed)
    assert torch.allclose(before[:, :-1], after[:, :-1]) and not torch.allclose(before, after)


def test_what_no_module_stands_for_is_refused():
    with pytest.raises(CannotMeasure, match="nothing runs operators of kind lstm"):
        made(_Odd(), Surroundings())


class _Odd:
    kind, key = "lstm", "lstm-8x1x1"


def test_surroundings_are_read_off_a_network():
    nn = torch.nn
    net = nn.Sequential(nn.Conv2d(3, 8, 1), nn.SiLU(), nn.SiLU(), nn.ReLU(), nn.Linear(8, 2, False))
    found = Surroundings.of(net, causal=False)
    assert (found.activation, found.norm, found.bias) == ("silu", "layer", False)
    assert Surroundings.of(nn.Linear(2, 2), causal=True) == Surroundings(NONE, "layer", True, True)
    assert "no biases" in found.words() and Operator("skip", 1, 1, 1, 1).macs == 0
