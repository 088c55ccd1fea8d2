"""``bench solvers``: the portfolio on the published programs, from one run."""

from __future__ import annotations

import json as json_module
from pathlib import Path

from mathdesign.bench import published, solvers
from mathdesign.cli.session import EXIT_BAD_INPUT, Session
from mathdesign.files import refuse_folder, write_atomic
from mathdesign.solvers import BACKENDS


def bench_solvers(
    session: Session,
    problems: str,
    backends: str,
    limits: tuple[float, float],
    seeds: int,
    evaluations: int,
    out: Path | None,
) -> int:
    """``limits``: seconds a run, relative gap. Run, print a line as each run ends, write ``bench.json`` and ``gap.png``."""
    from mathdesign.report.terminal import print_table

    known = [*published.RESNET_BUDGETS, *published.INVERTED_BUDGETS]
    known += [f"{name}-defect" for name in published.INVERTED_BUDGETS]
    wanted, chosen = problems.split(","), backends.split(",")
    unknown = [name for name in wanted if name not in known]
    unknown += [name for name in chosen if name not in BACKENDS]
    if unknown:
        accepted = f"programs {', '.join(known)}; backends {', '.join(BACKENDS)}"
        return session.fail(EXIT_BAD_INPUT, f"unknown: {', '.join(unknown)}; accepted: {accepted}")
    if out is not None:
        refuse_folder(out)
    time_limit_s, gap = limits
    todo = solvers.tasks(
        wanted, chosen, gap=gap, time_limit_s=time_limit_s, seeds=seeds, evaluations=evaluations
    )
    runs: list[solvers.BenchRun] = []
    for number, task in enumerate(todo, 1):
        found = solvers.run_apart(task)
        label = f"[{number}/{len(todo)}] {task.problem} {task.backend}"
        if isinstance(found, str):
            session.say(f"{label}: refused: {found}")
            continue
        runs.append(found)
        session.say(f"{label}: {found.objective} <= {found.bound} in {found.seconds:.1f} s")
    document = solvers.document(runs)
    if not (session.json or session.quiet):
        rows = [solvers.row(run) for run in runs]
        print_table(session.out, "solvers", solvers.HEADER, rows, left=2)
    if out is not None:
        write_atomic(out / "bench.json", json_module.dumps(document, indent=1) + "\n")
        drawn = solvers.plot(runs, out / "gap.png")
        session.say(f"wrote {out / 'bench.json'}" + (f", {out / 'gap.png'}" if drawn else ""))
    session.result(document)
    return 0
