"""Designed under a latency measured here, then measured: predicted against measured, in one command.

    python benchmarks/latency_check.py --out runs/latency --seconds 90

For a convolutional, a layer-wise and a decoder space: operators are timed into a table
(``latency measure``), random networks from small to large are held to it (``latency check``), which
corrects it (``latency fit --networks``); then the space's objective is maximised under three limits on
the corrected latency, spread over what the random networks took, and the designs are measured.
What was measured before is used again; ``--fresh`` begins anew.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mathdesign
from mathdesign.cli import measuring
from mathdesign.cli.session import Session
from mathdesign.devices.timing import Protocol
from mathdesign.files import write_atomic
from mathdesign.measuring.calls import Bench, surroundings
from mathdesign.measuring.judging import as_csv, judge
from mathdesign.measuring.sampling import across

CNN = """\
name: cnn
space:
  family: basic
  input: {channels: 3, size: 224}
  classes: 1000
  stem: {width: 16..64/8, kernel_size: 3, stride: 2}
  stages:
    - {stride: 2, width: 16..128/8, kernel_size: 3, depth: 1..4}
    - {stride: 2, width: 32..256/8, kernel_size: 3, depth: 1..4}
    - {stride: 2, width: 64..384/8, kernel_size: 3, depth: 1..6}
    - {stride: 2, width: 64..512/8, kernel_size: 3, depth: 1..4}
  rules: {monotone_width: true}
budgets: {macs: 2G, params: 12M}
"""
LISTS = """\
name: fbnet
space: {family: fbnet}
objective: {metric: macs}
budgets: {params: 5M}
"""
DECODER = """\
name: decoder
space:
  family: decoder_lm
  vocabulary: 256
  context: 256
  stacks:
    - {width: 64..384/32, depth: 2..16, head_size: 32, heads: [2, 4, 6, 8, 12], kv_heads: [1, 2, 4],
       ffn_ratio: [2, 2.5, 3, 4], gated: true}
