"""Blocks: two descriptions of each, held together by torch's own count on images and sequences."""

import dataclasses

import pytest

from mathdesign.export.blocks import build, source
from mathdesign.spaces.blocks.executed import block_operators
from mathdesign.spaces.blocks.kinds.cell101 import OPERATIONS
from mathdesign.spaces.blocks.network import BlockNetwork, after, block_from, traced
from mathdesign.spaces.blocks.operators import Shape, ShapeError, Trace, macs
from mathdesign.spaces.blocks.registry import BLOCKS
from mathdesign.spaces.blocks.shorthand import classifier, conv, inverted
from mathdesign.spaces.errors import NetworkError
from mathdesign.validators.convnet.recount import RecountError
from mathdesign.validators.lists.module import check_blocks, module_checks

MATRICES = ("conv", "depthwise", "grouped_conv", "linear")
SQUARE, WIDE, SEQUENCE = Shape(6, (9, 9)), Shape(6, (8, 13)), Shape(6, (17,))

#: Kind -> blocks that take six channels, with every setting somewhere.
SAMPLES = {
    "conv": [
        {"width": 8, "kernel": 1},
        {"width": 6, "kernel": 5, "groups": 3, "residual": True, "activation": "gelu"},
        {"width": 4, "kernel": 3, "stride": 2, "padding": 0, "bias": True, "norm": False,
         "activation": "identity", "dilation": 2},
    ],
    "inverted_residual": [
        {"width": 6, "expansion": 3},
        {"width": 6, "keep_expansion": True, "residual": False, "activation": "hard_swish"},
        {"width": 10, "kernel": 5, "stride": 2, "expansion": 2, "groups": 2, "padding": 1},
        {"width": 6, "inner": 9, "squeeze": 4, "gate": "hard_sigmoid"},
        {"width": 6, "expansion": 1.5, "squeeze_ratio": 0.34, "squeeze_of": "inner",
         "squeeze_activation": "silu"},
    ],
    "norm": [{"activation": "silu"}],
    "cell201": [
        {"width": 6, "e01": "nor_conv_3x3", "e02": "skip_connect", "e12": "avg_pool_3x3",
         "e03": "none", "e13": "nor_conv_1x1", "e23": "none"},
        {"width": 8, "e01": "nor_conv_3x3", "e02": "skip_connect", "e12": "avg_pool_3x3",
         "e03": "nor_conv_1x1", "e13": "nor_conv_1x1", "e23": "nor_conv_3x3"},
    ],
    "cell101": [
        {"width": 12, **{f"e{i}{j}": True for j in range(7) for i in range(j)},
         **dict(zip(("op1", "op2", "op3", "op4", "op5"), [*OPERATIONS[1:], *OPERATIONS[1:3]]))},
        {"width": 7, "e01": True, "e02": True, "e23": True, "e16": True, "e36": True,
         "op1": "maxpool3x3", "op2": "conv3x3-bn-relu", "op3": "conv1x1-bn-relu"},
        {"width": 4, "e06": True},
    ],
    "pool": [{"kernel": 3, "stride": 2, "form": "avg"}, {}],
    "residual201": [{"width": 8, "kernel": 5}],
    "pooled": [{"width": 8, "norm": True, "activation": "relu6"}, {"width": 4, "bias": True}],
    "res2": [
        {"width": 6, "inner": 8, "scale": 4, "squeeze": 2, "kernel": 5, "dilation": 2},
        {"width": 4, "inner": 8, "squeeze": 3, "appends": True},
    ],
    "statistics": [{"inner": 4}],
    "factorised_conv": [{"width": 4, "kernel": 5, "stride": 2, "activation": "tanh"}],
    "coordinates": [{}, {"along": "width"}],
    "compression": [{"values": 140, "kernel": 1, "activation": "silu"}],
    "classifier": [{"width": 5}, {"width": 3, "bias": False}],
}  # fmt: skip


def samples():
    return [(kind, words) for kind, found in SAMPLES.items() for words in found]


