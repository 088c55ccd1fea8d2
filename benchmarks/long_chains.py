"""Chains of 20 to 63 stages: the backend ``paths`` and boxes of choices, against a table.

    python benchmarks/long_chains.py [--count 30] [--seconds 8] [--backends paths,exact] [--networks]

Random chains of a few choices a stage (widths, depths, an inner width or a derived symbol, rules
between widths), an entropy whose worth is known at the end or a sum, and a budget with one side or
two, equal ones among them. Their optimum comes from a plain dynamic program that shares no code with
the backends: a table over width and cost used so far. ``--networks`` poses convolutional networks
with budgets on params and MACs, effectiveness and the depth penalty instead, for which no table fits:
there the columns say what each backend proves.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from mathdesign.solvers import Solution, SolveOptions, backend
from tests.long_chains import chain, network, table


def _row(found: Solution, best: float | None) -> str:
    objective = "-" if found.objective is None else f"{found.objective:.6g}"
    wrong = ""
    if best is not None and found.bound < best - 1e-9 * abs(best):
        wrong = "  BOUND WRONG"
    return (
        f"{objective:>12} {found.bound:>12.6g} {found.seconds:7.2f} {found.status.value:<11}{wrong}"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=30)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--backends", default="paths,exact")
    parser.add_argument("--networks", action="store_true")
    options = parser.parse_args()
    names = options.backends.split(",")
    if "exact" in names:
        backend("exact").solve(chain(0), SolveOptions(time_limit_s=0.1))  # compile or load
    head = "".join(f"{n:>12} {'bound':>12} {'s':>7} {'status':<11}" for n in names)
    print(f"{'seed':>4} {'stages':>6} {'designs':>8} {'table':>12} {'s':>6} {head}")
    proven = dict.fromkeys(names, 0)
    for seed in range(options.first, options.first + options.count):
        problem = network(seed) if options.networks else chain(seed)
        began = time.perf_counter()
        best = None if options.networks else table(problem)
        spent = time.perf_counter() - began
        cells = []
        for name in names:
            limits = SolveOptions(gap=0.0, time_limit_s=options.seconds)
            found = backend(name).solve(problem, limits)
            proven[name] += found.status.value in ("optimal", "infeasible")
            cells.append(_row(found, best))
        told = "-" if best is None else f"{best:.6g}"
        print(
            f"{seed:>4} {len(problem.stages):>6} {problem.size:>8.1e} {told:>12} {spent:6.2f} "
            + "".join(cells),
            flush=True,
        )
    print(f"proven of {options.count}: " + ", ".join(f"{n} {k}" for n, k in proven.items()))


if __name__ == "__main__":
    main()
