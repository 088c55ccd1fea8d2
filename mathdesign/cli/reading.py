"""Reading a finished design for a command."""

from __future__ import annotations

import sys
from pathlib import Path

from mathdesign.kinds.load import STDIN
from mathdesign.result import Design, DesignError
from mathdesign.spec.document import LARGEST_FILE_BYTES


class Unreadable(Exception):
    """A design file that cannot be used; the message says why."""


def read_design(path: Path) -> Design:
    """The finished design in ``path``, of any kind. Raises :class:`Unreadable`."""
    try:
        if str(path) == STDIN:
            text = sys.stdin.buffer.read(LARGEST_FILE_BYTES + 1).decode()
            return Design.from_yaml(text)  # JSON is YAML
        return Design.load(path)
    except OSError as error:
        raise Unreadable(f"{path}: {error.strerror or error}") from None
    except (DesignError, UnicodeDecodeError) as error:
        raise Unreadable(f"{path}: {error}") from None