def test_every_kind_has_samples_that_use_every_setting():
    assert set(SAMPLES) == set(BLOCKS)
    for name, kind in BLOCKS.items():
        used = {word for words in SAMPLES[name] for word in words}
        assert {setting.name for setting in kind.settings} <= used, name


@pytest.mark.parametrize("given", [SQUARE, WIDE, SEQUENCE], ids=str)
@pytest.mark.parametrize(("kind", "words"), samples())
def test_torch_counts_what_the_operators_say(kind, words, given):
    if len(given.size) not in BLOCKS[kind].axes:
        pytest.skip("of another number of axes")
    block = BLOCKS[kind].block(**words)
    blocks = (block,) if kind == "classifier" else (block, classifier(3))
    network = BlockNetwork("n", given, blocks)
    module = build(network)
    assert check_blocks(network, module, network.counts).params == network.counts["params"]
    wrong = {**network.counts, "macs": network.counts["macs"] + 1}
    with pytest.raises(RecountError, match="macs"):
        check_blocks(network, module, wrong)
    assert after(block, given) == Shape(*_shape_by_torch(block, given))


def _shape_by_torch(block, given):
    import torch

    from mathdesign.export.blocks import block_class

    made = block_class(block.kind, len(given.size))(**BLOCKS[block.kind].arguments(block, given))
    found = made.eval()(torch.zeros(1, given.channels, *given.size))
    size = tuple(found.shape[2:]) or (1,) * len(given.size)
    return found.shape[1], size


def test_a_network_of_many_kinds_works_and_is_the_same_as_its_file():
    import torch

    blocks = (
        conv(8, 3, 2),
        inverted(8, 3, expansion=2, squeeze_ratio=0.25, activation="silu"),
        inverted(12, 5, 2, expansion=2, groups=2),
        classifier(5),
    )
    network = BlockNetwork("a # name", WIDE, blocks)
    found = list(module_checks(network, build(network), network.counts))
    assert [ok for _, ok, _ in found] == [True] * 3
    scope: dict[str, object] = {"__name__": "model"}
    exec(compile(source(network), "model.py", "exec"), scope)
    ours, theirs = build(network).eval(), scope["build"]().eval()
    theirs.load_state_dict(ours.state_dict())
    inputs = torch.randn(2, 6, 8, 13)
    assert torch.equal(ours(inputs), theirs(inputs))


def test_operators_say_what_they_read():
    on = Trace.of(SQUARE)
    BLOCKS["inverted_residual"].run(BLOCKS["inverted_residual"].block(width=6, squeeze=2), on)
    *_, gate, multiply, last, norm, add = on.operators
    assert (multiply.op, multiply.reads) == ("multiply", (1, 6)) and gate.op == "act"
    assert (last.op, norm.op, add.op) == ("conv", "norm", "add")
    assert add.reads == (1, len(on.operators))  # the block's own input


def test_words_and_networks_are_inverse():
    blocks = tuple(BLOCKS[kind].block(**words) for kind, words in samples()[:8])
    fitting = tuple(b for b in blocks if b["width"] == 6)
    network = BlockNetwork("n", SQUARE, (*fitting, classifier(3)))
    assert BlockNetwork.from_dict(network.to_dict()) == network
    assert hash(fitting[0]) == hash(block_from({"block": fitting[0].kind, "kernel": 5, "width": 6,
                                                "groups": 3, "residual": True,
                                                "activation": "gelu"}))  # fmt: skip
    assert dataclasses.replace(network, name="m") != network


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"blocks": []}, "0 blocks"),
        ({"blocks": [{"block": "konv", "width": 3}]}, "blocks[0].block: found 'konv'"),
        ({"blocks": [{"block": "conv", "width": True}]}, "blocks[0].width: found True"),
        ({"blocks": [{"block": "conv"}]}, "blocks[0].width: found nothing"),
        ({"blocks": [{"block": "conv", "width": 4, "groups": 4}]}, "do not divide by 4 groups"),
        ({"blocks": [{"block": "conv", "width": 4, "kernel": 31, "padding": 0}]}, "does not fit"),
        ({"blocks": [3]}, "a mapping of block and its settings"),
        ({"input": {"channels": 6, "size": [0, 3]}}, "found 0"),
        ({"input": {"channels": 6, "size": 3}}, "one or two numbers"),
    ],
)
def test_what_nobody_vouches_for_is_refused(change, words):
    data = BlockNetwork("n", SQUARE, (conv(4), classifier(3))).to_dict()
    with pytest.raises(NetworkError) as caught:
        BlockNetwork.from_dict({**data, **change})
    assert words in str(caught.value)


