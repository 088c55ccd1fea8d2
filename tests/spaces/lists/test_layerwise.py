"""Layer-wise spaces: costs are sums over operators, options are networks, faults come all at once."""

import math
import random

import numpy as np
import pytest

import mathdesign
from mathdesign.export.blocks import build
from mathdesign.programs.slot_space import TableError
from mathdesign.result import Design
from mathdesign.spaces.blocks.operators import Shape, macs
from mathdesign.spaces.blocks.shorthand import classifier, conv, inverted
from mathdesign.spaces.kind import CannotBuild
from mathdesign.spaces.lists.layerwise import LayerSlot, LayerSpace, SpaceError
from mathdesign.spaces.lists.named import PRESETS
from mathdesign.spec.faults import SpecError
from mathdesign.surrogate.features import features_of
from mathdesign.surrogate.reading import with_slots
from mathdesign.validators.lists.module import check_blocks
from tests.places import SHARED

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
    assert network.counts == {metric: costs[metric] for metric in network.counts}
    assert macs(network.operators) == costs["macs"]
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


PROXYLESS = {
    "mobile": "3k5 3k3 - - | 3k7 3k3 3k5 3k5 | 6k7 3k5 3k5 3k5 | 6k5 3k5 3k5 3k5 | 6k7 6k7 3k7 3k7 | 6k7",
    "gpu": "3k5 - - - | 3k7 - - 3k3 | 6k7 - - 3k5 | 6k5 - 3k3 3k5 | 6k7 6k7 6k7 6k5 | 6k7",
    "cpu": "6k3 3k3 3k3 3k3 | 6k3 3k3 3k3 3k5 | 6k3 - - 3k3 | 6k5 3k3 3k3 3k3 | 6k5 3k5 3k5 3k3 | 6k5",
}  # fmt: skip
PROXYLESS["mobile_1.4"] = PROXYLESS["mobile"]


@pytest.mark.parametrize(
    ("variant", "expected"),
    [
        ("mobile", (320_427_584, 4_080_512)),
        ("gpu", (465_260_160, 7_119_848)),
        ("cpu", (439_243_864, 4_361_648)),
        ("mobile_1.4", (580_883_408, 6_857_568)),
    ],
)
def test_published_proxylessnas(variant, expected):
    """Weights to the unit, multiply-adds to the published 0.01 M."""
    options = {}
    for stage, words in enumerate(PROXYLESS[variant].split("|"), 1):
        for cell, word in enumerate(words.split(), 1):
            name = "zero" if word == "-" else f"mb{word[0]}_{word[1:]}"
            options[f"stage{stage}_{cell}"] = name
    assert counts("proxylessnas", options, variant=variant) == expected


A1 = ("sep 3 0 1 16", "mb6 3 0 2 24", "mb3 5 1 3 40", "mb6 3 0 4 80", "mb6 3 1 2 112",
      "mb6 5 1 3 160", "mb6 3 0 1 320")  # fmt: skip
B1 = ("sep 3 0 1 16", "mb3 3 0 3 24", "mb3 5 0 3 40", "mb6 5 0 3 80", "mb6 3 0 2 96",
      "mb6 5 0 4 192", "mb6 3 0 1 320")  # fmt: skip


@pytest.mark.parametrize(
    ("stages", "expected"), [(A1, (311_579_072, 3_887_038)), (B1, (314_415_872, 4_383_312))]
)
def test_published_mnasnets_where_widths_are_chosen(stages, expected):
    options = {
        f"stage{i}": "{}_k{}_se{}_skip1_l{}_w{}".format(*words.split())
        for i, words in enumerate(stages, 1)
    }
    assert counts("mnasnet", options) == expected


def test_every_row_of_accel_nasbench_counts_as_in_its_table():
    """Millions with four decimals: half a unit of the last one."""
    pd = pytest.importorskip("pandas")
    path = SHARED / "data/accel_nasbench/accel_nasbench.csv.gz"
    if not path.is_file():
        pytest.skip("needs the table accel_nasbench, which is not beside the repository")
    frame = pd.read_csv(path)
    space = PRESETS["accel_nasbench"].table_space()
    points = space.points(with_slots(frame, space, ()))
    assert len(points) == 5138
    for metric, column in (("params", "params"), ("published_macs", "macs")):
        off = space.metrics[metric].at(points) / 1e6 - frame[column].to_numpy()
        assert np.abs(off).max() < 5.0001e-5


