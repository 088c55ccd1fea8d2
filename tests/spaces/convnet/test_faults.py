"""A gallery of bad specifications: each fault with its place, what was found, and the way out."""

from pathlib import Path

import pytest

from mathdesign.kinds.load import load, loads
from mathdesign.kinds.quick import quick
from mathdesign.spec.faults import SpecError

GOOD = """\
version: 1
name: tiny
space:
  family: bottleneck
  input: {channels: 3, size: 32}
  classes: 10
  stages:
    - {stride: 1, width: 16..32/8, bottleneck: [8, 16], kernel_size: [3, 5], depth: 1..3}
    - {stride: 2, width: 32, bottleneck: 8, depth: 2}
objective:
  entropy: {variant: tinynas, weights: [1, 8], depth_penalty: 10}
budgets: {macs: 10M, params: 1M, effectiveness: 0.3}
solve: {backend: auto, gap: 0.1%, time_limit: 60 s, seed: 0}
validate: {data: digits, size: 32, epochs: 5}
"""


def faults_of(text: str) -> list:
    with pytest.raises(SpecError) as caught:
        loads(text, "spec.yaml")
    return list(caught.value.faults)


def test_the_good_one_is_good():
    assert loads(GOOD).name == "tiny"


# (replace this, by that, line, column, path, part of the message)
GALLERY = [
    ("version: 1", "version: 2", 1, 1, "version", "accepted: 1"),
    ("name: tiny", "name: ../evil", 2, 1, "name", "letters, digits"),
    ("name: tiny", "name: a/b", 2, 1, "name", "letters, digits"),
    ("name: tiny", "name: [x]", 2, 1, "name", "found ['x']"),
    ("name: tiny", "nmae: tiny", 2, 1, "nmae", "did you mean name?"),
    ("family: bottleneck", "family: botleneck", 4, 3, "space.family", "did you mean bottleneck?"),
    ("family: bottleneck", "family: conv", 4, 3, "space.family", "did you mean convnext"),
    ("channels: 3", "channels: 0", 5, 11, "space.input.channels", "greater than or equal to 1"),
    ("channels: 3", "channels: three", 5, 11, "space.input.channels", "valid integer"),
    ("size: 32}", "size: 9999999}", 5, 24, "space.input.size", "less than or equal to 8192"),
    ("size: 32}", "sise: 32}", 5, 24, "space.input.sise", "did you mean size?"),
    (
        "entropy: {variant: tinynas, weights: [1, 8], depth_penalty: 10}",
        "entropy: tinynas",
        11,
        3,
        "objective.entropy",
        "accepted: a mapping",
    ),
    ("weights: [1, 8]", "weights: 4", 11, 31, "objective.entropy.weights", "accepted: a list"),
    ("classes: 10", "classes: -1", 6, 3, "space.classes", "greater than or equal to 1"),
    ("stride: 1", "stride: 3", 8, 8, "space.stages[0].stride", "1 or 2"),
    ("16..32/8", "32..16/8", 8, 19, "space.stages[0].width", "lo <= hi"),
    ("16..32/8", "16..32/0", 8, 19, "space.stages[0].width", "step >= 1"),
    ("16..32/8", "0", 8, 19, "space.stages[0].width", "from 1 to 65536"),
    ("16..32/8", "1..65537/64", 8, 19, "space.stages[0].width", "range"),
    ("16..32/8", "1..60000", 8, 19, "space.stages[0].width", "at most 4096"),
    ("16..32/8", "wide", 8, 19, "space.stages[0].width", "a positive integer, a list, or a range"),
    ("16..32/8", "16.5", 8, 19, "space.stages[0].width", "a positive integer"),
    ("16..32/8", "[]", 8, 19, "space.stages[0].width", "empty"),
    ("[3, 5]", "[3, 4]", 8, 57, "space.stages[0].kernel_size", "odd"),
    ("kernel_size", "kernal_size", 8, 57, "space.stages[0].kernal_size", "mean kernel_size?"),
    ("depth: 1..3", "depth: 0..3", 8, 78, "space.stages[0].depth", "from 1"),
    ("depth: 1..3", "depth: 1..2000", 8, 78, "space.stages[0].depth", "at most 1000"),
    ("bottleneck: 8, depth: 2", "depth: 2", 9, 7, "space.stages[1].bottleneck", "is needed"),
    ("width: 32, ", "", 9, 7, "space.stages[1].width", "is needed"),
    (
        "bottleneck: 8,",
        "bottleneck: 8, expansion: 4,",
        9,
        45,
        "space.stages[1].expansion",
        "inverted_residual",
    ),
    ("depth: 2", "shortcut: identity", 9, 45, "space.stages[1].shortcut", "stride 1"),
    ("depth: 2", "squeeze_excitation: true", 9, 45, "space.stages[1].squeeze_excitation", "only"),
    ("weights: [1, 8]", "weights: [1, 1, 8]", 11, 31, "objective.entropy.weights", "2 weights"),
    ("weights: [1, 8]", "weights: [1, -8]", 11, 44, "objective.entropy.weights[1]", "0"),
    ("tinynas", "tinyness", 11, 13, "objective.entropy.variant", "did you mean tinynas?"),
    ("depth_penalty: 10", "depth_stages: [3]", 11, 48, "objective.entropy.depth_stages", "1 to 2"),
    ("  entropy: {", "  metric: params\n  entropy: {", 11, 3, "objective.metric", "one of them"),
    ("macs: 10M", "macs: 10 GB", 12, 11, "budgets.macs", "a whole number such as"),
    ("macs: 10M", "macs: -5", 12, 11, "budgets.macs", "a whole number such as"),
    ("macs: 10M", "macs: .nan", 12, 11, "budgets.macs", "a whole number such as"),
    ("macs: 10M", "macs: 1e400", 12, 11, "budgets.macs", "a whole number such as"),
    ("macs: 10M", "macs: 100m", 12, 11, "budgets.macs", "a whole number such as"),
    ("macs: 10M", "macs: {min: 5, max: 4}", 12, 11, "budgets.macs", "min <= max"),
    ("macs: 10M", "macs: {}", 12, 11, "budgets.macs", "a number, or"),
    ("params: 1M", "parameters: 1M", 12, 22, "budgets.parameters", "did you mean params?"),
    ("effectiveness: 0.3", "effectiveness: 0", 12, 34, "budgets.effectiveness", "greater than 0"),
    ("backend: auto", "backend: hihgs", 13, 9, "solve.backend", "did you mean highs?"),
    ("gap: 0.1%", "gap: 150%", 13, 24, "solve.gap", "a share"),
    ("60 s", "60 kg", 13, 35, "solve.time_limit", "a positive duration"),
    ("60 s", "0 s", 13, 35, "solve.time_limit", "a positive duration"),
    ("seed: 0", "seed: -1", 13, 53, "solve.seed", "greater than or equal to 0"),
    ("epochs: 5", "epochs: 0", 14, 36, "validate.epochs", "greater than or equal to 1"),
]