def test_settings_that_do_not_go_together():
    kind = BLOCKS["inverted_residual"]
    with pytest.raises(ValueError, match="one of the two") as caught:
        kind.block(width=4, inner=3, expansion=2, squeeze=1, squeeze_ratio=0.5)
    assert str(caught.value).count("one of the two") == 2
    with pytest.raises(ShapeError, match="no whole number"):
        after(kind.block(width=4, expansion=1.1), SQUARE)


def test_a_factorised_kernel_has_2k_weights_a_pair_of_channels():
    """NAAQA's block beside a k x k one, and its coordinate maps: one more channel an axis."""
    square, parts = conv(64, 5), BLOCKS["factorised_conv"].block(width=64, kernel=5)
    given = Shape(64, (16, 24))
    whole, split = traced((square,), given), traced((parts,), given)
    assert macs(whole) == 25 * 64 * 64 * 16 * 24 and macs(split) == 10 * 64 * 64 * 16 * 24
    assert after(BLOCKS["coordinates"].block(), given) == Shape(66, (16, 24))


def test_compression_gives_about_as_many_values_whatever_the_size():
    block = BLOCKS["compression"].block()
    for size, width in (((7, 7), 42), ((4, 6), 85), ((10, 10), 20)):
        assert after(block, Shape(512, size)) == Shape(width * size[0] * size[1], (1, 1))
    with pytest.raises(ShapeError, match="positions"):
        after(block, Shape(8, (96, 96)))


def test_networks_that_are_known_by_their_counts():
    """MobileNetV2 (arXiv 1801.04381) and EfficientNet-B0 (arXiv 1905.11946) at 224 pixels."""
    given = Shape(3, (224, 224))

    def network(stem, stages, **settings):
        blocks = [conv(stem, 3, 2)]
        for e, kernel, stride, depth, width in stages:
            for k in range(depth):
                step = stride if k == 0 else 1
                blocks.append(inverted(width, kernel, step, expansion=e, **settings))
        return BlockNetwork("n", given, (*blocks, conv(1280), classifier(1000))).counts

    mobile = ((1, 3, 1, 1, 16), (6, 3, 2, 2, 24), (6, 3, 2, 3, 32), (6, 3, 2, 4, 64),
              (6, 3, 1, 3, 96), (6, 3, 2, 3, 160), (6, 3, 1, 1, 320))  # fmt: skip
    efficient = ((1, 3, 1, 1, 16), (6, 3, 2, 2, 24), (6, 5, 2, 2, 40), (6, 3, 2, 3, 80),
                 (6, 5, 1, 3, 112), (6, 5, 2, 4, 192), (6, 3, 1, 1, 320))  # fmt: skip
    assert network(32, mobile) == {"macs": 300_774_272, "params": 3_504_872}
    found = network(32, efficient, squeeze_ratio=0.25, activation="silu")
    assert found["params"] == 5_288_548 and round(found["macs"] / 1e6, 2) == 385.81


@pytest.mark.parametrize(("kind", "words"), samples())
def test_every_block_is_priced_by_what_a_runtime_executes(kind, words):
    """Multiply-adds are those of the convolutions and linear layers, folded or not."""
    block = BLOCKS[kind].block(**words)
    for given in (SQUARE, WIDE, SEQUENCE):
        if len(given.size) in BLOCKS[kind].axes:
            found = [o for o in block_operators(block, given) if o.kind in MATRICES]
            assert sum(o.macs for o in found) == macs(traced((block,), given))
