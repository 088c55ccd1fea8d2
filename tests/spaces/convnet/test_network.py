"""Networks as data: there and back, and nothing inconsistent gets in."""

import copy
import json
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mathdesign.spaces.convnet.network import Network, NetworkError, StageChoice
from tests.small import two_stages
from tests.spaces.convnet.families.random_spaces import points, spaces

POINT = (16, 3, 1, 32, 8, 3, 2, 48, 16, 5, 3, 10, 1)


def network() -> Network:
    return Network.from_point(two_stages(), POINT, "small")


@settings(deadline=None, derandomize=True, max_examples=60)
@given(data=st.data())
def test_any_network_survives_the_way_to_text_and_back(data):
    space = data.draw(spaces())
    point = data.draw(points(space))
    try:
        built = Network.from_point(space, point, "random")
    except NetworkError:
        return
    again = Network.from_dict(json.loads(json.dumps(built.to_dict())))
    assert again == built
    assert again.point == point
    assert hash(again) == hash(built)
    assert pickle.loads(pickle.dumps(built)) == built


def test_a_stage_knows_its_place_in_the_chain():
    stage = network().stages[2]
    assert (stage.prev, stage.width, stage.shape.resolution_in) == (32, 48, 8)
    assert network().classes == 10


def test_a_choice_cannot_be_changed():
    with pytest.raises(TypeError):
        network().stages[0].choice["width"] = 3  # type: ignore[index]
    assert StageChoice({"a": 1}) == {"a": 1}


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("name",), 3, "name: found 3"),
        (("input",), {"channels": 3}, "input.size: missing"),
        (("input", "channels"), True, "input.channels: found True"),
        (("input", "size"), 0, "accepted: 1 to"),
        (("stages",), "all", "accepted: a list of stages"),
        (("stages",), [], "exactly one classifier"),
        (("stages", 1), None, "found None"),
        (("stages", 1, "family"), "attention", "accepted: bottleneck"),
        (("stages", 1, "family"), ["basic"], "accepted: bottleneck"),
        (("stages", 1, "family"), "basic", "stages[1].bottleneck: unknown"),
        (("stages", 1, "role"), "tail", "accepted: stem, body, head, classifier"),
        (("stages", 1, "role"), [], "accepted: stem, body, head, classifier"),
        (("stages", 1, "role"), "classifier", "exactly one classifier"),
        (("stages", 1, "name"), None, "accepted: text"),
        (("stages", 1, "stride"), 3, "stride 3; accepted: 1 or 2"),
        (("stages", 1, "width"), "32", "stages[1].width: found '32'"),
        (("stages", 1, "width"), 2**40, "accepted: 1 to"),
        (("stages", 1, "depth"), 0, "stages[1].depth: found 0"),
        (("stages", 1, "kernel_size"), 4, "kernel_size 4 is even"),
        (("stages", 1, "identity_shortcut"), True, "stride 1 and equal widths"),
        (("stages", 1, "identity_shortcut"), "yes", "accepted: true or false"),
        (("stages", 1, "squeeze_excitation"), True, "does not exist in family 'bottleneck'"),
        (("stages", 0, "depth"), 2, "has one block"),
        (("extra",), 1, "network.extra: unknown"),
    ],
)
def test_descriptions_are_not_trusted(path, value, message):
    data = copy.deepcopy(network().to_dict())
    target = data
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    with pytest.raises(NetworkError) as error:
        Network.from_dict(data)
    assert message in str(error.value)


def test_a_point_of_the_wrong_length_is_refused():
    with pytest.raises(NetworkError, match="12 values where the space has 13"):
        Network.from_point(two_stages(), POINT[:-1], "short")
