"""Layer-wise spaces: costs are sums over operators, options are networks, faults come all at once."""

import random

import numpy as np
import pytest

import mathdesign
from mathdesign.export.blocks import build
from mathdesign.result import Design
from mathdesign.spaces.blocks.operators import Shape, macs
from mathdesign.spaces.blocks.shorthand import classifier, conv, inverted
from mathdesign.spaces.kind import CannotBuild
from mathdesign.spaces.lists.layerwise import LayerSlot, LayerSpace, SpaceError
from mathdesign.spaces.lists.named import PRESETS
from mathdesign.spec.faults import SpecError
from mathdesign.validators.lists.module import check_blocks

OWN = """
space:
  family: layers
  input: {channels: 3, size: [12, 16]}
  classes: 10
  stem: [{block: conv, width: 8}]
  slots:
    - name: s1
      width: 12
      stride: 2
      options:
        - {block: inverted_residual, kernel: 3, expansion: 2}
        - {block: inverted_residual, kernel: 5, expansion: 3, layers: 2, name: deep}
        - {name: pair, blocks: [{block: conv}, {block: conv, residual: true, width: 16}]}
    - {name: s2, width: 12, options: [{block: conv}, {block: conv, width: 20, name: wide}]}
    - {name: s3, width: 20, options: [{block: inverted_residual, expansion: 2, squeeze_ratio: 0.25}, {block: conv}]}
  tail: [{block: conv, width: 16, kernel: 1}, {block: classifier}]
objective: {metric: params}
solve: {gap: 0}
"""


def own():
    return mathdesign.loads(OWN).layers()


def every_point(space):
    return [tuple(map(int, p)) for p in np.ndindex(*(len(s.options) for s in space.slots))]


def test_tables_are_the_counts_of_whole_networks():
    """Widths are chosen: costs of neighbours are tables over both slots."""
    layers = own()
    space = layers.table_space()
    assert {(p.first, p.second) for p in space.metrics["macs"].pairs} == {(0, 1), (1, 2)}
    for point in every_point(space):
        network = layers.network("n", space.words(point))
        assert network.counts == space.costs(point)


def test_what_operators_cost_is_a_table_whatever_it_is():
    """A measured time, say: any function that adds up over operators."""
    layers = own()

    def launches(operators):
        return sum(1000 + operator.c_out for operator in operators)

    sums = layers.sums(launches)
    space = layers.table_space()
    for point in every_point(space):
        operators = layers.network("n", space.words(point)).operators
        assert sums.at(np.array([point]))[0] == launches(operators)


def test_the_best_of_all_designs_is_a_network_that_is_checked(tmp_path):
    spec = mathdesign.loads(OWN + "budgets: {macs: 400k}\n")
    design = mathdesign.design(spec)
    layers = spec.layers()
    space = layers.table_space()
    allowed = [p for p in every_point(space) if space.costs(p)["macs"] <= 400_000]
    assert 0 < len(allowed) < 12
    assert design.metrics["params"] == max(space.costs(p)["params"] for p in allowed)
    assert Design.load(design.save(tmp_path / "design.yaml")) == design
    from mathdesign.checking import checks

    found = {check.check: check for check in checks(design)}
    assert all(check.ok for check in found.values()), found
    assert {"torch flop counter", "forward and backward", "onnxruntime"} <= set(found)
    assert "Network(BLOCKS)" in design.source()
    assert design.kind.images(design.network) is None  # not square


def test_a_design_whose_blocks_are_not_its_options_is_found_out():
    design = mathdesign.design(mathdesign.loads(OWN))
    data = design.to_dict()
    data["network"]["blocks"][-2]["width"] = 24
    from mathdesign.checking import checks

    found = {check.check: check for check in checks(Design.from_dict(data))}
    assert not found["blocks"].ok


def test_options_without_blocks_are_no_network():
    design = mathdesign.design(mathdesign.loads("""
space: {family: slots, slots: [{name: a, options: [x, y], costs: {macs: [1, 2]}}]}
objective: {metric: macs}
"""))  # fmt: skip
    with pytest.raises(CannotBuild):
        design.build()


def test_every_fault_of_the_blocks_at_once():
    text = OWN.replace("expansion: 2}", "expansion: -2, kernal: 3}").replace(
        "{block: conv, residual: true, width: 16}", "{block: konv}"
    )
    text = text.replace("layers: 2", "layers: 0").replace(", {block: classifier}", "")
    with pytest.raises(SpecError) as caught:
        mathdesign.loads(text)
    told = {fault.path: fault for fault in caught.value.faults}
    assert set(told) == {
        "space.slots[0].options[0].expansion", "space.slots[0].options[0].kernal",
        "space.slots[0].options[1].layers", "space.slots[0].options[2].blocks[1].block",
        "space.tail",
    }  # fmt: skip
    assert told["space.slots[0].options[0].kernal"].suggestion == "kernel"
    assert told["space.slots[0].options[2].blocks[1].block"].suggestion == "conv"
    assert all(fault.line > 0 for fault in told.values())


