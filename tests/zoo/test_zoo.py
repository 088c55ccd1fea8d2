"""The zoo: every member is a point of its space, counts as its source and its module say."""

import dataclasses
import functools
import json
from pathlib import Path

import pytest
import torch
from torch import nn
from typer.testing import CliRunner

from mathdesign.cli.main import app
from mathdesign.cli.reading import folder_of
from mathdesign.result import Design
from mathdesign.spaces.kind import CannotBuild
from mathdesign.zoo.check import checks, module_check
from mathdesign.zoo.designs import compared, design_of
from mathdesign.zoo.member import Figure
from mathdesign.zoo.members import NoMember, member, members
from tests.places import ROOT

#: Parameters and multiply-adds of one image, to the unit: recounted by others (torchvision's models
#: through torch.utils.flop_counter, DeepMAD's by its repository beside its classifier, the others in
#: a recount of published block lists that shares nothing with ours, to 10,000 multiply-adds).
EXACT = {
    "resnet18": (11_689_512, 1_814_073_344),
    "resnet34": (21_797_672, 3_663_761_408),
    "resnet50": (25_557_032, 4_089_184_256),
    "regnet_x_400mf": (5_495_976, 413_812_608),
    "regnet_y_400mf": (4_344_144, 401_842_848),
    "convnext_t": (28_589_128, 4_455_531_264),
    "deepmad_r18": (11_826_088, 1_811_574_016),
    "zen_nas_r50": (21_371_592, 3_631_009_664),
    "mobilenet_v2": (3_504_872, 300_774_272),
    "mnasnet_a1": (3_887_038, 311_579_072),
    "mnasnet_b1": (4_383_312, 314_415_872),
    "efficientnet_b0": (5_288_548, 385_814_752),
    "efficientnet_lite0": (4_652_008, 385_187_552),
    "proxyless_cpu": (4_361_648, 439_243_864),
    "proxyless_gpu": (7_119_848, 465_260_160),
    "proxyless_mobile": (4_080_512, 320_427_584),
    "proxyless_mobile_1.4": (6_857_568, 580_883_408),
    "fbnet_a": (4_304_584, 244_452_664),
    "fbnet_b": (4_801_368, 291_004_424),
    "fbnet_c": (5_570_664, 378_136_224),
    "fbnetv3_a": (8_600_448, 355_514_328),
    "fbnetv3_b": (8_600_448, 460_150_000),
    "fbnetv3_c": (9_975_784, 555_578_368),
    "fbnetv3_d": (10_308_256, 642_628_864),
    "fbnetv3_e": (10_774_856, 759_952_160),
    "fbnetv3_f": (13_898_120, 1_178_860_656),
    "fbnetv3_g": (16_617_544, 2_125_178_880),
    "efficient_tdnn_base": (5_789_760, 1_442_238_464),
    "efficient_tdnn_mobile": (2_416_416, 569_189_376),
    "efficient_tdnn_small": (899_200, 203_030_528),
}
#: The same recount as it was printed, in millions of multiply-adds.
PRINTED = {
    "mobilenet_v2": 300.77, "mnasnet_a1": 311.58, "mnasnet_b1": 314.42, "efficientnet_b0": 385.81,
    "proxyless_cpu": 439.24, "proxyless_gpu": 465.26, "proxyless_mobile": 320.43,
    "proxyless_mobile_1.4": 580.88, "fbnet_a": 244.45, "fbnet_b": 291.00, "fbnet_c": 378.14,
    "fbnetv3_a": 355.5, "fbnetv3_b": 460.2, "fbnetv3_c": 555.6, "fbnetv3_d": 642.6,
    "fbnetv3_e": 760.0, "fbnetv3_g": 2125.2,
}  # fmt: skip
NAMES = tuple(members())


@functools.cache
def designed(name: str) -> Design:
    return design_of(member(name))


@pytest.mark.parametrize("name", EXACT)
def test_counts_to_the_unit(name):
    design = designed(name)
    assert (design.metrics["params"], design.metrics["macs"]) == EXACT[name]


def test_counts_are_those_that_were_printed():
    for name, millions in PRINTED.items():
        half = 0.05 if name.startswith("fbnetv3") else 0.005
        assert abs(EXACT[name][1] / 1e6 - millions) <= half + 1e-9, name


