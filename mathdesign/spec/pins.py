"""Pins: decisions of a space that are already made, and what is wrong with them.

What may be pinned is what the space decides, under the names that its kind gives to decisions
(:meth:`mathdesign.spaces.kind.Kind.choices`): ``stage2.width``, ``resolution``, a slot of a list. Values
are told apart by how they are written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from mathdesign.spec.faults import CrossFault, near_miss, quoted

#: So many values or names are listed in a message.
LISTED = 12


def pin(value: Any) -> int | str:
    """A whole number or a word. Raises ``ValueError`` for anything else."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return str(value)
    if isinstance(value, int | str) and str(value).strip():
        return value
    raise ValueError("a number or a word")


Pin = Annotated[
    int | str,
    BeforeValidator(pin),
    WithJsonSchema({"anyOf": [{"type": "integer"}, {"type": "string"}, {"type": "number"}]}),
]
Choices = Mapping[str, Sequence[str]]
"""Name of a decision -> its values as they are written."""


def pin_faults(pins: Mapping[str, int | str], choices: Choices) -> Iterator[CrossFault]:
    """Decisions that do not exist and values that they do not have."""
    names = list(choices)
    for name, value in pins.items():
        if name not in choices:
            meant = near_miss(name, names)
            yield ("pins", name), f"no decision {quoted(name)}", listed(names), meant
        elif str(value) not in choices[name]:
            meant = nearest(str(value), choices[name])
            yield ("pins", name), quoted(value), listed(choices[name]), meant


def listed(words: Sequence[str]) -> str:
    """The first of some words, and how many more there are."""
    more = len(words) - LISTED
    return ", ".join(words[:LISTED]) + (f" and {more:,} more" if more > 0 else "")


def nearest(value: str, known: Sequence[str]) -> str:
    """The known value that was most likely meant: of numbers the nearest one, else a like word."""
    if value.isdecimal() and all(word.isdecimal() for word in known):
        return min(known, key=lambda word: abs(int(word) - int(value)), default="")
    return near_miss(value, known)


def words(pins: Mapping[str, int | str]) -> str:
    """Pins in words: ``stage2.width 64, resolution 192``."""
    return ", ".join(f"{name} {value}" for name, value in pins.items())