@pytest.mark.parametrize(
    ("old", "new", "path", "found"),
    [
        ("{block: conv, width: 20, name: wide}", "skip", "space.slots[1].options[1]", "by what enters"),
        ("kernel: 3, expansion: 2", "kernel: 31, padding: 0", "space.slots[0].options[0]", "does not fit"),
        ("{block: classifier}", "{block: conv}", "space.tail", "another end"),
        ("name: deep", "name: pair", "space.slots[0].options[2]", "pair twice"),
        ("size: [12, 16]", "size: [12, 16], length: 3", "space.input", "size and length"),
        ("family: layers", "family: layers\n  settings: {head: 3}", "space.settings", "settings"),
        ("  tail: [{block: conv, width: 16, kernel: 1}, {block: classifier}]\n", "", "space.tail", "nothing"),
        ("width: 12, options: [{block: conv}", "width: 12, costs: {macs: [1, 2]}, options: [{block: conv}",
         "space.slots[1].costs", "costs"),
        ("[{block: conv}, {block: conv, width: 20, name: wide}]", "[wide]", "space.slots[1].options[0]", "'wide'"),
    ],
)  # fmt: skip
def test_faults(old, new, path, found):
    assert old in OWN
    with pytest.raises(SpecError) as caught:
        mathdesign.loads(OWN.replace(old, new))
    assert any(f.path == path and found in f.found for f in caught.value.faults), caught.value


@pytest.mark.parametrize(
    ("space", "path"),
    [
        ("{family: fbnet, settings: {heads: 3}}", "space.settings.heads"),
        ("{family: fbnet, settings: {head: 0}}", "space.settings.head"),
        ("{family: fbnet, tail: []}", "space.tail"),
        ("{family: nats_size, classes: 3}", "space.classes"),
        ("{family: nats_size, input: {size: 3}}", "space.input"),
        ("{family: fbnet, input: {channels: 3}}", "space.input"),
        ("{family: slots, slots: [{name: a, options: [{block: conv}]}]}", "space.slots[0].options[0]"),
        ("{family: slots, slots: [{name: a, options: [x], width: 3}]}", "space.slots[0].width"),
    ],
)  # fmt: skip
def test_words_of_another_family(space, path):
    with pytest.raises(SpecError) as caught:
        mathdesign.loads(f"space: {space}\nobjective: {{metric: macs}}\n")
    assert path in [fault.path for fault in caught.value.faults], caught.value


def test_a_stem_that_does_not_fit():
    slot = LayerSlot("a", {"c": (conv(4),)})
    with pytest.raises(SpaceError, match="stem"):
        LayerSpace("s", Shape(3, (4, 4)), (conv(4, groups=2),), (slot,), (classifier(2),))
    with pytest.raises(SpaceError, match="tail after 4 x 4 x 4"):
        LayerSpace("s", Shape(3, (4, 4)), (), (slot,), (conv(4, 9, padding=0), classifier(2)))
    with pytest.raises(SpaceError, match="a, g: "):
        grouped = LayerSlot("a", {"c": (conv(4),), "g": (inverted(4, groups=2, expansion=2),)})
        LayerSpace("s", Shape(3, (4, 4)), (), (grouped,), (classifier(2),))


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_a_random_design_of_each_space_builds_and_counts_as_its_tables(name):
    preset = PRESETS[name]
    small = preset.small if preset.small is not None else preset.given
    layers = preset.space(small, 3)
    space = layers.table_space()
    draw = random.Random(0)
    point = [draw.randrange(len(slot.options)) for slot in space.slots]
    network = layers.network(name, space.words(point))
    costs = space.costs(point)
    assert network.counts == costs and macs(network.operators) == costs["macs"]
    check_blocks(network, build(network), costs)


def counts(name, options, **settings):
    """Multiply-adds and parameters of published options."""
    layers = PRESETS[name].space(**settings)
    space = layers.table_space()
    found = space.costs(space.point(options))
    network = layers.network(name, options)
    assert network.counts == found
    return found["macs"], found["params"]


FBNETS = {
    "a": "- | 3_3 3_1 - - | 5_6 3_3 5_1 3_3 | 5_6 5_3 5_1g2 5_6 | 3_6 5_1g2 5_3 3_1g2 | 5_6 5_6 5_3 5_6 | 5_6",
    "b": "3_1 | 3_6 5_1 3_1 3_1 | 5_6 5_3 3_6 5_6 | 5_6 5_6 - 5_3 | 5_6 3_1 5_1 5_3 | 5_6 5_1 5_6 5_6 | 3_6",
    "c": "3_1 | 3_6 - 3_1 3_1 | 5_6 5_3 5_6 3_6 | 5_6 5_3 5_6 5_6 | 5_6 5_6 5_6 5_3 | 5_6 5_6 5_6 5_6 | 3_6",
}  # fmt: skip


def fbnet_options(text):
    words = text.replace("|", " ").split()
    names = ["skip" if w == "-" else "k{}_e{}".format(*w.replace("g2", "_g2").split("_", 1))
             for w in words]  # fmt: skip
    return {f"op{i}": name for i, name in enumerate(names)}


@pytest.mark.parametrize(
    ("net", "head", "expected", "kept"),
    [
        ("a", 1504, (244_452_664, 4_304_584), 4_321_464),
        ("b", 1984, (291_004_424, 4_801_368), 4_863_288),
        ("c", 1984, (378_136_224, 5_570_664), 5_572_200),
    ],
)
def test_published_fbnets(net, head, expected, kept):
    """Weights and multiply-adds of the published networks, and weights with every first 1x1."""
    options = fbnet_options(FBNETS[net])
    assert counts("fbnet", options, head=head) == expected
    assert counts("fbnet", options, head=head, keep_expansion=True)[1] == kept


def test_measured_tables_of_fbnet_have_skips_where_no_identity_fits():
    plain, everywhere = (PRESETS["fbnet"].space(skip_everywhere=s) for s in (False, True))
    sizes = [len(slot.options) for slot in plain.table_space().slots]
    assert sizes.count(8) == 6 and sizes.count(9) == 16
    assert everywhere.table_space().size == 9**22
