"""``check``: validate a specification, and say what its space holds."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import Any

from mathdesign.cli.design import Request
from mathdesign.cli.session import EXIT_BAD_INPUT, EXIT_INFEASIBLE, EXIT_NO_DESIGN, Session
from mathdesign.files import refuse_folder, write_atomic
from mathdesign.programs.counts import rough, told
from mathdesign.spec.faults import SpecError
from mathdesign.spec.pins import words


def check(session: Session, request: Request, out: Path | None) -> int:
    """The ``check`` command, for every kind of space; returns the exit status."""
    from mathdesign.api import Hooks, NoDesignFound, pose, solve_options
    from mathdesign.explain import reaches_of
    from mathdesign.kinds import kind_of_spec
    from mathdesign.report.terminal import print_table
    from mathdesign.solvers import UnsupportedProblem, choose
    from mathdesign.solvers.base import Clock

    if out is not None:
        refuse_folder(out)
    try:
        spec = request.read(session.say)
        kind = kind_of_spec(spec)
        with session.interruptible(), session.progress() as on_progress:
            hooks = Hooks(on_progress=on_progress, should_stop=session.should_stop)
            clock = Clock(solve_options(spec.solve, hooks))
            with request.posing():
                posed = pose(spec, clock)
            program = posed.program
            choice = choose(program, spec.solve.backend)
            lifted = kind.lifted(posed)
            size = lifted.program.count()
            reaches = reaches_of(lifted, kind.reported(posed), clock) if size else None
    except NoDesignFound as error:
        return session.fail(EXIT_NO_DESIGN, str(error))
    except SpecError as error:
        return session.fail(EXIT_BAD_INPUT, str(error), error.to_dict())
    except (UnsupportedProblem, KeyError) as error:
        return session.fail(EXIT_BAD_INPUT, str(error.args[0]))
    document: dict[str, Any] = {
        "name": spec.name, "size": told(size), "points": told(program.points),
        "backend": choice.backend.name,
    }  # fmt: skip
    if reaches is None:
        pinned = f" and what is pinned ({words(spec.pins)})" if spec.pins else ""
        return session.fail(EXIT_INFEASIBLE, f"no design satisfies the rules of the space{pinned}")
    rows = []
    for reach in reaches:
        document[reach.metric] = reach.document()
        rows.append(reach.row())
    if out is not None:
        write_atomic(out / "check.json", json_module.dumps(document, indent=2) + "\n")
    session.result(document)
    if not session.json:
        session.say(f"{spec.name}: valid; {rough(size, 6)} designs {program.extent}")
        session.say(f"backend {choice.backend.name}: {choice.reason}")
        if not session.quiet:
            header = ("metric", "least", "greatest", "budget")
            print_table(session.out, "reach of each metric alone", header, rows)
    return 0
