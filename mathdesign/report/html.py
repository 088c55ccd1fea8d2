"""A design as one self-contained HTML page with a drawing to scale. No request leaves the page."""

from __future__ import annotations

from html import escape

from mathdesign.report.drawing import drawing, stages_of
from mathdesign.report.rows import (
    BUDGET_HEADER,
    budget_rows,
    figure_rows,
)
from mathdesign.report.web import document, html_table
from mathdesign.result import Design


def page(design: Design) -> str:
    """The whole page as text. Names and values are escaped."""
    architecture = design.kind.table(design.network)
    sections = [
        f"<h1>{escape(design.name)}</h1>",
        drawing(stages_of(design.network.to_dict())),
        "<h2>Architecture</h2>",
        html_table(architecture.header, architecture.rows),
    ]
    if design.budgets:
        sections += ["<h2>Budgets</h2>", html_table(BUDGET_HEADER, budget_rows(design))]
    sections += [
        "<h2>Certificate</h2>",
        html_table(("figure", "value"), figure_rows(design)),
        f"<p>Request sha256 <code>{escape(design.certificate.request_sha256)}</code></p>",
    ]
    return document(design.name, f'<main class="text">{"".join(sections)}</main>')
