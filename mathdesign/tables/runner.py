"""Solve what is missing of a table, keep each result in the store as it comes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from typing import Any

from mathdesign.tables.frame import DESIGNED
from mathdesign.tables.store import CLAIM_S, Result, Store
from mathdesign.tables.work import Answered, answer
from mathdesign.tables.workers import Workers

#: A row whose worker dies this often is given up.
MOST_DEATHS = 3
#: How often the runner looks up from waiting, in seconds.
LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class TableProgress:
    """Rows of the table by what became of them; ``solved`` counts those of this run."""

    rows: int
    done: int
    running: int
    failed: int
    solved: int
    elapsed_s: float

    @property
    def left_s(self) -> float | None:
        """Seconds left at the pace of this run; ``None`` before its first row."""
        if not self.solved:
            return None
        return self.elapsed_s / self.solved * (self.rows - self.done)


@dataclass(slots=True)
class TableRun:
    """One run over the requests of a table. ``requests`` maps a request to its document.

    ``helpers`` maps a request to the one whose design it starts from; ``written`` is told each
    answer of this run as soon as it is in the store.
    """

    store: Store
    workers: Workers
    requests: Mapping[str, Mapping[str, Any]]
    helpers: Mapping[str, str] = field(default_factory=dict)
    strict: bool = False
    should_stop: Callable[[], bool] = lambda: False
    on_progress: Callable[[TableProgress], None] = lambda _: None
    written: Callable[[Answered], None] = lambda _: None
    _finished: set[str] = field(default_factory=set, init=False)
    _running: dict[Future[Answered], str] = field(default_factory=dict, init=False)
    _deaths: Counter[str] = field(default_factory=Counter, init=False)
    _failed: int = field(default=0, init=False)
    _solved: int = field(default=0, init=False)
    _stopped: bool = field(default=False, init=False)

    def go(self) -> bool:
        """Solve until nothing is missing; false if stopped before. Raises ``StoreError``."""
        start = time.monotonic()
        renewed = start
        self._finished = self.store.finished() & self.requests.keys()
        known = self.store.results()
        self._failed = sum(known[r].status not in DESIGNED for r in self._finished)
        missing = [r for r in self.requests if r not in self._finished]
        self._stopped = self.strict and self._failed > 0
        while missing and not self._stopped:
            self._fill(missing)
            if self._running:
                self._collect()
            else:  # others are at work on what is left
                time.sleep(LOOK_S)
                self._finished |= self.store.finished() & self.requests.keys()
            missing = [r for r in missing if r not in self._finished]
            if time.monotonic() - renewed > CLAIM_S / 3:
                self.store.renew()
                self._finished |= self.store.finished() & self.requests.keys()
                renewed = time.monotonic()
            self.on_progress(self._progress(time.monotonic() - start))
            self._stopped = self._stopped or self.should_stop()
        return not missing

    def _progress(self, elapsed_s: float) -> TableProgress:
        return TableProgress(
            len(self.requests), len(self._finished), len(self._running),
            self._failed, self._solved, elapsed_s,
        )  # fmt: skip

    def _fill(self, missing: Sequence[str]) -> None:
        """Hand out rows: those whose helper is done; a suspect, whose worker died, alone."""
        suspects = [r for r in missing if self._deaths[r]]
        free = (1 if suspects else self.workers.slots) - len(self._running)
        if free <= 0:
            return
        busy = set(self._running.values())
        ready = (r for r in suspects or missing if r not in busy and self._ready(r))
        for request in self.store.claim(ready, free):
            helper = self.helpers.get(request)
            near = self.store.design(helper) if helper else None
            try:
                future = self.workers.submit(answer, request, self.requests[request], near)
            except BrokenProcessPool:  # a process died while idle
                self.workers.restart()
                future = self.workers.submit(answer, request, self.requests[request], near)
            self._running[future] = request

    def _ready(self, request: str) -> bool:
        helper = self.helpers.get(request)
        return helper is None or helper in self._finished or helper not in self.requests

    def _collect(self) -> None:
        """Keep what is finished; after a death, find out whose row it was."""
        done, _ = wait(self._running, timeout=LOOK_S, return_when=FIRST_COMPLETED)
        died = []
        for future in done:
            request = self._running.pop(future)
            try:
                self._keep(future.result())
            except (BrokenProcessPool, CancelledError):
                died.append(request)
            except Exception as error:  # the cluster gave it up
                text = " ".join(str(error).split())
                self._keep(
                    Answered(Result(request, "failed", f"{type(error).__name__}: {text}"), {})
                )
        if died:
            self._bury(died)

    def _bury(self, died: list[str]) -> None:
        """Count a death for every row that was running, and start anew."""
        died += self._running.values()
        self._running.clear()
        self.workers.restart()
        for request in died:
            self._deaths[request] += 1
            if self._deaths[request] >= MOST_DEATHS:
                reason = f"its process died {MOST_DEATHS} times (killed, or out of memory?)"
                self._keep(Answered(Result(request, "failed", reason), {}))

    def _keep(self, answered: Answered) -> None:
        result = answered.result
        self.store.save(result)
        self._finished.add(result.request)
        self._deaths.pop(result.request, None)
        self._solved += 1
        if result.status not in DESIGNED:
            self._failed += 1
            self._stopped = self._stopped or self.strict
        self.written(answered)
