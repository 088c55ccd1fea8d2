"""``evidence`` and ``calibrate``: an objective against a table of trained networks."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from mathdesign.cli.fit import BadRequest, by_position, read_list_spec, read_table
from mathdesign.cli.session import EXIT_BAD_INPUT, Session
from mathdesign.extras import require
from mathdesign.files import refuse_folder, write_atomic
from mathdesign.programs.counts import rough

BUDGET = re.compile(r"(\w+)=(\d+(?:\.\d+)?)%\.\.(\d+(?:\.\d+)?)%")


@dataclass(frozen=True, slots=True)
class Measured:
    """Trained networks as the command line names them: a table, its space, the column of labels."""

    table: Path
    space: str
    target: str
    positions: tuple[str, ...] = ()


def evidence(
    session: Session, measured: Measured, budget: str, count: int, out: Path | None
) -> int:  # fmt: skip
    """The ``evidence`` command; returns the exit status."""
    require("predictor", "lightgbm", "pandas", *(["matplotlib"] if out is not None else []))
    from mathdesign.evidence.ranks import words
    from mathdesign.evidence.regret import DEFAULTS, as_data, limits, picture, regrets
    from mathdesign.programs.slot_space import TableError
    from mathdesign.report.terminal import print_table
    from mathdesign.spec.faults import SpecError
    from mathdesign.surrogate.fit import sample_of

    table, target = measured.table, measured.target

    if out is not None:
        refuse_folder(out)
    try:
        space = read_list_spec(measured.space).table_space()
        match = BUDGET.fullmatch(budget)
        if match is None or match[1] not in space.metrics:
            known = ", ".join(space.metrics)
            raise BadRequest(f"--budget {budget}: accepted: METRIC=10%..95%, METRIC one of {known}")
        low, high = float(match[2]) / 100, float(match[3]) / 100
        if not 0 < low < high <= 1:
            raise BadRequest(f"--budget {budget}: accepted: rising shares up to 100%")
        asked = by_position(measured.positions, space)
        sample = sample_of(read_table(table), space, target, positions=asked)
        rows = len(sample.labels)
        if rows < space.size:
            part = f"{rows:,} of {rough(space.size, 6)} networks"
            session.say(f"{part}: picks are the best of these rows")
        costs = space.metrics[match[1]].at(sample.points)
        budgets = limits(costs, low, high, count)
        found = regrets(space, sample.points, sample.labels, match[1], budgets)
    except (BadRequest, TableError, SpecError) as error:
        return session.fail(EXIT_BAD_INPUT, str(error))
    if not (session.json or session.quiet):
        header = ("objective", "regret", "denoised", "Spearman", "Kendall")
        shown = [
            (r.objective + (" (default)" if r.objective in DEFAULTS else ""), f"{r.raw:.3f}",
             f"{r.denoised:.3f}", words(r.spearman), words(r.kendall))
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
    session: Session, measured: Measured, count: int, seed: int, out: Path | None
) -> int:  # fmt: skip
    """The ``calibrate`` command; returns the exit status."""
    import numpy as np

    require("predictor", "pandas")
    from mathdesign.evidence.calibrate import CalibrationError, on_some
    from mathdesign.programs.slot_space import TableError
    from mathdesign.spec.faults import SpecError
    from mathdesign.surrogate.fit import sample_of

    if out is not None:
        refuse_folder(out)
    try:
        space = read_list_spec(measured.space).table_space()
        if not space.positive:
            raise BadRequest(
                f"--space {measured.space}: accepted: slots of positive numbers (widths)"
            )
        asked = by_position(measured.positions, space)
        sample = sample_of(
            read_table(measured.table), space, measured.target, positions=asked
        )  # fmt: skip
        logs = np.log(space.values(sample.points))
        found, held_out, taus = on_some(logs, sample.labels, count, seed)
    except (BadRequest, TableError, SpecError, CalibrationError) as error:
        return session.fail(EXIT_BAD_INPUT, str(error))
    document = {**asdict(found), "shrinkage": str(found.shrinkage), "held_out": held_out}
    session.say(f"{found.labels} labelled networks; cross-validated Kendall tau:")
    session.say(f"  equal weights  {found.tau_default:.4f}")
    session.say(
        f"  fitted         {found.tau_fitted:.4f}  (gain {found.gain:+.4f}, standard error "
        f"{found.gain_error:.4f})"
    )
    for slot, weight in zip(space.slots, found.fitted):
        session.say(f"    {slot.name:12} {weight:.3f}")
    if taus:
        document["held_out_tau"] = taus
        session.say(
            f"on {held_out:,} rows held out: equal {taus['default']:.4f}, "
            f"fitted {taus['fitted']:.4f}"
        )
    # By name: the same numbers over slots in another order would be another objective.
    weights = {slot.name: round(w, 4) for slot, w in zip(space.slots, found.weights)}
    if found.recommended:
        session.say("recommended: the fitted weights")
    else:
        session.say("not recommended: the gain is within its error; keep equal weights")
    words = ", ".join(f"{name}: {weight}" for name, weight in weights.items())
    text = f"objective: {{log_values: {{{words}}}}}\n"
    document["objective"] = {"log_values": weights}
    session.say(text.strip())
    if out is not None:
        session.say(f"wrote {write_atomic(out / 'objective.yaml', text)}")
    session.result(document)
    return 0
