"""A finished study as a table, curves and verdicts."""

from __future__ import annotations

import csv
import io
import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mathdesign.evidence.baselines import OURS, RANDOMS, Skipped
from mathdesign.evidence.measure import Measure
from mathdesign.evidence.study import Study, StudyRun
from mathdesign.evidence.verdict import Verdict, verdicts
from mathdesign.files import png, write_atomic
from mathdesign.result import Design

#: Random designs are also judged together, by their mean at each seed.
TOGETHER = "random, mean"


def header(measure: Measure) -> tuple[str, ...]:
    """Of :func:`table_rows`."""
    return ("network", "params", "macs", "runs", measure.what, "sd", f"s/{measure.turn}",
            "what it is")  # fmt: skip


def verdict_header(measure: Measure) -> tuple[str, ...]:
    """Of :func:`verdict_rows`."""
    return ("design minus", "seeds", measure.unit, "95% interval", "p (Holm)", "verdict")


def summary(design: Design, study: Study, runs: Sequence[StudyRun]) -> list[dict[str, Any]]:
    """One row a network: its cost, and mean and deviation over the seeds it finished."""
    kind, spec, measure = design.kind, design.specification(), study.recipe.measure
    rows = []
    for c in study.rivals:
        mine = [r for r in runs if r.candidate == c.name]
        done = [r.score for r in mine if r.status == "done" and r.score is not None]
        # A run of no round took no time per round.
        paces = [r.seconds / len(r.curve) for r in mine if r.curve and r.seconds]
        costs = {**kind.counts(spec, c.network), **kind.as_built(c.network)}
        rows.append(
            {
                "network": c.name, "group": c.group, **costs, "runs": len(mine),
                "done": len(done), "failed": sum(r.status == "failed" for r in mine),
                "stopped": sum(r.status == "stopped" for r in mine),
                measure.name: statistics.fmean(done) if done else None,
                f"{measure.name}_sd": statistics.stdev(done) if len(done) > 1 else None,
                f"seconds_per_{measure.turn}": statistics.fmean(paces) if paces else None,
                "note": c.note, "reasons": sorted({r.reason for r in mine if r.reason}),
            }
        )  # fmt: skip
    return rows


def judge(study: Study, runs: Sequence[StudyRun]) -> list[Verdict]:
    """The design against each baseline, and against the mean of the random designs.

    Runs of networks that are not among the study's say nothing.
    """
    reached: dict[str, dict[int, float]] = {c.name: {} for c in study.rivals}
    for run in runs:
        if run.status == "done" and run.score is not None and run.candidate in reached:
            reached[run.candidate][run.seed] = run.score
    others = {c.name: reached[c.name] for c in study.rivals if c.group not in (OURS, RANDOMS)}
    drawn = [reached[c.name] for c in study.rivals if c.group == RANDOMS]
    if drawn:
        shared = set.intersection(*(set(d) for d in drawn))
        others[TOGETHER] = {s: statistics.fmean(d[s] for d in drawn) for s in sorted(shared)}
    return verdicts(reached[OURS], others, less=study.recipe.measure.less)


def table_rows(rows: Sequence[Mapping[str, Any]], measure: Measure) -> list[tuple[str, ...]]:
    """As text, under :func:`header`."""
    shown = []
    for row in rows:
        runs = f"{row['done']}"
        runs += f" (+{row['failed']} failed)" if row["failed"] else ""
        runs += f" (+{row['stopped']} halved)" if row["stopped"] else ""
        reached = (row[measure.name], row[f"{measure.name}_sd"])
        pace = row[f"seconds_per_{measure.turn}"]
        shown.append(
            (row["network"], f"{row['params']:,}", f"{row['macs']:,}", runs,
             *("" if value is None else measure.text(value) for value in reached),
             "" if pace is None else f"{pace:.1f}",
             "; ".join([row["note"], *row["reasons"]]))
        )  # fmt: skip
    return shown


