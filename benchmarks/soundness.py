"""How often is a proving backend wrong? Hard random programs against complete enumeration.

    python benchmarks/soundness.py --count 10000 --seed 0 --backends brute exact highs --log FILE

The program of each seed (``tests/hard.py``) is enumerated, held to its definition in plain Python, and
given to each backend; every third time it is stopped early. Counted as wrong: a verdict (infeasible
where it is not, a design where none is feasible), an optimum (a proof of less than the best, a point
that breaks something, a value that is not its own), a bound below the best, intermediate ones too,
and an exception. ``unknown`` claims nothing; ``refused`` was said before solving.

With ``--log`` every answer is a line of a file, and what is in it is not run again. Prints one line
for each backend; exit status 1 if anything was wrong. Results: ``docs/soundness.md``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from mathdesign.programs.base import Program
from mathdesign.solvers import backend
from tests.hard import FORMS, form_of, hard_program
from tests.judging import OUTCOMES, PROVING, WRONG, answered, truth


def lines(
    seeds: range, names: list[str], forms: list[str], done: set[tuple[int, str]]
) -> Iterator[dict[str, Any]]:
    """One line for each seed of some form and backend that is not done."""
    for seed in seeds:
        open_names = [name for name in names if (seed, name) not in done]
        if not open_names or form_of(seed) not in forms:
            continue
        program = hard_program(seed)
        known: list[float | None] = []

        def best(
            program: Program = program, known: list[float | None] = known, seed: int = seed
        ) -> float | None:
            if not known:
                known.append(truth(program, seed))
            return known[0]

        for name in open_names:
            if isinstance(program, backend(name).accepts):
                began = time.monotonic()
                found = answered(name, seed, program, best)
                yield {
                    "seed": seed, "backend": name, "form": program.form, "outcome": found.outcome,
                    "detail": found.detail, "seconds": round(time.monotonic() - began, 3),
                }  # fmt: skip


def table(rows: list[dict[str, Any]]) -> list[str]:
    """The counts, one line a backend."""
    shown = [f"{'backend':14s}{'programs':>9s}" + "".join(f"{o:>9s}" for o in OUTCOMES)]
    for name in dict.fromkeys(row["backend"] for row in rows):
        counts = Counter(row["outcome"] for row in rows if row["backend"] == name)
        cells = "".join(f"{counts[o]:9d}" for o in OUTCOMES)
        shown.append(f"{name:14s}{counts.total():9d}{cells}")
    return shown


def main() -> int:
    """Run ``--count`` programs from ``--seed`` on."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--backends", nargs="+", default=PROVING)
    parser.add_argument("--forms", nargs="+", choices=list(FORMS), default=list(FORMS))
    parser.add_argument("--log", type=Path, help="a file of answers; its own are not run again")
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    if arguments.log is not None and arguments.log.exists():
        rows = [json.loads(line) for line in arguments.log.read_text().splitlines()]
    done = {(row["seed"], row["backend"]) for row in rows}
    seeds = range(arguments.seed, arguments.seed + arguments.count)
    for row in lines(seeds, arguments.backends, arguments.forms, done):
        rows.append(row)
        if row["outcome"] in WRONG:
            print(
                f"{row['backend']}, seed {row['seed']}: {row['outcome']}: {row['detail']}",
                flush=True,
            )
        if arguments.log is not None:
            with arguments.log.open("a") as log:
                log.write(json.dumps(row) + "\n")
    asked = [r for r in rows if r["backend"] in arguments.backends and r["seed"] in seeds]
    print("\n".join(table(asked)))
    return int(any(row["outcome"] in WRONG for row in asked))


if __name__ == "__main__":
    np.seterr(all="ignore")
    sys.exit(main())
