"""Networks from the smallest to the largest, and networks that between them take every option."""

import itertools

import mathdesign
from mathdesign.kinds import kind_of_spec
from mathdesign.measuring.sampling import across, covering

CHAIN = """\
space:
  family: basic
  input: {channels: 3, size: 32}
  classes: 10
  stem: {width: 8, kernel_size: 3, stride: 1}
  stages: [{stride: 2, width: 8..64/8, kernel_size: [3, 5], depth: 1..4}, {stride: 2, width: 16..96/8, depth: 1..3}]
budgets: {macs: %s}
"""
LAYERS = """\
space: {family: fbnet}
objective: {metric: macs}
"""


def posed(text):
    spec = mathdesign.loads(text)
    kind = kind_of_spec(spec)
    return kind, kind.pose(spec)


def sizes(kind, posed_space, networks):
    return [kind.counts(posed_space.spec, network)["macs"] for network in networks]


def test_sizes_spread_over_the_whole_range_within_budgets():
    kind, space = posed(CHAIN % "60M")
    networks = across(kind, space, 8)
    found = sizes(kind, space, networks)
    assert len(found) == 8 and max(found) <= 60e6
    assert found[0] < 1.3 * min(found) and max(found) > 40e6 and max(found) / min(found) > 15
    assert sum(a < b for a, b in itertools.pairwise(found)) >= 6
    again = across(kind, space, 8)
    assert again == networks and across(kind, space, 8, seed=1) != networks


def test_every_option_of_every_slot_is_taken():
    kind, space = posed(LAYERS)
    networks = covering(kind, space)
    taken = {(slot, option) for network in networks for slot, option in network.options.items()}
    assert taken == {(s.name, o) for s in space.space.slots for o in s.options}


def test_where_points_are_no_lists_of_decisions_nothing_is_covered():
    kind, space = posed("space: {family: decoder_lm, vocabulary: 50, context: 16, stacks: "
                        "[{width: [32, 64], depth: 1..3, head_size: 16, heads: 2, ffn_ratio: 2}]}")  # fmt: skip
    assert all(space.program.feasible for _ in covering(kind, space))
    assert len(across(kind, space, 3)) == 3