budgets: {params: 12M}
"""


@dataclass(frozen=True)
class Study:
    """A space, and whether its latency is a model of operators or the table itself."""

    name: str
    text: str
    costs: str


STUDIES = (
    Study("cnn", CNN, "costs.yaml"),
    Study("fbnet", LISTS, "costs.csv"),
    Study("decoder", DECODER, "costs.yaml"),
)
#: Of the measured times of random networks, as ratios from the least to the most.
PLACES = (0.3, 0.55, 0.8)
#: Random networks that are measured once more beside the designs.
CONTROLS = 4
SPACE, TABLE = Path("space.yaml"), Path("table.csv")


def run(study: Study, how: measuring.How, seconds: float, networks: int) -> dict[str, Any]:
    """One space, in the working directory."""
    session = Session()
    write_atomic(SPACE, study.text)
    costs = Path(study.costs)
    measured = measuring.measure(
        session,
        measuring.MeasureRequest(
            SPACE, TABLE, Path("plain.yaml"), how, seconds, 5, 64, 0, "additive"
        ),
    )
    plain = TABLE if costs.suffix == ".csv" else Path("plain.yaml")
    checked = measuring.check(
        session,
        measuring.CheckRequest(
            SPACE, plain, (), networks, how, False, TABLE, None, Path("check"), 1
        ),
    )
    fitted = measuring.fit(
        session,
        measuring.FitRequest(TABLE, costs, "additive", Path("check/check.csv"), 0),
    )
    if measured or checked or fitted:
        raise SystemExit(f"{study.name}: stopped")
    with Path("check/check.csv").open(encoding="utf-8") as file:
        times = sorted(float(row["measured_ms"]) for row in csv.DictReader(file))
    limits = [times[0] * (times[-1] / times[0]) ** place for place in PLACES]
    return designs(study, how, [float(f"{limit:.3g}") for limit in limits])


def designs(study: Study, how: measuring.How, limits: list[float]) -> dict[str, Any]:
    """Maximised under each limit (milliseconds), then measured side by side."""
    word = "table" if study.costs.endswith(".csv") else "model"
    networks, rows = {}, []
    kind = None
    for limit in limits:
        own = f"latency: {{max: {limit} ms, {word}: {study.costs}}}, "
        text = study.text.replace("budgets: {", "budgets: {" + own)
        begin = time.perf_counter()
        design = mathdesign.design(mathdesign.loads(f"{text}solve: {{time_limit: 30 s}}\n"))
        kind, proof = design.kind, design.certificate
        name = f"{study.name} at {limit:g} ms"
        networks[name] = design.network
        design.save(f"{name.replace(' ', '-')}.yaml")
        rows.append({
            "space": study.name, "limit_ms": limit, "status": proof.status, "gap": proof.gap,
            "seconds": round(time.perf_counter() - begin, 1),
        })  # fmt: skip
    assert kind is not None
    runtime = how.open()
    bench = Bench(runtime, surroundings(kind, next(iter(networks.values()))), 1, Protocol(rounds=9))
    known, posed = measuring.space_of(SPACE)
    again = {f"random {k}": n for k, n in enumerate(across(known, posed, CONTROLS, 1))}
    found = judge(
        bench, kind, {**networks, **again}, measuring.read_costs(Path(study.costs)),
        interpolate=False,
        table=measuring.seconds_of(measuring.read_costs(TABLE)),  # type: ignore[arg-type]
    )  # fmt: skip
    write_atomic(Path("designs.csv"), as_csv(found.verdicts))
    for row, verdict in zip(rows, found.verdicts):
        row |= {
            "predicted_ms": round(1e3 * verdict.predicted, 4),
            "measured_ms": round(1e3 * verdict.measured, 4), "error": round(verdict.error, 4),
        }  # fmt: skip
    control = statistics.median(v.error for v in found.verdicts[len(rows) :])
    return {"rows": rows, "drift": found.drift, "control": control, "random": _random()}


def _random() -> dict[str, float]:
    """Of the random networks, by the costs before they were corrected."""
    with Path("check/check.csv").open(encoding="utf-8") as file:
        errors = [float(row["error"]) for row in csv.DictReader(file)]
    return {
        "median": statistics.median(map(abs, errors)), "bias": statistics.median(errors),
        "networks": len(errors),
    }  # fmt: skip


def table(found: list[dict[str, Any]]) -> str:
    """The rows of all spaces as Markdown."""
    lines = [
        "| space | limit, ms | predicted, ms | measured, ms | error | gap | solved in, s |",
        "|---|---|---|---|---|---|---|",
    ]
    for study in found:
        for r in study["rows"]:
            gap = "none" if r["gap"] is None else f"{r['gap']:.3%}"
            lines.append(
                f"| {r['space']} | {r['limit_ms']:g} | {r['predicted_ms']:.2f} | {r['measured_ms']:.2f} | "
                f"{r['error']:+.1%} | {gap} | {r['seconds']:.1f} |"
            )
    return "\n".join(lines)


def main() -> None:
    """All spaces, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/latency"))
    parser.add_argument("--seconds", type=float, default=90.0, help="of operators, each space")
    parser.add_argument("--networks", type=int, default=12, help="random ones, each space")
    parser.add_argument("--only", help="spaces, commas between")
    parser.add_argument("--clock", default="cpu")
    parser.add_argument("--runtime", default="torch")
    parser.add_argument("--fresh", action="store_true")
    given = parser.parse_args()
    how = measuring.How(runtime=given.runtime, clock=given.clock)
    names = [s.name for s in STUDIES] if given.only is None else given.only.split(",")
    found, begin = [], Path.cwd()
    for study in (s for s in STUDIES if s.name in names):
        folder = given.out / study.name
        if given.fresh:
            shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        os.chdir(folder)
        try:
            found.append(run(study, how, given.seconds, given.networks))
        finally:
            os.chdir(begin)
        write_atomic(given.out / "study.json", json.dumps(found, indent=1) + "\n")
    errors = [abs(r["error"]) for study in found for r in study["rows"]]
    print(table(found))
    for study in found:
        r, drift = study["random"], study["drift"]
        now = "not known" if drift is None else f"{drift:+.1%}"
        print(
            f"{study['rows'][0]['space']}: {r['networks']} random networks before correction: median error "
            f"{r['median']:.1%}, bias {r['bias']:+.1%}; beside the designs: random networks "
            f"{study['control']:+.1%}, operators of the table {now}"
        )
    print(
        f"{len(errors)} designs: median error {statistics.median(errors):.1%}, worst {max(errors):.1%}"
    )


if __name__ == "__main__":
    main()
