"""A self-contained HTML page: one file, no request, and a policy that lets the browser see to it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from html import escape
from importlib import resources

#: Style attributes carry the numbers of drawings; nothing else comes from outside the page.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


def document(title: str, body: str, *, style: str = "", script: str = "") -> str:
    """The whole page. ``title`` is escaped here; ``body`` is HTML, escaped by who made it.

    The content security policy forbids every request, and every script but ``script``.
    """
    policy = POLICY
    if script:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        policy += f"; script-src 'sha256-{digest}'"
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            '<link rel="icon" href="data:,">',
            f"<title>{escape(title)}</title>",
            f"<style>{asset('mathdesign.report', 'base.css')}{style}</style></head>",
            f"<body>{body}",
            f"<script>{script}</script>" if script else "",
            "</body></html>",
            "",
        ]
    )


def asset(package: str, name: str) -> str:
    """The text of ``name`` in the folder ``assets`` of ``package``."""
    return resources.files(package).joinpath("assets", name).read_text(encoding="utf-8")


def html_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Cells as text, escaped here; the first column is flush left.

    On a narrow screen each row stands for itself, its cells below each other with their headers.
    """
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in header)

    def cells(row: Sequence[str]) -> str:
        return "".join(
            f'<td data-label="{escape(label)}"{"" if cell else " class=empty"}>{escape(cell)}</td>'
            for label, cell in zip(header, row)
        )

    body = "".join(f"<tr>{cells(row)}</tr>" for row in rows)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(header[0])}">'
        f'<table class="{"pairs" if len(header) == 2 else "records"}">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