def test_speech_counts_norms_where_its_card_does():
    """Two operations for each value of a norm, a metric of its own beside ``macs``."""
    found = {n: designed(f"efficient_tdnn_{n}").metrics for n in ("base", "mobile", "small")}
    assert {name: metrics["published_macs"] for name, metrics in found.items()} == {
        "base": 1_445_211_648, "mobile": 570_984_384, "small": 204_072_768,
    }  # fmt: skip


def test_fbnetv3s_odd_borders():
    """With zeros of half the kernel everywhere, FBNetV3-A would count 407.5 M."""
    found = member("fbnetv3_a")
    words = json.loads(json.dumps(found.request))
    words["space"]["settings"]["padding_as_published"] = False
    macs = design_of(dataclasses.replace(found, request=words)).metrics["macs"]
    assert round(macs / 1e6, 1) == 407.5


def test_fbnet_with_every_first_convolution():
    """Counted as the paper draws blocks of expansion 1."""
    for name, params, millions in (("a", 4_321_464, 249.92), ("b", 4_863_288, 306.21),
                                   ("c", 5_572_200, 384.96)):  # fmt: skip
        found = member(f"fbnet_{name}")
        paper = found.figures[1]
        other = dataclasses.replace(found, request={**found.request, **paper.under})
        metrics = design_of(other).metrics
        assert (metrics["params"], round(metrics["macs"] / 1e6, 2)) == (params, millions)


@pytest.mark.parametrize("name", NAMES)
def test_every_member_is_what_its_source_says(name):
    """A figure that differs has a reason, and a reason stands at no figure that agrees."""
    found = member(name)
    design = designed(name)
    assert design.name == name and design.certificate.status == "given"
    assert design.certificate.bound is None
    for line in compared(found, design):
        assert line.as_stated, line
    assert found.source and (found.figures or found.notes)
    assert Design.from_yaml(design.to_yaml()) == design


@pytest.mark.parametrize("name", NAMES)
def test_every_exported_module_counts_the_same(name):
    """From outside, by what it asks of torch."""
    found = module_check(designed(name))
    assert found.ok and "agree" in found.found, found


class Hooks:
    """A counter of other code: hooks on layers, which see shapes only where data really flow."""

    def __init__(self, module: nn.Module) -> None:
        self.macs = 0
        for layer in module.modules():
            if isinstance(layer, nn.Conv2d | nn.Conv1d | nn.Linear):
                layer.register_forward_hook(self)

    def __call__(self, layer, inputs, output):
        per_value = layer.weight.numel() // layer.weight.shape[0]
        self.macs += output.numel() * per_value


@pytest.mark.parametrize("name", ["resnet18", "regnet_y_400mf", "mobilenet_v2"])
def test_hooks_count_the_same_where_data_flow(name):
    design = designed(name)
    module = design.build().eval()
    counter, seen = Hooks(module), design.kind.images(design.network)
    with torch.no_grad():
        scores = module(torch.randn(1, seen.channels, seen.size, seen.size))
    assert scores.shape == (1, 1000) and torch.isfinite(scores).all()
    assert counter.macs == design.metrics["macs"]
    assert sum(p.numel() for p in module.parameters()) == design.metrics["params"]


def test_a_figure_is_rounded_or_cut_and_nothing_else():
    said = Figure("macs", "300.77 M")
    assert said.fits(300_774_272) and said.fits(300_779_999) and said.fits(300_765_000)
    assert not said.fits(300_764_999) and not said.fits(300_780_000)
    assert Figure("params", "3,504,872").fits(3_504_872)
    assert not Figure("params", "3,504,872").fits(3_504_873)
    assert Figure("effectiveness", "0.2991").fits(0.29909555) and not Figure("x", "0.3").fits(0.41)
    with pytest.raises(ValueError, match="accepted: a number"):
        Figure("macs", "about 3 M")


def test_what_is_wrong_is_found():
    """A wrong figure, a reason where none is needed, a module of another size."""
    found = member("resnet18")
    wrong = dataclasses.replace(found, figures=(Figure("params", "11,689,513"),))
    assert [c.ok for c in checks(wrong)] == [True, False, True]
    needless = dataclasses.replace(found, figures=(Figure("params", "11.7 M", differs="because"),))
    assert not next(compared(needless, design_of(needless))).as_stated


def test_names():
    assert member("zoo:resnet18") is member("resnet18")
    with pytest.raises(NoMember, match="did you mean resnet18"):
        member("resnet_18")


def invoke(*words):
    return CliRunner().invoke(app, list(words))


