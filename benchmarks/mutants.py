"""Mutants of every kind of file, in processes of their own: tracebacks, aborts, leftovers, hangs.

    python -m benchmarks.mutants --mutants 10000 --jobs 2 --log mutants.jsonl

``--mutants`` of each kind (specifications and designs of five spaces, sweeps, tables, boosters,
predictors, search logs, stores), in turn, so that a run that is stopped has looked at all. A process
that dies (abort, segmentation fault, out of memory) or takes more than 180 s for a mutant is killed,
counted, and replaced. Bad is, besides what ``tests/mutants.py`` says, more than 2 GiB of memory
beyond what there was before. Every process may take 8 GiB of address space beyond what it has when it starts.

With ``--log`` every mutant is a line of a file, and what is in it is not made again. Prints what was
treated badly, with its seed, and a line a room; exit status 1 if there was any.
"""

from __future__ import annotations

import argparse
import itertools
import json
import resource
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.workers import Answers, Died, Task, answered

KILLED_S = 180.0
ROOM_BYTES = 8 << 30
#: A mutant may take so much more than was there before.
MOST_BYTES = 2 << 30


def prepare(folder: Path) -> Answers:
    """What answers in each process: ``(room, seed)``, whether it was treated badly and how long."""
    import os
    import warnings

    from tests.mutants import outcome, rooms

    warnings.simplefilter("ignore")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    own = Path(tempfile.mkdtemp(dir=folder))
    known = {room.name: room for room in rooms(own / "good")}
    limit = _memory("VmSize") + ROOM_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    def found(what: tuple[str, int], _first: int) -> Iterator[dict[str, Any]]:
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        began, before = time.process_time(), _memory("VmHWM")
        bad = outcome(known[what[0]], what[1], own / "work")
        taken = _memory("VmHWM") - before
        row: dict[str, Any] = {
            "cpu_s": round(time.process_time() - began, 3), "mib": taken >> 20,
        }  # fmt: skip
        if bad is not None:
            row |= {"command": bad.command, "bad": bad.what}
        elif taken > MOST_BYTES:
            row["bad"] = f"{taken / 2**30:.1f} GiB"
        yield row

    return found


def _memory(name: str) -> int:
    """A line of this process's status, bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) << 10


def room_names() -> list[str]:
    """Every room, without making its files."""
    from tests.mutants import SPECS

    several = [f"{kind} {name}" for kind in ("specification", "design") for name in SPECS]
    return [*several, "sweep", "table", "booster", "predictor", "search log", "store"]


def tasks(
    names: list[str], words: argparse.Namespace, done: set[tuple[str, int]]
) -> Iterator[Task]:
    """A seed of each room in turn, as many of each kind as are wanted."""
    end_s = time.monotonic() + 60 * words.minutes
    kinds = [name.split()[0] for name in names]
    last = {
        name: words.first + -(-words.mutants // kinds.count(kind))
        for name, kind in zip(names, kinds)
    }
    for seed in itertools.count(words.first):
        if seed >= max(last.values(), default=0):
            return
        for name in names:
            if time.monotonic() > end_s:
                return
            if seed < last[name] and (name, seed) not in done:
                yield Task((name, seed))


def told(rows: list[dict[str, Any]]) -> list[str]:
    """A line a room."""
    by_room = defaultdict(list)
    for row in rows:
        by_room[row["room"]].append(row)
    return [
        f"{name:24s}{len(its):7,d} mutants{sum('bad' in r for r in its):5d} bad, "
        f"slowest {max(r['cpu_s'] for r in its):6.2f} s, most {max(r['mib'] for r in its):5d} MiB, "
        f"together {sum(r['cpu_s'] for r in its):7.0f} s"
        for name, its in by_room.items()
    ]


def main() -> int:
    """Run ``--mutants`` of each kind, as far as ``--minutes`` allow."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--mutants", type=int, default=10_000, help="of each kind of file")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--minutes", type=float, default=1e9)
    parser.add_argument("--rooms", default="", help="only rooms with this in their name")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--log", type=Path, help="a file of mutants; its own are not made again")
    words = parser.parse_args()
    rows: list[dict[str, Any]] = []
    if words.log is not None and words.log.exists():
        rows = [json.loads(line) for line in words.log.read_text().splitlines()]
    names = [name for name in room_names() if words.rooms in name]
    asked = tasks(names, words, {(row["room"], row["seed"]) for row in rows})
    with tempfile.TemporaryDirectory() as folder:
        for what, _, row in answered(prepare, (Path(folder),), asked, words.jobs, KILLED_S):
            if isinstance(row, Died):
                row = {"cpu_s": round(row.seconds, 3), "mib": 0, "bad": row.why}
            rows.append({"room": what[0], "seed": what[1], **row})
            if "bad" in row:
                print("  ", rows[-1], flush=True)
            if words.log is not None:
                with words.log.open("a") as log:
                    log.write(json.dumps(rows[-1]) + "\n")
    print("\n".join(told(rows)))
    return int(any("bad" in row for row in rows))


if __name__ == "__main__":
    sys.exit(main())