def verdict_rows(found: Sequence[Verdict], measure: Measure) -> list[tuple[str, ...]]:
    """As text, under :func:`verdict_header`."""
    show = measure.difference
    return [
        (v.baseline, str(v.seeds), show(v.difference) if v.seeds else "",
         "" if v.low is None or v.high is None else f"{show(v.low)} .. {show(v.high)}",
         "" if v.p is None else f"{v.p:.3f}", v.words)
        for v in found
    ]  # fmt: skip


def document(
    design: Design, study: Study, runs: Sequence[StudyRun], skipped: Sequence[Skipped] = ()
) -> dict[str, Any]:
    """Everything about the study: words, numbers and lists only."""
    measure, kind = study.recipe.measure, design.kind
    words = {c.name: kind.words_of(c.network) for c in study.rivals}
    return {
        "design": design.name,
        "measure": asdict(measure),
        "recipe": study.recipe.words(),
        "seeds": list(study.seeds),
        "rows": summary(design, study, runs),
        "verdicts": [{**asdict(v), "verdict": v.words} for v in judge(study, runs)],
        "skipped": [asdict(s) for s in skipped],
        "networks": {name: found.get("network", found) for name, found in words.items()},
        "runs": [run.words(measure) for run in runs],
    }


def write_study(folder: Path, found: Mapping[str, Any], title: str) -> list[Path]:
    """``study.json``, ``study.csv``, ``curves.png`` and ``curves.html`` in ``folder``."""
    text, measure = io.StringIO(), Measure(**found["measure"])
    keys = [key for key in found["rows"][0] if key != "reasons"]
    writer = csv.DictWriter(text, keys, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(found["rows"])
    return [
        write_atomic(folder / "study.json", json.dumps(found, indent=1, allow_nan=False) + "\n"),
        write_atomic(folder / "study.csv", text.getvalue()),
        write_atomic(folder / "curves.png", picture(found["runs"], measure, title)),
        write_atomic(folder / "curves.html", interactive(found["runs"], measure, title)),
    ]


def _curves(
    runs: Sequence[Mapping[str, Any]], measure: Measure
) -> dict[str, list[tuple[int, float, float]]]:
    """By network: where on the curve, mean of what is watched, deviation over the seeds, as shown."""
    points: dict[str, dict[int, list[float]]] = {}
    for run in runs:
        for look in run["curve"]:
            at = points.setdefault(run["candidate"], {}).setdefault(look[measure.along], [])
            at.append(measure.scale * look[measure.watched])
    return {
        name: [
            (n, statistics.fmean(v), statistics.stdev(v) if len(v) > 1 else 0.0)
            for n, v in sorted(found.items())
        ]
        for name, found in points.items()
    }


def picture(runs: Sequence[Mapping[str, Any]], measure: Measure, title: str) -> bytes:
    """What is watched along the runs, the mean of the seeds, as PNG."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(8, 4.5), dpi=120, layout="constrained")
    axes = figure.subplots()
    for name, curve in _curves(runs, measure).items():
        at, means, deviations = zip(*curve)
        style = {"linewidth": 2.5, "color": "black"} if name == OURS else {"linewidth": 1.2}
        axes.errorbar(at, means, deviations, label=name, capsize=2, **style)
    x, y = measure.axes
    axes.set(xlabel=x, ylabel=y, title=title.replace("$", r"\$"))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    return png(figure)


def interactive(runs: Sequence[Mapping[str, Any]], measure: Measure, title: str) -> str:
    """The same as a page with everything in it: hover, zoom, networks switched on and off."""
    from html import escape

    import plotly.graph_objects as go

    figure = go.Figure()
    for name, curve in _curves(runs, measure).items():
        at, means, deviations = (list(column) for column in zip(*curve))
        line = {"width": 4, "color": "black"} if name == OURS else {"width": 2}
        figure.add_scatter(
            x=at, y=means, name=escape(name), line=line,
            error_y={"type": "data", "array": deviations, "thickness": 1},
        )  # fmt: skip
    x, y = measure.axes
    figure.update_layout(title=escape(title), xaxis_title=x, yaxis_title=y, template="plotly_white")
    return str(figure.to_html(include_plotlyjs=True, full_html=True, div_id="curves"))
