"""``compare``: two finished designs side by side."""

from __future__ import annotations

from dataclasses import asdict
from html import escape
from pathlib import Path

from mathdesign.cli.reading import Unreadable, read_design
from mathdesign.cli.session import EXIT_BAD_INPUT, EXIT_FAILURE, Session
from mathdesign.files import write_atomic
from mathdesign.report.comparison import Line, comparison, objectives_differ

STYLE = """
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; }
body { margin: 1.5rem auto; max-width: 75rem; padding: 0 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #8884; vertical-align: top; }
tr.differs td { background: #ffb00026; }
"""


def compare(session: Session, first: Path, second: Path, out: Path | None) -> int:
    """The ``compare`` command; with ``out`` also ``compare.html``."""
    designs, faults = [], []
    for path in (first, second):
        try:
            designs.append(read_design(path))
        except Unreadable as error:
            faults.append(str(error))
    if faults:
        return session.fail(EXIT_BAD_INPUT, "\n".join(dict.fromkeys(faults)))
    answers = designs[0], designs[1]
    lines = comparison(*answers)
    names = _names(first, second, *(answer.name for answer in answers))
    different = objectives_differ(*answers)
    differing = sum(line.differs for line in lines)
    if not (session.json or session.quiet):
        _show(session, names, lines)
    if different:
        session.say(f"different objectives, which say nothing about each other: {different}")
    session.say(f"{differing} of {len(lines)} lines differ")
    document = {
        "first": str(first),
        "second": str(second),
        "different_objectives": different or None,
        "lines": [{**asdict(line), "differs": line.differs} for line in lines],
    }
    if out is not None:
        try:
            page = html(names, lines, different)
            session.say(f"wrote {write_atomic(out / 'compare.html', page)}")
        except OSError as error:
            return session.fail(EXIT_FAILURE, f"cannot write to {out}: {error.strerror or error}")
    session.result(document)
    return 0


def _names(first: Path, second: Path, *names: str) -> tuple[str, str]:
    """What tells the two apart: their names, else what their paths do not share."""
    if names[0] != names[1]:
        return names[0], names[1]
    if str(first) == str(second):
        return str(first), str(second)
    a, b = list(first.parts), list(second.parts)
    while len(a) > 1 and len(b) > 1 and a[-1] == b[-1]:
        a, b = a[:-1], b[:-1]
    while len(a) > 1 and len(b) > 1 and a[0] == b[0]:
        a, b = a[1:], b[1:]
    return str(Path(*a)), str(Path(*b))


def _show(session: Session, names: tuple[str, str], lines: list[Line]) -> None:
    from mathdesign.report.terminal import print_table

    rows = [
        ("*" if line.differs else "", line.what, line.first, line.second, line.change)
        for line in lines
    ]
    print_table(session.out, "compared (* differs)", ("", "", *names, "change"), rows, left=5)


def html(names: tuple[str, str], lines: list[Line], different: str = "") -> str:
    """One self-contained page; what differs is marked by colour and by a star."""
    from mathdesign.report.web import document

    head = "".join(f"<th scope=col>{escape(name)}</th>" for name in ("", "", *names, "change"))
    body = ""
    for line in lines:
        cells = ("*" if line.differs else "", line.what, line.first, line.second, line.change)
        row = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        body += f"<tr{' class=differs' if line.differs else ''}>{row}</tr>\n"
    table = (
        f"<div class=wide><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
    note = f"<p><b>Different objectives</b>: {escape(different)}</p>" if different else ""
    return document("Two designs", f"<h1>Two designs</h1>{note}{table}", style=STYLE, script="")
