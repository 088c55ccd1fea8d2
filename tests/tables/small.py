"""A finished table of tiny networks, small enough to solve while a test waits."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

import mathdesign

SPEC = """
version: 1
name: {name}
space:
  family: {family}
  input: {{channels: 1, size: 8}}
  classes: 10
  stem: {{width: [8, 16], kernel_size: 3, stride: 1}}
  stages:
    - {{stride: 1, width: 16..32/8, {inner}kernel_size: 3, depth: 1..3}}
    - {{stride: 2, width: 32..64/8, {inner}kernel_size: 3, depth: 1..3}}
objective: {{entropy: {{}}}}
budgets: {{macs: {macs}, params: {params}}}
counting: macs
solve: {{backend: auto, gap: 0}}
"""
INNER = {"basic": "", "bottleneck": "bottleneck: [8, 16], "}


def solved(
    macs: tuple[int, ...] = (500_000, 1_000_000, 2_000_000, 4_000_000),
    params: tuple[int, ...] = (30_000, 100_000),
    families: tuple[str, ...] = ("basic", "bottleneck"),
) -> tuple[pd.DataFrame, dict[str, Mapping[str, Any]]]:
    """The frame and the designs of a grid, as a finished table has them."""
    rows, designs = [], {}
    for family in families:
        for limit in macs:
            for size in params:
                name = f"{family}-{limit // 1000}k-{size // 1000}k"
                text = SPEC.format(
                    name=name, family=family, inner=INNER[family], macs=limit, params=size
                )
                row, design = solve(name, text)
                grid = {"space.family": family, "budgets.macs": limit, "budgets.params": size}
                rows.append({"name": name, **grid, **row})
                if design is not None:
                    designs[row["request_sha256"]] = design
    return frame(rows), designs


def solve(name: str, text: str) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """One row, and its design if there is one."""
    spec = mathdesign.loads(text)
    row = {"request_sha256": spec.content_hash(), "folder": name, "reason": ""}
    try:
        design = mathdesign.design(spec)
    except mathdesign.Infeasible as error:
        return {**row, "status": "infeasible", "reason": str(error).replace("\n", "; ")}, None
    certificate = design.certificate
    figures = {
        "status": certificate.status, "objective": certificate.objective, "bound": certificate.bound,
        "gap": certificate.gap, "backend": certificate.backend, "solve_s": 0.01,
        "effectiveness": design.figures["effectiveness"], **design.metrics,
    }  # fmt: skip
    return {**row, **figures}, design.to_dict()


def frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Rows as the columns of a finished table: counts are integers that may be missing."""
    table = pd.DataFrame(rows)
    for column in ("params", "macs", "blocks"):
        table[column] = table[column].astype("Int64")
    first = ["name", "status", *(c for c in table if "." in c), "macs", "params", "blocks"]
    return table[[*first, *(c for c in table if c not in first)]]
