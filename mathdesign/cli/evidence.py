"""``evidence`` and ``calibrate``: an objective against a table of trained networks."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mathdesign.cli.fit import HOW_TO_INSTALL, BadRequest, read_list_spec, read_table
from mathdesign.cli.session import EXIT_BAD_INPUT, EXIT_FAILURE, Session
from mathdesign.files import folder_name, refuse_folder, write_atomic
from mathdesign.programs.counts import rough

SHARES = re.compile(r"(\d+(?:\.\d+)?)%\.\.(\d+(?:\.\d+)?)%")
BUDGET = re.compile(r"(\w+)=(\d+(?:\.\d+)?)%\.\.(\d+(?:\.\d+)?)%")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line of ``evidence`` says."""

    description: str | None
    table: Path | None
    space: str | None
    target: str | None
    budget: str | None
    quantiles: int
    out: Path | None


def evidence(session: Session, asked: Asked) -> int:
    """The ``evidence`` command; returns the exit status."""
    if asked.description is not None and asked.space is None:
        return described_evidence(session, asked)
    given = {"--table": asked.table, "--space": asked.space, "--target": asked.target}
    missing = [name for name, value in given.items() if value is None]
    if asked.description is not None or missing:
        found = "a description and --space" if asked.description else f"no {', '.join(missing)}"
        accepted = "a description, or --table, --space and --target"
        return session.fail(EXIT_BAD_INPUT, f"evidence: {found}; accepted: {accepted}")
    assert asked.table is not None and asked.space is not None and asked.target is not None
    return space_evidence(
        session, asked.table, asked.space, asked.target, asked.budget or "macs=10%..95%",
        asked.quantiles, asked.out,
    )  # fmt: skip


def described_evidence(session: Session, asked: Asked) -> int:
    """A table of whole networks by its description, every objective on every budget kind."""
    try:
        import lightgbm  # noqa: F401

        from mathdesign.evidence import matrix
        from mathdesign.evidence.description import read_description
        from mathdesign.evidence.trained import read_trained
        from mathdesign.report.terminal import print_table
        from mathdesign.spec.faults import SpecError
    except ImportError:
        return session.fail(EXIT_FAILURE, HOW_TO_INSTALL)
    if asked.out is not None:
        refuse_folder(asked.out)
    assert asked.description is not None
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
    regrets = []
    for kind, raw in row.raw.items():
        smooth = row.denoised[kind]
        regrets.append(f"{raw:.3f}" + ("" if smooth is None else f" ({smooth:.3f})"))
    ranks = ["" if c is None else f"{c[0]:.3f} [{c[1]:.3f}, {c[2]:.3f}]"
             for c in (row.spearman, row.kendall)]  # fmt: skip
    return (row.objective, *regrets, *ranks)


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
    assert asked.description is not None
    if asked.table is not None and not (asked.table.is_dir() and name):
        return asked.table
    shipped = "/" not in asked.description and not Path(asked.description).suffix
    if name is None or (asked.table is None and shipped):
        raise BadRequest(f"{asked.description}: no table; accepted: --table FILE")
    return (asked.table or Path(asked.description).parent) / name