@pytest.mark.parametrize("this, that, line, column, path, message", GALLERY)
def test_each_fault_has_its_place_and_cure(this, that, line, column, path, message):
    text = GOOD.replace(this, that, 1)
    assert text != GOOD
    (fault,) = faults_of(text)
    assert (fault.line, fault.column, fault.path) == (line, column, path)
    assert message in str(fault)
    assert str(fault).startswith(f"spec.yaml:{line}:{column}: {path}: found ")


def test_all_faults_at_once_in_file_order():
    text = GOOD.replace("name: tiny", "name: a b").replace("stride: 1", "stride: 4")
    text = text.replace("10M", "lots").replace("60 s", "soon")
    faults = faults_of(text)
    assert [f.path for f in faults] == [
        "name",
        "space.stages[0].stride",
        "budgets.macs",
        "solve.time_limit",
    ]
    assert [f.line for f in faults] == sorted(f.line for f in faults)


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "no mapping"),
        ("- 1\n- 2\n", "no mapping"),
        ("just words", "no mapping"),
        ("a: [1, 2", "expected"),
        ("a: 1\n\tb: 2\n", "character"),
        ("version: 1\nversion: 1\n" + GOOD[11:], "the key twice"),
        ("? [a, b]\n: 1\n", "a key that is no word"),
        ("a: !!python/object/apply:os.system ['true']\n", "tags are not allowed"),
        ("a: !!python/name:os.system\n", "tags are not allowed"),
        ("a: !custom 3\n", "tags are not allowed"),
        ("a: &x [*x]\n", "too many nested"),
        ("a: " + "[" * 60 + "]" * 60, "too many nested"),
        ("a: " + "[" * 5000, "nest"),
        ("a: 1\0", "special characters"),
    ],
)
def test_hostile_and_broken_yaml(text: str, message: str):
    faults = faults_of(text)
    assert any(message in str(fault) for fault in faults), [str(f) for f in faults]


def test_an_alias_bomb_is_refused_quickly():
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    for here, before in zip("bcdefghi", "abcdefgh"):
        lines.append(f"{here}: &{here} [" + ", ".join([f"*{before}"] * 9) + "]")
    faults = faults_of("\n".join(lines))
    assert any("too many nested or repeated nodes" in str(f) for f in faults)


def test_a_file_that_is_too_large_or_no_text(tmp_path: Path):
    big = tmp_path / "big.yaml"
    big.write_text("# " + "x" * (2 << 20))
    with pytest.raises(SpecError, match="more than 1048576 bytes"):
        load(big)
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"name: x\nspace: \xff\xfe\n")
    with pytest.raises(SpecError, match=r"binary.yaml:2:1: found bytes that are not UTF-8"):
        load(binary)
    with pytest.raises(SpecError, match="No such file"):
        load(tmp_path / "missing.yaml")
    with pytest.raises(SpecError, match="directory"):
        load(tmp_path)


@pytest.mark.parametrize("shape", ["224", "3x224", "3x224x112", "axbxc", "3x-1x-1"])
def test_the_quick_form_refuses_bad_shapes(shape: str):
    with pytest.raises(SpecError, match="CxHxW"):
        quick("bottleneck", shape, {})


def test_the_quick_form_names_unknown_families_and_budgets():
    with pytest.raises(SpecError, match="bottleneck"):
        quick("botleneck", "3x224x224", {})
    with pytest.raises(SpecError, match="did you mean params"):
        quick("bottleneck", "3x224x224", {"parms": "3M"})
