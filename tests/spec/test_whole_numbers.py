"""Whole numbers keep their last digit, and those that nothing can hold are faults, not crashes."""

import json

import pytest
from typer.testing import CliRunner

import mathdesign
from mathdesign.cli.main import app
from mathdesign.programs.base import rounded_up
from mathdesign.programs.counts import rough, told
from mathdesign.spec.faults import SpecError
from mathdesign.spec.quantities import count

#: 6e330 networks.
DECODER = """
space:
  family: decoder_lm
  vocabulary: 32000
  context: 1024
  stacks: [{width: 512, depth: 1..128, head_size: 8, kv_heads: [1, 2, 4], ffn: 8..1024/8}]
objective: {metric: entropy}
budgets: {params: 50M}
"""
NETWORK = """
space:
  family: basic
  classes: 2
  input: {size: %s}
  stages: [{stride: 1, width: %s, kernel_size: 7, depth: %s}]
objective: {entropy: {}%s}
budgets: {params: %s}
"""


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (86498397708712950, 86498397708712950),
        ("86498397708712951", 86498397708712951),
        ("86498397708712.951k", 86498397708712951),
        ("11.69M", 11_690_000),
        ("0.3G", 300_000_000),
        (2e6, 2_000_000),
    ],
)
def test_counts_are_exact(written, meant):
    assert count(written) == meant


@pytest.mark.parametrize("written", ["1.5", "86498397708712.9515k", 0.5, True, "1e400"])
def test_what_is_no_whole_number_is_refused(written):
    with pytest.raises(ValueError):
        count(written)


def test_a_budget_above_2_to_the_53_keeps_its_last_digit():
    spec = mathdesign.loads(NETWORK % (8, 8, 1, "", 2**53 + 1))
    assert mathdesign.problem(spec).budgets[0].upper == 2**53 + 1


def test_counts_of_any_size_have_words():
    assert (rough(123_456), rough(10**400), rough(25 * 10**445, 6)) == (
        "1.23e+05", "1.00e+400", "2.50000e+446",
    )  # fmt: skip
    assert told(7) == 7 and told(10**5000) == "1.00000e+5000"


def test_a_space_beyond_all_doubles_is_checked(tmp_path):
    path = tmp_path / "large.yaml"
    path.write_text("version: 1\nname: large\n" + DECODER)
    shown = CliRunner().invoke(app, ["check", str(path), "--json"])
    assert shown.exit_code == 0
    assert json.loads(shown.stdout)["size"][-4:] == "+330"
    shown = CliRunner().invoke(app, ["check", str(path)])
    assert shown.exit_code == 0 and "e+330 designs" in shown.output


@pytest.mark.parametrize("command", ["check", "design"])
def test_metrics_beyond_2_to_the_62_are_a_fault(tmp_path, command):
    path = tmp_path / "huge.yaml"
    path.write_text("version: 1\nname: huge\n" + NETWORK % (4096, 65536, 1000, "", "1G"))
    shown = CliRunner().invoke(app, [command, str(path)])
    assert shown.exit_code == 2 and "macs can exceed 2^62" in shown.output


@pytest.mark.parametrize("command", ["check", "design"])
@pytest.mark.parametrize("weight", ["9.0e+11", "9.0e+14", "-9.0e+14", "1.0e+300"])
def test_linear_metrics_beyond_int64_are_named_with_their_file(tmp_path, command, weight):
    """One layer's cost beyond int64, or as many layers' as there may be."""
    path = tmp_path / "huge.yaml"
    row = f"linear_metrics: [{{name: own, terms: {{params: {weight}}}}}]\n"
    path.write_text("version: 1\nname: huge\n" + DECODER + row)
    shown = CliRunner().invoke(app, [command, str(path)])
    assert shown.exit_code == 2 and "own can exceed 2^62" in shown.output
    assert shown.output.startswith(f"{path}: ")


@pytest.mark.parametrize("weight", [".nan", ".inf", "-.inf"])
def test_weights_that_are_no_numbers_are_faults_with_their_place(weight):
    words = f", metric_weights: {{params: {weight}}}"
    with pytest.raises(SpecError, match=r"metric_weights") as caught:
        mathdesign.loads(NETWORK % (8, 8, 1, words, "1M"))
    assert caught.value.faults[0].line == 7
    row = f"linear_metrics: [{{name: own, terms: {{params: {weight}}}}}]\n"
    with pytest.raises(SpecError, match=r"linear_metrics\[0\].terms.params"):
        mathdesign.loads(DECODER + row)


def test_a_depth_over_width_as_written_keeps_its_network():
    spec = mathdesign.loads(DECODER + f"effectiveness: {1 / 28!r}\n")
    assert spec.effectiveness_limit() * 28 == 1


@pytest.mark.parametrize("value", [0.2999996, 1 / 3, 2 / 3, 0.1, 9.9999999, 123456.75, 1e-9, 0.0])
def test_reals_are_rounded_up(value):
    assert value <= float(rounded_up(value, 6)) <= value * (1 + 1e-5)
