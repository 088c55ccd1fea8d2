"""``latency``: a table of measured times becomes a metric that budgets may limit."""

from __future__ import annotations

import math
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mathdesign.cli.fit import (
    BadRequest,
    by_position,
    read_list_spec,
    read_table,
)
from mathdesign.cli.session import EXIT_BAD_INPUT, Session
from mathdesign.extras import require
from mathdesign.files import refuse_folder, write_atomic, yaml_text
from mathdesign.spec.faults import did_you_mean

FILE = "latency.yaml"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class LatencyRequest:
    """What the command line asks for: times on the options of a space, or on named terms."""

    table: Path
    target: str
    space: str | None
    terms: tuple[str, ...]
    name: str
    scale: float
    out: Path | None
    seed: int
    positions: tuple[str, ...] = ()


def latency(session: Session, request: LatencyRequest) -> int:
    """The ``latency`` command; returns the exit status."""
    require("predictor", "pandas")
    from mathdesign.programs.slot_space import TableError
    from mathdesign.spec.faults import SpecError

    if request.out is not None:
        refuse_folder(request.out)
    try:
        _check_words(request)
        metric, found = _of_options(request) if request.space else _of_terms(request)
    except (BadRequest, TableError, SpecError) as error:
        return session.fail(EXIT_BAD_INPUT, str(error))
    document = {"linear_metrics": [metric]}
    text = yaml_text(document)
    session.say(
        f"{found.rows:,} rows; held out: R2 {found.r2:.4f}, median error {found.error:.2%}; 95% of the "
        f"times are at most {1 + found.excess:.4f} of the prediction"
    )
    session.say(text.rstrip("\n"))
    if request.out is not None:
        session.say(f"wrote {write_atomic(request.out / FILE, text)}")
    quality = {k: v for k, v in asdict(found).items() if k not in ("weights", "constant")}
    session.result({**document, "quality": quality})
    return 0


def _check_words(request: LatencyRequest) -> None:
    faults = []
    if (request.space is None) == (not request.terms):
        faults.append("accepted: --space NAME, or --term for each column of sums, one of the two")
    if not NAME.fullmatch(request.name):
        faults.append(f"--name {request.name}: accepted: letters, digits, `.`, `_`, `-`")
    if not (math.isfinite(request.scale) and request.scale > 0):
        faults.append(f"--scale {request.scale}: accepted: more than 0")
    if faults:
        raise BadRequest("\n".join(faults))


def _of_options(request: LatencyRequest) -> tuple[dict[str, Any], Any]:
    """For a space of option lists: a cost for each option."""
    from mathdesign.surrogate.fit import sample_of
    from mathdesign.surrogate.latency import fit_latency, option_columns, option_costs

    assert request.space is not None
    space = read_list_spec(request.space).table_space()
    positions = by_position(request.positions, space)
    table = read_table(request.table)
    sample = sample_of(table, space, request.target, "mean", positions=positions)
    found = fit_latency(option_columns(space, sample.points), sample.labels, request.seed)
    constant, costs = option_costs(found, space, sample.points, request.scale)
    return {"name": request.name, "constant": constant, "slots": costs}, found


def _of_terms(request: LatencyRequest) -> tuple[dict[str, Any], Any]:
    """For transformers: a weight for each sum over layers."""
    import numpy as np

    from mathdesign.programs.slot_space import TableError
    from mathdesign.spaces.transformer.words import TERMS
    from mathdesign.surrogate.latency import fit_latency
    from mathdesign.surrogate.reading import numbers_of

    table = read_table(request.table)
    names = list(map(str, table.columns))
    faults = []
    columns = {}
    for term in (*request.terms, request.target):
        if term != request.target and (term not in TERMS or term == "constant"):
            accepted = ", ".join(t for t in TERMS if t != "constant")
            faults.append(f"--term {term}: accepted: {accepted}{did_you_mean(term, TERMS)}")
        elif term not in names:
            cure = did_you_mean(term, names)
            faults.append(f"no column {term!r}; found: {', '.join(names[:20])}{cure}")
        else:
            try:
                columns[term] = numbers_of(table, term)
            except TableError as error:
                faults.append(str(error))
    if faults:
        raise TableError("\n".join(faults))
    x = np.stack([columns[term] for term in request.terms], axis=1)
    found = fit_latency(x, columns[request.target], request.seed)
    weights = {"constant": found.constant, **dict(zip(request.terms, found.weights))}
    terms = {k: float(f"{request.scale * v:.12g}") for k, v in weights.items() if v > 0}
    return {"name": request.name, "terms": terms}, found
