"""Every kind of problem is complete, and no family belongs to two."""

from dataclasses import fields

import pytest

from mathdesign.kinds import CHAIN, KINDS, families, kind_of
from mathdesign.spaces.convnet.families import BODY_FAMILIES
from mathdesign.spec.blocks import Specification


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_part_of_a_kind_exists(kind):
    for field in fields(kind):
        if field.name not in ("name", "families"):
            assert callable(kind.part(field.name)), field.name
    assert issubclass(kind.part("spec"), Specification)
    assert hasattr(kind.part("answer"), "from_dict")


def test_families_name_one_kind_each():
    assert len(families()) == len(set(families()))
    assert set(CHAIN.families) == set(BODY_FAMILIES)
    assert all(family in kind_of({"space": {"family": family}}).families for family in families())


@pytest.mark.parametrize("document", [None, 3, {}, {"space": 1}, {"space": {"family": ["basic"]}}])
def test_a_document_without_a_family_is_taken_for_a_chain(document):
    assert kind_of(document) is CHAIN
