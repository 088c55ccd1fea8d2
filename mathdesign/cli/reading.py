"""Reading a finished design for a command."""

from __future__ import annotations

from pathlib import Path

from mathdesign.result import Design, DesignError


class Unreadable(Exception):
    """A design file that cannot be used; the message says why."""


def read_design(path: Path) -> Design:
    """The finished design in ``path``, of any kind. Raises :class:`Unreadable`."""
    try:
        return Design.load(path)
    except OSError as error:
        raise Unreadable(f"{path}: {error.strerror or error}") from None
    except (DesignError, UnicodeDecodeError) as error:
        raise Unreadable(f"{path}: {error}") from None