def test_tables_of_several_columns_a_slot_name_every_wrong_row():
    pd = pytest.importorskip("pandas")
    space = PRESETS["accel_nasbench"].table_space()
    names = [name for slot in space.slots for name in space.columns[slot.name].names]
    row = {name: {"e": 4, "k": 3, "l": 1, "se": 0}[name.split("_")[1]] for name in names}
    frame = pd.DataFrame([row, {**row, "block2_k": 4}, {**row, "block3_e": 1.5}])
    with pytest.raises(TableError) as caught:
        with_slots(frame, space)
    assert "row 2, block2: block2_e 4, block2_k 4" in str(caught.value)
    assert "row 3, block3: block3_e 1.5" in str(caught.value)
    point = space.points(with_slots(frame[:1], space))
    found = {feature.name: feature.at(point)[0] for feature in features_of(space)}
    assert (found["block2_e"], found["block2_k"], found["block6_l"]) == (4, 3, 1)


def test_every_row_of_once_for_all_counts_as_in_its_table():
    pd = pytest.importorskip("pandas")
    path = SHARED / "data/fbnet_ofa_latency/ofa_mbv3_accuracy_dynast.csv.gz"
    if not path.is_file():
        pytest.skip("needs a table that is not beside the repository")
    frame = pd.read_csv(path)
    space = PRESETS["ofa_mobilenetv3"].table_space()
    points = space.points(with_slots(frame, space))
    assert len(points) == 2373
    for metric in ("params", "macs"):
        assert (space.metrics[metric].at(points) == frame[metric].to_numpy()).all()
    for rule in space.rules:
        assert rule.at(points).all()
    depth = {f.name: f.at(points) for f in features_of(space) if f.name in ("d0", "d4")}
    assert (depth["d0"] == frame["d0"]).all() and (depth["d4"] == frame["d4"]).all()


def test_no_block_follows_one_that_is_not_there():
    spec = "space: {family: ofa_mobilenetv3}\nobjective: {metric: params}\nbudgets: {macs: 140M}\n"
    options = mathdesign.design(mathdesign.loads(spec)).network.options
    for stage in range(5):
        third, fourth = (options[f"block{4 * stage + k}"] for k in (2, 3))
        assert not (third == "none" and fourth != "none")
    least = PRESETS["ofa_mobilenetv3"].table_space().size  # with networks that are none
    assert least == (9**2 * 10**2) ** 5


@pytest.mark.parametrize(
    ("width", "options", "expected"),
    [
        (512, ("k5", "m512_k3", "m512_k3", "m512_k3", "1536"), (5_789_760, 1445.2)),
        (384, ("k5", "m256_k3", "m256_k3", "m256_k3", "768"), (2_416_416, 570.98)),
        (256, ("k3", "m256_k3", "m256_k3", "none", "400"), (899_200, 204.07)),
    ],
)
def test_published_time_delay_networks(width, options, expected):
    space = PRESETS["efficient_tdnn"].space(width=width).table_space()
    costs = space.costs(space.point(dict(zip((s.name for s in space.slots), options))))
    digits = len(str(expected[1]).split(".")[1])
    assert (costs["params"], round(costs["published_macs"] / 1e6, digits)) == expected


def test_the_volume_of_a_design_is_that_of_its_tables_and_of_its_formula():
    """Widths are chosen here, so that terms are tables over neighbours."""
    spec = mathdesign.loads(OWN.replace("{metric: params}", "{volume: {rise: 0.5}}"))
    layers, program = spec.layers(), mathdesign.problem(spec)
    space = layers.table_space()
    best = max(every_point(space), key=program.value)
    design = mathdesign.design(spec)
    assert design.certificate.objective == pytest.approx(program.value(best), rel=1e-12)
    point = space.point({"s1": "deep", "s2": "wide", "s3": "conv"})
    by_hand = (
        (1 / 3) ** 0.5 * math.log(12 + 24 * 5**0.5 + 36 * 5**0.5)
        + (2 / 3) ** 0.5 * math.log(20 + 20 * 3**0.5)
        + math.log(20 + 20 * 3**0.5)
    )
    assert program.value(point) == pytest.approx(by_hand, rel=1e-12)
    point = space.point({"s1": "deep", "s2": "conv", "s3": space.slots[2].options[0]})
    squeezed = math.log(20 + 24 * 3**0.5 * 1.35)
    assert program.value(point) == pytest.approx(
        (1 / 3) ** 0.5 * math.log(12 + 60 * 5**0.5)
        + (2 / 3) ** 0.5 * math.log(12 + 12 * 3**0.5)
        + squeezed
    )


