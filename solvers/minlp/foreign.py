"""A foreign solver in a process of its own: what it breaks there stays there.

SCIP has ended the whole interpreter (a segmentation fault while it presolves costs of 1e13), has
outlasted its time limit, and prints what cannot be silenced. So it runs in a child that is forked
for one run: nothing has to be sent there, and a fork takes some milliseconds. What comes back are
reports, each of which waits for the word whether to go on, and at last the answer. A child that
dies, or is silent long after its limit, is a :class:`ForeignFailure`, which proves nothing.

Where processes cannot be forked safely (macOS, Windows) the solver runs where it is called.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import pickle
import signal
import sys
import time
import warnings
from collections.abc import Callable
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any, TypeVar

Answer = TypeVar("Answer")
#: Takes a report, says whether to go on.
Hear = Callable[[Any], bool]

FORKS = sys.platform.startswith("linux")
#: Seconds that a solver may take beyond its limit: presolve and one linear program are not
#: interrupted; and after Ctrl-C.
GRACE_S, INTERRUPTED_S = 10.0, 5.0


class ForeignFailure(Exception):
    """The solver's process gave no answer."""


def apart(work: Callable[[Hear], Answer], hear: Hear, limit_s: float) -> tuple[Answer, bool]:
    """What ``work`` returns, asked in a process of its own, and whether Ctrl-C cut it short.

    ``hear`` is asked here, in this process.

    Raises :class:`ForeignFailure` without an answer ``GRACE_S`` after ``limit_s``, and
    ``KeyboardInterrupt`` where Ctrl-C left none.
    """
    if not FORKS:
        return work(hear), False
    ours, theirs = Pipe()
    with warnings.catch_warnings():  # of threads: the child runs none of their code
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        ours.close()
        _serve(work, theirs)
    theirs.close()
    try:
        return _heard(child, ours, hear, time.monotonic() + limit_s + GRACE_S)
    finally:
        ours.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _serve(work: Callable[[Hear], Any], pipe: Connection) -> None:
    """The child: the answer, or the exception, through ``pipe``; never returns."""
    faulthandler.disable()  # it would tell of a crash that is expected, on a stream of its own
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)

        def hear(report: Any) -> bool:
            pipe.send(("report", report))
            return bool(pipe.recv())

        try:
            said = ("answer", work(hear))
        except Exception as error:
            said = ("failed", f"{type(error).__name__}: {error}")
        pipe.send(said)
    finally:
        os._exit(0)


def _heard(child: int, pipe: Connection, hear: Hear, end_s: float) -> tuple[Any, bool]:
    """The answer, and whether it was interrupted; reports are heard on the way."""
    interrupted = False
    while True:
        try:
            if not pipe.poll(max(end_s - time.monotonic(), 0.0)):
                raise ForeignFailure("it did not stop at its time limit")
            kind, said = pipe.recv()
            if kind == "answer":
                return said, interrupted
            if kind == "failed":
                raise ForeignFailure(said)
            pipe.send(hear(said) and not interrupted)
        except (EOFError, OSError, pickle.UnpicklingError):
            if interrupted:
                raise KeyboardInterrupt from None
            raise ForeignFailure("its process died") from None
        except KeyboardInterrupt:
            if interrupted:
                raise
            interrupted = True
            end_s = min(end_s, time.monotonic() + INTERRUPTED_S)
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGINT)
