"""Layer-wise spaces: tables of options, the operators of the whole network and its module agree."""

import numpy as np
import pytest

from mathdesign.export import blocks as export
from mathdesign.kinds.load import loads
from mathdesign.memory.steps import MemoryOptions
from mathdesign.spaces.blocks.alive import NotHeld, most_alive, stored
from mathdesign.spaces.blocks.operators import Shape, Trace
from mathdesign.spaces.lists.named import PRESETS
from mathdesign.spec.faults import SpecError
from mathdesign.validators.convnet.execution import peak_values, weights_of
from mathdesign.validators.convnet.memory import held_of
from mathdesign.validators.lists.memory import taped
from mathdesign.validators.lists.memory import weights_of as counted

#: Spaces of operators that nobody has said anything of yet.
NOT_HELD = ("efficient_tdnn",)


@pytest.mark.parametrize("name", [name for name in PRESETS if name not in NOT_HELD])
def test_tables_operators_and_modules_agree(name):
    preset, rng = PRESETS[name], np.random.default_rng(0)
    space = preset.space(preset.small)
    point = np.array([[rng.integers(len(slot.options)) for slot in space.slots]])
    chosen = {s.name: list(s.options)[k] for s, k in zip(space.slots, point[0])}
    network = space.network(name, chosen)
    module, given = export.build(network), (network.given.channels, *network.given.size)
    for options in (MemoryOptions("int8"), MemoryOptions("int8", True)):
        peak = space.peak(lambda o, shape, options=options: most_alive(o, shape, options))
        sums = space.sums(lambda o, options=options: stored(o, options))
        in_place = options.in_place_depthwise
        values = peak_values(module, given, in_place_depthwise=in_place)
        weights = sum(
            tensor.numel() * (options.value_bytes if weight else options.bias_bytes)
            for tensor, weight in weights_of(module)
        )
        assert max(int(pair.at(point)[0]) for pair in peak) == values
        assert held_of(taped(network), options).peak == values
        assert int(sums.at(point)[0]) == counted(network, options) == weights


@pytest.mark.parametrize("name", NOT_HELD)
def test_operators_that_nobody_knows_are_told(name):
    text = f"space: {{family: {name}}}\nobjective: {{metric: macs}}\nbudgets: {{activation_bytes: 1 MB}}"
    with pytest.raises(SpecError, match="nothing says what it holds"):
        loads(text)


def test_by_hand():
    on = Trace.of(Shape(3, (4, 4)))
    on.conv(8, 3)  # 48 in, 128 out
    on.norm()
    on.act("relu")
    kept = on.now
    on.conv(8, 3, groups=8)  # 128 in, 128 out; the first waits for the sum
    on.add(kept)
    on.mean()
    on.linear(5)
    operators = tuple(on.operators)
    plain, in_place = MemoryOptions("int8"), MemoryOptions("int8", True)
    assert most_alive(operators, on.given, plain) == 3 * 128
    assert most_alive(operators, on.given, in_place) == 3 * 128  # what waits is not overwritten
    assert most_alive(operators[:4], on.given, plain) == 2 * 128
    assert most_alive(operators[:4], on.given, in_place) == 48 + 128
    assert stored(operators, plain) == 3 * 8 * 9 + 8 * 4 + 8 * 9 + 8 * 5 + 5 * 4
    on.plain("softmax", on.shape)
    with pytest.raises(NotHeld, match="softmax"):
        most_alive(tuple(on.operators), on.given, plain)
