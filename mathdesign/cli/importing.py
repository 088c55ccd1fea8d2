"""``latency import``: a latency table of others becomes one of ours."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mathdesign.cli.session import EXIT_BAD_INPUT, Session
from mathdesign.files import refuse_folder, write_atomic


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """What the command line asks for."""

    form: str
    file: Path
    out: Path
    unit: str = ""
    column: str = ""
    where: tuple[str, ...] = ()
    device: str = ""


def run(session: Session, request: ImportRequest) -> int:
    """The ``latency import`` command; returns the exit status."""
    from mathdesign.devices.foreign import FORMS, Asked, imported
    from mathdesign.spec.faults import SpecError, did_you_mean

    refuse_folder(request.out.parent)
    faults = []
    if request.form not in FORMS:
        known = ", ".join(FORMS)
        faults.append(
            f"form {request.form}: accepted: {known}{did_you_mean(request.form, [*FORMS])}"
        )
    wrong = [word for word in request.where if not all(word.partition("="))]
    faults += [f"--where {word}: accepted: COLUMN=VALUE" for word in wrong]
    if faults:
        return session.fail(EXIT_BAD_INPUT, "\n".join(faults))
    where = {word.partition("=")[0]: word.partition("=")[2] for word in request.where}
    asked = Asked(request.unit, request.column, where, request.device)
    try:
        text, notes = imported(FORMS[request.form], request.file, asked)
    except SpecError as error:
        return session.fail(EXIT_BAD_INPUT, str(error), error.to_dict())
    except OSError as error:
        return session.fail(EXIT_BAD_INPUT, f"{request.file}: {error.strerror or error}")
    for note in notes:
        session.say(note)
    session.say(f"wrote {write_atomic(request.out, text)}")
    session.result({"table": str(request.out), "notes": notes})
    return 0
