"""``design``: from a specification to a checked design, or to what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mathdesign.cli.session import (
    EXIT_BAD_INPUT,
    EXIT_CHECK_FAILED,
    EXIT_FAILURE,
    EXIT_INFEASIBLE,
    EXIT_NO_DESIGN,
    Session,
)
from mathdesign.kinds.load import load, quick
from mathdesign.programs.counts import rough
from mathdesign.spec.blocks import Specification
from mathdesign.spec.faults import SpecError

DEFAULT_OUT = Path("runs")


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asks for: a file, or the quick form without one."""

    spec: Path | None
    family: str | None
    input_shape: str | None
    maximum: tuple[str, ...]
    classes: int
    backend: str | None = None
    time_limit: str | None = None

    def read(self) -> Specification:
        """The specification. Raises :class:`SpecError` with every fault."""
        changes = {"backend": self.backend, "time_limit": self.time_limit}
        overrides = {key: value for key, value in changes.items() if value is not None}
        if self.spec is not None:
            return load(self.spec, solve=overrides)
        if self.family is None:
            raise SpecError.plain("nothing to design: name a YAML file, or --family and --max")
        budgets = {}
        for item in self.maximum:
            metric, equals, limit = item.partition("=")
            if not equals:
                raise SpecError.plain(f"--max {item}: expected metric=limit, e.g. macs=1.8G")
            budgets[metric.strip()] = limit.strip()
        shape = self.input_shape or "3x224x224"
        return quick(self.family, shape, budgets, classes=self.classes, solve=overrides)


def design(session: Session, request: Request, out: Path | None, train: bool) -> int:
    """The ``design`` command; returns the exit status."""
    from mathdesign.api import Hooks, Infeasible, NoDesignFound
    from mathdesign.api import design as solve_design
    from mathdesign.report.files import write_design
    from mathdesign.report.terminal import print_design
    from mathdesign.solvers import UnsupportedProblem
    from mathdesign.validators.errors import RecheckError

    try:
        spec = request.read()
        with session.interruptible(), session.progress() as on_progress:
            hooks = Hooks(
                on_choice=lambda problem, choice: session.say(
                    f"{spec.name}: {rough(problem.size)} designs; backend {choice.backend.name}: "
                    f"{choice.reason}"
                ),
                on_progress=on_progress,
                should_stop=session.should_stop,
            )
            found = solve_design(spec, hooks)
    except SpecError as error:
        return session.fail(EXIT_BAD_INPUT, str(error), error.to_dict())
    except (UnsupportedProblem, KeyError) as error:
        return session.fail(EXIT_BAD_INPUT, str(error.args[0]))
    except Infeasible as error:
        return session.fail(EXIT_INFEASIBLE, str(error), error.explanation.to_dict())
    except NoDesignFound as error:
        return session.fail(EXIT_NO_DESIGN, str(error))
    except RecheckError as error:
        return session.fail(EXIT_CHECK_FAILED, f"the independent check failed: {error}")
    except KeyboardInterrupt:
        return session.fail(EXIT_NO_DESIGN, "stopped before a design was found")

    if not (session.quiet or session.json):
        print_design(session.out, found)
    folder = out if out is not None else DEFAULT_OUT / spec.name
    try:
        written = write_design(found, folder)
    except OSError as error:
        return session.fail(EXIT_FAILURE, f"cannot write to {folder}: {error.strerror or error}")
    session.say("wrote " + ", ".join(str(path) for path in written))
    if session.quiet and not session.json:
        session.out.print(str(written[0]), markup=False)
    document: dict[str, Any] = {
        "design": found.to_dict(),
        "files": [str(path) for path in written],
    }
    code = 0
    words = getattr(spec, "training", None)
    if train and words is not None:
        from mathdesign.cli.training import train_briefly

        code, document["training"] = train_briefly(session, found, words, folder)
    session.result(document)
    return code
