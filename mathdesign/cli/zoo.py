"""``zoo``: published networks, listed, shown, written and held to their sources."""

from __future__ import annotations

import json as json_module
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mathdesign.cli.reading import RUNS
from mathdesign.cli.session import EXIT_BAD_INPUT, EXIT_CHECK_FAILED, EXIT_FAILURE, Session
from mathdesign.extras import how_to_install
from mathdesign.files import refuse_folder, write_atomic
from mathdesign.result import Design
from mathdesign.spec.faults import SpecError
from mathdesign.zoo.designs import compared, design_of
from mathdesign.zoo.member import Member
from mathdesign.zoo.members import NoMember, member, members

HEADER = ("name", "family", "params", "MACs", "reads", "source")
FIGURES = ("figure", "by", "said", "counted", "")


def listing(session: Session, out: Path | None) -> int:
    """Every member, one a row."""
    from mathdesign.report.terminal import print_table

    found = [(m, design_of(m)) for m in members().values()]
    document = [{**_words(m, design), "figures": _figures(m, design)} for m, design in found]
    if out is not None:
        text = json_module.dumps(document, indent=2) + "\n"
        session.say(f"wrote {write_atomic(out / 'zoo.json', text)}")
    if not (session.json or session.quiet):
        rows = [_row(m, design) for m, design in found]
        print_table(session.out, f"{len(rows)} published networks", HEADER, rows, left=2)
    session.result(document)
    return 0


def show(session: Session, name: str, out: Path | None) -> int:
    """One member as a design is shown, and what its source says of it."""
    from mathdesign.report.rows import number
    from mathdesign.report.terminal import print_design, print_table

    try:
        found = member(name)
    except NoMember as error:
        return session.fail(EXIT_BAD_INPUT, str(error))
    design = design_of(found)
    document = {**_words(found, design), "figures": _figures(found, design)}
    document["design"] = design.to_dict()
    if out is not None:
        text = json_module.dumps(document, indent=2) + "\n"
        session.say(f"wrote {write_atomic(out / f'{found.name}.json', text)}")
    if not (session.json or session.quiet):
        print_design(session.out, design)
        session.out.print()
        rows = [
            (f["metric"], f["by"], f["said"], number(f["counted"]),
             "agrees" if f["agrees"] else f["differs"])
            for f in document["figures"]
        ]  # fmt: skip
        print_table(session.out, f"{found.group}: {found.source}", FIGURES, rows, left=2)
        for note in found.notes:
            session.say(note)
    session.result(document)
    return 0


def export(session: Session, name: str, out: Path | None) -> int:
    """``design.yaml``, ``model.py`` and what else is written of a design."""
    from mathdesign.report.files import write_design

    try:
        found = member(name)
    except NoMember as error:
        return session.fail(EXIT_BAD_INPUT, str(error))
    folder = out if out is not None else RUNS / found.name
    try:
        refuse_folder(folder)
        written = write_design(design_of(found), folder)
    except OSError as error:
        return session.fail(EXIT_FAILURE, f"cannot write to {folder}: {error.strerror or error}")
    session.say("a given network: nothing is proven of it")
    session.say("wrote " + ", ".join(str(path) for path in written))
    session.result({"files": [str(path) for path in written]})
    return 0


def check(session: Session, names: Sequence[str]) -> int:
    """Members held to their sources and to their built modules; all of them where none is named."""
    from mathdesign.zoo.check import checks

    try:
        asked = [member(name) for name in names] or [*members().values()]
    except NoMember as error:
        return session.fail(EXIT_BAD_INPUT, str(error))
    document, failed = [], 0
    for found in asked:
        try:
            verdicts = list(checks(found))
        except ImportError as error:
            return session.fail(EXIT_FAILURE, how_to_install(error))
        except (SpecError, ValueError) as error:
            return session.fail(EXIT_CHECK_FAILED, f"{found.name}: {error}")
        bad = [c for c in verdicts if not c.ok]
        failed += bool(bad)
        document.append({"name": found.name, "checks": [asdict(c) for c in verdicts]})
        session.say(f"{'FAILED' if bad else 'ok':>6}  {found.name}: {verdicts[-1].found}")
        for c in bad:
            session.say(f"{'':>8}{c.check}: {c.found}")
    if failed:
        words = f"{failed} of {len(asked)} networks are not what the zoo says"
        return session.fail(EXIT_CHECK_FAILED, words, {"zoo": document})
    session.say(f"{len(asked)} networks: as their sources say, and as their modules count")
    session.result({"zoo": document})
    return 0


def _words(found: Member, design: Design) -> dict[str, Any]:
    return {
        "name": found.name,
        "group": found.group,
        "family": str(design.request["space"]["family"]),
        "params": design.metrics["params"],
        "macs": design.metrics["macs"],
        "reads": design.kind.reads(design.network),
        "source": found.source,
        "notes": list(found.notes),
    }


def _row(found: Member, design: Design) -> tuple[str, ...]:
    words = _words(found, design)
    counts = (f"{words['params']:,}", f"{words['macs']:,}")
    return found.name, words["family"], *counts, words["reads"], found.source


def _said(value: Any) -> str:
    """A word of a request, or the settings of a space, as a user writes them."""
    if not isinstance(value, Mapping):
        return str(value).lower() if isinstance(value, bool) else str(value)
    words = value.get("settings", value)
    return ", ".join(f"{name}: {_said(word)}" for name, word in words.items())


def _figures(found: Member, design: Design) -> list[dict[str, Any]]:
    return [
        {
            "metric": c.figure.metric,
            "by": c.figure.source + "".join(f", {_said(v)}" for v in c.figure.under.values()),
            "said": c.figure.said,
            "counted": c.counted,
            "agrees": c.agrees,
            "differs": c.figure.differs,
        }
        for c in compared(found, design)
    ]
