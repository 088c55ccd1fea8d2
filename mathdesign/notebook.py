"""Small tables for notebooks (``_repr_html_``): text in, escaped here."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape


def html_lines(caption: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A plain HTML table."""
    head = "".join(f"<th>{escape(str(cell))}</th>" for cell in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    return (
        f"<table><caption>{escape(caption)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )
