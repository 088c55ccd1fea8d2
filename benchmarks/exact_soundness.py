"""How often is the exact engine wrong? Random small programs against complete enumeration.

    python benchmarks/exact_soundness.py --count 10000 --seed 0

Every program is enumerated; then the engine runs with leaf enumeration and annealing turned down
to almost nothing, so that the bounds carry the proof. Counted as wrong: an optimum or a verdict of
infeasibility that differs, and any reported bound, intermediate ones too, below the optimum.
Prints how many ran, how many were wrong, and how hard they were. Exit status 1 if any was wrong.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from mathdesign.programs.chain import DesignProblem
from mathdesign.solvers.base import Progress, SolveOptions, Status
from mathdesign.solvers.exact import engine as exact
from mathdesign.solvers.exact import search as exact_search
from mathdesign.solvers.exact.engine import Exact
from mathdesign.solvers.scan.enumeration import Brute
from tests.strategies import random_problem


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one program showed."""

    status: Status
    nodes: int
    wrong: str


def judged(problem: DesignProblem) -> Verdict:
    """Enumerate and solve; say what is wrong, if anything."""
    truth = Brute().solve(problem, SolveOptions(gap=0.0, time_limit_s=1e9))
    bounds: list[float] = []

    def note(progress: Progress) -> None:
        if progress.bound is not None:
            bounds.append(progress.bound)

    answer = Exact().solve(problem, SolveOptions(gap=0.0, time_limit_s=300.0, on_progress=note))
    wrong = ""
    if truth.objective is None or answer.objective is None:
        wrong = "" if truth.status is answer.status else f"{answer.status}, not {truth.status}"
    elif answer.status is not Status.OPTIMAL:
        wrong = f"not closed: {answer.status}"
    elif truth.objective > answer.objective + 1e-6 * max(1.0, abs(answer.objective)):
        wrong = f"optimum {answer.objective}, not {truth.objective}"
    elif min([*bounds, answer.bound]) < truth.objective:
        wrong = f"a bound of {min([*bounds, answer.bound])} below {truth.objective}"
    return Verdict(answer.status, answer.nodes, wrong)


def main() -> int:
    """Run ``--count`` programs from ``--seed`` on."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--largest", type=int, default=20_000, help="points of a program, at most")
    parser.add_argument("--leaf", type=int, default=1, help="boxes enumerated without a bound")
    parser.add_argument("--volume", action="store_true", help="logarithms of choices as objective")
    parser.add_argument("--moves", type=int, default=50, help="annealing moves")
    arguments = parser.parse_args()
    exact_search.LEAF_POINTS, exact.ANNEALING_MOVES = arguments.leaf, arguments.moves
    exact.REPORT_EVERY_S = 0.0
    verdicts: list[Verdict] = []
    began = time.monotonic()
    for seed in range(arguments.seed, arguments.seed + arguments.count):
        rng = np.random.default_rng(seed)
        problem = random_problem(rng, largest=arguments.largest, volume=arguments.volume)
        if Exact().refuses(problem):
            continue
        verdicts.append(judged(problem))
        if verdicts[-1].wrong:
            print(f"seed {seed}: {verdicts[-1].wrong}", flush=True)
    wrong = sum(bool(v.wrong) for v in verdicts)
    nodes = np.percentile([v.nodes for v in verdicts], [50, 90, 99, 100]).astype(int)
    print(f"{len(verdicts)} programs, {wrong} wrong, {time.monotonic() - began:.0f} s")
    print("status", dict(Counter(v.status.value for v in verdicts)))
    print("nodes: median, 90%, 99%, most:", *nodes)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
