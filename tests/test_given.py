"""Networks that nobody sought: points of spaces, counted as answers are, with nothing proven of them."""

from itertools import islice

import pytest

import mathdesign
from mathdesign.api import given
from mathdesign.checking import each_check
from mathdesign.report.rows import figure_rows
from mathdesign.result import Design, DesignError
from mathdesign.spaces.transformer.zoo import published

ONE = """
name: one
space:
  family: basic
  input: {channels: 3, size: 16}
  classes: 10
  stem: {width: 8}
  stages: [{width: 8, depth: 2}, {width: 16, stride: 2}]
"""


def test_the_only_network_of_a_space():
    found = given(mathdesign.loads(ONE))
    proof = found.certificate
    assert (proof.status, proof.bound, proof.gap, proof.backend) == ("given", None, None, "none")
    assert not proof.proven
    told = dict(figure_rows(found))
    assert told["bound"] == "none" and "nothing is proven" in told["status"]
    assert found.metrics == mathdesign.design(mathdesign.loads(ONE)).metrics
    assert Design.from_yaml(found.to_yaml()) == found == given(mathdesign.loads(ONE))
    quick = [*islice(each_check(found), 3)]
    assert len(quick) == 3 and all(check.ok for check in quick)
    with pytest.raises(DesignError, match="accepted: optimal, within_gap, feasible, given"):
        Design.from_yaml(found.to_yaml().replace("status: given", "status: proven"))


def test_what_is_no_point_is_refused():
    several = mathdesign.loads(ONE.replace("depth: 2", "depth: 1..3"))
    with pytest.raises(ValueError, match="found 3 designs, accepted: one"):
        given(several)
    network = given(mathdesign.loads(ONE)).network
    assert given(several, network).network == network
    with pytest.raises(ValueError, match="not a network of its space"):
        given(mathdesign.loads(ONE.replace("basic", "depthwise_separable")), network)


TINY = """
name: {name}
space:
  family: decoder_lm
  vocabulary: 64
  context: 32
  stacks:
    - {{width: 16..32/16, depth: {depth}, head_size: 8, kv_heads: [1, 2], ffn: [32, 64], layers: {kind}}}
objective: {{metric: params}}
"""


@pytest.mark.parametrize("kind", ["free", "shared"])
@pytest.mark.parametrize("depth", ["1..3", "3"])
def test_every_transformer_of_a_space_is_found_there(kind, depth):
    """Points to networks and back, all of a small space."""
    from mathdesign.kinds import kind_of_spec
    from tests.points import every_point

    spec = mathdesign.loads(TINY.format(name="tiny", depth=depth, kind=kind))
    own = kind_of_spec(spec)
    posed = own.pose(spec)
    seen = 0
    for point in every_point(posed.program):
        assert own.starting_point(posed, own.network(posed, point)) == tuple(point)
        seen += 1
    assert seen == posed.program.points
    elsewhere = published()["smollm-135m"].network
    assert own.starting_point(posed, elsewhere) is None