def test_list_show_export_and_compare(tmp_path):
    listed = json.loads(invoke("zoo", "list", "--json").stdout)
    assert [entry["name"] for entry in listed] == list(NAMES)
    assert {"family", "params", "macs", "reads", "source"} <= set(listed[0])
    shown = invoke("zoo", "show", "deepmad_r18")
    assert shown.exit_code == 0 and "nothing is proven" in shown.output
    assert "1,837,323,208" in shown.output and "prints the budget" in shown.output
    done = invoke("zoo", "export", "resnet18", "--out", str(tmp_path))
    assert done.exit_code == 0 and "nothing is proven" in done.output
    assert Design.load(tmp_path / "design.yaml") == design_of(member("resnet18"))
    assert {"model.py", "report.html"} <= {path.name for path in tmp_path.iterdir()}
    both = invoke("compare", "zoo:resnet18", str(tmp_path / "design.yaml"), "--json")
    assert not any(line["differs"] for line in json.loads(both.stdout)["lines"])
    again = invoke("export", "zoo:resnet18", "--out", str(tmp_path / "again"))
    assert again.exit_code == 0
    assert (tmp_path / "again/model.py").read_text() == (tmp_path / "model.py").read_text()
    assert folder_of(Path("zoo:resnet18")) == Path("runs/resnet18")
    assert folder_of(tmp_path / "design.yaml") == tmp_path
    for words in (("zoo", "show", "resnet"), ("zoo", "export", "alexnet"), ("zoo", "check", "x"),
                  ("compare", "zoo:resnt18", "zoo:resnet18")):  # fmt: skip
        refused = invoke(*words)
        assert refused.exit_code == 2 and "no such network" in refused.output, refused.output


NEAR = """
space:
  family: basic
  stem: {family: pooled_conv, width: 64, kernel_size: 7, stride: 4}
  stages:
    - {width: 64, depth: 2, shortcut: identity, strided_shortcut: true}
    - {width: 128, stride: 2, depth: 1..2, strided_shortcut: true}
    - {width: 256, stride: 2, depth: 2, strided_shortcut: true}
    - {width: 512, stride: 2, depth: 2, strided_shortcut: true}
budgets: {params: 12M}
"""


@pytest.mark.parametrize(
    ("start", "limit", "engine", "told"),
    [("zoo:resnet18", "12M", "highs", "is where the search begins"),
     ("zoo:resnet18", "11.6M", "highs", "breaks a rule or a budget"),
     ("zoo:resnet34", "12M", "highs", "breaks a rule or a budget"),
     ("zoo:resnet18", "12M", "brute", "is not used"),
     ("zoo:vit-ti", "12M", "highs", "is no network of this space")],
)  # fmt: skip
def test_a_design_starts_from_a_member_where_the_space_has_it(tmp_path, start, limit, engine, told):
    (tmp_path / "near.yaml").write_text(NEAR)
    out = str(tmp_path / "out")
    words = ("design", str(tmp_path / "near.yaml"), "--start", start, "--max", f"params={limit}")
    done = invoke(*words, "--out", out, "--backend", engine)
    assert done.exit_code == 0 and told in done.output, done.output
    if told.startswith("is where"):
        found = Design.load(tmp_path / "out/design.yaml")
        assert found.metrics["params"] == EXACT["resnet18"][0]


def test_check_tells_of_each(monkeypatch):
    done = invoke("zoo", "check", "resnet18", "vit-ti")
    assert done.exit_code == 0 and "2 networks" in done.output
    monkeypatch.setattr("mathdesign.validators.calls._linear", None)
    broken = {"conv2d": lambda f, a, k: (f(*a, **k), 1)}
    monkeypatch.setattr("mathdesign.validators.calls.PRODUCTS", broken)
    wrong = invoke("zoo", "check", "resnet18")
    assert wrong.exit_code == 5 and "FAILED" in wrong.output


def test_what_cannot_be_built_is_told(monkeypatch):
    def refuse(self, network):
        raise CannotBuild("no module")

    design = design_of(member("resnet18"))
    monkeypatch.setattr(type(design.kind), "outline", refuse)
    assert module_check(design) == type(module_check(design))("built module", False, "no module")


SMALL = """
space:
  family: basic
  input: {channels: 1, size: 32}
  classes: 10
  stem: {width: 64}
  stages: [{width: 64..128/64, depth: 1..2}]
"""


