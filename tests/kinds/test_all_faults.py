"""All faults at once: those of the words do not hide those between them; files are recognised."""

import pytest

import mathdesign
from mathdesign.kinds.load import load, loads
from mathdesign.result import Design, DesignError
from mathdesign.spec.faults import SpecError
from mathdesign.tables.sweep import load_sweep, make_sweep
from tests.places import ROOT

BAD = """\
name: "bad name"
space:
  family: basik
  input: {channels: 1, size: 32}
  classes: many
  stem: {width: 8, kernel_size: 4}
  stages:
    - {stride: 2, width: wide, kernel_size: [4], depth: 1}
    - {stride: 2, width: 16, expansion: 2}
objective: {entropy: {variant: papr, weights: [1, 2]}}
budgets: {macs: {min: 2M, max: 1M}, params: 1.8 GB}
solve: {backend: exakt, gap: 3}
"""
PLACES = [
    "name", "space.family", "space.classes", "space.stem.kernel_size", "space.stages[0].width",
    "space.stages[0].kernel_size", "space.stages[1].expansion", "objective.entropy.variant",
    "objective.entropy.weights", "budgets.macs", "budgets.params", "solve.backend", "solve.gap",
]  # fmt: skip


def places(text: str) -> list[str]:
    with pytest.raises(SpecError) as error:
        loads(text, "x.yaml")
    return [fault.path for fault in error.value.faults]


def test_faults_of_words_do_not_hide_those_between_words():
    assert places(BAD) == PLACES


@pytest.mark.parametrize(
    ("text", "found"),
    [
        # lists: a word at fault, a limit, a slot's costs
        ("space: {family: slots, slots: [{name: a, options: [x, y], costs: {c: [1]}}]}\n"
         "objective: {metric: c, uncertainty: -1}\nbudgets: {c: {min: 3, max: 1}}\n",
         {"space.slots[0].costs.c", "objective.uncertainty", "budgets.c"}),
        # transformers
        ("space: {family: decoder_lm, vocabulary: 0, context: many, stacks: [{width: 64, depth: 2,"
         " head_size: 63, ffn_ratio: 4}]}\nbudgets: {parms: 3M}\nsolve: {backend: exact}\n",
         {"space.vocabulary", "space.context", "space.stacks[0].head_size", "budgets.parms",
          "solve.backend"}),
        # a key twice and a tag hide nothing either
        ("space: {family: basic, classes: 10, classes: 11, stem: {kernel_size: 4}}\n"
         "name: !!python/name:os.system x\n",
         {"space.classes", "name", "space.stem.kernel_size"}),
        # a missing key
        ("space: {stem: {kernel_size: 4}, stages: [{width: 8, stride: 3}]}\n",
         {"space.family", "space.stages[0].stride", "space.stem.kernel_size"}),
    ],
)  # fmt: skip
def test_of_every_kind(text, found):
    assert found <= set(places(text))


def test_nothing_is_blamed_on_what_stands_in_for_a_word():
    """Stage 2's width may or may not divide: only what holds either way is said."""
    text = (
        "space: {family: regnet, stages: [{stride: 2, width: wide, group_width: 16,"
        " squeeze_excitation: true}, {stride: 2, width: 12, group_width: 4}]}\n"
    )
    assert places(text) == ["space.stages[0].width"]


def test_rows_of_a_sweep_with_faults_of_its_own_are_looked_at():
    base = {"space": {"family": "basic"}, "budgets": {"macs": "1G"}}
    with pytest.raises(SpecError) as error:
        make_sweep(base, {"budgets.macs": ["1G", "lots"], "a b": [1], "space.classes": []},
                   [{"name": "r", "solve.backend": "exakt"}, {"nam": "x"}])  # fmt: skip
    text = str(error.value)
    for words in ("'lots'", "'a b'", "at least one value", "'exakt'", "a mapping with a `name`"):
        assert words in text


def test_a_fault_of_a_row_stands_where_the_row_does(tmp_path):
    path = tmp_path / "sweep.yaml"
    path.write_text(
        "base: {space: {family: basic}}\nrows:\n- {name: a, budgets.macs: 1G}\n"
        "- {name: b, budgets.macs: lots}\n"
    )
    sweep = load_sweep(path)
    with pytest.raises(SpecError) as error:
        sweep.validate(sweep.rows)
    (fault,) = error.value.faults
    assert (fault.line, fault.path) == (4, "b: budgets.macs")


def test_faults_of_rows_keep_their_lines_beside_faults_of_the_sweep(tmp_path):
    path = tmp_path / "sweep.yaml"
    path.write_text(
        "base: {space: {family: basic}}\ngrid: {budgets.macs: [lots]}\nrows:\n"
        "- {nam: x}\n- {name: a, space.classes: 0}\n- {name: b, solve.gap: 7}\ncolour: red\n"
    )
    with pytest.raises(SpecError) as error:
        load_sweep(path)
    found = [(fault.line, fault.path) for fault in error.value.faults]
    assert found == [
        (2, "macs-lots: budgets.macs"), (4, "rows[0]"), (5, "a: space.classes"),
        (6, "b: solve.gap"), (7, "colour"),
    ]  # fmt: skip


def test_a_file_given_to_the_wrong_command_is_recognised():
    design, spec = ROOT / "tests/saved/chain.yaml", ROOT / "examples/03_digits_tiny/design.yaml"
    sweep = ROOT / "examples/10_budget_table/sweep.yaml"
    for given, reader, words in (
        (design, load, "a finished design"), (sweep, load, "a sweep"),
        (design, load_sweep, "a finished design"), (spec, load_sweep, "a specification"),
    ):  # fmt: skip
        with pytest.raises(SpecError, match=words):
            reader(given)
    for given, words in ((spec, "a specification"), (sweep, "a sweep")):
        with pytest.raises(DesignError, match=words):
            Design.load(given)
    with pytest.raises(SpecError, match="a finished design"):
        mathdesign.load(Design.load(design).to_dict())
