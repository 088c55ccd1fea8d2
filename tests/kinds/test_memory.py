"""Memory budgets, as a user writes them: words, faults, answers, files, and what is told."""

import pytest

import mathdesign
from mathdesign.evidence.baselines import rivals_of
from mathdesign.kinds.load import loads
from mathdesign.report.rows import figure_rows
from mathdesign.result import Design, DesignError
from mathdesign.spec.faults import SpecError
from mathdesign.validators.convnet.execution import peak_values

CHAIN = """
space:
  family: inverted_residual
  input: {channels: 3, size: SIZE}
  classes: 4
  stem: {width: [8, 16]}
  stages:
    - {family: depthwise_separable, stride: 1, width: [8, 16], depth: 1..2}
    - {stride: 2, width: 8..24/8, expansion: [1, 2, 4], kernel_size: 3, depth: 1..3}
budgets: {BUDGETS}
memory: {dtype: int8, in_place_depthwise: true, overhead_per_operator: 64}
solve: {gap: 0}
"""
LAYERS = """
space: {family: fbnet, input: {size: 32}, classes: 10, settings: SETTINGS}
objective: {metric: macs}
budgets: {BUDGETS}
memory: {dtype: int8, overhead_per_operator: 64}
solve: {gap: 0}
"""


def chain(budgets: str, size: str = "32"):
    return loads(CHAIN.replace("BUDGETS", budgets).replace("SIZE", size))


def layers(budgets: str):
    return loads(LAYERS.replace("BUDGETS", budgets).replace(", settings: SETTINGS", ""))


@pytest.mark.parametrize(
    ("make", "limit"), [(chain, "24 KiB"), (layers, "20 KiB")], ids=["chain", "layers"]
)
def test_a_design_keeps_its_memory_and_says_where_it_peaks(make, limit):
    most = int(limit.split()[0]) * 1024
    design = mathdesign.design(make(f"activation_bytes: {limit}, weight_bytes: 1 MB"))
    free = mathdesign.design(make("weight_bytes: 1 MB"))
    used = {use.metric: use.used for use in design.budgets}
    assert used["activation_bytes"] <= most < free.metrics["activation_bytes"]
    assert design.certificate.objective < free.certificate.objective
    held = design.figures["memory"]
    assert held["peak_bytes"] == design.metrics["activation_bytes"] <= held["arena_bytes"]
    assert held["overhead_bytes"] == 64 * held["operators"] > 0
    in_place = make is chain
    values = peak_values(design.build(), (3, 32, 32), in_place_depthwise=in_place)
    assert values == held["peak_bytes"]
    rows = dict(figure_rows(design))
    assert rows["peak alive"] == f"{values:,} bytes at {held['peak_at']}"
    assert rows["arena"].startswith(f"{held['arena_bytes']:,} bytes, none is smaller")
    assert design.from_yaml(design.to_yaml()) == design
    posed = design.kind.pose(design.specification())
    assert next(design.kind.checks(posed, design.network, design.recount)).ok  # counted again


@pytest.mark.parametrize("make", [chain, layers], ids=["chain", "layers"])
def test_an_impossible_memory_names_the_least(make):
    with pytest.raises(mathdesign.Infeasible) as caught:
        mathdesign.design(make("activation_bytes: 1 KiB"))
    (reach,) = caught.value.explanation.budgets
    assert reach.metric == "activation_bytes" and reach.proven and reach.impossible_alone
    again = mathdesign.design(make(f"activation_bytes: {reach.alone}"))
    assert again.metrics["activation_bytes"] == reach.alone
    with pytest.raises(mathdesign.Infeasible):
        mathdesign.design(make(f"activation_bytes: {reach.alone - 1}"))


def test_memory_and_resolution_are_chosen_together():
    design = mathdesign.design(chain("activation_bytes: 12 KiB", "[16, 24, 32]"))
    assert design.metrics["activation_bytes"] <= 12 * 1024
    assert design.network.input_size in (16, 24, 32)


@pytest.mark.parametrize(
    ("budgets", "found", "accepted"),
    [
        ("activation_bytes: {min: 1 KiB, max: 9 KiB}", "a lower limit", "max alone"),
        ("activation_bytes: 12 ms", "'12 ms'", "bytes"),
        ("activation_bytes: -5", "-5", "bytes"),
        ("activation_bytes: .nan", "nan", "bytes"),
        ("weight_bytes: 1.5", "1.5", "bytes"),
        ("activation_byte: 5", "activation_byte", ""),
    ],
)
def test_wrong_words_are_told(budgets, found, accepted):
    with pytest.raises(SpecError) as caught:
        chain(budgets)
    assert any(found in f.found and accepted in f.accepted for f in caught.value.faults), (
        caught.value.faults
    )


def test_memory_of_options_that_nobody_executes_is_refused():
    text = """
space: {family: nasbench201}
objective: {entropy: true}
budgets: {activation_bytes: 1 MiB}
memory: {dtype: int8}
"""
    with pytest.raises(SpecError) as caught:
        loads(text)
    assert [f.found for f in caught.value.faults] == ["memory of family nasbench201"] * 2
    assert all("no blocks say" in f.accepted for f in caught.value.faults)


def test_a_peak_is_no_objective():
    with pytest.raises(SpecError):
        loads(CHAIN.replace("BUDGETS", "params: 9k").replace("SIZE", "32")
              + "objective: {metric_weights: {activation_bytes: 1}}\n")  # fmt: skip


def test_rivals_keep_the_memory_too():
    design = mathdesign.design(chain("activation_bytes: 32 KiB, macs: 3M"))
    found = rivals_of(design, ["random:4", "params"])
    assert found.skipped == () and len(found.candidates) == 6
    counted = [design.kind.counts(design.specification(), c.network) for c in found.candidates]
    assert all(costs["activation_bytes"] <= 32 * 1024 for costs in counted)


def test_files_with_broken_figures_are_refused():
    design = mathdesign.design(chain("activation_bytes: 24 KiB"))
    text = design.to_yaml()
    for broken in ("operators: -1", "operators: many", "surprise: 1"):
        at = text.index("operators:")
        wrong = text[:at] + broken + text[text.index("\n", at) :]
        with pytest.raises(DesignError):
            Design.from_yaml(wrong)


def test_nothing_is_counted_where_nothing_is_asked():
    text = CHAIN[: CHAIN.index("memory:")].replace("BUDGETS", "params: 9k").replace("SIZE", "16")
    design = mathdesign.design(loads(text))
    assert "memory" not in design.figures
    assert not {"activation_bytes", "weight_bytes"} & design.metrics.keys()
