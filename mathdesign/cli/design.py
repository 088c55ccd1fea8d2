"""``design``: from a specification to a checked design, or to what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mathdesign.cli.reading import Unreadable, read_design
from mathdesign.cli.session import (
    EXIT_BAD_INPUT,
    EXIT_CHECK_FAILED,
    EXIT_FAILURE,
    EXIT_INFEASIBLE,
    EXIT_NO_DESIGN,
    Session,
)
from mathdesign.files import refuse_folder
from mathdesign.kinds import kind_of_spec
from mathdesign.kinds.load import read_document, specification
from mathdesign.kinds.quick import Options, quick, shape_of
from mathdesign.spec.blocks import Specification
from mathdesign.spec.faults import COMMAND_LINE, Fault, SpecError

DEFAULT_OUT = Path("runs")
#: What became of the network to start from, in words.
STARTED = {
    "taken": "is where the search begins",
    "infeasible": "breaks a rule or a budget: the search begins without it",
    "elsewhere": "is no network of this space: the search begins without it",
    "unused": "is not used: this backend takes no start",
}


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asks for: a file and what overrides it, or the quick form."""

    spec: Path | None
    dials: Mapping[str, str | None]
    maximum: tuple[str, ...]
    minimum: tuple[str, ...]
    family: str | None = None
    input_shape: str | None = None
    classes: int | None = None
    backend: str | None = None
    time_limit: str | None = None
    pins: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, spec: Path | None, dials: Mapping[str, str | None],
        maximum: Sequence[str] | None, minimum: Sequence[str] | None, **rest: Any,
    ) -> Request:  # fmt: skip
        """From options as typer gives them."""
        return cls(spec, dials, tuple(maximum or ()), tuple(minimum or ()), **rest)

    def read(
        self, say: Callable[[str], None] = lambda _: None, *, sized: bool = False
    ) -> Specification:
        """The specification; ``say`` hears what of a file was overridden.

        ``sized``: the quick form needs a limit that gives the network a size. Raises
        :class:`SpecError` with every fault.
        """
        changes = {"backend": self.backend, "time_limit": self.time_limit}
        overrides = {key: value for key, value in changes.items() if value is not None}
        if self.spec is not None:
            document = read_document(self.spec)
            try:
                options = self._options()
            except SpecError as error:
                document.faults += error.faults
                return specification(document, overrides)
            for line in options.override(document):
                say(line)
            document.given |= {
                ("solve", key): f"{COMMAND_LINE}: --{key.replace('_', '-')}" for key in overrides
            }
            return specification(document, overrides)
        options = self._options()
        asked = options.budgets()
        if self.family is None and not asked:
            raise SpecError.plain(
                "nothing to design", "a YAML file, or a size such as --macs 300M or --params 5M"
            )
        found = quick(
            self.family, self.input_shape, asked, classes=self.classes, solve=overrides,
            pins=options.pins,
        )  # fmt: skip
        sizes = kind_of_spec(found).sizes
        if sized and not any(metric in sizes for metric in options.maximum):
            words = ", ".join(f"--max {metric}=..." for metric in sizes)
            raise SpecError.plain("no limit that gives the network a size", f"one of {words}")
        return found

    @contextmanager
    def posing(self) -> Iterator[None]:
        """What only shows when the program is posed is the file's fault, where there is one."""
        try:
            yield
        except SpecError as error:
            raise error if self.spec is None else error.of(str(self.spec)) from None

    def _options(self) -> Options:
        """Raises :class:`SpecError` with everything that cannot be read."""
        faults = []
        sides: dict[str, dict[str, str]] = {"max": {}, "min": {}}
        given = [(f"--{m}", "max", m, limit) for m, limit in self.dials.items() if limit]
        for side, items in (("max", self.maximum), ("min", self.minimum)):
            for item in items:
                metric, equals, limit = (part.strip() for part in item.partition("="))
                if not (equals and metric and limit):
                    accepted = f"metric=limit, e.g. --{side} macs=1.8G"
                    faults.append(_fault(f"--{side} {item}", accepted))
                    continue
                given.append((f"--{side} {item}", side, metric, limit))
        for option, side, metric, limit in given:
            if sides[side].get(metric, limit) != limit:
                faults.append(
                    _fault(f"{option} beside {sides[side][metric]}", "one limit a metric")
                )
            sides[side][metric] = limit
        pins: dict[str, str] = {}
        for item in self.pins:
            name, equals, value = (part.strip() for part in item.partition("="))
            if not (equals and name and value):
                faults.append(_fault(f"--pin {item}", "decision=value, e.g. --pin stage2.width=64"))
            elif pins.get(name, value) != value:
                faults.append(_fault(f"--pin {item} beside {pins[name]}", "one value a decision"))
            pins[name] = value
        image = None
        try:
            image = None if self.input_shape is None else shape_of(self.input_shape)
        except SpecError as error:
            faults += error.faults
        if faults:
            raise SpecError(faults)
        return Options(self.family, image, self.classes, sides["max"], sides["min"], pins)


def _fault(found: str, accepted: str) -> Fault:
    return Fault(COMMAND_LINE, 0, 0, "", found, accepted)


def design(
    session: Session, request: Request, out: Path | None, train: bool, start: Path | None = None
) -> int:
    """The ``design`` command; returns the exit status."""
    from mathdesign.api import Hooks, Infeasible, NoDesignFound
    from mathdesign.api import design as solve_design
    from mathdesign.cli.training import refuse_training, train_briefly
    from mathdesign.report.files import write_design
    from mathdesign.report.terminal import print_design
    from mathdesign.solvers import UnsupportedProblem
    from mathdesign.validators.errors import RecheckError

    overridden: list[str] = []

    def overrides(line: str) -> None:
        overridden.append(line)
        session.say(line)

    try:
        spec = request.read(overrides, sized=True)
        words = getattr(spec, "training", None)
        if train and words is not None:
            refuse_training(spec)
        refuse_folder(out if out is not None else DEFAULT_OUT / spec.name)
        near = None if start is None else read_design(start).network
        with session.interruptible(), session.progress() as on_progress:
            hooks = Hooks(
                on_choice=lambda problem, choice: session.say(
                    f"{spec.name}: {problem.census()}; backend {choice.backend.name}: "
                    f"{choice.reason}"
                ),
                on_progress=on_progress,
                should_stop=session.should_stop,
                near=near,
                on_start=lambda became: session.say(f"--start: {start} {STARTED[became]}"),
            )
            with request.posing():
                found = solve_design(spec, hooks)
    except SpecError as error:
        return session.fail(EXIT_BAD_INPUT, str(error), error.to_dict())
    except (UnsupportedProblem, KeyError) as error:
        return session.fail(EXIT_BAD_INPUT, str(error.args[0]))
    except Unreadable as error:
        return session.fail(EXIT_BAD_INPUT, f"--start: {error}")
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
    if overridden:
        document["overridden"] = overridden
    code = 0
    if train and words is not None:
        code, document["training"] = train_briefly(session, found, words, folder)
    session.result(document)
    return code
