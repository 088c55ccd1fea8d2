"""A finished study as a table, curves and verdicts."""

from __future__ import annotations

import csv
import io
import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mathdesign.evidence.baselines import OURS, Candidate
from mathdesign.evidence.study import Recipe, StudyRun
from mathdesign.evidence.verdict import Verdict, verdicts
from mathdesign.files import png, write_atomic
from mathdesign.validators.convnet.recheck import count

HEADER = ("network", "params", "macs", "runs", "test accuracy", "sd", "s/epoch", "what it is")
VERDICT_HEADER = ("design minus", "seeds", "points", "95% interval", "p (Holm)", "verdict")
#: Random designs are also judged together, by their mean at each seed.
TOGETHER = "random, mean"


def summary(rivals: Sequence[Candidate], runs: Sequence[StudyRun]) -> list[dict[str, Any]]:
    """One row a network: its cost, and mean and deviation over the seeds it finished."""
    rows = []
    for c in rivals:
        mine = [r for r in runs if r.candidate == c.name]
        done = [r.test_accuracy for r in mine if r.status == "done" and r.test_accuracy is not None]
        # A run of no epoch took no time per epoch.
        paces = [r.seconds / len(r.curve) for r in mine if r.curve and r.seconds]
        counted = count(c.network, "macs")
        rows.append(
            {
                "network": c.name, "group": c.group, "params": counted["params"],
                "macs": counted["macs"], "blocks": counted["blocks"], "runs": len(mine),
                "done": len(done), "failed": sum(r.status == "failed" for r in mine),
                "stopped": sum(r.status == "stopped" for r in mine),
                "test_accuracy": statistics.fmean(done) if done else None,
                "test_accuracy_sd": statistics.stdev(done) if len(done) > 1 else None,
                "seconds_per_epoch": statistics.fmean(paces) if paces else None,
                "note": c.note, "reasons": sorted({r.reason for r in mine if r.reason}),
            }
        )  # fmt: skip
    return rows


def judge(rivals: Sequence[Candidate], runs: Sequence[StudyRun]) -> list[Verdict]:
    """The design against each baseline, and against the mean of the random designs."""
    accuracy: dict[str, dict[int, float]] = {c.name: {} for c in rivals}
    for run in runs:
        if run.status == "done" and run.test_accuracy is not None:
            accuracy[run.candidate][run.seed] = run.test_accuracy
    others = {c.name: accuracy[c.name] for c in rivals if c.group not in (OURS, "random")}
    drawn = [accuracy[c.name] for c in rivals if c.group == "random"]
    if drawn:
        shared = set.intersection(*(set(d) for d in drawn))
        others[TOGETHER] = {s: statistics.fmean(d[s] for d in drawn) for s in sorted(shared)}
    return verdicts(accuracy[OURS], others)


