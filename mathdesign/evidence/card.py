"""A report card: what was measured about a design on ten criteria, and blanks where nothing was."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from mathdesign.evidence.baselines import OURS
from mathdesign.evidence.measure import Measure
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
    measure = Measure(**study["measure"])
    reached, deviation = ours[measure.name], ours[f"{measure.name}_sd"]
    rest = [row for row in rows if row["network"] != OURS and row[measure.name] is not None]
    beaten = 0
    if reached is not None:
        beaten = sum(measure.gain(row[measure.name]) < measure.gain(reached) for row in rest)
    found = {
        "solution quality": (f"{c.status}, {gap} ({proven})", "certificate of the program"),
        "efficiency": (
            f"{_told(measure, reached)} with {ours['macs']:,} multiply-adds; "
            f"better than {beaten} of {len(rest)} rivals" if reached is not None and rest else "",
            f"{measure.what} under one recipe; see study.json for the verdicts",
        ),
        "stability over seeds": (
            f"sd {measure.text(deviation)} over {ours['done']} seeds" if deviation is not None else "",
            f"{measure.what} of the design",
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


def _told(measure: Measure, value: float) -> str:
    """With its unit, where the number does not show it."""
    return measure.text(value) if measure.suffix else f"{measure.text(value)} {measure.unit}"


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
