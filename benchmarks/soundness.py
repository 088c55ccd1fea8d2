"""How often is a proving backend wrong? Hard random programs against complete enumeration.

    python benchmarks/soundness.py --count 10000 --backends brute exact highs --log FILE --jobs 4

The program of each seed (``tests/hard.py``) is enumerated, held to its definition in plain Python, and
given to each backend; every third one is stopped early. Counted as wrong: a verdict (infeasible
where it is not, a design where none is feasible), an optimum (a proof of less than the best, a point
that breaks something, a value that is not its own), a bound below the best, intermediate ones too,
and an exception, an abort or no answer at all. ``stopped`` and ``unknown`` claim nothing, the first
because it was stopped early; ``refused`` was said before solving, and is not counted as asked.

Goes on from seed to seed until each backend has been asked ``--count`` programs of the forms that it
takes. With ``--log`` every answer is a line of a file, and what is in it is not asked again. Prints
one line for each backend; exit status 1 if anything was wrong. Results: ``docs/soundness.md``.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.workers import Answers, Died, Task, answered
from tests.hard import FORMS, form_of
from tests.judging import LIMIT_S, OUTCOMES, PROVING, WRONG

#: Wall clock for a part: nothing comes near it unless it hangs.
KILLED_S = 60 * LIMIT_S
#: Seeds are looked at until each backend was asked so many times what is wanted, at most.
ENOUGH = 20


def prepare() -> Answers:
    """What answers in each process: ``(seed, names)``, one row a name."""
    import numpy as np

    from tests import judging
    from tests.hard import hard_program

    np.seterr(all="ignore")

    def rows(what: tuple[int, tuple[str, ...]], first: int) -> Iterator[dict[str, Any]]:
        seed, names = what
        began = time.monotonic()
        program = hard_program(seed)
        drawn = time.monotonic()
        best = judging.truth(program, seed)
        shared = {
            "form": program.form, "points": program.points, "feasible": best is not None,
            "drawn_s": round(drawn - began, 4), "truth_s": round(time.monotonic() - drawn, 4),
        }  # fmt: skip
        for name in names[first:]:
            began = time.monotonic()
            found = judging.answered(name, seed, program, lambda: best)
            seconds = round(time.monotonic() - began, 4)
            yield {
                **shared, "outcome": found.outcome, "detail": found.detail, "seconds": seconds,
            }  # fmt: skip

    return rows


class Asked:
    """Which programs each backend has been asked, and which it is asked next."""

    def __init__(self, words: argparse.Namespace, rows: list[dict[str, Any]]) -> None:
        self.words = words
        self.end_s = time.monotonic() + 60 * words.minutes
        self.done = {(row["seed"], row["backend"]) for row in rows}
        self.count = Counter(row["backend"] for row in rows if row["outcome"] != "refused")

    def tasks(self) -> Iterator[Task]:
        """``(seed, names)`` until all have enough or the time is up."""
        words = self.words
        forms = {name: forms_of(name) for name in words.backends}
        for seed in itertools.count(words.seed):
            short = [name for name in words.backends if self.count[name] < words.count]
            late = time.monotonic() > self.end_s
            if not short or late or seed >= words.seed + ENOUGH * words.count:
                return
            form = form_of(seed)
            if form in words.forms:
                names = [n for n in short if form in forms[n] and (seed, n) not in self.done]
                self.count.update(names)
                if names:
                    yield Task((seed, tuple(names)), len(names))

    def rows(self) -> Iterator[dict[str, Any]]:
        """The answers as they come."""
        for what, part, row in answered(prepare, (), self.tasks(), self.words.jobs, KILLED_S):
            seed, names = what
            if isinstance(row, Died):
                row = {"form": form_of(seed), "outcome": "crash", "detail": row.why,
                       "seconds": round(row.seconds, 4)}  # fmt: skip
            self.count[names[part]] -= row["outcome"] == "refused"
            yield {"seed": seed, "backend": names[part], **row}


def forms_of(name: str) -> set[str]:
    """The forms that a backend takes."""
    from mathdesign.solvers import backend

    return {form.form for form in backend(name).accepts}


def table(rows: list[dict[str, Any]]) -> list[str]:
    """The counts, one line a backend."""
    shown = [f"{'backend':14s}{'asked':>9s}" + "".join(f"{o:>9s}" for o in OUTCOMES)]
    for name in dict.fromkeys(row["backend"] for row in rows):
        counts = Counter(row["outcome"] for row in rows if row["backend"] == name)
        cells = "".join(f"{counts[o]:9d}" for o in OUTCOMES)
        shown.append(f"{name:14s}{counts.total() - counts['refused']:9d}{cells}")
    return shown


def main() -> int:
    """Ask each backend ``--count`` programs from ``--seed`` on."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1000, help="programs for each backend")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--minutes", type=float, default=1e9)
    parser.add_argument("--backends", nargs="+", default=PROVING)
    parser.add_argument("--forms", nargs="+", choices=list(FORMS), default=list(FORMS))
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--log", type=Path, help="a file of answers; its own are not asked again")
    words = parser.parse_args()
    rows: list[dict[str, Any]] = []
    if words.log is not None and words.log.exists():
        rows = [json.loads(line) for line in words.log.read_text().splitlines()]
    for row in Asked(words, rows).rows():
        rows.append(row)
        if row["outcome"] in WRONG:
            line = f"{row['backend']}, seed {row['seed']}: {row['outcome']}: {row['detail']}"
            print(line, flush=True)
        if words.log is not None:
            with words.log.open("a") as log:
                log.write(json.dumps(row) + "\n")
    known = [row for row in rows if row["backend"] in words.backends]
    print("\n".join(table(known)))
    return int(any(row["outcome"] in WRONG for row in known))


if __name__ == "__main__":
    sys.exit(main())
