"""Measuring a list of operators into a table: pass after pass, going on where it was stopped.

Every operator is timed in a first pass, then all of them again, while the time lasts: what slowed the
machine for a minute is in one pass of an operator, not in all of them. A line for each timing is added
to a log beside the table (``table.csv.log``), and the table is made anew from the whole log: after a kill
at any point the same command goes on behind the last line that was written whole.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from mathdesign.devices.header import Header
from mathdesign.devices.operators import Operator, is_key
from mathdesign.devices.table import write_table
from mathdesign.devices.timing import Timing

#: Operators timed beside one another: their rounds take turns.
GROUP = 8
#: Passes over the whole list.
PASSES = 5
#: The table is written anew no more often than this, seconds.
WRITE_S = 5.0
LARGEST_LOG_BYTES = 1 << 28
LOG_VERSION = 1
#: Fields of a header in which tables of one measurement may differ.
CHANGES = ("date",)

Timer = Callable[[Sequence[Operator]], Sequence[Timing | str]]
"""Times operators beside one another; a text says why one cannot be."""


class OtherMeasurement(ValueError):
    """What lies at the table's place was measured in another way; the message says in what."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Of a measurement: operators timed at least once, of how many; passes that are complete; seconds.

    ``left_s``: until the time is spent; ``now``: the first of the operators that are timed.
    """

    elapsed_s: float
    done: int
    operators: int
    number: int
    left_s: float
    now: str


@dataclass(frozen=True, slots=True)
class Measured:
    """What a run came to. ``refused``: key -> why it cannot be timed here."""

    rows: Mapping[str, Timing]
    done: int
    operators: int
    passes: int
    """Passes that are complete."""
    refused: Mapping[str, str]
    stopped: bool
    """By the user, before the list was done or the time was spent."""


def measure(
    path: Path, header: Header, operators: Sequence[Operator], timer: Timer, *,
    budget_s: float, passes: int = PASSES,
    on_progress: Callable[[Progress], None] = lambda report: None,
    should_stop: Callable[[], bool] = lambda: False, now: Callable[[], float] = time.monotonic,
) -> Measured:  # fmt: skip
    """Measure ``operators`` for ``budget_s`` seconds at most into the table at ``path``.

    Raises :class:`OtherMeasurement`, ``OSError``.
    """
    log = _Log.opened(path, header)
    todo = _Todo(log, list(dict.fromkeys(operators)), passes)
    begin = written = now()
    with log:
        while (group := todo.next()) and now() - begin < budget_s and not should_stop():
            number = todo.number(group[0])
            spent = now() - begin
            on_progress(
                Progress(spent, todo.done, todo.count, number, budget_s - spent, group[0].key)
            )
            for operator, timing in zip(group, timer(group), strict=True):
                log.add(operator.key, timing)
            if now() - written >= WRITE_S:
                log.write_table()
                written = now()
    log.write_table()
    spent = now() - begin
    ended = should_stop() and bool(todo.next()) and spent < budget_s
    refused = {o.key: log.refused[o.key] for o in todo.operators if o.key in log.refused}
    return Measured(log.rows(), todo.done, todo.count, todo.complete, refused, ended)


@dataclass
class _Todo:
    """Which operators are next: those timed least often, in their order."""

    log: _Log
    operators: list[Operator]
    passes: int

    @property
    def count(self) -> int:
        return len(self.operators)

    def number(self, operator: Operator) -> int:
        """Passes that an operator has been through; one that is refused through all."""
        key = operator.key
        return self.passes if key in self.log.refused else len(self.log.timings.get(key, ()))

    @property
    def done(self) -> int:
        return sum(self.number(o) > 0 for o in self.operators)

    @property
    def complete(self) -> int:
        return min(map(self.number, self.operators), default=0)

    def next(self) -> list[Operator]:
        least = self.complete
        if least >= self.passes:
            return []
        return [o for o in self.operators if self.number(o) == least][:GROUP]


class _Log:
    """The lines beside a table: what it was measured with, then a line a timing."""

    def __init__(self, path: Path, header: Header) -> None:
        self.path, self.header = path, header
        self.place = path.with_name(path.name + ".log")
        self.timings: dict[str, list[Timing]] = {}
        self.refused: dict[str, str] = {}
        self.file: Any = None

    @classmethod
    def opened(cls, path: Path, header: Header) -> _Log:
        """A fresh one, or what is there, read. Raises :class:`OtherMeasurement`."""
        log = cls(path, header)
        if not log.place.exists():
            if path.exists():
                raise OtherMeasurement(
                    f"{path} is there, without the log of a measurement that could go on; "
                    "accepted: another --out, or remove it"
                )
            return log
        log._read()
        return log

    def _read(self) -> None:
        with self.place.open("rb") as file:
            data = file.read(LARGEST_LOG_BYTES)
        whole = data[: data.rfind(b"\n") + 1]  # a torn last line was never written
        lines = whole.decode("utf-8", "replace").splitlines()
        first = _line(lines[0]) if lines else {}
        if first is None or first.get("log") not in (None, LOG_VERSION):
            raise OtherMeasurement(
                f"{self.place} is no log of a measurement; accepted: another --out"
            )
        self._compare(first.get("header", {}) if lines else {})
        for text in lines[1:]:
            line = _line(text)
            if line is not None and is_key(str(line.get("operator"))):
                self._take(line["operator"], line)
        if len(whole) < len(data):
            os.truncate(self.place, len(whole))

    def _compare(self, was: Any) -> None:
        words = self.header.words()
        if not isinstance(was, dict) or not was:
            return
        differ = [
            f"{name}: {was.get(name, 'nothing')!s} there, {words.get(name, 'nothing')} here"
            for name in dict.fromkeys((*was, *words))
            if name not in CHANGES and was.get(name, "") != words.get(name, "")
        ]
        if differ:
            raise OtherMeasurement(
                f"{self.path} was measured in another way: {'; '.join(differ)}; accepted: another --out"
            )
        if isinstance(was.get("date"), str):
            self.header = replace(self.header, date=was["date"])

    def _take(self, key: str, line: Mapping[str, Any]) -> None:
        if isinstance(line.get("refused"), str):
            self.refused[key] = line["refused"]
            return
        values = [line.get(name) for name in ("seconds", "spread", "runs")]
        if all(type(v) in (int, float) and 0 <= v < math.inf for v in values):  # type: ignore[operator]
            self.timings.setdefault(key, []).append(Timing(*values))  # type: ignore[arg-type]

    def __enter__(self) -> _Log:
        self.place.parent.mkdir(parents=True, exist_ok=True)
        fresh = not self.place.exists() or self.place.stat().st_size == 0
        self.file = self.place.open("a", encoding="utf-8")
        if fresh:
            self._append({"log": LOG_VERSION, "header": self.header.words()})
        return self

    def __exit__(self, *error: object) -> None:
        self.file.close()

    def add(self, key: str, timing: Timing | str) -> None:
        """One timing, or why there is none."""
        line: dict[str, Any] = {"operator": key}
        if isinstance(timing, str):
            line["refused"] = timing
        else:
            line |= {"seconds": timing.seconds, "spread": timing.spread, "runs": timing.runs}
        self._append(line)
        self._take(key, line)

    def _append(self, line: Mapping[str, Any]) -> None:
        self.file.write(json.dumps(line, allow_nan=False) + "\n")
        self.file.flush()

    def rows(self) -> dict[str, Timing]:
        """One timing an operator: the median of its passes."""
        return {key: together(timings) for key, timings in self.timings.items()}

    def write_table(self) -> None:
        """The table of all that was timed, in order of keys."""
        rows = self.rows()
        if rows:
            scale = self.header.scale
            cells = {key: _cells(rows[key], scale) for key in sorted(rows)}
            write_table(self.path, self.header, cells)


def together(timings: Sequence[Timing]) -> Timing:
    """Of several passes: their median; the spread within passes or between them, whichever is more."""
    seconds = [timing.seconds for timing in timings]
    middle = statistics.median(seconds)
    within = statistics.median(timing.spread for timing in timings)
    runs = sum(timing.runs for timing in timings)
    if len(seconds) < 2 or middle <= 0:
        return Timing(middle, within, runs)
    low, _, high = statistics.quantiles(seconds, n=4, method="inclusive")
    return Timing(middle, max(within, (high - low) / middle), runs)


def _cells(timing: Timing, scale: Fraction) -> tuple[float, float, int]:
    """Cost, spread and runs, in the unit of the header, to a tenth of a nanosecond."""
    unit = float(scale)
    return (
        round(timing.seconds / unit, _digits(scale)),
        round(timing.spread * timing.seconds / unit, _digits(scale)),
        timing.runs,
    )


def _digits(scale: Fraction) -> int:
    """Digits behind the point of a unit that reach a tenth of a nanosecond."""
    return max(0, len(str(int(scale / Fraction(1, 10**10)))) - 1)


def _line(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