def test_one_dial_is_enough_for_a_layer_wise_space():
    spec = mathdesign.quick("fbnet", "3x32x32", {"macs": "8M"}, classes=10)
    design = mathdesign.design(spec)
    assert design.metrics["macs"] <= 8e6 and design.network.network.made.channels == 10
    with pytest.raises(SpecError, match=r"objective\.volume"):
        mathdesign.loads("space: {family: nats_size}\nobjective: {volume: {}}\n")
    named = mathdesign.loads(
        "space: {family: fbnet, recipe: [{name: rate, options: [1, 2]}]}\nobjective: {volume: {}}\n"
    )
    assert len(mathdesign.problem(named).slots) == 23


FBNETV3 = {
    "b": ("k3_l2", "k55_e42_l4", "k55_e53_l5", "k53_e53_l5", "k35_e53_l6", "k35_e64_l6", "k5_l1"),
    "c": ("k3_l2", "k53_e53_l5", "k55_e52_l5", "k53_e43_l5", "k35_e43_l6", "k55_e55_l6", "k5_l1"),
    "e": ("k3_l3", "k55_e42_l5", "k55_e43_l5", "k53_e53_l5", "k35_e53_l8", "k35_e65_l6", "k5_l1"),
    "f": ("k3_l3", "k55_e42_l5", "k55_e43_l5", "k53_e53_l5", "k35_e53_l9", "k35_e65_l7", "k5_l1"),
    "d": ("k3_l2", "k33_e52_l6", "k53_e43_l5", "k33_e53_l5", "k35_e53_l7", "k35_e65_l6", "k5_l1"),
    "g": ("k3_l3", "k55_e42_l5", "k55_e43_l5", "k53_e53_l5", "k35_e53_l9", "k35_e65_l7", "k5_l2"),
}


@pytest.mark.parametrize(
    ("variant", "size", "as_published", "params", "macs_of_one"),
    [
        ("b", 224, True, 8_600_448, 355_514_328),  # FBNetV3-A
        ("b", 224, False, 8_600_448, 407_508_576),
        ("b", 248, True, 8_600_448, 460_150_000),
        ("c", 248, True, 9_975_784, 555_578_368),
        ("d", 248, True, 10_308_256, 642_628_864),
        ("d", 248, False, 10_308_256, 642_628_864),
        ("e", 264, True, 10_774_856, 759_952_160),
        ("f", 272, True, 13_898_120, 1_178_860_656),
        ("g", 320, False, 16_617_544, 2_125_178_880),
    ],
)
def test_published_fbnetv3s(variant, size, as_published, params, macs_of_one):
    layers = PRESETS["fbnetv3"].space(
        Shape(3, (size, size)), variant=variant, padding_as_published=as_published
    )
    options = {f"stage{i}": option for i, option in enumerate(FBNETV3[variant], 1)}
    space = layers.table_space()
    costs = space.costs(space.point(options))
    assert (costs["params"], costs["macs"]) == (params, macs_of_one)


def test_a_recipe_is_chosen_beside_the_network_and_costs_nothing():
    plain, recipe = (PRESETS["fbnetv3"].space(recipe=told).table_space() for told in (False, True))
    added = recipe.slots[len(plain.slots) :]
    assert "optimizer" in {slot.name for slot in added}
    point = (0,) * len(recipe.slots)
    assert recipe.costs(point) == plain.costs(point[: len(plain.slots)])
    text = "space: {family: fbnetv3, settings: {recipe: true}}\nobjective: {volume: {}}\n"
    design = mathdesign.design(mathdesign.loads(text + "budgets: {macs: 300M}\n"))
    assert "ema" in design.network.options and design.network.network is not None


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("{block: conv}, {block: conv, width: 20, name: wide}", "{block: [conv]}", "['conv']"),
        ("kernel: 5, expansion: 3", "kernel: {a: 1}, expansion: .nan", "{'a': 1}"),
        ("size: [12, 16]", "size: [12, 16, 3]", "[12, 16, 3]"),
        ("size: [12, 16]", "size: 0", "0"),
        ("width: 12\n", "width: 1000000\n", "costs above 2^62"),
        ("name: deep", "name: [deep]", "['deep']"),
    ],
)  # fmt: skip
def test_what_a_hostile_file_may_hold(old, new, found):
    assert old in OWN
    text = OWN.replace(old, new)
    if "costs" in found:
        text = text.replace("[12, 16]", "8192").replace("width: 20", "width: 1000000")
    with pytest.raises(SpecError) as caught:
        mathdesign.loads(text)
    assert any(found in fault.found for fault in caught.value.faults), caught.value


def test_tables_over_neighbours_that_no_memory_holds_are_refused():
    wide = {f"w{n}": (conv(n),) for n in range(1, 2501)}
    slots = tuple(LayerSlot(name, wide) for name in "ab")
    with pytest.raises(SpaceError, match="b: 6,250,000 entries"):
        LayerSpace("s", Shape(3, (1, 1)), (), slots, (classifier(2),))
