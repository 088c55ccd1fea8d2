"""Where rows are solved: processes of this machine. A cluster has the same two abilities."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor
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


class LocalWorkers:
    """``jobs`` processes of this machine, one call each at a time.

    They ignore Ctrl-C and end with their parent; ``prepare(*given)`` is run first in each.
    """

    def __init__(
        self, jobs: int, prepare: Callable[..., None] | None = None, given: tuple[Any, ...] = ()
    ) -> None:
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
        return self._pool.submit(call, *arguments)

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
