"""Pins: any decision of any kind made already, from a file or the command line."""

import dataclasses

import pytest
from typer.testing import CliRunner

import mathdesign
from mathdesign.api import Infeasible
from mathdesign.checking import broken_pins, each_check
from mathdesign.cli.main import app
from mathdesign.kinds import KINDS, families, kind_of_spec
from mathdesign.result import Design
from mathdesign.spec.faults import SpecError
from mathdesign.spec.pins import nearest, pin, pin_faults
from tests.kinds.test_kinds import document
from tests.kinds.test_several import TEXT

#: Large enough to hold designs of several values of most decisions.
CHAIN = TEXT.format(
    family="bottleneck", size="[16, 24]", objective="{volume: {}}", budgets="macs: 600k",
    backend="auto", more=", bottleneck: [8, 16]",
)  # fmt: skip


def pinned(text: str, **pins):
    lines = "".join(f"  {name.replace('__', '.')}: {value}\n" for name, value in pins.items())
    return mathdesign.loads(f"{text}pins:\n{lines}")


def faults_of(text: str, **pins) -> list[str]:
    with pytest.raises(SpecError) as caught:
        pinned(text, **pins)
    return [str(fault) for fault in caught.value.faults]


@pytest.mark.parametrize("family", families())
def test_every_decision_of_every_family_can_be_pinned_to_every_value(family):
    text = document(family)
    spec = mathdesign.loads(text)
    kind = kind_of_spec(spec)
    choices = kind.choices(spec)
    assert choices and all(choices.values())
    name = max(choices, key=lambda n: len(choices[n]))
    for value in dict.fromkeys((choices[name][0], choices[name][-1])):
        own = mathdesign.loads(f"{text}pins: {{{name}: '{value}'}}\n")
        design = mathdesign.design(own)
        assert kind.held(design.network)[name] == value
        assert design.request["pins"] == {name: value}
        assert design.certificate.request_sha256 == own.content_hash() != spec.content_hash()


@pytest.mark.parametrize("family", families())
def test_what_a_design_holds_is_what_may_be_pinned(family):
    """Pinned to all that the best design holds, the best design is that one."""
    spec = mathdesign.loads(document(family))
    kind, design = kind_of_spec(spec), mathdesign.design(spec)
    held = kind.held(design.network)
    choices = kind.choices(spec)
    assert set(held) >= set(choices) or family in KINDS[2].families
    all_of_it = {name: held[name] for name in choices if name in held}
    again = mathdesign.design(mathdesign.load({**spec.to_dict(), "pins": all_of_it}))
    assert kind.held(again.network) == held
    assert again.certificate.objective == pytest.approx(design.certificate.objective)


def test_pins_are_proven_like_anything_else():
    """Pinned one by one to all values, the best of a decision is the best of all."""
    free = mathdesign.design(mathdesign.loads(CHAIN)).certificate.objective
    for name in ("resolution", "stage2__width", "stage1__depth", "stage2__bottleneck"):
        choices = kind_of_spec(mathdesign.loads(CHAIN)).choices(mathdesign.loads(CHAIN))
        found = []
        for value in choices[name.replace("__", ".")]:
            try:
                design = mathdesign.design(pinned(CHAIN, **{name: value}))
            except Infeasible:
                continue
            assert design.certificate.status == "optimal"
            found.append(design.certificate.objective)
        assert max(found) == pytest.approx(free, rel=1e-9)


def test_all_faults_of_pins_at_once_with_place_and_cure():
    found = faults_of(
        CHAIN, stage2__wdith=64, stage2__width=20, resolution=20, stage9__depth=1, stem__width=8
    )
    assert len(found) == 4
    assert "pins.stage2.wdith: found no decision 'stage2.wdith'" in found[0]
    assert found[0].endswith("did you mean stage2.width?")
    assert "pins.stage2.width: found 20; accepted: 16, 24, 32; did you mean 16?" in found[1]
    assert "pins.resolution: found 20; accepted: 16, 24; did you mean 16?" in found[2]
    assert "no decision 'stage9.depth'" in found[3]
    assert all(text.startswith("<text>:1") for text in found)  # lines 10 and on


@pytest.mark.parametrize("value", ["[1, 2]", "{a: 1}", "null", "''"])
def test_a_pin_is_one_number_or_word(value):
    assert "a number or a word" in faults_of(CHAIN, resolution=value)[0]


def test_a_space_at_fault_is_mended_before_its_pins():
    text = CHAIN.replace("kernel_size: 3", "kernel_size: 4", 1)
    assert len(faults_of(text, nothing=1)) == 1


