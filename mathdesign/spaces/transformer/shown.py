"""How a designed transformer is shown, written and checked; the command ``check``."""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mathdesign.files import write_atomic
from mathdesign.report.rows import BUDGET_HEADER, gap_text, number, status_words
from mathdesign.spaces.transformer.answer import TransformerDesign
from mathdesign.spaces.transformer.words import TransformerSpec

if TYPE_CHECKING:
    from mathdesign.cli.session import Session

LAYER_HEADER = ("stack", "layers", "width", "heads", "kv heads", "head size", "ffn", "attention")


def transformer_tables(design: TransformerDesign) -> tuple[list[Any], list[tuple[str, str]]]:
    """The layers in runs of equal ones, the budgets, and the figures."""
    from mathdesign.report.terminal import TextTable

    rows = []
    for i, stack in enumerate(design.network.stacks):
        at = 1
        for layer, run in itertools.groupby(stack.layers):
            n = len(list(run))
            span = str(at) if n == 1 else f"{at}-{at + n - 1}"
            kind = layer.attention + (f" {layer.window}" if layer.window else "")
            sizes = (stack.width, layer.heads, layer.kv_heads, layer.head_size, layer.ffn)
            rows.append((str(i + 1), span, *map(str, sizes), kind))
            at += n
    tables = [TextTable(design.name, LAYER_HEADER, rows, 2)]
    if design.budgets:
        uses = [
            (u.metric, number(u.used), number(u.upper if u.upper is not None else u.lower or 0),
             number(u.slack), "yes" if u.binding else "no")
            for u in design.budgets
        ]  # fmt: skip
        tables.append(TextTable("budgets", BUDGET_HEADER, uses))
    certificate = design.certificate
    figures = [(metric, f"{value:,}") for metric, value in design.metrics.items() if value]
    status = status_words(certificate.status, certificate.termination, certificate.gap_target)
    figures += [
        ("entropy", f"{design.entropy:.3f} nats"),
        ("depth / width", f"{design.effectiveness:.5f}"),
        ("objective", f"{certificate.objective:.3f}"),
        ("bound", "none" if certificate.bound is None else f"{certificate.bound:.3f}"),
        ("gap", gap_text(certificate.gap)),
        ("status", status),
        ("backend", f"{certificate.backend}, seed {certificate.seed}"),
    ]
    return tables, figures


def transformer_files(design: TransformerDesign) -> Mapping[str, str]:
    """``design.yaml``; ``model.py`` and ``config.json`` where the shape has them."""
    from mathdesign.export.transformer.hugging_face import DoesNotFit, config_text
    from mathdesign.export.transformer.module import CannotBuild

    files = {"design.yaml": design.to_yaml()}
    try:
        files["model.py"] = design.source()
    except CannotBuild:
        return files
    with contextlib.suppress(DoesNotFit):
        files["config.json"] = config_text(design.network)
    return files


def transformer_checks(design: TransformerDesign) -> list[dict[str, Any]]:
    """Everything counted again from the network's words, and on the built module with torch."""
    from mathdesign.validators.errors import RecheckError
    from mathdesign.validators.transformer.recheck import verify_transformer

    checks = []

    def note(check: str, found: str, ok: bool) -> None:
        checks.append({"check": check, "ok": ok, "found": found})

    try:
        spec = TransformerSpec.model_validate(dict(design.request))
        same = spec.content_hash() == design.certificate.request_sha256
        note("request hash", "as certified" if same else "differs from the certificate", same)
        words = design.network.to_dict()
        verify_transformer(words, spec, design.metrics, design.certificate.objective)
        note("space, costs, budgets, objective", "counted again from the matrices: agree", True)
    except (RecheckError, ValueError) as error:
        note("recheck", " ".join(str(error).split()), False)
    built = _built_params(design)
    if built is not None:
        claimed = design.metrics.get("params")
        note("params of the built module", f"{built:,}, {claimed:,} claimed", built == claimed)
    return checks


def _built_params(design: TransformerDesign) -> int | None:
    """Weights of the exported module, shared ones once; ``None``: cannot be built here."""
    from mathdesign.export.transformer.module import CannotBuild

    try:
        import torch

        with torch.device("meta"):
            module = design.build()
    except (ImportError, CannotBuild):
        return None
    return sum(p.numel() for p in module.parameters())


def check_transformer(session: Session, spec: TransformerSpec, out: Path | None) -> int:
    """The command ``check``: the size of the space and the reach of each metric."""
    from mathdesign.cli.session import EXIT_BAD_INPUT
    from mathdesign.report.terminal import print_table
    from mathdesign.spaces.transformer.designing import extreme, posed
    from mathdesign.spec.faults import SpecError

    try:
        problem = posed(spec).problem
    except SpecError as error:
        return session.fail(EXIT_BAD_INPUT, str(error), error.to_dict())
    document: dict[str, Any] = {"name": spec.name, "size": problem.size, "mixes": problem.points}
    inner = tuple(b for b in problem.budgets if b.metric not in spec.budgets)
    rows = []
    for metric in spec.columns():
        ends = [extreme(problem, {metric: sign}, inner) for sign in (1.0, -1.0)]
        if None in ends:
            continue
        least, greatest = (problem.costs(end)[metric] for end in ends if end is not None)
        document[metric] = {"least": least, "greatest": greatest}
        rows.append((metric, f"{least:,}", f"{greatest:,}"))
    if out is not None:
        write_atomic(out / "check.json", json.dumps(document, indent=2) + "\n")
    session.result(document)
    frames = len(problem.frames)
    session.say(f"{spec.name}: valid; {problem.size:.6g} designs, {frames} choices of widths")
    if not (session.json or session.quiet):
        header = ("metric", "least", "greatest")
        print_table(session.out, "reach of each metric alone", header, rows)
    return 0
