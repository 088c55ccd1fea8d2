"""One grammar of quantities: exact, no guesses about commas, a cure where one can be told."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import mathdesign
from mathdesign.cli.main import app
from mathdesign.kinds.quick import quick
from mathdesign.spec.faults import SpecError
from mathdesign.spec.quantities import (
    BYTES,
    COUNTS,
    DURATIONS,
    InBytes,
    QuantityError,
    count,
    exact,
    seconds,
    share,
    size_bytes,
)

TINY = """
space: {family: basic, input: {size: 8}, classes: 2, stages: [{width: 8, depth: 1}]}
budgets: {params: %s}
"""
DECODER = """
space:
  family: decoder_lm
  vocabulary: 256
  context: 64
  stacks: [{width: 64, depth: 1..4, head_size: 8, ffn: 64}]
budgets: {%s}
"""


@pytest.mark.parametrize(
    ("read", "written", "meant"),
    [
        (count, "1,500,000", 1_500_000),
        (count, "1,500k", 1_500_000),
        (count, "1_500_000", 1_500_000),
        (count, "1.5B", 1_500_000_000),
        (count, "1.5e6", 1_500_000),
        (count, "9007199254740993", 2**53 + 1),
        (count, "9,007,199,254,740,993", 2**53 + 1),
        (count, "9007199254740.993k", 2**53 + 1),
        (count, 1e18, 10**18),
        (count, InBytes("256 KiB"), 256 << 10),
        (count, InBytes("8 GB"), 8 * 10**9),
        (count, InBytes("1.5 GiB"), 3 << 29),
        (count, InBytes("16M"), 16_000_000),
        (count, InBytes(4096), 4096),
        (seconds, "1.5 s", 1.5),
        (seconds, "1,500 ms", 1.5),
        (seconds, "0.5 h", 1800),
        (seconds, "100 µs", 1e-4),
        (share, "0.1%", 0.001),
        (share, "0.1 %", 0.001),
        (share, 0.3, 0.3),
        (size_bytes, "9007199254740993 B", 2**53 + 1),
    ],
)
def test_what_is_written_is_what_is_meant(read, written, meant):
    assert read(written) == meant


@pytest.mark.parametrize(
    ("read", "written", "cure"),
    [
        (count, "1,5M", "1.5M"),
        (count, "0,125M", "0.125M"),
        (count, "12,34,567", ""),
        (count, "1.500,5k", "1500.5k"),
        (count, "1.8 GB", "1.8G"),
        (count, "1.5b", "1.5B"),
        (count, "100m", "100M"),
        (count, "256 KiB", ""),
        (count, "0.5", "0 or 1"),
        (count, 9007199254740993.0, ""),
        (count, "-5M", ""),
        (count, "M", ""),
        (count, ".", ""),
        (count, "1e400", ""),
        (count, float("nan"), ""),
        (count, "٣", ""),
        (count, None, ""),
        (count, InBytes("1,5 GB"), ""),
        (count, InBytes("1.5B"), "1 or 2"),
        (seconds, "1,5 s", "1.5s"),
        (seconds, "5 sec", "5s"),
        (seconds, "2 minutes", "2 min"),
        (seconds, "0 s", ""),
        (share, "0,1%", "0.1%"),
        (share, "200%", ""),
        (size_bytes, "512 mib", "512 MiB"),
        (size_bytes, "1,5 GB", "1.5 GB"),
    ],
)
def test_what_could_mean_two_things_is_refused_with_its_cure(read, written, cure):
    with pytest.raises(QuantityError) as refused:
        read(written)
    if not isinstance(written, InBytes) or cure:
        assert refused.value.meant == cure


@settings(deadline=None, derandomize=True, max_examples=200)
@given(st.text(alphabet="0123456789.,_eE+- kMGTBisn%", max_size=12))
def test_every_cure_is_accepted_and_no_text_is_read_twice(text):
    for units in (COUNTS, BYTES, DURATIONS):
        try:
            value = exact(text, units, "")
        except QuantityError as error:
            if error.meant:
                assert exact(error.meant, units, "") >= 0
        else:
            assert isinstance(value, Fraction) and value >= 0
            # A comma is never the decimal mark.
            if "," in text:
                assert exact(text.replace(",", ""), units, "") == value


@pytest.mark.parametrize(
    ("document", "place", "cure"),
    [
        (TINY % '"1,5M"', "budgets.params", "1.5M"),
        (TINY % "1k" + 'solve: {gap: "0,1%"}', "solve.gap", "0.1%"),
        (TINY % "1k" + "solve: {time_limit: '1,5 s'}", "solve.time_limit", "1.5s"),
        (DECODER % 'kv_cache_bytes: "1,5 GB"', "budgets.kv_cache_bytes", "1.5 GB"),
        (DECODER % "kv_cache_bytes: {max: 8 gb}", "budgets.kv_cache_bytes.max", "8 GB"),
        (DECODER % "params: 8 GB", "budgets.params", "8G"),
    ],
)
def test_a_file_is_told_place_finding_and_cure(document, place, cure):
    with pytest.raises(SpecError) as refused:
        mathdesign.loads(document)
    (fault,) = refused.value.faults
    assert (fault.path, fault.suggestion) == (place, cure) and fault.line and fault.accepted


def test_budgets_of_bytes_take_units_of_bytes():
    spec = mathdesign.loads(DECODER % "kv_cache_bytes: 256 KiB, activation_bytes: {max: 8 GB}")
    assert spec.budgets["kv_cache_bytes"].max == 256 << 10
    assert spec.budgets["activation_bytes"].max == 8 * 10**9
    assert mathdesign.loads(spec.to_yaml()) == spec
    assert quick("decoder_lm", None, {"kv_cache_bytes": "1 MiB"}).budgets["kv_cache_bytes"].max == (
        1 << 20
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--macs", "1,5M"], "budgets.macs: found '1,5M'"),
        (["--macs", "1M", "--time-limit", "1,5 s"], "solve.time_limit: found '1,5 s'"),
        (["--max", "params=1,5M"], "did you mean 1.5M?"),
    ],
)
def test_options_of_a_command_are_read_alike(arguments, words, tmp_path):
    shown = CliRunner().invoke(app, ["design", *arguments, "--out", str(tmp_path / "out")])
    assert shown.exit_code == 2 and words in shown.output


def test_an_option_beside_a_file_is_blamed_itself(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY % "1k")
    shown = CliRunner().invoke(app, ["design", str(path), "--max", "macs=1,5M"])
    assert shown.exit_code == 2
    assert "command line: --max: budgets.macs.max: found '1,5M'" in shown.output


@pytest.mark.parametrize(
    ("option", "cure"), [("--gap=0,1%", "0.1%"), ("--time-limit=1,5 s", "1.5s")]
)
def test_the_benchmark_says_which_option(option, cure):
    shown = CliRunner().invoke(app, ["bench", "solvers", option], env={"COLUMNS": "200"})
    assert shown.exit_code == 2 and f"did you mean {cure}?" in shown.output
    assert option.partition("=")[0] in shown.output