def test_a_decision_of_one_value_may_be_pinned_to_it():
    text = CHAIN.replace("[16, 24]", "16")
    design = mathdesign.design(pinned(text, resolution=16))
    assert design.network.input_size == 16
    assert faults_of(text, resolution=24)[0].endswith("accepted: 16; did you mean 16?")


def test_pins_that_no_design_has_together_are_named():
    rules = CHAIN.replace("objective:", "  rules: {monotone_width: true}\nobjective:")
    with pytest.raises(Infeasible) as caught:
        mathdesign.design(pinned(rules, stage1__width=24, stage2__width=16))
    (line,) = caught.value.explanation.lines()
    assert "what is pinned (stage1.width 24, stage2.width 16)" in line
    with pytest.raises(Infeasible) as caught:
        mathdesign.design(pinned(CHAIN.replace("600k", "60k"), resolution=24))
    lines = caught.value.explanation.lines()
    assert "all of it with what is pinned: resolution 24" in lines
    assert caught.value.explanation.to_dict()["pins"] == "resolution 24"


def test_pins_of_layers_that_no_width_allows_together():
    with pytest.raises(SpecError, match=r"what is pinned \(stack1\.width 16, stack1\.heads 4\)"):
        mathdesign.problem(
            mathdesign.loads(document("decoder_lm") + "pins: {stack1.width: 16, stack1.heads: 4}\n")
        )


def test_a_network_that_does_not_hold_a_pin_is_found_out(tmp_path):
    design = mathdesign.design(pinned(CHAIN, stage2__width=16))
    assert broken_pins(design.kind, design.specification(), design.network) == []
    assert Design.load(design.save(tmp_path / "design.yaml")) == design
    found = next(check for check in each_check(design) if check.check == "pins")
    assert found.ok and found.found == "stage2.width 16"
    other = mathdesign.design(pinned(CHAIN, stage2__width=24))
    forged = dataclasses.replace(design, network=other.network)
    found = next(check for check in each_check(forged) if check.check == "pins")
    assert not found.ok and found.found == "stage2.width: 24 where 16 is pinned"


def test_options_of_lists_are_pinned_by_name():
    text = document("slots")
    design = mathdesign.design(pinned(text, a="y", b=2))
    assert dict(design.network.options) == {"a": "y", "b": "2"}
    found = faults_of(text, a="w", c=1)
    assert "pins.a: found 'w'; accepted: x, y, z" in found[0]
    assert "no decision 'c'; accepted: a, b" in found[1]


# ---- the command line ------------------------------------------------------------------------------


def run(*words: str):
    return CliRunner().invoke(app, [*words])


def test_the_command_line_pins_and_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "d.yaml").write_text(CHAIN + "pins: {resolution: 16}\n")
    result = run("design", "d.yaml", "--pin", "resolution=24", "--pin", "stage2.depth = 1")
    assert result.exit_code == 0, result.output
    assert "--pin overrides d.yaml: pins.resolution: 16 -> 24" in result.output
    design = Design.load("runs/sizes/design.yaml")
    assert design.network.input_size == 24
    assert design.request["pins"] == {"resolution": "24", "stage2.depth": "1"}
    checked = run("check", "d.yaml", "--pin", "stage2.width=16")
    assert checked.exit_code == 0 and "in 1 choices of resolution" in checked.output


@pytest.mark.parametrize(
    ("pins", "words"),
    [(["resolution"], "accepted: decision=value"), (["=3"], "accepted: decision=value"),
     (["a=1", "a=2"], "--pin a=2 beside 1"), (["a=1"], "command line: --pin: pins.a")],
)  # fmt: skip
def test_pins_on_the_command_line_that_are_none(tmp_path, pins, words):
    (tmp_path / "d.yaml").write_text(CHAIN)
    given = [word for item in pins for word in ("--pin", item)]
    result = run("design", str(tmp_path / "d.yaml"), *given)
    assert result.exit_code == 2 and words in result.output, result.output


def test_the_quick_form_pins(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = ("--family", "basic", "--input", "3x16x16", "--macs", "3M", "--classes", "10")
    result = run("check", *given, "--pin", "stem.width=24")
    assert result.exit_code == 0, result.output
    assert run("check", *given, "--pin", "stem.width=25").exit_code == 2


# ---- values ------------------------------------------------------------------------------------------


def test_what_was_meant_by_a_value():
    assert nearest("20", ("16", "24", "64")) == "16"
    assert nearest("65", ("16", "24", "64")) == "64"
    assert nearest("sofmax", ("softmax", "linear")) == "softmax"
    assert (pin(True), pin(0.5), pin(3), pin("x")) == ("true", "0.5", 3, "x")
    assert list(pin_faults({}, {})) == []
