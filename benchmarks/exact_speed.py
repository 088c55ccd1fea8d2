"""Seconds, nodes and memory of the exact engine on the DeepMAD programs.

    python benchmarks/exact_speed.py [--gap 1e-6] [--time-limit 60] [NAME ...]

Names: R18 R34 R50 29M 50M 89M, and the last three with ``-defect`` (the published code's
resolution of 1 after the first squeeze-and-excitation unit). Compilation is timed apart, on a
small program, before the first row.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from exact_problems import INVERTED_BUDGETS, KNOWN_OPTIMA, RESNET_BUDGETS, named, resnet

from mathdesign.solvers.base import Progress, SolveOptions
from mathdesign.solvers.exact.engine import Exact

NAMES = (*RESNET_BUDGETS, *INVERTED_BUDGETS, *(f"{n}-defect" for n in INVERTED_BUDGETS))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=NAMES)
    parser.add_argument("--gap", type=float, default=1e-6)
    parser.add_argument("--time-limit", type=float, default=60.0)
    arguments = parser.parse_args()
    began = time.monotonic()
    Exact().solve(resnet(300_000_000, 2_000_000, widest=64, deepest=4), SolveOptions())
    print(f"first use (compiled or loaded): {time.monotonic() - began:.1f} s")
    print("name        objective        bound   known optimum  s to 0.1%      s   nodes  peak MiB")
    for name in arguments.names:
        print(row(name, arguments.gap, arguments.time_limit), flush=True)


def row(name: str, gap: float, time_limit: float) -> str:
    """Solve one program; the time to a gap of 0.1% is read off the progress reports."""
    reached: list[float] = []

    def note(progress: Progress) -> None:
        if progress.gap <= 1e-3 and not reached:
            reached.append(progress.elapsed_s)

    problem = named(name)
    options = SolveOptions(gap=gap, time_limit_s=time_limit, on_progress=note)
    answer = Exact().solve(problem, options)
    first = f"{reached[0]:9.1f}" if reached else "        -"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return (
        f"{name:10} {answer.objective or 0:10.3f} {answer.bound:12.3f} "
        f"{KNOWN_OPTIMA.get(name, '-'):>15} {first} {answer.seconds:7.1f} {answer.nodes:7} {peak:9}"
        f"  {answer.status.value}"
    )


if __name__ == "__main__":
    main()
