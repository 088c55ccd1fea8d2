"""A transformer that is counted right and does not look at its input is found out."""

import pytest
import torch
from torch import nn

from mathdesign.export.transformer.module import build
from mathdesign.validators.errors import RecheckError
from mathdesign.validators.transformer.running import check_runs
from tests.export.transformer.test_module import SMALL

torch.set_num_threads(1)


@pytest.mark.parametrize("name", SMALL)
def test_every_weight_of_every_feature_has_an_influence(name):
    module = build(SMALL[name])
    before = {key: value.clone() for key, value in module.state_dict().items()}
    check_runs(SMALL[name], module)
    assert all(torch.equal(before[key], value) for key, value in module.state_dict().items())


class Deaf(nn.Module):
    """Reads the first sequence for all."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, tokens):
        return self.inner(tokens[:1].expand_as(tokens))


class Nothing(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, *given, **words):
        return 0 * self.inner(*given, **words)


def test_what_does_not_look_or_does_nothing_is_found_out():
    net = SMALL["mixed"]
    with pytest.raises(RecheckError, match="does not depend on the input"):
        check_runs(net, Deaf(build(net)))
    module = build(net)
    module.stacks[0].parts[1].out = Nothing(module.stacks[0].parts[1].out)
    with pytest.raises(RecheckError, match=r"parts\.1\..* has no influence"):
        check_runs(net, module)