def space_evidence(
    session: Session, table: Path, space_name: str, target: str, budget: str, count: int,
    out: Path | None,
) -> int:  # fmt: skip
    """A complete table of a named space of widths."""
    try:
        import lightgbm  # noqa: F401

        from mathdesign.evidence.regret import DEFAULTS, as_data, limits, picture, regrets
        from mathdesign.programs.slot_space import TableError
        from mathdesign.report.terminal import print_table
        from mathdesign.spec.faults import SpecError
        from mathdesign.surrogate.fit import sample_of
    except ImportError:
        return session.fail(EXIT_FAILURE, HOW_TO_INSTALL)
    if out is not None:
        refuse_folder(out)
    try:
        space = read_list_spec(space_name).table_space()
        match = BUDGET.fullmatch(budget)
        if match is None or match[1] not in space.metrics:
            known = ", ".join(space.metrics)
            raise BadRequest(f"--budget {budget}: accepted: METRIC=10%..95%, METRIC one of {known}")
        low, high = float(match[2]) / 100, float(match[3]) / 100
        if not 0 < low < high <= 1:
            raise BadRequest(f"--budget {budget}: accepted: rising shares up to 100%")
        sample = sample_of(read_table(table), space, target)
        rows = len(sample.labels)
        part = f"{rows:,} of {rough(space.size, 6)} networks: picks are the best of these rows"
        if rows < space.size:
            session.say(part)
        costs = space.metrics[match[1]].at(sample.points)
        budgets = limits(costs, low, high, count)
        found = regrets(space, sample.points, sample.labels, match[1], budgets)
    except (BadRequest, TableError, SpecError) as error:
        return session.fail(EXIT_BAD_INPUT, str(error))
    if not (session.json or session.quiet):
        header = ("objective", "regret", "denoised", "Spearman", "Kendall")
        shown = [
            (r.objective + (" (default)" if r.objective in DEFAULTS else ""), f"{r.raw:.3f}",
             f"{r.denoised:.3f}", *("" if c is None else f"{c[0]:.3f} [{c[1]:.3f}, {c[2]:.3f}]"
                                    for c in (r.spearman, r.kendall)))
            for r in found
        ]  # fmt: skip
        title = f"{target}: mean over {count} budgets on {match[1]}"
        print_table(session.out, title, header, shown)
    document = {
        "target": target, "networks": rows, "space": space.size, "budgets": budgets,
        "rows": as_data(found, space),
    }  # fmt: skip
    if out is not None:
        text = json.dumps(document, indent=1) + "\n"
        drawn = picture(found, budgets, match[1], target)
        written = [
            write_atomic(out / "evidence.json", text),
            write_atomic(out / "regret.png", drawn),
        ]
        session.say("wrote " + ", ".join(map(str, written)))
    session.result(document)
    return 0


def calibrate(
    session: Session, table: Path, space_name: str, target: str, count: int, seed: int,
    out: Path | None,
) -> int:  # fmt: skip
    """The ``calibrate`` command; returns the exit status."""
    import numpy as np
    from scipy.stats import kendalltau

    try:
        from mathdesign.evidence.calibrate import CalibrationError
        from mathdesign.evidence.calibrate import calibrate as fit
        from mathdesign.programs.slot_space import TableError
        from mathdesign.spec.faults import SpecError
        from mathdesign.surrogate.fit import sample_of
    except ImportError:
        return session.fail(EXIT_FAILURE, HOW_TO_INSTALL)
    if out is not None:
        refuse_folder(out)
    try:
        space = read_list_spec(space_name).table_space()
        if any(slot.values is None or min(slot.values) <= 0 for slot in space.slots):
            raise BadRequest(f"--space {space_name}: accepted: slots of positive numbers (widths)")
        sample = sample_of(read_table(table), space, target)
        rows = np.random.default_rng(seed).permutation(len(sample.labels))
        used, held_out = rows[:count], rows[count:]
        logs = np.log(space.values(sample.points))
        found = fit(logs[used], sample.labels[used], seed)
    except (BadRequest, TableError, SpecError, CalibrationError) as error:
        return session.fail(EXIT_BAD_INPUT, str(error))
    document = {**asdict(found), "shrinkage": str(found.shrinkage), "held_out": len(held_out)}
    session.say(f"{found.labels} labelled networks; cross-validated Kendall tau:")
    session.say(f"  equal weights  {found.tau_default:.4f}")
    session.say(
        f"  fitted         {found.tau_fitted:.4f}  (gain {found.gain:+.4f}, standard error "
        f"{found.gain_error:.4f})"
    )
    for slot, weight in zip(space.slots, found.fitted):
        session.say(f"    {slot.name:12} {weight:.3f}")
    if len(held_out) >= 2:
        scores = {"default": logs[held_out].sum(axis=1), "fitted": logs[held_out] @ found.fitted}
        taus = {k: float(kendalltau(v, sample.labels[held_out])[0]) for k, v in scores.items()}
        document["held_out_tau"] = taus
        session.say(
            f"on {len(held_out):,} rows held out: equal {taus['default']:.4f}, "
            f"fitted {taus['fitted']:.4f}"
        )
    weights = [round(w, 4) for w in found.weights]
    if found.recommended:
        session.say("recommended: the fitted weights")
    else:
        session.say("not recommended: the gain is within its error; keep equal weights")
    text = f"objective: {{log_values: {weights}}}\n"
    document["objective"] = {"log_values": weights}
    session.say(text.strip())
    if out is not None:
        session.say(f"wrote {write_atomic(out / 'objective.yaml', text)}")
    session.result(document)
    return 0
