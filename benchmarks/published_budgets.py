"""The six published DeepMAD budgets: published network, evolution, our optimum, its bound.

    python benchmarks/published_budgets.py [--evaluations 500000] [--seeds 1]

Then the same budgets in the paper's form (full logarithms, exp of the variance of all depths,
effectiveness at the end, monotone widths), and what each form thinks of the other's optimum.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from mathdesign.bench.published import PUBLISHED_OBJECTIVES, named
from mathdesign.programs.chain import DesignProblem
from mathdesign.programs.evaluate import Evaluator
from mathdesign.programs.stages import DEPTH
from mathdesign.solvers import Solution, SolveOptions, backend
from mathdesign.spaces.convnet.program import EntropyOptions

PAPER = EntropyOptions(variant="paper", depth_penalty=10.0)


def solved(problem: DesignProblem, seconds: float) -> tuple[Solution, float]:
    start = time.perf_counter()
    options = SolveOptions(gap=1e-6, time_limit_s=seconds)
    solution = backend("exact").solve(problem, options)
    return solution, time.perf_counter() - start


def depths(problem: DesignProblem, point: tuple[int, ...]) -> list[int]:
    body = [s for s, stage in enumerate(problem.stages) if stage.name.startswith("stage")]
    return [point[problem.columns[s, DEPTH]] for s in body]


def code_form(seconds: float, seeds: int, evaluations: int) -> None:
    print("published code's form (variant: tinynas)")
    print(f"{'program':<11} {'published':>10} {'evolution':>18} {'ours':>11} {'bound':>11} "
          f"{'gap':>9} {'s':>6}  ours/published  depths")  # fmt: skip
    for name, published in PUBLISHED_OBJECTIVES.items():
        problem = named(name)
        found = [
            backend("evolution").solve(
                problem, SolveOptions(seed=s, evaluations=evaluations, time_limit_s=300)
            )
            for s in range(seeds)
        ]
        values = [s.objective for s in found if s.objective is not None]
        evolved = f"{np.mean(values):.1f} +- {np.std(values):.1f}" if values else "none"
        ours, took = solved(problem, seconds)
        assert ours.objective is not None and ours.point is not None
        print(f"{name:<11} {published:>10.1f} {evolved:>18} {ours.objective:>11.3f} "
              f"{ours.bound:>11.3f} {ours.gap:>9.1e} {took:>6.1f}  "
              f"{ours.objective / published:.4f}          {depths(problem, ours.point)}",
              flush=True)  # fmt: skip


def both_forms(seconds: float) -> None:
    print("\nthe paper's form of the same budgets, and each form's view of the other's optimum")
    print(f"{'program':<8} {'paper optimum':>13} {'bound':>11} {'gap':>9} {'s':>6} "
          f"{'depths':<24} {'code optimum keeps':>19} {'paper optimum keeps':>20}")  # fmt: skip
    for name in ("R18", "R34", "R50", "29M", "50M", "89M"):
        paper, code = named(name, entropy=PAPER), named(name)
        ours, took = solved(paper, seconds)
        coded, _ = solved(code, seconds)
        assert ours.objective is not None and ours.point is not None
        assert coded.objective is not None and coded.point is not None
        in_paper = float(Evaluator(paper)(np.array(coded.point)).objective[0]) / ours.objective
        in_code = float(Evaluator(code)(np.array(ours.point)).objective[0]) / coded.objective
        print(f"{name:<8} {ours.objective:>13.3f} {ours.bound:>11.3f} {ours.gap:>9.1e} "
              f"{took:>6.1f} {depths(paper, ours.point)!s:<24} "
              f"{in_paper:>19.3g} {in_code:>20.4f}", flush=True)  # fmt: skip
    print("'keeps': value of that optimum under the other form, as a share of the other's optimum")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--evaluations", type=int, default=500_000)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    code_form(options.seconds, options.seeds, options.evaluations)
    both_forms(options.seconds)


if __name__ == "__main__":
    main()
