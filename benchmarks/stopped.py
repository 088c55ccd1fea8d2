"""Stopped early: what the exact engine has after 1, 2, 5 and 10 seconds.

    python benchmarks/stopped.py [NAME ...]

Each row is a run of its own with that time limit. Every design is re-evaluated, and every bound is
held against the best objective known from a long run: a bound below it would be wrong.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from mathdesign.bench.published import named, resnet
from mathdesign.programs.chain import DesignProblem
from mathdesign.programs.evaluate import Evaluator
from mathdesign.solvers import SolveOptions, backend

R18 = (1_820_000_000, 11_690_000)


def problem_of(name: str) -> DesignProblem:
    if name == "8-stages":
        return resnet(*R18, strides=(2, 1, 2, 1, 2, 1, 2, 1), name=name)
    return named(name)


def main() -> None:
    exact = backend("exact")
    exact.solve(resnet(*R18, step=64), SolveOptions(gap=1e-2))  # compile or load the kernels
    print(f"{'program':<9} {'limit':>6} {'took':>6} {'objective':>11} {'bound':>12} {'gap':>9} "
          f"{'status':<11} feasible  bound valid")  # fmt: skip
    for name in sys.argv[1:] or ["R18", "R50", "89M", "8-stages"]:
        problem = problem_of(name)
        best = exact.solve(problem, SolveOptions(gap=1e-6, time_limit_s=30)).objective
        assert best is not None
        for limit_s in (1.0, 2.0, 5.0, 10.0):
            start = time.perf_counter()
            found = exact.solve(problem, SolveOptions(gap=1e-6, time_limit_s=limit_s))
            took = time.perf_counter() - start
            feasible = found.point is not None and bool(
                Evaluator(problem)(np.array(found.point)).feasible[0]
            )
            valid = found.bound >= max(best, found.objective or -np.inf)
            print(f"{name:<9} {limit_s:>6g} {took:>6.2f} {found.objective or float('nan'):>11.3f} "
                  f"{found.bound:>12.3f} {found.gap:>9.1e} {found.status.value:<11} "
                  f"{'yes' if feasible else 'NO':<8}  {'yes' if valid else 'NO'}",
                  flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
