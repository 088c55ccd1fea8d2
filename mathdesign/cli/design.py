"""``design`` and ``check``: from a specification to a checked design, or to what is wrong with it."""

from __future__ import annotations

import json as json_module
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
from mathdesign.files import write_atomic
from mathdesign.kinds import kind_of_spec
from mathdesign.kinds.load import load, quick
from mathdesign.spaces.convnet.words import Spec
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
    from mathdesign.report.files import write_answer
    from mathdesign.report.terminal import print_answer
    from mathdesign.solvers import UnsupportedProblem
    from mathdesign.validators.errors import RecheckError

    try:
        spec = request.read()
        with session.interruptible(), session.progress() as on_progress:
            hooks = Hooks(
                on_choice=lambda problem, choice: session.say(
                    f"{spec.name}: {problem.size:.3g} designs; backend {choice.backend.name}: "
                    f"{choice.reason}"
                ),
                on_progress=on_progress,
                should_stop=session.should_stop,
            )
            answer = solve_design(spec, hooks)
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
        print_answer(session.out, answer)
    folder = out if out is not None else DEFAULT_OUT / spec.name
    try:
        written = write_answer(answer, folder)
    except OSError as error:
        return session.fail(EXIT_FAILURE, f"cannot write to {folder}: {error.strerror or error}")
    session.say("wrote " + ", ".join(str(path) for path in written))
    if session.quiet and not session.json:
        session.out.print(str(written[0]), markup=False)
    document: dict[str, Any] = {
        "design": answer.to_dict(),
        "files": [str(path) for path in written],
    }
    code = 0
    if train and isinstance(spec, Spec) and spec.training:
        from mathdesign.cli.validate import image_model, train_briefly

        model = image_model(answer)
        if model is not None:
            code, document["training"] = train_briefly(session, model, spec.training, folder)
    session.result(document)
    return code


def check(session: Session, request: Request, out: Path | None) -> int:
    """The ``check`` command: validate, and say what the space holds; returns the exit status."""
    try:
        spec = request.read()
    except SpecError as error:
        return session.fail(EXIT_BAD_INPUT, str(error), error.to_dict())
    status: int = kind_of_spec(spec).part("check")(session, spec, out)
    return status


def check_chain(session: Session, spec: Spec, out: Path | None) -> int:
    """:func:`check` for a chain: the size of the space and the reach of each metric."""
    from mathdesign.programs.reach import count, extreme, least_effectiveness
    from mathdesign.report.terminal import print_table
    from mathdesign.solvers import UnsupportedProblem
    from mathdesign.solvers.portfolio import choose
    from mathdesign.spaces.convnet.pose import to_program

    try:
        problem = to_program(spec).problem
        choice = choose(problem, spec.solve.backend)
    except (UnsupportedProblem, KeyError) as error:
        return session.fail(EXIT_BAD_INPUT, str(error.args[0]))
    size = count(problem)
    document: dict[str, Any] = {"name": spec.name, "size": size, "backend": choice.backend.name}
    if not size:
        return session.fail(EXIT_INFEASIBLE, "no design satisfies the rules on widths")
    limits = {b.metric: (b.lower, b.upper) for b in problem.budgets}
    rows = []
    for metric in problem.metrics:
        least, greatest = extreme(problem, metric), extreme(problem, metric, largest=True)
        assert least is not None and greatest is not None
        document[metric] = {"least": int(least.value), "greatest": int(greatest.value)}
        lower, upper = limits.get(metric, (None, None))
        budget = "" if upper is None else f"<= {upper:,}"
        budget = budget if lower is None else f">= {lower:,} {budget}"
        rows.append((metric, f"{int(least.value):,}", f"{int(greatest.value):,}", budget))
    if problem.effectiveness is not None:
        least_rho = least_effectiveness(problem)
        assert least_rho is not None
        document["effectiveness"] = {"least": least_rho}
        limit = f"<= {problem.effectiveness.limit:g}"
        rows.append(("effectiveness", f"{least_rho:.6f}", "", limit))
    if out is not None:
        write_atomic(out / "check.json", json_module.dumps(document, indent=2) + "\n")
    session.result(document)
    if not session.json:
        session.say(f"{spec.name}: valid; {size:.6g} designs in {len(problem.stages)} stages")
        session.say(f"backend {choice.backend.name}: {choice.reason}")
        header = ("metric", "least", "greatest", "budget")
        if not session.quiet:
            print_table(session.out, "reach of each metric alone", header, rows)
    return 0
