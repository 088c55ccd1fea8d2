"""A design as one self-contained HTML page with a drawing to scale. No request leaves the page."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from mathdesign.report.drawing import drawing, stages_of
from mathdesign.report.rows import (
    budget_table,
    figure_rows,
)
from mathdesign.report.web import document, html_table
from mathdesign.result import Design


@dataclass(frozen=True, slots=True)
class Trained:
    """What came of a training run: its document (``training.json``) and its curve, a PNG."""

    document: Mapping[str, Any]
    curve: bytes = b""


def training_rows(training: Trained) -> list[tuple[str, str]]:
    """Label and text of what a reader wants of a run."""
    found = training.document
    options: Mapping[str, Any] = found.get("options") or {}
    counts = " + ".join(f"{n:,}" for n in found.get("images") or ())
    rows = [
        ("test accuracy", f"{found['test_accuracy']:.2%}"),
        ("test loss", f"{found['test_loss']:.4f}"),
        ("data", f"{found['data']} ({counts} training, validation, test images)"),
        ("epochs", f"{options.get('epochs', '')}"),
        ("batch size", f"{found.get('batch_size', '')}"),
        ("seed", f"{options.get('seed', '')}"),
        ("seconds", f"{found['seconds']:.1f} on {found.get('device', '')}"),
    ]
    return [(label, text) for label, text in rows if text]


def page(design: Design, training: Trained | None = None) -> str:
    """The whole page as text. Names and values are escaped."""
    architecture = design.kind.table(design.network)
    sections = [
        f"<h1>{escape(design.name)}</h1>",
        drawing(stages_of(design.kind.drawn(design.network) or {})),
        "<h2>Architecture</h2>",
        html_table(architecture.header, architecture.rows),
    ]
    if design.budgets:
        sections += ["<h2>Budgets</h2>", html_table(*budget_table(design))]
    sections += [
        "<h2>Certificate</h2>",
        html_table(("figure", "value"), figure_rows(design)),
        f"<p>Request sha256 <code>{escape(design.certificate.request_sha256)}</code></p>",
    ]
    if training is not None:
        sections += ["<h2>Training</h2>", html_table(("figure", "value"), training_rows(training))]
        if training.curve:
            data = base64.b64encode(training.curve).decode()
            sections.append(
                f'<img alt="accuracy and loss by epoch" src="data:image/png;base64,{data}">'
            )
    return document(design.name, f'<main class="text">{"".join(sections)}</main>')
