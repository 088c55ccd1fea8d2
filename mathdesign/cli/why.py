"""``why``: for each slot of a design, what choosing otherwise would cost at least."""

from __future__ import annotations

import json as json_module
import math
from dataclasses import asdict
from pathlib import Path

from mathdesign.alternatives import Alternative, NoSlots, alternatives
from mathdesign.cli.reading import Unreadable, read_design
from mathdesign.cli.session import EXIT_BAD_INPUT, Session
from mathdesign.files import note_ours, refuse_folder, write_atomic


def why(session: Session, path: Path, out: Path | None = None) -> int:
    """The ``why`` command; with ``out`` also ``why.json``; returns the exit status."""
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
    except SpecError as error:
        return session.fail(EXIT_BAD_INPUT, str(error.of(str(path))))
    except Unreadable as error:
        return session.fail(EXIT_BAD_INPUT, str(error))
    if not (session.json or session.quiet):
        target = next((a.target for a in found if a.target is not None), None)
        ordered = sorted(found, key=_largest_first)
        header = ["slot", "chosen", "best other", "loss", "slots changed"]
        rows = [
            [a.slot, a.option, a.other or "", _loss(a, a.loss, 6), str(a.changed)] for a in ordered
        ]
        if target is not None:
            header[3:4] = ["loss (score)", f"loss ({target})"]
            for row, a in zip(rows, ordered):
                row.insert(4, _loss(a, a.loss_in_target, 4))
        print_table(session.out, f"{design.name}: what choosing otherwise costs", header, rows, 3)
    document = {"design": design.name, "slots": [asdict(a) for a in found]}
    if out is not None:
        text = json_module.dumps(document, indent=2) + "\n"
        (written,) = note_ours([write_atomic(out / "why.json", text)])
        session.say(f"wrote {written}")
    session.result(document)
    return 0


def _largest_first(found: Alternative) -> float:
    return -math.inf if found.loss is None else -found.loss


def _loss(found: Alternative, loss: float | None, digits: int) -> str:
    """A loss, at least that much where it is not proven."""
    if found.loss is None:
        return "no design"
    return "" if loss is None else f"{'' if found.proven else '>= '}{loss:.{digits}f}"
