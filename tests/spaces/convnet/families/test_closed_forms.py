"""The monomials that a program is posed with equal the unrolled layers, unit for unit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mathdesign.programs.evaluate import Evaluator
from mathdesign.spaces.convnet.network import Network
from mathdesign.spaces.convnet.program import EntropyOptions, pose
from mathdesign.validators.convnet.recheck import broken_rules, recheck
from tests.spaces.convnet.families.random_spaces import points, spaces

OPTIONS = st.builds(
    EntropyOptions,
    variant=st.sampled_from(["tinynas", "paper", "mae_det"]),
    depth_penalty=st.sampled_from([None, 0.0, 1.5]),
    depth_spread=st.sampled_from([None, "std", "variance"]),
    effectiveness_at=st.sampled_from([None, "scales", "end"]),
    se_resolution_defect=st.booleans(),
)


@pytest.mark.parametrize("counting", ["macs", "tinynas"])
@settings(deadline=None, derandomize=True, max_examples=150)
@given(data=st.data())
def test_the_recount_of_any_network_is_what_its_program_says(counting, data):
    space, options = data.draw(spaces()), data.draw(OPTIONS)
    weights = (("macs", 1e-6), ("blocks", -2.0)) if data.draw(st.booleans()) else ()
    problem = pose(
        space, counting=counting, entropy=options, metric_weights=weights, effectiveness=0.3
    )
    point = data.draw(points(space))
    try:
        network = Network.from_point(space, point, "random")
    except ValueError:  # an identity shortcut between unequal widths: the program forbids it too
        assert not Evaluator(problem)(np.array(point)).feasible[0]
        return
    scores = Evaluator(problem)(np.array(point))
    counted = recheck(network, counting=counting, entropy=options, metric_weights=weights)
    assert {m: v[0] for m, v in scores.metrics.items()} == dict(counted.metrics)
    assert scores.entropy[0] == pytest.approx(counted.entropy, rel=1e-12)
    assert scores.penalty[0] == pytest.approx(counted.penalty, rel=1e-12)
    assert scores.objective[0] == pytest.approx(counted.objective, rel=1e-9, abs=1e-9)
    assert scores.effectiveness[0] == pytest.approx(counted.effectiveness, rel=1e-12)
    rules_hold = Evaluator(pose(space))(np.array(point)).feasible[0]
    assert rules_hold == (not list(broken_rules(space, network)))


@settings(deadline=None, derandomize=True, max_examples=50)
@given(data=st.data())
def test_scale_weights_are_used_as_given(data):
    space = data.draw(spaces())
    scales = 1 + sum(stage.shape.stride == 2 for stage in space.stages[1:])
    weights = tuple(data.draw(st.floats(0, 8)) for _ in range(scales))
    options = EntropyOptions(weights=weights, depth_stages=(0,))
    point = data.draw(points(space))
    try:
        network = Network.from_point(space, point, "random")
    except ValueError:
        return
    counted = recheck(network, entropy=options)
    scores = Evaluator(pose(space, entropy=options))(np.array(point))
    assert counted.objective == pytest.approx(scores.objective[0], rel=1e-12, abs=1e-9)
    assert counted.penalty == pytest.approx(10.0)  # one stage has no spread: 10 * exp(0)
    with pytest.raises(ValueError, match="weights"):
        recheck(network, entropy=EntropyOptions(weights=(*weights, 1.0)))
