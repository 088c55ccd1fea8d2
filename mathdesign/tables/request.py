"""The key of a row in the store: its words, and the content of the predictor that they name.

A predictor's folder can be fitted anew under the same name; its old rows then answer another
question and must not be taken for the new ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: What a predictor's folder holds (see :mod:`mathdesign.surrogate.predictor`).
PREDICTOR_FILES = ("predictor.json", "trees-*.txt", "measured.json")


@dataclass(slots=True)
class Keys:
    """Keys of requests; each folder is read once, when it is first named."""

    _contents: dict[str, str] = field(default_factory=dict, init=False)

    def key(self, words_sha256: str, document: Mapping[str, Any]) -> str:
        """``words_sha256`` itself, or with the content of the predictor of ``document``."""
        objective = document.get("objective")
        folder = objective.get("predictor") if isinstance(objective, Mapping) else None
        if not isinstance(folder, str):
            return words_sha256
        if folder not in self._contents:
            self._contents[folder] = _content(Path(folder))
        return hashlib.sha256(f"{words_sha256}\n{self._contents[folder]}".encode()).hexdigest()


def _content(folder: Path) -> str:
    """Names and hashes of a predictor's files; empty where there are none."""
    try:
        files = sorted(path for glob in PREDICTOR_FILES for path in folder.glob(glob))
        hashes = [(path.name, hashlib.sha256(path.read_bytes()).hexdigest()) for path in files]
    except (OSError, ValueError):  # the row itself will say why it cannot be read
        return ""
    return "\n".join(f"{name} {digest}" for name, digest in hashes)
