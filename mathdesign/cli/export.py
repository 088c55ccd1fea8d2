"""``export``: the network of a finished design as plain PyTorch."""

from __future__ import annotations

from pathlib import Path

from mathdesign.cli.reading import Unreadable, folder_of, read_design
from mathdesign.cli.session import EXIT_BAD_INPUT, EXIT_FAILURE, Session
from mathdesign.files import write_atomic
from mathdesign.spaces.kind import CannotBuild


def export(session: Session, path: Path, out: Path | None) -> int:
    """The ``export`` command: ``model.py`` beside the design, or in ``out``."""
    try:
        source = read_design(path).source()
    except Unreadable as error:
        return session.fail(EXIT_BAD_INPUT, str(error))
    except CannotBuild as error:
        return session.fail(EXIT_BAD_INPUT, f"{path}: {error}")
    folder = out if out is not None else folder_of(path)
    try:
        written = write_atomic(folder / "model.py", source)
    except OSError as error:
        return session.fail(EXIT_FAILURE, f"cannot write to {folder}: {error.strerror or error}")
    session.say(f"wrote {written}")
    session.result({"files": [str(written)]})
    return 0
