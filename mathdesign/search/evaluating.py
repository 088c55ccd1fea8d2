"""Where a design's value comes from: a table of measured designs, or the user's own command."""

from __future__ import annotations

import json
import shlex
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from mathdesign.files import write_atomic
from mathdesign.search.loop import Point, QueryFailed
from mathdesign.tablespaces.space import TableSpace

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
    words = shlex.split(command)
    if not words or not any(PLACE in word for word in words):
        raise ValueError(f"--evaluate: accepted: a command with {PLACE} in it")
    lock, counter = threading.Lock(), [len(list(folder.glob("*.json")))]

    def measure(point: Point) -> float:
        with lock:
            counter[0] += 1
            number = counter[0]
        path = write_atomic(folder / f"{number:06}.json", json.dumps(space.words(point)) + "\n")
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

    return measure


def _value(output: str) -> float:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    if not lines:
        raise QueryFailed("no output; its last line must be the value")
    try:
        found = json.loads(lines[-1])
        return float(found["value"] if isinstance(found, dict) else found)
    except (ValueError, TypeError, KeyError):
        raise QueryFailed(f"last line {lines[-1][:80]!r} is no value") from None
