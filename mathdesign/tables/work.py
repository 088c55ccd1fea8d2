"""What a worker does with one row: its document in, its result and its files out.

Runs in other processes and on other machines: arguments and results are plain and picklable, and
nothing depends on the worker's folder, clock or environment.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mathdesign.tables.nesting import nesting_of
from mathdesign.tables.store import Result, metrics_of

#: How often a worker looks whether the process that started it is still there.
ORPHAN_S = 2.0


@dataclass(frozen=True, slots=True)
class Answered:
    """The result of a row and the text of its files."""

    result: Result
    files: Mapping[str, str]


def start_worker(
    parent: int, prepare: Callable[..., None] | None = None, given: tuple[Any, ...] = ()
) -> None:
    """Prepare a local worker: Ctrl-C is its parent's business, and it ends when its parent does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(ORPHAN_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    if prepare is not None:
        prepare(*given)


def answer(request: str, document: Mapping[str, Any], near: Mapping[str, Any] | None) -> Answered:
    """Solve one request. Never raises: what goes wrong is the row's status and reason.

    ``near`` is the finished design of a row with tighter limits, from which the solver starts.
    """
    from mathdesign.api import Hooks, Infeasible, NoDesignFound, design
    from mathdesign.kinds.load import validated
    from mathdesign.result import Design
    from mathdesign.spec.document import Document

    start, nesting = time.perf_counter(), ""
    try:
        spec = validated(Document("row", dict(document)))
        nesting = nesting_of(spec.to_dict())
        start = time.perf_counter()
        network = Design.from_dict(near).network if near is not None else None
        found = design(spec, Hooks(near=network))
        seconds = time.perf_counter() - start
        return Answered(_designed(request, nesting, found, seconds), _files(found))
    except Infeasible as error:
        status, reason = "infeasible", "; ".join(error.explanation.lines())
    except NoDesignFound as error:
        status, reason = "timeout", str(error)
    except Exception as error:  # a row that breaks down is a row, whatever it was
        text = " ".join(str(error).split()) or "no message"
        status, reason = "failed", f"{type(error).__name__}: {text}"
    seconds = time.perf_counter() - start
    return Answered(Result(request, status, reason, solve_s=seconds, nesting=nesting), {})


def _designed(request: str, nesting: str, found: Any, seconds: float) -> Result:
    data, certificate = found.to_dict(), found.certificate
    metrics = data.get("metrics", {})
    return Result(
        request=request,
        status=certificate.status,
        objective=certificate.objective,
        bound=certificate.bound,
        gap=certificate.gap,
        gap_target=certificate.gap_target,
        params=metrics.get("params"),
        macs=metrics.get("macs"),
        blocks=metrics.get("blocks"),
        effectiveness=data.get("effectiveness"),
        solve_s=seconds,
        backend=certificate.backend,
        nesting=nesting,
        metrics=metrics_of(data),
        design=data,
    )


def _files(found: Any) -> dict[str, str]:
    """What ``design`` writes of it."""
    from mathdesign.report.files import files_of as texts

    return dict(texts(found))


def files_of(data: Mapping[str, Any]) -> dict[str, str]:
    """The files of a stored design."""
    from mathdesign.result import Design

    return _files(Design.from_dict(data))