def table_rows(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """As text, under :data:`HEADER`."""
    shown = []
    for row in rows:
        runs = f"{row['done']}"
        runs += f" (+{row['failed']} failed)" if row["failed"] else ""
        runs += f" (+{row['stopped']} halved)" if row["stopped"] else ""
        shown.append(
            (row["network"], f"{row['params']:,}", f"{row['macs']:,}", runs,
             *(_percent(row[key]) for key in ("test_accuracy", "test_accuracy_sd")),
             "" if row["seconds_per_epoch"] is None else f"{row['seconds_per_epoch']:.1f}",
             "; ".join([row["note"], *row["reasons"]]))
        )  # fmt: skip
    return shown


def verdict_rows(found: Sequence[Verdict]) -> list[tuple[str, ...]]:
    """As text, under :data:`VERDICT_HEADER`; differences in points (percent)."""
    return [
        (v.baseline, str(v.seeds), f"{100 * v.difference:+.2f}" if v.seeds else "",
         "" if v.low is None or v.high is None else f"{100 * v.low:+.2f} .. {100 * v.high:+.2f}",
         "" if v.p is None else f"{v.p:.3f}", v.words)
        for v in found
    ]  # fmt: skip


def document(
    design: str,
    recipe: Recipe,
    seeds: Sequence[int],
    rivals: Sequence[Candidate],
    runs: Sequence[StudyRun],
) -> dict[str, Any]:
    """Everything about the study: words, numbers and lists only."""
    return {
        "design": design,
        "recipe": {**asdict(recipe), "split": "by each run's seed: 70% training, 10% validation, 20% test"},
        "seeds": list(seeds),
        "rows": summary(rivals, runs),
        "verdicts": [{**asdict(v), "verdict": v.words} for v in judge(rivals, runs)],
        "networks": {c.name: c.network.to_dict() for c in rivals},
        "runs": [asdict(run) for run in runs],
    }  # fmt: skip


def write_study(folder: Path, found: Mapping[str, Any], title: str) -> list[Path]:
    """``study.json``, ``study.csv``, ``curves.png`` and ``curves.html`` in ``folder``."""
    text = io.StringIO()
    keys = [key for key in found["rows"][0] if key != "reasons"]
    writer = csv.DictWriter(text, keys, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(found["rows"])
    return [
        write_atomic(folder / "study.json", json.dumps(found, indent=1, allow_nan=False) + "\n"),
        write_atomic(folder / "study.csv", text.getvalue()),
        write_atomic(folder / "curves.png", picture(found["runs"], title)),
        write_atomic(folder / "curves.html", interactive(found["runs"], title)),
    ]


def _curves(runs: Sequence[Mapping[str, Any]]) -> dict[str, list[tuple[int, float, float]]]:
    """By network: epoch, mean validation accuracy, deviation over the seeds (percent)."""
    points: dict[str, dict[int, list[float]]] = {}
    for run in runs:
        for epoch in run["curve"]:
            at = points.setdefault(run["candidate"], {}).setdefault(epoch["number"], [])
            at.append(100 * epoch["validation_accuracy"])
    return {
        name: [
            (n, statistics.fmean(v), statistics.stdev(v) if len(v) > 1 else 0.0)
            for n, v in sorted(found.items())
        ]
        for name, found in points.items()
    }


def picture(runs: Sequence[Mapping[str, Any]], title: str) -> bytes:
    """Validation accuracy over epochs, the mean of the seeds, as PNG."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(8, 4.5), dpi=120, layout="constrained")
    axes = figure.subplots()
    for name, curve in _curves(runs).items():
        epochs, means, deviations = zip(*curve)
        style = {"linewidth": 2.5, "color": "black"} if name == OURS else {"linewidth": 1.2}
        axes.errorbar(epochs, means, deviations, label=name, capsize=2, **style)
    axes.set(xlabel="epoch", ylabel="validation accuracy (%)", title=title.replace("$", r"\$"))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    return png(figure)


def interactive(runs: Sequence[Mapping[str, Any]], title: str) -> str:
    """The same as a page with everything in it: hover, zoom, networks switched on and off."""
    from html import escape

    import plotly.graph_objects as go

    figure = go.Figure()
    for name, curve in _curves(runs).items():
        epochs, means, deviations = (list(column) for column in zip(*curve))
        line = {"width": 4, "color": "black"} if name == OURS else {"width": 2}
        figure.add_scatter(
            x=epochs, y=means, name=escape(name), line=line,
            error_y={"type": "data", "array": deviations, "thickness": 1},
        )  # fmt: skip
    figure.update_layout(
        title=escape(title), xaxis_title="epoch", yaxis_title="validation accuracy (%)",
        template="plotly_white",
    )  # fmt: skip
    return str(figure.to_html(include_plotlyjs=True, full_html=True, div_id="curves"))


def _percent(value: float | None) -> str:
    return "" if value is None or not math.isfinite(value) else f"{100 * value:.2f}%"
