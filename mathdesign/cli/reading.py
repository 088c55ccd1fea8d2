"""Reading a finished design for a command."""

from __future__ import annotations

import sys
from pathlib import Path

from mathdesign.kinds.load import STDIN
from mathdesign.result import Design, DesignError
from mathdesign.spec.document import LARGEST_FILE_BYTES

#: Where designs are written unless a folder is named.
RUNS = Path("runs")
#: Before the name of a network of the zoo.
ZOO = "zoo:"  # as mathdesign.zoo.members.PREFIX, which a design file need not import


class Unreadable(Exception):
    """A design file that cannot be used; the message says why."""


def read_design(path: Path) -> Design:
    """The finished design in ``path``, of any kind, or a network of the zoo (``zoo:resnet18``).

    Raises :class:`Unreadable`.
    """
    if in_zoo(path):
        return _published(str(path))
    try:
        if str(path) == STDIN:
            text = sys.stdin.buffer.read(LARGEST_FILE_BYTES + 1).decode()
            return Design.from_yaml(text)  # JSON is YAML
        return Design.load(path)
    except OSError as error:
        raise Unreadable(f"{path}: {error.strerror or error}") from None
    except (DesignError, UnicodeDecodeError) as error:
        raise Unreadable(f"{path}: {error}") from None


def in_zoo(path: Path) -> bool:
    """Whether ``path`` names a network of the zoo."""
    return str(path).startswith(ZOO)


def folder_of(path: Path) -> Path:
    """Where what is made of the design in ``path`` goes unless a folder is named: beside it."""
    return RUNS / str(path).removeprefix(ZOO) if in_zoo(path) else path.parent


def _published(name: str) -> Design:
    from mathdesign.zoo.designs import design_of
    from mathdesign.zoo.members import NoMember, member

    try:
        return design_of(member(name))
    except NoMember as error:
        raise Unreadable(str(error)) from None
