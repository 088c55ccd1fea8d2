"""Which shapes a log-volume wants where widths and depths are both free, by how depth counts.

The continuous optimum, a geometric program (cvxpy): six stages of inverted residuals under 300 M
multiply-adds, four of bottlenecks and of basic blocks under ResNet-18's 1.8 G and 11 M params. A block needs
so many channels of its stage's width before it counts in full; with none, depth goes to its upper bound.

    python benchmarks/volume_shapes.py
"""

from __future__ import annotations

from typing import Any

import cvxpy as cp
import numpy as np

PER_BLOCK = (0, 2, 4, 8, 16, 24)
DEEPEST, WIDEST, MOST_EXPANDED = 40, 2048, 6
#: Resolutions of the stages, multiply-adds, params (0: no limit).
CASES = {
    "inverted_residual": ((112, 56, 28, 14, 14, 7), 300e6, 0.0),
    "bottleneck": ((56, 28, 14, 7), 1.8e9, 11e6),
    "basic": ((56, 28, 14, 7), 1.8e9, 11e6),
}


def shape(family: str, per_block: float) -> tuple[Any, Any, Any]:
    """Depths, widths and inner / width of the optimum."""
    sizes, most_macs, most_params = CASES[family]
    n = len(sizes)
    depth, width, inner, kernel = (cp.Variable(n, pos=True) for _ in range(4))
    rules = [depth >= 1, depth <= DEEPEST, width >= 8, width <= WIDEST, kernel >= 3, kernel <= 5]
    rules += [width[1:] >= width[:-1], width[1:] <= 4 * width[:-1]]
    value, macs, params = 1.0, 0.0, 0.0
    for s, size in enumerate(sizes):
        w, m, k = width[s], inner[s], kernel[s]
        if family == "inverted_residual":
            block = 2 * w * m + k**2 * m
            rules += [m >= w, m <= MOST_EXPANDED * w]
        elif family == "bottleneck":
            block = 2 * w * m + k**2 * m**2
            rules += [m <= w, m >= 0.1 * w]
        else:
            block = 18 * m**2
            rules += [m == w, k == 3]
        params += depth[s] * block
        macs += depth[s] * block * size**2
        counts = 1 / (1 / depth[s] + per_block / w) if per_block else depth[s]
        value *= (m * k**0.5 * counts) ** ((s + 1) / n)
    rules.append(macs <= most_macs)
    if most_params:
        rules.append(params <= most_params)
    cp.Problem(cp.Minimize(1 / value), rules).solve(gp=True, solver=cp.CLARABEL)
    return depth.value, width.value, inner.value / width.value


def main() -> None:
    """Print a line a family and number of channels."""
    for family in CASES:
        for per_block in PER_BLOCK:
            depth, width, ratio = shape(family, per_block)
            words = (
                np.array2string(v, precision=p, floatmode="fixed")
                for v, p in ((depth, 1), (width, 0), (ratio, 2))
            )
            print(
                f"{family:18}{per_block:4} a block: depths {{}} widths {{}} inner/width {{}}".format(
                    *words
                )
            )


if __name__ == "__main__":
    main()
