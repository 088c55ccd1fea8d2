"""How an answer over option lists is shown, written and checked; the command ``check``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mathdesign.files import write_atomic
from mathdesign.report.rows import gap_text, status_words
from mathdesign.spaces.lists.answer import ListDesign
from mathdesign.spaces.lists.words import ListSpec

if TYPE_CHECKING:
    from mathdesign.cli.session import Session


def list_tables(design: ListDesign) -> tuple[list[Any], list[tuple[str, str]]]:
    """The options, the budgets, and the figures with the predictor's own error beside them."""
    from mathdesign.report.rows import BUDGET_HEADER, number
    from mathdesign.report.terminal import TextTable

    tables = [TextTable(design.name, ("slot", "option"), list(design.options.items()), 2)]
    if design.budgets:
        rows = [
            (u.metric, number(u.used), number(u.upper if u.upper is not None else u.lower or 0),
             number(u.slack), "yes" if u.binding else "no")
            for u in design.budgets
        ]  # fmt: skip
        tables.append(TextTable("budgets", BUDGET_HEADER, rows))
    certificate = design.certificate
    figures = [(metric, f"{value:,}") for metric, value in design.metrics.items()]
    status = status_words(certificate.status, certificate.termination, certificate.gap_target)
    about = design.predictor
    figures += [
        (
            "objective",
            f"{certificate.objective:.6f}" + (" (score)" if design.predictor else ""),
        ),
        ("bound", "none" if certificate.bound is None else f"{certificate.bound:.6f}"),
        ("gap", gap_text(certificate.gap)),
        ("status", f"{status}, of the predictor" if about else status),
    ]
    if about:
        figures.append(
            ("predictor", f"{about['target']} {about['predicted']:.4f}, error about "
             f"{about['rmse']:.4f} (cross-validated RMSE, tau {about['tau']:.3f}, "
             f"{about['rows']} rows): the best design of the predictor, not of the world")
        )  # fmt: skip
    figures.append(("backend", f"{certificate.backend}, seed {certificate.seed}"))
    return tables, figures


def list_files(design: ListDesign) -> Mapping[str, str]:
    """``design.yaml``."""
    return {"design.yaml": design.to_yaml()}


def list_checks(design: ListDesign) -> list[dict[str, Any]]:
    """Costs and budgets summed again; the objective asked of the predictor, if it is still there."""
    from mathdesign.programs.slot_space import TableError
    from mathdesign.spaces.lists.pose import to_slot_problem
    from mathdesign.spec.faults import SpecError
    from mathdesign.validators.errors import RecheckError
    from mathdesign.validators.lists.recheck import verify_list

    checks = []

    def note(check: str, found: str, ok: bool) -> None:
        checks.append({"check": check, "ok": ok, "found": found})

    try:
        spec = ListSpec.model_validate(dict(design.request))
        same = spec.content_hash() == design.certificate.request_sha256
        note("request hash", "as certified" if same else "differs from the certificate", same)
        space = spec.table_space()
        verify_list(
            space.slots, space.metrics, spec.budget_rows(), design.options, design.metrics,
            space.rules,
        )  # fmt: skip
        note("costs and budgets", "summed again: agree to the unit", True)
        problem, _ = to_slot_problem(spec)
        point = np.array(space.point(design.options), dtype=np.int64)[None]
        value = float(problem.objective.at(point)[0])
        claimed = design.certificate.objective
        agrees = abs(value - claimed) <= 1e-9 * max(1.0, abs(claimed))
        note("objective", f"{value:.6f} by the predictor, {claimed:.6f} claimed", agrees)
    except (RecheckError, TableError, SpecError, ValueError) as error:
        note("recheck", " ".join(str(error).split()), False)
    return checks


def check_list(session: Session, spec: ListSpec, out: Path | None) -> int:
    """The command ``check``: the size of the space and the reach of each metric."""
    from mathdesign.cli.session import EXIT_BAD_INPUT
    from mathdesign.report.terminal import print_table
    from mathdesign.spaces.lists.pose import least, to_slot_problem, value_of
    from mathdesign.spec.faults import SpecError

    try:
        problem, predictor = to_slot_problem(spec)
    except SpecError as error:
        return session.fail(EXIT_BAD_INPUT, str(error), error.to_dict())
    document: dict[str, Any] = {"name": spec.name, "size": problem.size}
    rows = []
    for metric in problem.metrics:
        ends = [value_of(problem, metric, least(problem, [(metric, s)], ())) for s in (1.0, -1.0)]
        document[metric] = {"least": int(ends[0]), "greatest": int(ends[1])}
        rows.append((metric, f"{int(ends[0]):,}", f"{int(ends[1]):,}"))
    if predictor is not None:
        document["predictor"] = {"target": predictor.target, "tau": predictor.quality.tau}
    if out is not None:
        write_atomic(out / "check.json", json.dumps(document, indent=2) + "\n")
    session.result(document)
    session.say(f"{spec.name}: valid; {problem.size:.6g} designs in {len(problem.slots)} slots")
    if not (session.json or session.quiet):
        print_table(
            session.out, "reach of each metric alone", ("metric", "least", "greatest"), rows
        )
    return 0
