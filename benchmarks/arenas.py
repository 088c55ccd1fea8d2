"""MiniMalloc's instances A to F at their capacity: ``python -m benchmarks.arenas [--only AF]``.

An arena of at most 1,048,576 bytes for each, its placement looked at pair by pair; where the sum
alive at one moment is as much, none is smaller. The first call compiles.
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path

from mathdesign.memory.arena import Buffer, overlapping
from mathdesign.solvers.arena.allocate import allocate

CAPACITY = 1_048_576
FOLDER = Path(__file__).resolve().parents[2] / "shared/data/minimalloc"


def read(path: Path) -> list[Buffer]:
    """The buffers of a file of MiniMalloc: columns id, lower, upper, size."""
    with path.open(newline="") as file:
        return [
            Buffer(row["id"], int(row["lower"]), int(row["upper"]), int(row["size"]))
            for row in csv.DictReader(file)
        ]


def main() -> None:
    """One line an instance."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--only", default="ABCDEF")
    asked.add_argument("--orders", type=int, default=60)
    options = asked.parse_args()
    if not FOLDER.is_dir():
        print(f"skipped: no instances at {FOLDER}")
        return
    for name in options.only:
        buffers = read(FOLDER / f"{name}.{CAPACITY}.csv")
        start = time.perf_counter()
        arena = allocate(buffers, capacity=CAPACITY, orders=options.orders)
        seconds = time.perf_counter() - start
        wrong = overlapping(buffers, arena)
        fits = "fits" if arena.size <= CAPACITY and not wrong else "open"
        least = ", none is smaller" if arena.proven else ""
        print(
            f"{name}: {len(buffers)} buffers, {arena.size:,} bytes ({fits}{least}), no arena is "
            f"below {arena.bound:,}, {seconds:.1f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
