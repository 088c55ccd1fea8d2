"""Every network of the zoo says its operators, with the multiply-adds of its design."""

import pytest

from mathdesign.zoo.designs import design_of
from mathdesign.zoo.members import members


@pytest.mark.parametrize("first", range(6))
def test_operators_of_published_networks_count_as_their_designs(first):
    for member in list(members().values())[first::18]:
        design = design_of(member)
        assert sum(op.macs for op in design.operators()) == design.metrics["macs"], member.name
