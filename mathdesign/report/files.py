"""The files of a finished design."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mathdesign.files import write_atomic
from mathdesign.report.html import Trained, page
from mathdesign.result import Design
from mathdesign.spaces.kind import CannotBuild

PAGE = "report.html"


def files_of(design: Design) -> Mapping[str, str]:
    """File name -> text: ``design.yaml`` first; what the kind builds and draws beside it."""
    files = {"design.yaml": design.to_yaml()}
    try:
        files["model.py"] = design.source()
    except CannotBuild:
        return files
    if design.kind.draws:
        files[PAGE] = page(design)
    return {**files, **design.kind.more_files(design.network)}


def write_design(design: Design, folder: Path) -> list[Path]:
    """Write the files, each whole or not at all; their paths, ``design.yaml`` first."""
    return [write_atomic(folder / name, text) for name, text in files_of(design).items()]


def write_training(design: Design, folder: Path, training: Trained) -> list[Path]:
    """The page with what came of a training run, where there is a page."""
    path = folder / PAGE
    if not design.kind.draws or not path.is_file():
        return []
    return [write_atomic(path, page(design, training))]
