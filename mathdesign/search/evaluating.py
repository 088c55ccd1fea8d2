"""Where a design's value comes from: a table of measured designs, or the user's own command."""

from __future__ import annotations

import json
import shlex
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mathdesign.files import write_atomic
from mathdesign.programs.slot_space import TableSpace
from mathdesign.search.loop import Point, QueryFailed

if TYPE_CHECKING:
    from mathdesign.tables.workers import Workers

PLACE = "{design}"
#: So much of a failed command's error output is kept.
LONGEST_REASON = 300


def from_table(values: Mapping[Point, float]) -> Callable[[Point], float]:
    """Look designs up."""

    def measure(point: Point) -> float:
        if point not in values:
            raise QueryFailed("not in the table")
        return values[point]

    return measure


def from_command(
    command: str, space: TableSpace, folder: Path, timeout_s: float
) -> Callable[[Point], float]:
    """Run ``command`` for each design; no shell sees it.

    ``{design}`` in it becomes the path of a JSON file that maps slots to options. The last line
    of its output is the value, a number or JSON with ``value``. Raises ``ValueError`` where the
    command cannot be split into words or does not name ``{design}``.
    """
    words = command_words(command)
    lock, counter = threading.Lock(), [len(list(folder.glob("*.json")))]

    def measure(point: Point) -> float:
        with lock:
            counter[0] += 1
            number = counter[0]
        path = write_atomic(folder / f"{number:06}.json", json.dumps(space.words(point)) + "\n")
        return _run(words, path, timeout_s)

    return measure


def on_cluster(
    command: str, space: TableSpace, workers: Workers, timeout_s: float
) -> Callable[[Point], float]:
    """:func:`from_command` on the machines of a cluster, each design in a folder of its own there.

    A worker that is lost fails its query; the search goes on.
    """
    words = command_words(command)

    def measure(point: Point) -> float:
        text = json.dumps(space.words(point)) + "\n"
        try:
            value, reason = workers.submit(remote_query, words, text, timeout_s).result()
        except Exception as error:  # Whatever the cluster reports of a lost worker.
            raise QueryFailed(f"lost on the cluster: {type(error).__name__}") from None
        if reason:
            raise QueryFailed(reason)
        return float(value)

    return measure


def remote_query(words: list[str], text: str, timeout_s: float) -> tuple[float, str]:
    """On a worker: the value of the design in ``text``, or 0 and why there is none."""
    with tempfile.TemporaryDirectory() as folder:
        path = write_atomic(Path(folder) / "design.json", text)
        try:
            return _run(words, path, timeout_s), ""
        except QueryFailed as error:
            return 0.0, str(error)


def command_words(command: str) -> list[str]:
    """The command split into words. Raises ``ValueError`` where none names ``{design}``."""
    words = shlex.split(command)
    if not words or not any(PLACE in word for word in words):
        raise ValueError(f"--evaluate: accepted: a command with {PLACE} in it")
    return words


def _run(words: list[str], path: Path, timeout_s: float) -> float:
    arguments = [word.replace(PLACE, str(path)) for word in words]
    try:
        done = subprocess.run(
            arguments, capture_output=True, text=True, timeout=timeout_s, errors="replace"
        )
    except subprocess.TimeoutExpired:
        raise QueryFailed(f"no answer after {timeout_s:g} s") from None
    except OSError as error:
        raise QueryFailed(f"{arguments[0]}: {error.strerror or error}") from None
    if done.returncode:
        tail = " ".join(done.stderr.split())[-LONGEST_REASON:]
        raise QueryFailed(f"exit status {done.returncode}: {tail}")
    return _value(done.stdout)


def _value(output: str) -> float:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    if not lines:
        raise QueryFailed("no output; its last line must be the value")
    try:
        found = json.loads(lines[-1])
        value = found["value"] if isinstance(found, dict) else found
        if isinstance(value, bool) or (isinstance(value, str) and "_" in value):
            raise TypeError  # `true` is no 1, and `1_000` is Python's, not a value's
        return float(value)
    except (ValueError, TypeError, KeyError, OverflowError):
        raise QueryFailed(f"last line {lines[-1][:80]!r} is no value") from None
