"""Keys of operators are read back; what is none is refused with the cure; counts by definition."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mathdesign.devices.operators import (
    OPERATOR_KINDS,
    Operator,
    OperatorError,
    convolution,
    is_key,
    linear,
    parse_key,
    plain,
)

sizes = st.integers(1, 300)
pairs = st.tuples(st.integers(1, 9), st.integers(1, 9))


@st.composite
def operators(draw):
    """Any operator: drawn until one is."""
    kind = OPERATOR_KINDS[draw(st.sampled_from(sorted(OPERATOR_KINDS)))]
    c_in = draw(sizes)
    c_out = c_in if kind.keeps else draw(sizes)
    kernel, stride = (draw(pairs), draw(pairs)) if kind.windowed else ((1, 1), (1, 1))
    groups = 1
    if kind.name == "conv":
        return convolution(c_in, draw(sizes), draw(sizes), c_out, kernel, stride)
    if kind.name == "depthwise":
        c_in += 1
        c_out, groups = c_in * draw(st.integers(1, 2)), c_in
    elif kind.name.endswith("attention"):
        size, groups, kv = draw(st.tuples(st.integers(1, 8), st.integers(1, 8), st.integers(1, 8)))
        c_out, c_in = size * groups, size * (groups + 2 * kv)
    return Operator(kind.name, c_in, draw(sizes), draw(sizes), c_out, kernel, stride, groups)


@given(operators())
def test_keys_are_read_back(operator):
    assert parse_key(operator.key) == operator
    assert is_key(operator.key)
    assert "," not in operator.key and ":" not in operator.key


@given(st.text("convdepthwiselinear-xksg0123456789", max_size=40))
def test_both_ways_of_telling_a_key_agree(text):
    for key in (text, f"conv-{text}", f"linear-3x4x5{text}", f"conv-3x4x5-k{text}"):
        try:
            parse_key(key)
            parsed = True
        except OperatorError:
            parsed = False
        assert is_key(key) == parsed, key


@pytest.mark.parametrize(
    ("key", "cure"),
    [
        ("conv-3x224x224-3-k3x3", "left out: conv-3x224x224-k3x3"),
        ("conv-3x224x224-32-k1x1", "left out"),
        ("conv-3x224x224-32-s1x1", "left out"),
        ("conv-3x224x224-32-g1", "left out"),
        ("convv-3x224x224-32", "did you mean conv?"),
        ("add-8x7x7-16", "as many channels"),
        ("linear-8x1x7-16-k3x3", "no kernel"),
        ("pool-8x8x8-k2x2-g2", "no groups"),
        ("conv-8x7x7-16-g3", "groups that divide"),
        ("conv-8x7x7-g8", "depthwise where"),
        ("depthwise-8x7x7", "depthwise where"),
        ("attention-24x1x9-8-k1x9-g3", "whole heads"),
        ("conv-0x7x7-16", "kind-CxHxW"),
        ("conv 8x7x7", "kind-CxHxW"),
        ("", "kind-CxHxW"),
    ],
)
def test_what_is_no_key_is_told_its_cure(key, cure):
    with pytest.raises(OperatorError, match=cure.replace("?", r"\?")):
        parse_key(key)
    assert not is_key(key)


def test_a_convolution_counts_by_its_definition():
    op = convolution(3, 224, 224, 32, 3, 2)
    assert op.key == "conv-3x224x224-32-k3x3-s2x2"
    assert (op.out, op.macs, op.weights) == ((112, 112), 32 * 3 * 9 * 112 * 112, 864)
    assert op.values_in == 3 * 224 * 224 and op.values_out == 32 * 112 * 112
    assert op.bytes_moved(4, batch=2) == 4 * (864 + 2 * (3 * 224 * 224 + 32 * 112 * 112))
    assert convolution(32, 7, 7, 32, 5, groups=32).key == "depthwise-32x7x7-k5x5-g32"
    assert convolution(8, 1, 301, 16, (1, 3)).macs == 8 * 16 * 3 * 301  # over time
    assert plain("global_pool", 8, 7, 7).values_out == 8
    assert linear(8, 5, 16).weights == 128
    assert plain("add", 8, 7, 7).values_in == 2 * 8 * 49
    assert Operator("embedding", 30_000, 1, 5, 16).bytes_moved(4) == 4 * (80 + 5 + 80)
    assert Operator("cross_attention", 24, 1, 5, 8, (1, 7), groups=2).values_in == 8 * 5 + 16 * 7


@pytest.mark.parametrize(("tokens", "window"), [(7, 9), (9, 9), (10, 3), (12, 3), (1, 1), (5, 1)])
def test_sliding_attention_counts_its_runs(tokens, window):
    pairs = 0
    for start in range(0, tokens, window):
        end = min(start + window, tokens)
        pairs += (end - start) * (end - max(0, start - window + 1))
    op = Operator("sliding_attention", 24, 1, tokens, 8, (1, window), groups=2)
    assert op.macs == 2 * pairs * 8
