"""What families declare fits together: words, options, ties, presets, roles, blocks."""

import pytest

from mathdesign.export.printed import printed
from mathdesign.kinds.load import json_schema, load, loads
from mathdesign.spaces.convnet.families import (
    BODY_FAMILIES,
    FAMILIES,
    OPTIONS,
    WORDS,
    StageShape,
    families_with,
    named_for,
)
from mathdesign.spaces.convnet.families.base import COMMON
from mathdesign.spaces.convnet.pose import to_program
from mathdesign.spaces.convnet.words import StageSpec
from mathdesign.spec.faults import SpecError


@pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda family: family.name)
def test_a_declaration_names_its_own_decisions(family):
    beyond = set(family.decisions) - set(COMMON)
    assert {word.sets for word in family.words} == beyond
    assert {"width", "depth"} <= set(family.decisions)
    assert all({tie.first, tie.second} <= set(family.decisions) for tie in family.ties)
    assert FAMILIES[family.name] is family


def test_words_of_one_name_are_of_one_kind():
    for family in FAMILIES.values():
        for word in family.words:
            assert (word.kind, word.sets) == (WORDS[word.name].kind, WORDS[word.name].sets)
        assert all(option.title == OPTIONS[option.name].title for option in family.options)
    assert not {*WORDS} & {*OPTIONS, *COMMON, "family", "stride", "shortcut"}


@pytest.mark.parametrize("name", BODY_FAMILIES)
def test_presets_are_specifications(name):
    spec = load({"space": {"family": name}, "budgets": {"macs": "1G"}})
    assert len(spec.space.stages) == len(FAMILIES[name].preset)
    assert to_program(spec).program.size > 1e6


def test_a_classifier_is_called_so_where_it_is_printed():
    for name in named_for("classifier"):
        maker = FAMILIES[name].block_maker(StageShape(1, 4, 1))
        assert printed(maker).name == "Classifier"


def test_the_schema_lists_every_key_and_says_whose_it_is():
    properties = json_schema()["$defs"]["StageSpec"]["properties"]
    order = [
        "family",
        "stride",
        "width",
        "times",
        *WORDS,
        "kernel_size",
        "depth",
        "shortcut",
        *OPTIONS,
    ]
    assert list(properties) == list(StageSpec.model_fields) == order
    for name in (*WORDS, *OPTIONS):
        assert all(family in properties[name]["description"] for family in families_with(name))
    assert properties["squeeze_excitation"]["description"] == (
        "inverted_residual: with an SE unit (default: yes). "
        "regnet: with an SE unit of a quarter (default: no)."
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("family: basic, width: 8, bottleneck: 8", "found a bottleneck; accepted: nothing: family"),
        ("family: basic, width: 8, expansion: 2", "only families inverted_residual, regnet"),
        ("family: basic, width: 8, group_width: 8", "found a group width; accepted: nothing"),
        ("family: convnext, width: 8", "the key 'bottleneck' is needed"),
        ("family: inverted_residual, width: 8", "found neither; accepted: exactly one of bott"),
        ("family: inverted_residual, width: 8, expansion: 2, shortcut: identity", "keeps its inp"),
        ("width: 8, bottleneck: 8, as_published: false", "only family convnext"),
    ],
)
def test_words_in_the_wrong_place(words, message):
    with pytest.raises(SpecError) as caught:
        loads(f"space: {{family: bottleneck, stages: [{{{words}}}]}}")
    assert any(message in str(fault) for fault in caught.value.faults)


def test_the_canonical_form_keeps_only_what_is_said():
    text = "space: {family: regnet, stages: [{width: 8, group_width: 4}]}"
    assert loads(text).to_dict()["space"]["stages"] == [
        {"stride": 1, "width": 8, "group_width": 4, "kernel_size": 3, "depth": 1,
         "shortcut": "projection"}
    ]  # fmt: skip
    assert loads(loads(text).to_yaml()) == loads(text)
