"""Which slot to branch on: by the estimated size of its subtrees, by its attribution, or both (ours).

Attribution: the mean absolute main effect of the slot (first-order SHAP values of independent options),
greatest first. Nodes and seconds of branch and bound by messages alone, up to a limit.

    python benchmarks/branching_order.py [--seeds 3] [--limit 30]
"""

from __future__ import annotations

import argparse

import numpy as np
from tree_instances import space

from mathdesign.solvers.base import SolveOptions
from mathdesign.solvers.portfolio import solve
from mathdesign.solvers.trees import branching as tree_branching
from mathdesign.solvers.trees import state as tree_state

OURS = tree_state.TELLING
CASES = (("30x8", "none"), ("30x8", "both50%"), ("300x4", "none"), ("300x4", "both50%"),
         ("100x31", "none"))  # fmt: skip


def main() -> None:
    """A line for each ensemble, budget and order."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--limit", type=float, default=30.0)
    options = parser.parse_args()
    tree_branching.MOST_LEFT, tree_branching.DEEP = 10**18, 10**9
    px = space("px")
    solve(px.problem(px.fit("30x8", 99)[0]), SolveOptions(gap=0.0))
    print(f"{'ensemble':9}{'budget':9}{'order':13}{'proven':>7}{'nodes':>9}{'mean s':>8}")
    for shape, budget in CASES:
        for order, telling in (("subtrees", 0.0), ("attribution", 100.0), ("both", OURS)):
            tree_state.TELLING = telling
            rows = []
            for seed in range(options.seeds):
                words = SolveOptions(gap=0.0, time_limit_s=options.limit)
                rows.append(solve(px.problem(px.fit(shape, seed)[0], budget), words))
            proven = sum(row.status.value == "optimal" for row in rows)
            print(f"{shape:9}{budget:9}{order:13}{proven:>7}{np.mean([r.nodes for r in rows]):>9.0f}"
                  f"{np.mean([r.seconds for r in rows]):>8.2f}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
