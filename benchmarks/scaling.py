"""How the exact engine's time grows with stages, with the width grid and with the budget.

    python benchmarks/scaling.py [--out docs/scaling.png] [--seconds 60]

Bottleneck networks on 224 x 224 images; each row is solved to a relative gap of 0.1% and 1e-6.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from mathdesign.bench.published import resnet
from mathdesign.programs.chain import DesignProblem
from mathdesign.solvers import SolveOptions, backend

R18 = (1_820_000_000, 11_690_000)
STRIDES = {
    3: (2, 2, 2),
    4: (2, 2, 2, 2),
    5: (2, 2, 2, 1, 2),
    6: (2, 2, 1, 2, 1, 2),
    7: (2, 2, 1, 2, 1, 2, 1),
    8: (2, 1, 2, 1, 2, 1, 2, 1),
}
STEPS = (64, 32, 16, 8)
SCALES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0)


def cases() -> dict[str, list[tuple[str, DesignProblem]]]:
    """Three families of problems, each along one axis."""
    return {
        "stages": [(str(n), resnet(*R18, strides=s)) for n, s in STRIDES.items()],
        "width grid": [(str(step), resnet(*R18, step=step)) for step in STEPS],
        "budget": [
            (f"{scale:g}", resnet(int(R18[0] * scale), int(R18[1] * scale))) for scale in SCALES
        ],
    }


def measure(problem: DesignProblem, gap: float, seconds: float) -> tuple[float, float, int]:
    """Seconds, reached gap, nodes."""
    start = time.perf_counter()
    solution = backend("exact").solve(problem, SolveOptions(gap=gap, time_limit_s=seconds))
    return time.perf_counter() - start, solution.gap, solution.nodes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    measure(resnet(*R18, step=64), 1e-2, 60.0)  # compile or load the kernels
    curves: dict[str, list[tuple[str, float, float]]] = {}
    print(f"{'axis':<11} {'value':>6} {'points':>9} {'0.1%: s':>8} {'gap':>9} {'nodes':>8} "
          f"{'1e-6: s':>8} {'gap':>9} {'nodes':>8}")  # fmt: skip
    for axis, problems in cases().items():
        for value, problem in problems:
            loose = measure(problem, 1e-3, options.seconds)
            tight = measure(problem, 1e-6, options.seconds)
            print(f"{axis:<11} {value:>6} {problem.size:>9.1e} {loose[0]:>8.1f} {loose[1]:>9.1e} "
                  f"{loose[2]:>8,} {tight[0]:>8.1f} {tight[1]:>9.1e} {tight[2]:>8,}",
                  flush=True)  # fmt: skip
            curves.setdefault(axis, []).append((value, loose[0], tight[0]))
    if options.out:
        draw(curves, options.out)


def draw(curves: dict[str, list[tuple[str, float, float]]], path: Path) -> None:
    """Seconds along each axis, as PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.2), dpi=110, layout="constrained")
    for axes, (axis, rows) in zip(figure.subplots(1, 3), curves.items()):
        values = [value for value, _, _ in rows]
        axes.plot(values, [loose for _, loose, _ in rows], marker="o", label="gap 0.1%")
        axes.plot(values, [tight for _, _, tight in rows], marker="s", label="gap 1e-6")
        axes.set(xlabel=axis, ylabel="seconds", ylim=(0, None))
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path, metadata={"Software": None})


if __name__ == "__main__":
    main()
