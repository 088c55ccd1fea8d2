"""``evidence`` and ``calibrate`` with a description: tables of trained networks of any space."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mathdesign.cli.fit import BadRequest, read_table
from mathdesign.cli.session import EXIT_BAD_INPUT, Session
from mathdesign.extras import require
from mathdesign.files import folder_name, refuse_folder, write_atomic, yaml_text

SHARES = re.compile(r"(\d+(?:\.\d+)?)%\.\.(\d+(?:\.\d+)?)%")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line says."""

    description: str
    table: Path | None
    target: str | None
    budget: str | None
    quantiles: int
    out: Path | None


def evidence(session: Session, asked: Asked) -> int:
    """A table of whole networks by its description, every objective on every budget kind."""
    require("predictor", "lightgbm", "pandas", *(["matplotlib"] if asked.out is not None else []))
    from mathdesign.evidence import matrix
    from mathdesign.evidence.description import read_description
    from mathdesign.evidence.trained import read_trained
    from mathdesign.report.terminal import print_table
    from mathdesign.spec.faults import SpecError

    if asked.out is not None:
        refuse_folder(asked.out)
    try:
        spec, source = read_description(asked.description)
        spec, (low, high) = _narrowed(spec, asked)
        table = read_table(_place(asked, spec.table))
        trained = read_trained(spec, source, table)
    except (BadRequest, SpecError) as error:
        return session.fail(EXIT_BAD_INPUT, str(error))
    budgets = matrix.cases(spec, trained, low, high, asked.quantiles)
    networks = len(trained.features)
    session.say(f"{spec.name}: {networks:,} networks in {trained.rows:,} rows")
    document: dict[str, Any] = {
        "name": spec.name, "networks": networks, "rows": trained.rows,
        "budgets": {case.name: list(case.limits) for case in budgets}, "targets": {},
    }  # fmt: skip
    pictures = {}
    for target, about in spec.targets.items():
        rows = matrix.matrix(trained, target, budgets)
        if not (session.json or session.quiet):
            unit = f", {about.unit}" if about.unit else ""
            title = f"{target}: mean regret over the budgets, raw (denoised){unit}"
            header = ("objective", *(case.name for case in budgets), "Spearman", "Kendall")
            print_table(session.out, title, header, list(map(_texts, rows)))
        document["targets"][target] = matrix.as_data(rows)
        if asked.out is not None:
            pictures[target] = matrix.picture(rows, budgets, target)
    if asked.out is not None:
        text = json.dumps(document, indent=1) + "\n"
        written = [write_atomic(asked.out / "evidence.json", text)]
        taken: set[str] = set()
        for target, drawn in pictures.items():
            name = folder_name(f"regret-{target}", taken)
            taken.add(name)
            written.append(write_atomic(asked.out / f"{name}.png", drawn))
        session.say("wrote " + ", ".join(map(str, written)))
    session.result(document)
    return 0


def _texts(row: Any) -> tuple[str, ...]:
    """A line of the matrix: regrets by budget kind, then correlations with their intervals."""
    from mathdesign.evidence.ranks import words

    regrets = []
    for kind, raw in row.raw.items():
        smooth = row.denoised[kind]
        regrets.append(f"{raw:.3f}" + ("" if smooth is None else f" ({smooth:.3f})"))
    return (row.objective, *regrets, words(row.spearman), words(row.kendall))


