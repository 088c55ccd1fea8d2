"""What a file of ours is, told by its keys, so that a command can name what it was given instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SPECIFICATION, DESIGN, SWEEP = "a specification", "a finished design", "a sweep"
DESCRIPTION = "a description of a table"
#: Kind of file -> the commands that read it.
READ_BY: Mapping[str, str] = {
    SPECIFICATION: "`mathdesign design` and `mathdesign check`",
    DESIGN: "`mathdesign validate`, `export`, `compare` and `why`",
    SWEEP: "`mathdesign table`",
    DESCRIPTION: "`mathdesign evidence`",
}


def what(data: Any) -> str:
    """One of the four; empty where it is none of them."""
    if not isinstance(data, Mapping):
        return ""
    if "certificate" in data and ("request" in data or "format" in data):
        return DESIGN
    if "base" in data and ("grid" in data or "rows" in data):
        return SWEEP
    if "space" in data and "targets" in data:
        return DESCRIPTION
    return SPECIFICATION if "space" in data else ""


def instead(data: Any, wanted: str) -> str:
    """``a finished design, which ... read``, where ``data`` is another file of ours than wanted."""
    found = what(data)
    if found in ("", wanted):
        return ""
    words = f"{found}, which {READ_BY[found]} read" + ("s" if found in (SWEEP, DESCRIPTION) else "")
    if found == DESIGN and wanted == SPECIFICATION:
        words += "; what was asked for stands under its key `request:`"
    return words
