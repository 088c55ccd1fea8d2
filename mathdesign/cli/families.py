"""``families`` and ``schema``: what a specification may say."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import Any

from mathdesign.cli.session import Session
from mathdesign.files import write_atomic
from mathdesign.kinds import KINDS
from mathdesign.kinds.load import json_schema

#: A family of lists may have as many decisions as a network has layers.
MOST_SHOWN = 7


def families(session: Session, out: Path | None) -> int:
    """Print every family that a specification may name."""
    from mathdesign.report.terminal import print_table

    document = [family for kind in KINDS for family in kind.described()]
    _written(out, "families.json", document)
    if session.json:
        session.result(document)
        return 0
    rows = [(d["name"], d["block"], _few(d["decisions"]), d["summary"]) for d in document]
    print_table(session.out, "families", ("name", "block", "decisions", "what"), rows, left=4)
    if not session.quiet:
        session.say("Presets (a spec without `stages:` uses them): mathdesign families --json")
    return 0


def _few(words: list[str]) -> str:
    """The first of many, and that there are more."""
    return ", ".join(words[:MOST_SHOWN]) + (", ..." if len(words) > MOST_SHOWN else "")


def schema(session: Session, out: Path | None) -> int:
    """Print the JSON Schema of specifications."""
    document = json_schema()
    path = _written(out, "mathdesign.schema.json", document)
    if path is not None and not session.json:
        session.say(f"wrote {path}")
    else:
        Session(json=True).result(document)
    return 0


def _written(out: Path | None, name: str, document: Any) -> Path | None:
    if out is None:
        return None
    return write_atomic(out / name, json_module.dumps(document, indent=2) + "\n")
