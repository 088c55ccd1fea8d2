"""``families`` and ``schema``: what a specification may say."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import Any

from mathdesign.cli.session import Session
from mathdesign.files import write_atomic
from mathdesign.kinds.load import json_schema
from mathdesign.spaces.convnet.families import BODY_FAMILIES, FAMILIES


def families(session: Session, out: Path | None) -> int:
    """Print every family that a specification may name."""
    from mathdesign.report.terminal import print_table

    document = [_described(name) for name in BODY_FAMILIES] + _transformers()
    _written(out, "families.json", document)
    if session.json:
        session.result(document)
        return 0
    rows = [(d["name"], d["block"], ", ".join(d["decisions"]), d["summary"]) for d in document]
    print_table(session.out, "families", ("name", "block", "decisions", "what"), rows, left=4)
    if not session.quiet:
        session.say("Presets (a spec without `stages:` uses them): mathdesign families --json")
    return 0


def schema(session: Session, out: Path | None) -> int:
    """Print the JSON Schema of specifications."""
    document = json_schema()
    path = _written(out, "mathdesign.schema.json", document)
    if path is not None and not session.json:
        session.say(f"wrote {path}")
    else:
        Session(json=True).result(document)
    return 0


def _described(name: str) -> dict[str, Any]:
    family = FAMILIES[name]
    return {
        "name": family.name,
        "summary": family.summary,
        "block": family.block,
        "decisions": list(family.decisions),
        "layers_per_block": family.layers_per_block,
        "preset": [dict(stage) for stage in family.preset],
    }


def _transformers() -> list[dict[str, Any]]:
    """The families of transformers, with their published spaces and networks."""
    from mathdesign.kinds import TRANSFORMERS
    from mathdesign.spaces.transformer.presets import SPACES
    from mathdesign.spaces.transformer.words import StackSpec
    from mathdesign.spaces.transformer.zoo import published

    networks = published()
    return [
        {
            "name": family,
            "summary": ", ".join(n for n, s in SPACES.items() if s["family"] == family) or "-",
            "block": "transformer",
            "decisions": ["width", "depth", "heads", "kv_heads", "head_size", "ffn", "attention"],
            "options": list(StackSpec.model_fields),
            "preset": {n: s for n, s in SPACES.items() if s["family"] == family},
            "published": {
                name: {
                    "params": entry.network.params(),
                    "source": entry.source,
                    "warnings": list(entry.warnings),
                }
                for name, entry in networks.items()
                if entry.network.kind == family
            },
        }
        for family in TRANSFORMERS.families
    ]


def _written(out: Path | None, name: str, document: Any) -> Path | None:
    if out is None:
        return None
    return write_atomic(out / name, json_module.dumps(document, indent=2) + "\n")
