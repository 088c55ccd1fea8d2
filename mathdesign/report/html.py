"""A design as one self-contained HTML page with a drawing to scale. No request leaves the page."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from mathdesign.report.rows import (
    BUDGET_HEADER,
    STAGE_HEADER,
    budget_rows,
    figure_rows,
    stage_rows,
)
from mathdesign.result import Design

STYLE = """
:root { color-scheme: light dark; --bar: #3f6fb5; --line: #8886; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .7rem; text-align: right; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; }
.scroll { overflow-x: auto; } svg { max-width: 100%; height: auto; }
svg rect { fill: var(--bar); } svg text { fill: currentColor; font: 12px system-ui, sans-serif; }
"""


def page(design: Design) -> str:
    """The whole page as text. Names and values are escaped."""
    title = escape(design.name)
    figures = [(label, text) for label, text in figure_rows(design)]
    return "\n".join(
        [
            "<!doctype html>",
            f'<html lang="en"><head><meta charset="utf-8"><title>{title}</title>',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<style>{STYLE}</style></head><body>",
            f"<h1>{title}</h1>",
            drawing(design),
            "<h2>Architecture</h2>",
            _table(STAGE_HEADER, stage_rows(design)),
            "<h2>Budgets</h2>" + _table(BUDGET_HEADER, budget_rows(design))
            if design.budgets
            else "",
            "<h2>Certificate</h2>",
            _table(("figure", "value"), figures),
            f"<p>Request sha256 <code>{escape(design.certificate.request_sha256)}</code></p>",
            "</body></html>",
            "",
        ]
    )


def drawing(design: Design) -> str:
    """An SVG: one bar per block, as high as its width in channels, gaps between stages."""
    stages = [s for s in design.network.stages if s.role != "classifier"]
    blocks = sum(stage.choice["depth"] for stage in stages)
    bar = max(2.0, min(14.0, 640.0 / max(blocks, 1)))
    top, height = 20.0, 160.0
    widest = max(stage.width for stage in stages)
    parts, x = [], 10.0
    for stage in stages:
        tall = max(2.0, height * stage.width / widest)
        depth = stage.choice["depth"]
        label = f"{stage.name}: {stage.width} channels x {depth}, {stage.shape.resolution_out} px"
        bars = "".join(
            f'<rect x="{x + i * bar:.1f}" y="{top + height - tall:.1f}" '
            f'width="{bar * 0.8:.1f}" height="{tall:.1f}"/>'
            for i in range(depth)
        )
        parts.append(f"<g><title>{escape(label)}</title>{bars}</g>")
        parts.append(f'<text x="{x:.1f}" y="{top + height + 16:.0f}">{stage.width}</text>')
        parts.append(f'<text x="{x:.1f}" y="{top + height + 32:.0f}">x{depth}</text>')
        x += max(depth * bar, 34.0) + 10.0
    box = f"0 0 {x:.0f} {top + height + 44:.0f}"
    return (
        f'<svg viewBox="{box}" width="{x:.0f}" role="img" '
        f'aria-label="width and depth of each stage">{"".join(parts)}</svg>'
    )


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
