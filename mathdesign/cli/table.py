"""``table``: a sweep solved row by row, with one live line and one table at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mathdesign.cli.session import (
    EXIT_BAD_INPUT,
    EXIT_CHECK_FAILED,
    EXIT_FAILURE,
    EXIT_ROWS,
    Session,
)
from mathdesign.extras import require
from mathdesign.files import refuse_folder
from mathdesign.kinds.load import STDIN
from mathdesign.solvers.base import gap_text
from mathdesign.spec.faults import SpecError

if TYPE_CHECKING:
    from mathdesign.tables.store import Result
    from mathdesign.tables.workers import Workers

DEFAULT_OUT = Path("runs")
#: A table whose sweep has no file.
STDIN_NAME = "table"
#: A terminal shows no more rows; the page and the files hold all.
MOST_SHOWN = 40


@dataclass(frozen=True, slots=True)
class TableRequest:
    """What the command line asks for."""

    sweep: Path
    out: Path | None
    jobs: int
    scheduler: str | None
    strict: bool
    html: bool
    plots: str
    allow_outside: bool


def table(session: Session, request: TableRequest) -> int:
    """The ``table`` command; returns the exit status."""
    require("table", "pandas", "pyarrow")
    from mathdesign.tables.build import build_table
    from mathdesign.tables.cluster import ClusterError
    from mathdesign.tables.plots import FORMATS
    from mathdesign.tables.store import StoreError
    from mathdesign.tables.sweep import load_sweep

    if request.scheduler is not None:
        require("cluster", "distributed")
    plots = [word.strip() for word in request.plots.split(",") if word.strip()]
    plots = list(
        dict.fromkeys(p for word in plots for p in (FORMATS if word == "both" else [word]))
    )
    if unknown := [word for word in plots if word not in FORMATS]:
        accepted = ", ".join((*FORMATS, "both"))
        return session.fail(EXIT_BAD_INPUT, f"--plots {unknown[0]}: accepted: {accepted}")
    if plots:
        require("table", "matplotlib")
    name = STDIN_NAME if str(request.sweep) == STDIN else request.sweep.stem
    out = request.out if request.out is not None else DEFAULT_OUT / name
    refuse_folder(out)
    try:
        sweep = load_sweep(request.sweep, allow_outside=request.allow_outside)
        session.say(f"{request.sweep}: {len(sweep.rows):,} rows -> {out}")
        with session.interruptible(), session.table_progress() as on_progress:
            found = build_table(
                sweep, out, title=name, jobs=request.jobs,
                workers=_cluster(request.scheduler), strict=request.strict,
                html=request.html, plots=plots, should_stop=session.should_stop,
                on_progress=on_progress,
            )  # fmt: skip
    except SpecError as error:
        return session.fail(EXIT_BAD_INPUT, str(error), error.to_dict())
    except (StoreError, ClusterError) as error:
        return session.fail(EXIT_FAILURE, str(error))
    except ValueError as error:
        return session.fail(EXIT_BAD_INPUT, f"{request.sweep}: {error}")
    except OSError as error:
        return session.fail(EXIT_FAILURE, f"cannot write to {out}: {error.strerror or error}")
    return _report(session, found)


def _cluster(scheduler: str | None) -> Callable[[], Workers] | None:
    """The workers of a cluster, connected to when they are needed; ``None`` for local ones."""
    if scheduler is None:
        return None
    from mathdesign.tables.cluster import ClusterWorkers

    return lambda: ClusterWorkers(scheduler)


def _report(session: Session, found: Any) -> int:
    """Show the table; the exit status it deserves."""
    statuses = Counter(
        entry.result.status if entry.result else "pending" for entry in found.entries
    )
    designed = sum(statuses[s] for s in ("optimal", "within_gap", "feasible"))
    summary = ", ".join(f"{count} {status}" for status, count in sorted(statuses.items()))
    document = {
        "rows": len(found.entries),
        "complete": found.complete,
        "statuses": dict(sorted(statuses.items())),
        "dropped": dict(found.dropped),
        "violations": [str(violation) for violation in found.violations],
        "files": [str(path) for path in found.files],
    }
    if found.violations:
        told = "\n".join(map(str, found.violations[:MOST_SHOWN]))
        message = f"nested budgets contradict each other, a bug worth reporting:\n{told}"
        return session.fail(EXIT_CHECK_FAILED, message, document)
    if not (session.json or session.quiet):
        _show(session, found)
    lines = [
        f"stored row {request[:16]} was damaged ({reason}): sought again"
        for request, reason in found.dropped.items()
    ]
    _say_some(session, lines, "damaged rows")
    session.say(f"{len(found.entries)} rows: {summary}")
    if found.files:
        session.say("wrote " + ", ".join(str(path) for path in found.files))
    if not found.complete:
        session.say("stopped; the same command goes on with what is missing")
    session.result(document)
    return 0 if designed == len(found.entries) else EXIT_ROWS


def _show(session: Session, found: Any) -> None:
    from mathdesign.report.terminal import print_table

    shown = found.entries[:MOST_SHOWN]
    metrics = _metrics([entry.result for entry in shown if entry.result is not None])
    header = ("row", "status", "objective", "gap", *metrics)
    rows = []
    for entry in shown:
        result = entry.result
        if result is None or result.objective is None:
            status = result.status if result else "pending"
            rows.append((entry.row.name, status, *("" for _ in header[2:])))
            continue
        gap = "-" if result.gap is None else gap_text(result.gap)
        counts = (_count(result.metrics.get(name)) for name in metrics)
        rows.append((entry.row.name, result.status, f"{result.objective:.3f}", gap, *counts))
    print_table(session.out, "designs", header, rows, left=2)
    without = [e for e in found.entries if e.result is not None and e.result.objective is None]
    _say_some(
        session, [f"{e.row.name}: {e.result.status}: {e.result.reason}" for e in without],
        "rows without a design",
    )  # fmt: skip


def _say_some(session: Session, lines: Sequence[str], what: str) -> None:
    """Say as many lines as a terminal shows of rows, and how many more there are."""
    for line in lines[:MOST_SHOWN]:
        session.say(line)
    if (more := len(lines) - MOST_SHOWN) > 0:
        session.say(f"... and {more:,} more {what} ({len(lines):,} in all)")


def _metrics(results: Sequence[Result]) -> list[str]:
    """The integer metrics of the designs, those that are 0 in all left out."""
    names = dict.fromkeys(name for result in results for name in result.metrics)
    values = {name: [result.metrics.get(name) for result in results] for name in names}
    return [name for name in names if any(isinstance(v, int) and v for v in values[name])]


def _count(value: float | None) -> str:
    return "" if value is None else f"{value:,}"
