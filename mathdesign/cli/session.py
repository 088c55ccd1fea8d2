"""What every command shares: where output goes, how progress shows, how errors end."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FrameType
from typing import TYPE_CHECKING, Any

from mathdesign.cli.interrupts import heard

if TYPE_CHECKING:
    from rich.console import Console

    from mathdesign.evidence.study import StudyProgress
    from mathdesign.measuring.campaign import Progress as MeasuringProgress
    from mathdesign.solvers.base import Progress
    from mathdesign.tables.runner import TableProgress
    from mathdesign.validators.training.images import TrainingProgress

#: Columns of a pipe.
PIPE = 250
#: What Ctrl-C says.
STOPPED = "stopped: every file that is there is whole"

EXIT_FAILURE = 1
"""Something unforeseen, or a file that could not be read or written."""
EXIT_BAD_INPUT = 2
"""The specification or the command line is at fault; nothing was written."""
EXIT_INFEASIBLE = 3
"""No design satisfies the budgets; the message says what each could reach."""
EXIT_NO_DESIGN = 4
"""Stopped at a limit without a design; infeasibility was not proven either."""
EXIT_CHECK_FAILED = 5
"""An independent check disagrees with the solver: a bug worth reporting."""
EXIT_ROWS = 6
"""A table in which some row has no design, or that was stopped before its last row."""


@dataclass(slots=True)
class Session:
    """One run of a command. Results go to stdout, everything else to stderr.

    With ``json`` the result is one JSON document on stdout; with ``quiet`` there is no progress
    and no table, only the result's path or verdict.
    """

    json: bool = False
    quiet: bool = False
    _stop: bool = field(default=False, init=False)

    @property
    def out(self) -> Console:
        """Where results go."""
        from rich.console import Console

        # A pipe has no width of its own: tables are broken there only where COLUMNS asks for it.
        given = os.environ.get("COLUMNS", "")
        wide = None if sys.stdout.isatty() or given.isdecimal() else PIPE
        return Console(soft_wrap=True, highlight=False, width=wide)

    @property
    def err(self) -> Console:
        """Where progress and errors go."""
        from rich.console import Console

        return Console(stderr=True, soft_wrap=True, highlight=False)

    def say(self, text: str) -> None:
        """A line of narration, unless quiet or JSON."""
        if not (self.quiet or self.json):
            self.out.print(text, markup=False)

    def warn(self, text: str) -> None:
        """What a user has to know even where all went well: on stderr, also when quiet."""
        if not self.json:
            self.err.print(f"warning: {text}", markup=False)

    def result(self, document: Any) -> None:
        """The machine-readable result, where asked for."""
        if self.json:
            sys.stdout.write(json.dumps(document, indent=2, allow_nan=False) + "\n")

    def fail(self, code: int, message: str, document: Any = None) -> int:
        """Report an error on stderr (as JSON on stdout where asked for); gives ``code`` back."""
        if heard() and not isinstance(sys.exc_info()[1], KeyboardInterrupt):
            # What seems to be wrong is what became of the interrupt.
            code, message, document = EXIT_FAILURE, STOPPED, None
        if self.json:
            self.result({"error": document if document is not None else message, "exit": code})
        else:
            self.err.print(message, markup=False)
        return code

    def should_stop(self) -> bool:
        """Whether the user has asked to stop."""
        return self._stop

    @contextlib.contextmanager
    def interruptible(self) -> Iterator[None]:
        """First Ctrl-C: stop and keep what was found. Second: stop at once."""

        def on_interrupt(signum: int, frame: FrameType | None) -> None:
            if self._stop:
                raise KeyboardInterrupt
            self._stop = True
            self.err.print("stopping: what was found so far is kept (Ctrl-C again: at once)")

        previous = signal.signal(signal.SIGINT, on_interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, previous)

    def progress(self) -> contextlib.AbstractContextManager[Callable[[Progress], None]]:
        """A live line for a solver's reports."""
        return self._live(progress_line)

    def training_progress(
        self,
    ) -> contextlib.AbstractContextManager[Callable[[TrainingProgress], None]]:
        """A live line for the reports of a training run."""
        return self._live(training_line)

    def study_progress(
        self,
    ) -> contextlib.AbstractContextManager[Callable[[StudyProgress], None]]:
        """A live line for the runs of a study."""
        return self._live(study_line)

    def table_progress(
        self,
    ) -> contextlib.AbstractContextManager[Callable[[TableProgress], None]]:
        """A live line for the rows of a table."""
        return self._live(table_line)

    def measuring_progress(
        self,
    ) -> contextlib.AbstractContextManager[Callable[[MeasuringProgress], None]]:
        """A live line for the operators of a measurement."""
        return self._live(measuring_line)

    @contextlib.contextmanager
    def _live(self, line: Callable[[Any], str]) -> Iterator[Callable[[Any], None]]:
        """A callable that shows a report: live on a terminal, else a line now and then."""
        if self.quiet or self.json or not sys.stderr.isatty():
            yield _Plain(self, line)
            return
        from rich.live import Live
        from rich.text import Text

        with Live(console=self.err, transient=True, refresh_per_second=8) as live:
            yield lambda report: live.update(Text(line(report)))


