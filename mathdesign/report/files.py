"""The files of a finished design."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mathdesign.files import write_atomic
from mathdesign.kinds import kind_of_answer
from mathdesign.report.html import page
from mathdesign.result import Answer, Design


def chain_files(design: Design) -> Mapping[str, str]:
    """``design.yaml``, ``model.py`` and ``report.html`` of a chain."""
    return {
        "design.yaml": design.to_yaml(),
        "model.py": design.source(),
        "report.html": page(design),
    }


def write_answer(answer: Answer, folder: Path) -> list[Path]:
    """Write the files of ``answer``, each whole or not at all; their paths, ``design.yaml`` first."""
    files = kind_of_answer(answer.to_dict()).part("files")(answer)
    return [write_atomic(folder / name, text) for name, text in files.items()]
