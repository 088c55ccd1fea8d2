"""Operators of layer-wise networks as devices know them, and the rows of options that they sum up to."""

import numpy as np

import mathdesign
from mathdesign.devices.operators import parse_key
from mathdesign.kinds import kind_of_spec
from mathdesign.programs.slots import random_points
from mathdesign.spaces.blocks.executed import executed
from mathdesign.spaces.blocks.operators import Shape, Trace

SPEC = "space: {family: fbnet}\nobjective: {metric: macs}\n"


def networks(count=5):
    spec = mathdesign.loads(SPEC)
    kind = kind_of_spec(spec)
    posed = kind.pose(spec)
    points = random_points(posed.program.slots, count, np.random.default_rng(0))
    return kind, posed, [kind.network(posed, point) for point in points]


def test_multiply_adds_are_those_of_the_blocks():
    kind, _, found = networks()
    for network in found:
        assert sum(o.macs for o in kind.operators(network)) == network.network.counts["macs"]


def test_a_network_is_the_sum_of_the_rows_of_its_options():
    kind, posed, found = networks()
    rows = kind.option_operators(posed)
    assert len(rows) == 1 + sum(len(slot.options) for slot in posed.space.slots)
    for network in found:
        keys = ["base", *(f"{slot}:{option}" for slot, option in network.options.items())]
        (parts,) = zip(*(rows[key] for key in keys))
        assert sorted(o.key for own in parts for o in own) == sorted(
            o.key for o in kind.operators(network)
        )


def test_every_operator_of_a_trace_is_named():
    on = Trace.of(Shape(3, (9, 9)))
    on.conv(8, 3, 2)
    on.norm()
    on.act("relu")
    entered = on.now
    on.conv(8, 3, padding=0)  # 5x5 to 3x3: named by what it gives
    on.plain("shuffle", on.shape)
    on.now = entered
    on.pool("avg", 3)
    on.add(entered)
    values = on.now
    on.mean()
    on.multiply(values)
    on.concat([values])
    on.mean()
    on.flatten()
    on.linear(10)
    keys = ["conv-3x9x9-8-k3x3-s2x2", "conv-8x3x3-k3x3", "shuffle-8x3x3", "pool-8x5x5-k3x3",
            "add-8x5x5", "global_pool-8x5x5", "excite-8x5x5", "concat-8x5x5-16",
            "global_pool-16x5x5", "linear-16x1x1-10"]  # fmt: skip
    assert executed(tuple(on.operators)) == tuple(map(parse_key, keys))


def test_sequences_have_height_one():
    on = Trace.of(Shape(4, (20,)))
    on.conv(8, 5, 2)
    assert [o.key for o in executed(tuple(on.operators))] == ["conv-4x1x20-8-k1x5-s1x2"]
