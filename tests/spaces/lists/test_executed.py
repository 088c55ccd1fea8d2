"""Operators of blocks as devices know them."""

from mathdesign.devices.operators import parse_key
from mathdesign.spaces.blocks.executed import executed
from mathdesign.spaces.blocks.operators import Shape, Trace


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
            "add-8x5x5", "global_pool-8x5x5", "excite-8x5x5", "concat-16x5x5",
            "global_pool-16x5x5", "linear-16x1x1-10"]  # fmt: skip
    assert list(executed(tuple(on.operators))) == list(map(parse_key, keys))


def test_sequences_have_height_one():
    on = Trace.of(Shape(4, (20,)))
    on.conv(8, 5, 2)
    assert [o.key for o in executed(tuple(on.operators))] == ["conv-4x1x20-8-k1x5-s1x2"]