def guarded(command: Callable[..., None]) -> Callable[..., None]:
    """``command`` with what the machine may refuse it as one line: disk, memory, a closed pipe."""

    @functools.wraps(command)
    def run(*arguments: Any, **options: Any) -> None:
        session = Session(options.get("json", False), options.get("quiet", False))
        try:
            command(*arguments, **options)
        except BrokenPipeError:  # `| head`: nobody reads any more
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(EXIT_FAILURE) from None
        except OSError as error:
            place = f"{error.filename}: " if error.filename else ""
            reason = f"{place}{error.strerror or error}"
            raise SystemExit(session.fail(EXIT_FAILURE, reason)) from None
        except MemoryError as error:
            reason = f"out of memory{f': {error}' if str(error) else ''}"
            raise SystemExit(session.fail(EXIT_FAILURE, reason)) from None
        except RuntimeError as error:
            if "allocate memory" not in str(error):  # torch's own word for it
                raise
            raise SystemExit(session.fail(EXIT_FAILURE, "out of memory")) from None
        except KeyboardInterrupt:
            raise SystemExit(session.fail(EXIT_FAILURE, "stopped")) from None

    return run


def plain_output() -> None:
    """Characters that the terminal's encoding does not have are replaced, not fatal."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def training_line(report: TrainingProgress) -> str:
    """Steps, loss, what the last look at data held out gave, and the time left."""
    left = report.elapsed_s / max(report.step, 1) * (report.steps - report.step)
    last = "" if report.last is None else f"{report.last.words}  "
    return f"step {report.step}/{report.steps}  loss {report.loss:.3f}  {last}{left:.0f} s left"


def study_line(report: StudyProgress) -> str:
    """Runs done, the one at work, its step and time left."""
    line = f"{report.done}/{report.runs} runs  {report.run}"
    return line if report.training is None else f"{line}  {training_line(report.training)}"


def measuring_line(report: MeasuringProgress) -> str:
    """Operators timed at least once, the pass, the one at work, the time left."""
    return (
        f"{report.elapsed_s:7.1f} s  {report.done}/{report.operators} operators  "
        f"pass {report.number + 1}  {report.now}  at most {max(0.0, report.left_s):.0f} s left"
    )


def table_line(report: TableProgress) -> str:
    """Rows done, running and without a design, and the time left."""
    left = "" if report.left_s is None else f"  about {report.left_s:.0f} s left"
    return (
        f"{report.elapsed_s:7.1f} s  {report.done}/{report.rows} rows done  "
        f"{report.running} running  {report.failed} without a design{left}"
    )


class _Plain:
    """Progress where no live display is possible: a line every few seconds."""

    EVERY_S = 5.0

    def __init__(self, session: Session, line: Callable[[Any], str]) -> None:
        self.session = session
        self.line = line
        self.next_s = 1.0

    def __call__(self, report: Any) -> None:
        if self.session.quiet or self.session.json or report.elapsed_s < self.next_s:
            return
        self.next_s = report.elapsed_s + self.EVERY_S
        self.session.err.print(self.line(report), markup=False)


def progress_line(report: Progress) -> str:
    """Elapsed time, incumbent, bound, gap and nodes in one line."""
    incumbent = "-" if report.objective is None else f"{report.objective:.3f}"
    bound = "-" if report.bound is None else f"{report.bound:.3f}"
    gap = f"{report.gap:.3%}" if report.gap != float("inf") else "-"
    return (
        f"{report.elapsed_s:7.1f} s  incumbent {incumbent}  bound {bound}  gap {gap}  "
        f"nodes {report.nodes:,}  {report.phase}"
    )
