"""Where rows are solved: processes of this machine. A cluster has the same two abilities."""

from __future__ import annotations

import ast
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

from mathdesign.tables.work import start_worker


class Workers(Protocol):
    """A place that runs calls. ``slots`` calls at once keep it busy."""

    slots: int

    def submit(self, call: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Run ``call(*arguments)`` elsewhere."""

    def restart(self) -> None:
        """Replace workers that died."""

    def close(self) -> None:
        """Stop at once; what is running is lost."""


class InProcess:
    """Calls run here, one after the other: no process is started, nothing is imported again."""

    slots = 1

    def submit(self, call: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Run ``call(*arguments)`` now."""
        future: Future[Any] = Future()
        try:
            future.set_result(call(*arguments))
        except Exception as error:  # as a process would give it back
            future.set_exception(error)
        return future

    def restart(self) -> None:
        """Nothing to replace."""

    def close(self) -> None:
        """Nothing to stop."""


class NoGuard(RuntimeError):
    """Processes were asked for by a script that would run again in each of them."""


def refuse_without_guard() -> None:
    """Raise :class:`NoGuard` where the running script starts processes outside of its guard.

    A new process imports the script. What stands outside of ``if __name__ == "__main__":`` runs
    there again, so that each process would start the whole table anew.
    """
    frame: FrameType | None = sys._getframe()
    script: FrameType | None = None
    while frame is not None:
        if frame.f_globals.get("__name__") == "__main__" and frame.f_code.co_name == "<module>":
            script = frame
        frame = frame.f_back
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    if script is None or file is None or script.f_code.co_filename != file:
        return
    try:
        statements = ast.parse(Path(file).read_bytes()).body
    except (OSError, SyntaxError, ValueError):
        return
    line = script.f_lineno
    here = [s for s in statements if s.lineno <= line <= (s.end_lineno or s.lineno)]
    if here and not any(isinstance(s, ast.If) and "__name__" in ast.unparse(s.test) for s in here):
        raise NoGuard(
            f'{file}:{line}: processes (jobs=2 or more) need `if __name__ == "__main__":` above '
            "this line, for each of them imports the script; or leave jobs=1, which needs none"
        )


class LocalWorkers:
    """``jobs`` processes of this machine, one call each at a time.

    They ignore Ctrl-C and end with their parent; ``prepare(*given)`` is run first in each.
    """

    def __init__(
        self, jobs: int, prepare: Callable[..., None] | None = None, given: tuple[Any, ...] = ()
    ) -> None:
        refuse_without_guard()
        self.jobs = jobs
        self._prepare = (os.getpid(), prepare, given)
        self.slots = 2 * jobs  # one running and one waiting for each process
        self._pool = self._new()

    def _new(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            self.jobs,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=start_worker,
            initargs=self._prepare,
        )

    @property
    def pool(self) -> Executor:
        """The executor now in use."""
        return self._pool

    def submit(self, call: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Run ``call(*arguments)`` in a process."""
        # What is started here inherits the mask: Ctrl-C is the parent's from its first moment on,
        # before :func:`start_worker` runs. One that comes meanwhile waits for the parent.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return self._pool.submit(call, *arguments)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def restart(self) -> None:
        """New processes: the pool refuses work once one of its processes has died."""
        self.close()
        self._pool = self._new()

    def close(self) -> None:
        """Kill the processes; results are kept one by one, long calls in checkpoints of their own."""
        processes = list((self._pool._processes or {}).values())
        self._pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.kill()
            process.join()