def _narrowed(spec: Any, asked: Asked) -> tuple[Any, tuple[float, float]]:
    """The description with the target and the budget kind that were asked for, and the range."""
    faults, low, high = [], 0.1, 0.95
    if asked.target is not None:
        if asked.target in spec.targets:
            spec = spec.model_copy(update={"targets": {asked.target: spec.targets[asked.target]}})
        else:
            faults.append(f"--target {asked.target}: accepted: {', '.join(spec.targets)}")
    if asked.budget is not None:
        name, equals, words = asked.budget.rpartition("=")
        match = SHARES.fullmatch(words) if equals else None
        name = name if equals else asked.budget
        if name not in spec.budgets or (equals and match is None):
            known = ", ".join(spec.budgets)
            faults.append(
                f"--budget {asked.budget}: accepted: KIND or KIND=10%..95%, KIND one of {known}"
            )
        else:
            spec = spec.model_copy(update={"budgets": {name: spec.budgets[name]}})
            if match is not None:
                low, high = float(match[1]) / 100, float(match[2]) / 100
                if not 0 < low < high <= 1:
                    faults.append(f"--budget {asked.budget}: accepted: rising shares up to 100%")
    if faults:
        raise BadRequest("\n".join(faults))
    return spec, (low, high)


def _place(asked: Asked, name: str | None) -> Path:
    """The table's file: as given, in the folder given, or beside the description."""
    from mathdesign.evidence.description import comes_along

    if asked.table is not None and not (asked.table.is_dir() and name):
        return asked.table
    if name is None or (asked.table is None and comes_along(asked.description)):
        raise BadRequest(f"{asked.description}: no table; accepted: --table FILE")
    return (asked.table or Path(asked.description).parent) / name


def calibrate(session: Session, asked: Asked, labels: int, seed: int) -> int:
    """Weights of the default objective's parts from a user's labels, or an honest refusal."""
    import numpy as np

    require("predictor", "pandas")
    from mathdesign.evidence.calibrate import CalibrationError, on_some
    from mathdesign.evidence.description import read_description
    from mathdesign.evidence.rows import read_networks
    from mathdesign.evidence.trained import parts_of, specification_of
    from mathdesign.spec.faults import SpecError

    if asked.out is not None:
        refuse_folder(asked.out)
    try:
        spec, source = read_description(asked.description)
        spec, _ = _narrowed(spec, asked)
        if len(spec.targets) > 1:
            raise BadRequest(f"--target is needed: one of {', '.join(spec.targets)}")
        networks = read_networks(spec, source, read_table(_place(asked, spec.table)))
        parts = {n: v for n, v in parts_of(networks).items() if np.ptp(v) > 0}
        if not parts:
            raise BadRequest(f"{spec.name}: its default objective has no weights to fit")
        wanted = networks.labels(next(iter(spec.targets)))
        columns = np.stack([*parts.values()], axis=1)
        found, held, taus = on_some(columns, wanted, labels, seed)
    except (BadRequest, SpecError, CalibrationError) as error:
        return session.fail(EXIT_BAD_INPUT, str(error))
    session.say(f"{found.labels} labelled networks; cross-validated Kendall tau:")
    session.say(f"  default  {found.tau_default:.4f}")
    error_text = f"gain {found.gain:+.4f}, standard error {found.gain_error:.4f}"
    session.say(f"  fitted   {found.tau_fitted:.4f}  ({error_text})")
    for name, times in zip(parts, found.fitted):
        session.say(f"    {name:28} x {times:.3f}")
    document: dict[str, Any] = {**asdict(found), "shrinkage": str(found.shrinkage)}
    document |= {"parts": list(parts), "held_out": held}
    if taus:
        document["held_out_tau"] = taus
        words = f"default {taus['default']:.4f}, fitted {taus['fitted']:.4f}"
        session.say(f"on {held:,} networks held out: {words}")
    verdict = "recommended: the fitted weights"
    if not found.recommended:
        verdict = "not recommended: the gain is within its error; keep the default"
    session.say(verdict)
    shell = specification_of(networks)
    objective = networks.kind.weighted(shell, dict(zip(parts, found.weights)))
    document["objective"] = objective
    text = yaml_text({"objective": objective})
    session.say(text.strip())
    if asked.out is not None:
        session.say(f"wrote {write_atomic(asked.out / 'objective.yaml', text)}")
    session.result(document)
    return 0
