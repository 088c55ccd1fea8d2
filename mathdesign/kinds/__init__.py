"""The kinds of space that a specification can state, told apart by ``space.family``.

A kind ties a room of :mod:`mathdesign.spaces` to its independent checks, its exports and its page;
:class:`mathdesign.spaces.kind.Kind` says what that is. To add a kind, add its module and its line.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mathdesign.kinds.convnet import Convnet
from mathdesign.kinds.lists import Lists
from mathdesign.kinds.transformer import Transformers
from mathdesign.spaces.kind import Kind

AnyKind = Kind[Any, Any, Any]

KINDS: tuple[AnyKind, ...] = (Convnet(), Lists(), Transformers())
"""Every kind; the first is taken for documents that name no family."""


def families() -> tuple[str, ...]:
    """Every family that a specification may name."""
    return tuple(family for kind in KINDS for family in kind.families)


def kind_of(document: object) -> AnyKind:
    """The kind that a document's ``space.family`` names; the first where it names none."""
    space = document.get("space") if isinstance(document, Mapping) else None
    family = space.get("family") if isinstance(space, Mapping) else None
    return next((k for k in KINDS if isinstance(family, str) and family in k.families), KINDS[0])


def kind_of_spec(spec: Any) -> AnyKind:
    """The kind whose words ``spec`` is."""
    return kind_of({"space": {"family": spec.space.family}})
