"""``why``: for each slot of a design, what choosing otherwise would cost at least."""

from __future__ import annotations

import json as json_module
from dataclasses import asdict
from pathlib import Path

from mathdesign.cli.reading import Unreadable, read_design
from mathdesign.cli.session import EXIT_BAD_INPUT, Session
from mathdesign.files import refuse_folder, write_atomic


def why(session: Session, path: Path, out: Path | None = None) -> int:
    """The ``why`` command; with ``out`` also ``why.json``; returns the exit status."""
    from mathdesign.alternatives import NoSlots, alternatives
    from mathdesign.programs.slot_space import TableError
    from mathdesign.report.terminal import print_table
    from mathdesign.result import DesignError
    from mathdesign.spec.faults import SpecError

    if out is not None:
        refuse_folder(out)
    try:
        design = read_design(path)
        found = []
        with session.interruptible():
            for alternative in alternatives(design, should_stop=session.should_stop):
                found.append(alternative)
                session.say(f"{alternative.slot}: done")
    except (NoSlots, DesignError, TableError) as error:
        return session.fail(EXIT_BAD_INPUT, f"{path}: {error}")
    except (Unreadable, SpecError) as error:
        return session.fail(EXIT_BAD_INPUT, str(error))
    if not (session.json or session.quiet):
        header = ("slot", "chosen", "best other", "loss", "slots changed")
        rows = [
            (a.slot, a.option, a.other or "", "no design" if a.loss is None
             else f"{'' if a.proven else '>= '}{a.loss:.6f}", str(a.changed))
            for a in sorted(found, key=lambda a: -1e300 if a.loss is None else -a.loss)
        ]  # fmt: skip
        print_table(session.out, f"{design.name}: what choosing otherwise costs", header, rows, 3)
    document = {"design": design.name, "slots": [asdict(a) for a in found]}
    if out is not None:
        text = json_module.dumps(document, indent=2) + "\n"
        session.say(f"wrote {write_atomic(out / 'why.json', text)}")
    session.result(document)
    return 0
