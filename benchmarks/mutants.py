"""Mutants of every kind of file, in processes of their own: tracebacks, aborts, leftovers, hangs.

    python -m benchmarks.mutants --mutants 10000 --jobs 2 --out runs/mutants

Prints a line a room as it ends and writes ``mutants.json``: rooms with their counts, the slowest
mutant, and every mutant that was treated badly with its seed. A process that dies (abort,
segmentation fault, out of memory) or takes more than 180 s for a mutant is killed, counted, and
replaced. Every process may take 8 GiB of address space beyond what it has when it starts.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import tempfile
import time
from dataclasses import asdict
from multiprocessing.connection import Connection
from pathlib import Path

KILLED_S = 180.0
ROOM_BYTES = 8 << 30


def work(pipe: Connection, folder: Path) -> None:
    """Run mutants as they are asked for: (room, seed) in, what was bad out."""
    import os
    import warnings

    from tests.mutants import outcome, rooms

    warnings.simplefilter("ignore")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    with tempfile.TemporaryDirectory() as own:
        known = {room.name: room for room in rooms(Path(own) / "good")}
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + ROOM_BYTES,) * 2)
        pipe.send(list(known))
        while (asked := pipe.recv()) is not None:
            start = time.monotonic()
            found = outcome(known[asked[0]], asked[1], Path(own) / "work")
            pipe.send((found and asdict(found), time.monotonic() - start))


class Worker:
    """A process and what it is at."""

    def __init__(self, folder: Path) -> None:
        self.pipe, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")
        self.process = context.Process(target=work, args=(theirs, folder), daemon=True)
        self.process.start()
        theirs.close()
        self.rooms: list[str] = self.pipe.recv()

    def ask(self, room: str, seed: int) -> tuple[dict[str, object] | None, float]:
        """What was bad about a mutant, and the seconds it took."""
        start = time.monotonic()
        self.pipe.send((room, seed))
        bad = {"room": room, "seed": seed, "command": ""}
        try:
            if self.pipe.poll(KILLED_S):
                found: tuple[dict[str, object] | None, float] = self.pipe.recv()
                return found
            self.process.kill()
            self.process.join()
            return {**bad, "what": f"killed after {KILLED_S:g} s"}, time.monotonic() - start
        except (EOFError, OSError):
            self.process.join()
            return {**bad, "what": f"died: {self.process.exitcode}"}, time.monotonic() - start


def main() -> None:
    """Run ``--mutants`` of each room, as far as ``--minutes`` allow."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--mutants", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--minutes", type=float, default=1e9)
    parser.add_argument("--rooms", default="", help="only rooms with this in their name")
    parser.add_argument("--out", type=Path, default=Path("runs/mutants"))
    words = parser.parse_args()
    end = time.monotonic() + 60 * words.minutes
    with tempfile.TemporaryDirectory() as folder:
        worker = Worker(Path(folder))
        names = [name for name in worker.rooms if words.rooms in name]
        share = (end - time.monotonic()) / len(names)
        report = []
        for name in names:
            bad, slowest, count, start = [], 0.0, 0, time.monotonic()
            for seed in range(words.first, words.first + words.mutants):
                if time.monotonic() - start > share:
                    break
                found, seconds = worker.ask(name, seed)
                count, slowest = count + 1, max(slowest, seconds)
                if found is not None:
                    bad.append(found)
                    print("  ", found, flush=True)
                if not worker.process.is_alive():
                    worker = Worker(Path(folder))
            taken = time.monotonic() - start
            report.append(
                {"room": name, "mutants": count, "bad": bad, "slowest_s": slowest, "seconds": taken}
            )
            print(
                f"{name}: {count:,} mutants, {len(bad)} bad, slowest {slowest:.1f} s, {taken:.0f} s",
                flush=True,
            )
        worker.pipe.send(None)
    words.out.mkdir(parents=True, exist_ok=True)
    (words.out / "mutants.json").write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
