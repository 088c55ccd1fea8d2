"""The registry: every member by name, in the order in which they are listed."""

from __future__ import annotations

from functools import cache

from mathdesign.spec.faults import did_you_mean
from mathdesign.zoo import (
    convnext,
    fbnetv3,
    layerwise,
    mobile,
    regnet,
    residual,
    speech,
    tinynas,
    transformers,
)
from mathdesign.zoo.member import Member

#: Each has a function ``members``. To add a group, add its module and its word here.
GROUPS = (
    residual, regnet, convnext, mobile, layerwise, fbnetv3, tinynas, speech,
    transformers,
)  # fmt: skip
#: Before the name of a member where a design file is asked for: ``zoo:resnet18``.
PREFIX = "zoo:"


class NoMember(ValueError):
    """A name that nothing in the zoo has; the message says what is near."""


@cache
def members() -> dict[str, Member]:
    """Every member by name. Raises ``ValueError`` where two have one name."""
    found: dict[str, Member] = {}
    for group in GROUPS:
        for member in group.members():
            if member.name in found:
                raise ValueError(f"two members of the zoo are called {member.name}")
            found[member.name] = member
    return found


def member(name: str) -> Member:
    """The member of that name, ``zoo:`` before it or not. Raises :class:`NoMember`."""
    known, bare = members(), name.removeprefix(PREFIX)
    if bare not in known:
        cure = did_you_mean(bare, list(known)) or "; `mathdesign zoo list` names all"
        raise NoMember(f"{name}: no such network in the zoo{cure}")
    return known[bare]
