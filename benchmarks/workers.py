"""Processes that answer tasks, and are replaced where they die or take too long.

What is counted here may abort, be killed for memory, or never return. So each task is answered by
a process that stays warm between tasks; where it dies, the part that it was at is answered by
:class:`Died`, and a new process goes on behind it. Times are wall clock, and generous: what counts
as slow is measured by the task itself, in seconds of its processor.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

#: Of a task and the part to begin with: one answer for each part from there on.
Answers = Callable[[Any, int], Iterable[Any]]


@dataclass(frozen=True, slots=True)
class Task:
    """``parts`` answers are due for ``what``, in order."""

    what: Any
    parts: int = 1


@dataclass(frozen=True, slots=True)
class Died:
    """No answer, and why."""

    why: str
    seconds: float


def _serve(pipe: Connection, prepare: Callable[..., Answers], arguments: tuple[Any, ...]) -> None:
    answers = prepare(*arguments)
    pipe.send("ready")
    while True:
        try:
            what, first = pipe.recv()
        except EOFError:
            return
        for answer in answers(what, first):
            pipe.send(answer)


class _Worker:
    """A process, the task that it is at, and how far it got."""

    def __init__(self, prepare: Callable[..., Answers], arguments: tuple[Any, ...]) -> None:
        self.pipe, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")
        self.process = context.Process(
            target=_serve, args=(theirs, prepare, arguments), daemon=True
        )
        self.process.start()
        theirs.close()
        self.pipe.recv()  # it is ready
        self.task: Task | None = None
        self.part, self.since = 0, 0.0

    def ask(self, task: Task, part: int) -> None:
        self.task, self.part, self.since = task, part, time.monotonic()
        self.pipe.send((task.what, part))

    def stop(self) -> None:
        self.pipe.close()
        self.process.kill()
        self.process.join()


def answered(
    prepare: Callable[..., Answers],
    arguments: tuple[Any, ...],
    tasks: Iterable[Task],
    jobs: int,
    limit_s: float,
) -> Iterator[tuple[Any, int, Any]]:
    """``(what, part, answer)`` as they come; ``limit_s`` is for one part.

    ``prepare(*arguments)`` is called in each process and gives what answers there. ``tasks`` is
    read only as processes become free.
    """
    workers = [_Worker(prepare, arguments) for _ in range(jobs)]
    waiting = iter(tasks)
    try:
        while True:
            for worker in workers:
                if worker.task is None and (task := next(waiting, None)) is not None:
                    worker.ask(task, 0)
            busy = [worker for worker in workers if worker.task is not None]
            if not busy:
                return
            left = min(worker.since for worker in busy) + limit_s - time.monotonic()
            heard = wait([worker.pipe for worker in busy], timeout=max(left, 0.0))
            for worker in busy:
                task, part = worker.task, worker.part
                assert task is not None
                late = time.monotonic() - worker.since > limit_s
                if worker.pipe not in heard and not late:
                    continue
                answer = _received(worker, limit_s if worker.pipe not in heard else None)
                if isinstance(answer, Died):
                    worker = _replaced(workers, worker, prepare, arguments)
                    if part + 1 < task.parts:
                        worker.ask(task, part + 1)
                elif part + 1 < task.parts:
                    worker.part, worker.since = part + 1, time.monotonic()
                else:
                    worker.task = None
                yield task.what, part, answer
    finally:
        for worker in workers:
            worker.stop()


def _received(worker: _Worker, late_s: float | None) -> Any:
    """What the process says, or how it ended; ``late_s``: it said nothing for so long."""
    seconds = time.monotonic() - worker.since
    if late_s is not None:
        return Died(f"killed after {late_s:g} s", seconds)
    try:
        return worker.pipe.recv()
    except (EOFError, OSError):
        worker.process.join()
        return Died(f"died: {worker.process.exitcode}", seconds)


def _replaced(
    workers: list[_Worker],
    old: _Worker,
    prepare: Callable[..., Answers],
    arguments: tuple[Any, ...],
) -> _Worker:
    old.stop()
    new = workers[workers.index(old)] = _Worker(prepare, arguments)
    return new
