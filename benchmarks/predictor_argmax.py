"""The proven maximum of a fitted ensemble against the argmax over every design.

    python benchmarks/predictor_argmax.py [--seeds 5]

All 15,625 cells of NAS-Bench-201 and all 32,768 networks of the size space; ensembles of three
shapes on 1,000 measured designs; without budgets and under four budgets each. Both backends solve
every problem. Needs the tables of ``shared/data`` beside the repository.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from tree_instances import SHAPES, space

from mathdesign.solvers.base import SolveOptions
from mathdesign.solvers.portfolio import solve

BACKENDS = ("scan", "branch")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    wrong = 0
    print(f"{'space':<6} {'ensemble':<8} {'budget':<10} {'seeds':>5} {'right':>5} "
          f"{'scan s':>8} {'branch s, mean':>14} {'most':>7}")  # fmt: skip
    for name in ("nb201", "sss"):
        found = space(name)
        points = np.array(found.points)
        for shape in SHAPES:
            fitted = [found.fit(shape, seed)[0] for seed in range(options.seeds)]
            values = [ensemble.at(points) for ensemble in fitted]
            for budget in found.budgets:
                right, seconds = 0, {b: [] for b in BACKENDS}
                for ensemble, value in zip(fitted, values):
                    problem = found.problem(ensemble, budget)
                    truth = value[problem.feasible_rows(points)].max()
                    good = True
                    for backend in BACKENDS:
                        start = time.perf_counter()
                        solution = solve(problem, SolveOptions(gap=0.0), backend)
                        seconds[backend].append(time.perf_counter() - start)
                        good &= solution.status.value == "optimal"
                        good &= abs(solution.objective - truth) <= 1e-9
                    right += good
                wrong += options.seeds - right
                print(f"{name:<6} {shape:<8} {budget:<10} {options.seeds:>5} {right:>5} "
                      f"{np.mean(seconds['scan']):>8.3f} {np.mean(seconds['branch']):>14.3f} "
                      f"{max(seconds['branch']):>7.3f}")  # fmt: skip
    print(f"{wrong} wrong")


if __name__ == "__main__":
    main()
