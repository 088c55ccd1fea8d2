"""A report card: what was measured about a design on ten criteria, and blanks where nothing was."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from mathdesign.evidence.baselines import OURS
from mathdesign.files import write_atomic
from mathdesign.report.web import document, html_table
from mathdesign.result import Design
from mathdesign.solvers.base import gap_text

#: Watts of one busy CPU core, for the estimate of energy: an assumption, printed with it.
CORE_WATTS = 15.0
HEADER = ("criterion", "measured", "how")


def card(design: Design, study: Mapping[str, Any]) -> list[dict[str, str]]:
    """Ten criteria; ``measured`` is empty where nothing was."""
    rows: Sequence[Mapping[str, Any]] = study["rows"]
    ours = next(row for row in rows if row["network"] == OURS)
    c = design.certificate
    gap = "no bound" if c.gap is None else f"gap {gap_text(c.gap)}"
    runs: Sequence[Mapping[str, Any]] = study["runs"]
    seconds = sum(run["seconds"] for run in runs)
    proven = "proven" if c.proven else "not proven"
    accuracy, deviation = ours["test_accuracy"], ours["test_accuracy_sd"]
    rest = [row for row in rows if row["network"] != OURS and row["test_accuracy"] is not None]
    beaten = sum(row["test_accuracy"] < accuracy for row in rest) if accuracy is not None else 0
    found = {
        "solution quality": (f"{c.status}, {gap} ({proven})", "certificate of the program"),
        "efficiency": (
            f"{100 * accuracy:.2f}% with {ours['macs']:,} multiply-adds; above {beaten} of {len(rest)} rivals"
            if accuracy is not None and rest else "",
            "test accuracy under one recipe; see study.json for the verdicts",
        ),
        "stability over seeds": (
            f"sd {100 * deviation:.2f} points over {ours['done']} seeds" if deviation is not None else "",
            "test accuracy of the design",
        ),
        "interpretability": ("", ""),
        "reproducibility": ("", ""),
        "scalability": ("", ""),
        "generalizability": ("", ""),
        "cost": (
            f"{seconds:,.0f} CPU s of training, about {seconds * CORE_WATTS / 3600:,.1f} Wh",
            f"sum over {len(runs)} runs; energy at an assumed {CORE_WATTS:g} W a busy core",
        ) if seconds and all(run["device"] != "cuda" for run in runs) else ("", ""),
        "novelty": ("", ""),
        "engineering": (
            f"{len(study['checks'])} of {len(study['checks'])} independent checks passed"
            if study.get("checks") and all(check["ok"] for check in study["checks"]) else "",
            "recount, certificate, module; listed by `validate`",
        ),
    }  # fmt: skip
    return [
        {"criterion": name, "measured": measured, "how": how if measured else ""}
        for name, (measured, how) in found.items()
    ]


def write_card(folder: Path, design: Design, study: Mapping[str, Any]) -> list[Path]:
    """``card.json`` and ``card.html``."""
    found = card(design, study)
    title = f"Report card: {design.name}"
    table = html_table(HEADER, [tuple(row.values()) for row in found])
    note = "Empty: not measured."
    body = f'<main class="text"><h1>{escape(title)}</h1>{table}<p>{note}</p></main>'
    text = json.dumps({"design": design.name, "criteria": found}, indent=1) + "\n"
    return [
        write_atomic(folder / "card.json", text),
        write_atomic(folder / "card.html", document(title, body)),
    ]
