"""The quick form: one dial gives a network that a practitioner would deploy; options override."""

from itertools import pairwise

import pytest

from mathdesign.kinds import KINDS, kind_of_spec
from mathdesign.kinds.load import load, read_document, specification
from mathdesign.kinds.quick import Options, quick
from mathdesign.spaces.convnet.families import BODY_FAMILIES
from mathdesign.spaces.convnet.quick import strides_for
from mathdesign.spaces.lists.named import PRESETS
from mathdesign.spaces.transformer.quick import patch_of
from mathdesign.spec.document import Document
from mathdesign.spec.faults import SpecError
from tests.places import ROOT

#: By family: a size that its published members have.
USUAL = {
    "bottleneck": {"macs": "4.1G"}, "inverted_residual": {"params": "3.5M"},
    "basic": {"macs": "1.8G"}, "convnext": {"params": "28M"}, "regnet": {"macs": "300M"},
    "decoder_lm": {"params": "100M"}, "prefix_lm": {"kv_cache_bytes": "32M"},
    "encoder": {"params": "110M"}, "encoder_decoder": {"params": "60M"}, "vit": {"macs": "4.5G"},
    "hierarchical_vit": {"macs": "4G"}, "nats_size": {"macs": "50M"},
}  # fmt: skip


@pytest.mark.parametrize("family", USUAL)
def test_one_dial_sizes_every_family(family):
    import mathdesign

    ((dial, limit),) = USUAL[family].items()
    spec = quick(family, None, {dial: limit}, solve={"gap": "1%", "time_limit": "60 s"})
    design = mathdesign.design(spec)
    (use,) = [use for use in design.budgets if use.metric == dial]
    assert 0.85 * use.upper <= use.used <= use.upper  # the dial decides, not the ranges
    if family in BODY_FAMILIES:
        body = [stage for stage in design.network.stages if stage.role == "body"]
        widths = [stage.width for stage in body]
        assert all(a <= b for a, b in pairwise(widths)) and widths[-1] >= 4 * widths[0]
        assert all(width % 8 == 0 for width in widths)
        assert {stage.choice["kernel_size"] for stage in body} <= {3, 5, 7}
        depths = [stage.choice["depth"] for stage in body]
        assert max(depths) <= 12 and max(depths) < 0.7 * sum(depths)


def test_families_that_need_measurements_say_what_to_do():
    lists = next(kind for kind in KINDS if kind.name == "lists")
    for family in set(lists.families) - {"nats_size", "nasbench201", *PRESETS}:
        with pytest.raises(SpecError, match="accepted: a file"):
            quick(family, None, {"macs": "1M"})


def test_weights_alone_do_not_widen_early_stages():
    budgets = quick("basic", None, {"params": "10M"}).limits()
    assert budgets["macs"].max == 1_800_000_000
    both = quick("basic", None, {"params": "10M", "macs": "9G"}).limits()
    assert both["macs"].max == 9_000_000_000


@pytest.mark.parametrize(
    ("size", "last"), [(8, 4), (16, 4), (28, 7), (32, 4), (64, 4), (96, 6), (224, 7), (512, 16)]
)
def test_small_images_are_halved_less_often(size, last):
    left = -(-size // 2) if size >= 64 else size
    for stride in strides_for(size, 4):
        left = -(-left // stride)
    assert left == last


def test_patches_divide_the_image():
    assert [patch_of(s, pooled=False) for s in (224, 32, 28, 97)] == [16, 4, 2, 1]


def test_options_override_a_file_and_say_so():
    document = read_document(ROOT / "examples/03_digits_tiny/design.yaml")
    said = Options("basic", (3, 64), 7, {"params": "90k"}, {"macs": "1M"}).override(document)
    assert [line.split(": ", 1)[1] for line in said] == [
        "space.family: basic -> basic", "space.input.channels: 1 -> 3", "space.input.size: 8 -> 64",
        "space.classes: 10 -> 7", "budgets.params: 100k -> 90k", "budgets.macs.min: nothing -> 1M",
    ]  # fmt: skip
    spec = load(document.data)
    assert spec.limits()["params"].max == 90_000 and spec.limits()["macs"].min == 1_000_000
    assert (spec.space.input.size, spec.space.classes) == (64, 7)


def test_overriding_one_side_keeps_the_other():
    data = {"space": {"family": "basic"}, "budgets": {"macs": {"min": "1M", "max": "2G"}}}
    Options(maximum={"macs": "1G"}).override(Document("<data>", data))
    assert load(data).limits()["macs"].model_dump() == {"min": 1_000_000, "max": 1_000_000_000}


def test_faults_of_options_stand_at_the_option_and_not_in_the_file():
    for family, places in (
        ("slotz", {("command line: --family", 0, "space.family")}),
        (None, {("command line: --classes", 0, "space.classes"), ("command line: --max", 0, "budgets.params.max"),
                ("command line: --max", 0, "budgets.speed")}),
    ):  # fmt: skip
        document = read_document(ROOT / "examples/03_digits_tiny/design.yaml")
        Options(family, (3, 64), -7, {"params": "many", "speed": "1M"}).override(document)
        with pytest.raises(SpecError) as error:
            specification(document)
        assert places <= {(f.file, f.line, f.path) for f in error.value.faults}


def test_plain_data_is_loaded_as_a_file_is_and_not_changed():
    path = ROOT / "examples/03_digits_tiny/design.yaml"
    data = read_document(path).data
    before = repr(data)
    spec = load(data, solve={"seed": 3})
    assert repr(data) == before and spec.solve.seed == 3
    assert load(data) == load(path) and kind_of_spec(spec).name == "convnet"
