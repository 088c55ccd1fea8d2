"""Input that nobody means: one clear line each, whatever is read, and nothing is built or followed."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import mathdesign
from mathdesign.cli.main import app
from mathdesign.kinds.load import load, loads
from mathdesign.result import Design, DesignError
from mathdesign.spec.faults import SpecError
from tests.places import ROOT

TINY = (ROOT / "examples/03_digits_tiny/design.yaml").read_text()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments], catch_exceptions=True)


def refused(text: str) -> str:
    with pytest.raises(SpecError) as error:
        loads(text)
    return str(error.value)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved")
    (folder / "spec.yaml").write_text(TINY)
    done = run("design", str(folder / "spec.yaml"), "--no-train", "-q", "-o", str(folder))
    assert done.exit_code == 0, done.output
    return folder / "design.yaml"


@pytest.mark.parametrize(
    "text",
    [
        "space: {family: basic, classes: BIG}",
        "space: {family: basic}\nbudgets: {params: BIG}",
        "space: {family: basic}\nsolve: {gap: BIG}",
        "space: {family: basic}\nrules: BIG",
        "space: {family: convnext, stages: [{width: 8, expansion: BIG}]}",
        "space: {family: basic, rules: {growth: BIG}}",
        "space: {family: decoder_lm, vocabulary: BIG}",
        "space: {family: slots, slots: [{name: a, options: [1, BIG], costs: {c: [1, BIG]}}]}",
        "version: BIG",
        "BIG: 1",
    ],
)
def test_integers_of_400_digits_are_faults_everywhere(text: str):
    assert "digits" in refused(text.replace("BIG", "9" * 400)) or "unknown key" in refused(
        text.replace("BIG", "9" * 400)
    )
    assert refused(text.replace("BIG", "9" * 6000))


@pytest.mark.parametrize("word", ["[a]", "{a: b}", "[[1]]", "1", "null", "1.5"])
def test_lists_and_mappings_in_place_of_words(word: str):
    for text in (
        f"space: {{family: vit, preset: {word}}}",
        f"space: {{family: {word}}}",
        f"space: {{family: basic}}\nsolve: {{backend: {word}}}",
        f"space: {{family: basic}}\nname: {word}",
    ):
        if not (word == "null" and "preset" in text):
            assert "Traceback" not in refused(text)


def test_a_file_is_refused_as_soon_as_it_is_too_large():
    start = time.process_time()
    assert "too many" in refused("a: [" + "1," * 500_000 + "1]")
    assert "too many" in refused("\n".join(f"k{i}: 1" for i in range(80_000)))
    assert "too many" in refused("a: " + "[" * 100_000)
    assert time.process_time() - start < 15


def test_five_thousand_faults_are_shown_as_twenty_and_their_number():
    text = "space: {family: basic}\n" + "\n".join(f"k{i}: 1" for i in range(5000))
    shown = refused(text).splitlines()
    assert len(shown) == 21
    assert shown[-1] == "... and 4,980 more faults (5,000 in all)"


def test_half_a_pair_of_surrogates_is_no_text():
    assert "surrogates" in refused('space: {family: basic}\nname: "\\ud800"')
    assert "words as keys" in refused('"\\ud800": 1')


def test_programs_that_no_integer_can_hold_are_faults(tmp_path: Path):
    slots = "".join(
        f"    - {{name: s{i}, options: [a, b], costs: {{c: [{2**53}, 1]}}}}\n" for i in range(1000)
    )
    text = f"space:\n  family: slots\n  slots:\n{slots}objective: {{metric: c}}\n"
    (tmp_path / "a.yaml").write_text(text)
    for command in ("check", "design"):
        done = run(command, str(tmp_path / "a.yaml"))
        assert done.exit_code == 2 and "2^62" in done.output
        assert "Traceback" not in done.output


def test_a_pipe_is_no_specification(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(SpecError, match="a pipe"):
        load(tmp_path / "pipe.yaml")
    for command in ("export", "validate", "why"):
        done = run(command, str(tmp_path / "pipe.yaml"))
        assert done.exit_code == 2 and "not a file" in done.output


def edits(data: dict[str, Any]) -> dict[str, Any]:
    """Designs that a hand has edited: each is refused by all that read it."""
    stages = data["network"]["stages"]
    return {
        "metric": {**data, "metrics": {**data["metrics"], "params": 10**400}},
        "word": {**data, "metrics": {**data["metrics"], "params": "many"}},
        "metrics": {**data, "metrics": [1]},
        "status": {**data, "certificate": {**data["certificate"], "status": ["optimal"]}},
        "objective": {**data, "certificate": {**data["certificate"], "objective": None}},
        "certificate": {**data, "certificate": []},
        "versions": {**data, "certificate": {**data["certificate"], "versions": [1]}},
        "budget": {**data, "budgets": [{"metric": ["params"], "used": 1}]},
        "budgets": {**data, "budgets": [None]},
        "role": {**data, "network": {**data["network"], "stages": [{**stages[0], "role": [1]}]}},
        "entropy": {**data, "entropy": {}},
        "request": {**data, "request": []},
    }


@pytest.mark.parametrize(
    "name", edits({"network": {"stages": [{}]}, "metrics": {}, "certificate": {}})
)
def test_hand_edited_designs_are_refused_in_one_line(saved: Path, tmp_path: Path, name: str):
    path = tmp_path / "design.json"
    path.write_text(json.dumps(edits(Design.load(saved).to_dict())[name]))
    for command in (["export"], ["validate", "--no-train"], ["why"], ["compare", str(path)]):
        done = run(command[0], str(path), *command[1:])
        assert done.exit_code == 2, (command, done.output)
        assert len(done.output.strip().splitlines()) == 1 and str(path) in done.output
    assert [p.name for p in tmp_path.iterdir()] == ["design.json"]


def test_a_request_that_is_none_fails_the_check_in_its_own_words(saved: Path, tmp_path: Path):
    data = Design.load(saved).to_dict()
    data["request"]["space"]["stages"] = 5
    (tmp_path / "design.json").write_text(json.dumps(data))
    done = run("validate", str(tmp_path / "design.json"), "--no-train")
    assert done.exit_code == 5 and "space.stages: found 5; accepted: a list" in done.output


@pytest.mark.parametrize("words", [5, [], "x", None, {"data": 3}, {"epochs": 10**30}])
def test_what_a_request_says_of_training_may_be_anything(saved: Path, tmp_path: Path, words: Any):
    data = Design.load(saved).to_dict()
    data["request"]["validate"] = words
    (tmp_path / "design.json").write_text(json.dumps(data))
    done = run("validate", str(tmp_path / "design.json"), "--no-train")
    assert done.exit_code in (2, 5), (done.output, done.exception)
    assert ("differs from the certificate" if words is None else "validate") in done.output
    assert isinstance(done.exception, SystemExit)


def test_a_design_whose_predictor_is_not_here_is_not_called_forged():
    path = ROOT / "tests/saved/predictor.yaml"
    for command in (["validate", "--no-train"], ["why"]):
        done = run(command[0], str(path), *command[1:])
        assert done.exit_code == 2 and "claims" not in done.output
        assert f"{path}: found objective.predictor: model" in done.output


def test_bombs_in_a_saved_design_are_refused_at_once(saved: Path, tmp_path: Path):
    bomb = "a0: &a0 [x, x]\n" + "".join(
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 10)
    )
    text = saved.read_text()
    for extra in (bomb, "deep: " + "[" * 5000 + "]" * 5000, "long: [" + "1," * 200_000 + "1]"):
        with pytest.raises(DesignError):
            Design.from_yaml(text + extra + "\n")
    with pytest.raises(DesignError, match="not JSON"):
        Design.from_json("[" * 100_000)


@pytest.mark.parametrize("what", ["width", "depth"])
def test_what_no_machine_holds_is_counted_and_not_built(saved: Path, tmp_path: Path, what: str):
    data = Design.load(saved).to_dict()
    for stage in data["network"]["stages"][1:-1]:
        stage[what] = 2**20
    (tmp_path / "design.json").write_text(json.dumps(data))
    start = time.process_time()
    done = run("validate", str(tmp_path / "design.json"))
    assert done.exit_code in (2, 5) and "Traceback" not in done.output
    assert ("weights need" if what == "width" else "blocks, accepted") in done.output
    assert time.process_time() - start < 20


def test_what_the_machine_refuses_is_one_line(saved: Path, tmp_path: Path):
    occupied = tmp_path / "taken"
    occupied.write_text("")
    spec = tmp_path / "spec.yaml"
    spec.write_text(TINY)
    out = str(occupied / "inner")
    for arguments in (
        ["check", str(spec), "--out", out],
        ["families", "--out", out],
        ["schema", "--out", out],
        ["export", str(saved), "--out", out],
        ["compare", str(saved), str(saved), "--out", out],
        ["design", str(spec), "--no-train", "-q", "--out", out],
    ):
        done = run(*arguments)
        assert done.exit_code == 1, (arguments, done.output, done.exception)
        assert "taken" in done.output and "Traceback" not in done.output
        assert isinstance(done.exception, SystemExit)


def test_a_wide_space_of_transformers_is_counted_before_it_is_built():
    stack = "{width: 64..256/32, depth: 1..4, head_size: 32, ffn_ratio: [2, 3, 4]}"
    text = (
        "space: {family: vit, classes: 10, image: {size: 32, patch: 8}, stacks: ["
        + ", ".join([stack] * 12)
        + "]}\nobjective: {metric: entropy}"
    )
    start = time.process_time()
    with pytest.raises(SpecError, match=r"more than 100,000 choices of widths \(1.38e\+10\)"):
        mathdesign.problem(loads(text))
    narrow = text.replace("64..256/32", "[64, 96]")
    with pytest.raises(SpecError, match=r"memory_limit"):
        mathdesign.problem(loads(narrow + "\nsolve: {memory_limit: 1 MiB}"))
    assert time.process_time() - start < 10


def test_a_stage_of_thousands_of_widths_is_counted_one_width_after_the_other():
    """Bottlenecks that follow from widths: 8,000 allowed pairs of 26 million."""
    stage = "{width: 1..4096, expansion: [2, 3], kernel_size: [3, 5], depth: 1..2}"
    text = (
        f"space: {{family: inverted_residual, input: {{size: 16}}, classes: 5, stages: [{stage}]}}"
    )
    program = mathdesign.problem(loads(text))
    start = time.process_time()
    assert program.count() == 4 * 2 * 4096 - 16
    assert time.process_time() - start < 15