def test_a_member_is_a_rival_on_the_designs_own_task():
    """Within the budgets as published; else skipped with what it exceeds, as other kinds are."""
    import mathdesign
    from mathdesign.api import given
    from mathdesign.evidence.baselines import BaselineError, refuse_unknown, rivals_of

    one = SMALL.replace("64..128/64", "64").replace("1..2", "1")
    design = given(mathdesign.loads(one + "budgets: {params: 11.2M}\n"))
    asked = ("zoo:resnet18", "zoo:resnet34", "zoo:vit-ti")
    rivals = rivals_of(design, asked)
    ours, theirs = rivals.candidates
    assert (theirs.name, theirs.note) == (
        "resnet18",
        "resnet18 as published (arXiv 1512.03385, table 1)",
    )
    assert design.kind.images(theirs.network) == design.kind.images(ours.network)
    # ImageNet's 11,689,512 without two channels of the stem's 7x7 and 990 classes of 513 weights.
    params = design.kind.counts(design.specification(), theirs.network)["params"]
    assert params == 11_689_512 - 2 * 49 * 64 - 990 * 513
    too_large, other = rivals.skipped
    assert "as published (arXiv 1512.03385, table 1) exceeds params" in too_large.reason
    assert "of transformers, the design of convnet" in other.reason
    with pytest.raises(BaselineError, match="did you mean resnet18"):
        refuse_unknown(design, ["zoo:resnet8"])


def test_a_layerwise_member_is_a_rival_of_a_layerwise_design():
    """On the design's images and classes; a network of sequences is none."""
    import mathdesign
    from mathdesign.api import given
    from mathdesign.evidence.baselines import rivals_of

    words = """
space:
  family: layers
  input: {channels: 3, size: 64}
  classes: 10
  stem: [{block: conv, width: 24, stride: 2}]
  slots: [{name: one, options: [{block: inverted_residual, width: 24}]}]
  tail: [{block: classifier}]
objective: {metric: macs}
budgets: {params: 3.5M}
"""
    design = given(mathdesign.loads(words))
    rivals = rivals_of(design, ("zoo:fbnet_c", "zoo:fbnet_a", "zoo:efficient_tdnn_small"))
    ours, theirs = rivals.candidates
    assert theirs.name == "fbnet_a" and design.kind.images(theirs.network) == design.kind.images(
        ours.network
    )
    # ImageNet's count without 990 classes of 1,505 weights.
    assert design.kind.counts(design.specification(), theirs.network)["params"] == (
        4_304_584 - 990 * 1505
    )
    reasons = {skipped.rival: skipped.reason for skipped in rivals.skipped}
    assert "exceeds params" in reasons["zoo:fbnet_c"]
    assert "no blocks that another input could enter" in reasons["zoo:efficient_tdnn_small"]


def test_a_published_decoder_reads_the_designs_text():
    published, tiny = design_of(member("smollm-135m")), design_of(member("gpt3-125m"))
    kind = published.kind
    as_ours = kind.reading(published.network, tiny.network)
    assert kind.text(as_ours) == kind.text(tiny.network)
    assert as_ours.stacks == published.network.stacks
    with pytest.raises(CannotBuild, match="is a vit"):
        kind.reading(design_of(member("vit-ti")).network, tiny.network)


def test_the_page_lists_every_member_with_its_counts():
    """The table of docs/zoo.md is what the command prints."""
    lines = [line.split() for line in (ROOT / "docs/zoo.md").read_text().splitlines()]
    rows = {words[0]: tuple(words[1:4]) for words in lines if len(words) > 4}
    for name in NAMES:
        design = designed(name)
        family = design.request["space"]["family"]
        counts = (f"{design.metrics[metric]:,}" for metric in ("params", "macs"))
        assert rows[name] == (family, *counts), name


def test_a_figure_counted_otherwise_says_so_in_words_of_a_file():
    shown = invoke("zoo", "show", "fbnet_a")
    for words in ("arXiv 1812.03443, head: 1504", "keep_expansion: true"):  # a cell may be wrapped
        assert words in shown.output


def test_a_member_of_blocks_says_its_blocks_in_its_file():
    """Whether a file leaves blocks out is a way of writing, no part of what a network is."""
    design = designed("fbnet_a")
    assert "blocks" in design.to_dict()["network"]
    implied = dataclasses.replace(design.network, implied=True)
    assert implied == design.network
    assert "network" not in design.kind.words_of(implied)
