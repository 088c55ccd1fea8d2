"""The files of a finished design."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from mathdesign.files import note_ours, noted_in, write_atomic, write_whole
from mathdesign.report.html import Trained, page, training_rows
from mathdesign.result import Design
from mathdesign.spaces.kind import CannotBuild

PAGE = "report.html"


#: What came of a training run, beside a design.
TRAINING, CURVE = "training.json", "curve.png"


def files_of(design: Design, training: Trained | None = None) -> Mapping[str, str]:
    """File name -> text: ``design.yaml`` first; what the kind builds and draws beside it."""
    files = {"design.yaml": design.to_yaml()}
    try:
        files["model.py"] = design.source()
    except CannotBuild:
        return files
    if design.kind.drawn(design.network) is not None:
        files[PAGE] = page(design, training)
    return {**files, **design.kind.more_files(design.network)}


def write_design(design: Design, folder: Path) -> list[Path]:
    """Write the files, each whole or not at all; their paths, ``design.yaml`` first.

    Files of another design that was written there before go; of the same design, what came of its
    training stays.
    """
    old, trained = folder / "design.yaml", None
    same = old.is_file() and old.read_bytes() == design.to_yaml().encode()
    if same:
        trained = _trained(folder)
    return write_whole(folder, files_of(design, trained), noted_in(folder) if same else ())


def write_training(design: Design, folder: Path, training: Trained) -> list[Path]:
    """Figures and curve of a training run, and the page with them where there is a page."""
    text = json.dumps(training.document, indent=2) + "\n"
    written = [write_atomic(folder / TRAINING, text)]
    if training.curve:
        written.insert(0, write_atomic(folder / CURVE, training.curve))
    if design.kind.drawn(design.network) is not None and (folder / PAGE).is_file():
        written.append(write_atomic(folder / PAGE, page(design, training)))
    return note_ours(written)


def _trained(folder: Path) -> Trained | None:
    """What came of a training run of the design in ``folder``, as it was written there."""
    if not {TRAINING, CURVE} <= noted_in(folder).keys():
        return None
    try:
        document = json.loads((folder / TRAINING).read_bytes())
        found = Trained(document, (folder / CURVE).read_bytes())
        training_rows(found)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None  # not as it was written
    return found
