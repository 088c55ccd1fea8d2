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
import math
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from mathdesign.programs.base import Program
from mathdesign.programs.chain import DesignProblem
from mathdesign.solvers import BACKENDS, Ability, Progress, Solution, SolveOptions, Status, backend
from mathdesign.solvers.base import OPTIMALITY_TOLERANCE
from mathdesign.solvers.portfolio import cannot
from tests import points
from tests.hard import hard_program

PROVING = [name for name in BACKENDS if Ability.PROVES in backend(name).abilities]
#: What a backend's lines are counted as.
OUTCOMES = ("verdict", "optimum", "bound", "crash", "refused", "unknown", "right")
WRONG = OUTCOMES[:4]
#: A bound may lie below the best by this much, relative: sums of doubles differ in their order.
ROUNDING = 1e-9
#: Seconds for one program; every third seed is stopped after one of the short ones.
LIMIT_S, SHORT_S = 20.0, (0.0, 1e-3, 5e-3, 2e-2)


@dataclass(frozen=True, slots=True)
class Judged:
    """What one backend's answer to one program is."""

    outcome: str
    detail: str = ""


@dataclass(slots=True)
class Heard:
    """The bounds that a run reported."""

    bounds: list[float] = field(default_factory=list)

    def __call__(self, progress: Progress) -> None:
        """Note a bound."""
        if progress.bound is not None:
            self.bounds.append(progress.bound)


def truth(program: Program, seed: int) -> float | None:
    """The greatest objective of the feasible points, ``None`` if there are none.

    Of chains the program's own evaluator looks at all points at once, and some of them, the best
    among them, are held to the plain definition.
    """
    if not isinstance(program, DesignProblem):
        return points.best(program)
    every = points.every_point(program)
    scores = program.evaluator(np.array(every))
    value = np.where(scores.feasible, scores.objective, -math.inf)
    rng = np.random.default_rng(seed)
    for i in [int(np.argmax(value)), *rng.integers(0, len(every), 4).tolist()]:
        assert points.keeps_all(program, every[i]) == scores.feasible[i]
        assert points.costs(program, every[i]) == program.costs(every[i])
        plain = points.value(program, every[i])
        assert abs(plain - scores.objective[i]) <= 1e-9 * max(1.0, abs(plain))
    return float(value.max()) if scores.feasible.any() else None


def options(seed: int, heard: Heard) -> SolveOptions:
    """To the end, or for every third seed to a short limit."""
    short = SHORT_S[seed // 3 % len(SHORT_S)]
    limit = LIMIT_S if seed % 3 else short
    return SolveOptions(gap=0.0, time_limit_s=limit, on_progress=heard)


def judged(program: Program, best: float | None, solution: Solution, heard: Heard) -> Judged:
    """Hold an answer to the truth."""
    if best is None:
        if solution.point is not None:
            return Judged("verdict", f"a design, none is feasible: {solution.point}")
        known = solution.status in (Status.INFEASIBLE, Status.UNKNOWN)
        right = "right" if solution.status is Status.INFEASIBLE else "unknown"
        return Judged(right if known else "verdict", str(solution.status))
    if solution.status is Status.INFEASIBLE:
        return Judged("verdict", f"infeasible, the best is {best!r}")
    least = min([*heard.bounds, solution.bound])
    if math.isnan(least) or least < best - ROUNDING * abs(best):
        return Judged("bound", f"{least!r} below {best!r}")
    if solution.point is None:
        return Judged("unknown", solution.message)
    if not points.keeps_all(program, solution.point):
        return Judged("optimum", f"{solution.point} breaks something")
    if solution.objective != program.value(solution.point):
        return Judged("optimum", f"{solution.objective!r} is not the value of {solution.point}")
    slack = OPTIMALITY_TOLERANCE * max(1.0, abs(best))
    if solution.status is not Status.OPTIMAL:
        return Judged("unknown", f"{solution.status} {solution.message}")
    if solution.objective < best - slack:
        return Judged("optimum", f"{solution.objective!r} as optimal, the best is {best!r}")
    return Judged("right")


def answered(name: str, seed: int, program: Program, best: Callable[[], float | None]) -> Judged:
    """Ask one backend."""
    solver, heard = backend(name), Heard()
    if reason := cannot(solver, program):
        return Judged("refused", reason)
    try:
        solution = solver.solve(program, options(seed, heard))
    except Exception as error:
        return Judged("crash", f"{type(error).__name__}: {error}")
    return judged(program, best(), solution, heard)


def lines(seeds: range, names: list[str], done: set[tuple[int, str]]) -> Iterator[dict[str, Any]]:
    """One line for each seed and backend that is not done."""
    for seed in seeds:
        open_names = [name for name in names if (seed, name) not in done]
        if not open_names:
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
    parser.add_argument("--log", type=Path, help="a file of answers; its own are not run again")
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    if arguments.log is not None and arguments.log.exists():
        rows = [json.loads(line) for line in arguments.log.read_text().splitlines()]
    done = {(row["seed"], row["backend"]) for row in rows}
    seeds = range(arguments.seed, arguments.seed + arguments.count)
    for row in lines(seeds, arguments.backends, done):
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
