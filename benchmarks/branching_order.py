"""Which slot to branch on: by the estimated size of its subtrees, by its attribution, or both (ours).

Attribution: mean |SHAP| of the slot's features over 1,000 designs, greatest first (what GBDT-NAS
prunes by). Nodes and seconds of branch and bound by messages alone, up to a limit.

    python benchmarks/branching_order.py [--seeds 3] [--limit 30]
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from tree_instances import space

from mathdesign.solvers import tree_branching
from mathdesign.solvers.base import SolveOptions
from mathdesign.solvers.slot_solve import solve_slots

CASES = (("30x8", "none"), ("30x8", "both50%"), ("300x4", "none"), ("300x4", "both50%"),
         ("100x31", "none"))  # fmt: skip


def main() -> None:
    """A line for each ensemble, budget and order."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--limit", type=float, default=30.0)
    options = parser.parse_args()
    tree_branching.MESSAGE_LEAVES = 10**15
    px, ours, weight = space("px"), tree_branching.Search._slot, tree_branching.TELLING
    solve_slots(px.problem(px.fit("30x8", 99)[0]), SolveOptions(gap=0.0))
    print(f"{'ensemble':9}{'budget':9}{'order':13}{'proven':>7}{'nodes':>9}{'mean s':>8}")
    for shape, budget in CASES:
        for order in ("subtrees", "attribution", "both"):
            rows = []
            for seed in range(options.seeds):
                ensemble, booster, columns = px.fit(shape, seed)
                rank = by_attribution(px, booster, columns)
                tree_branching.TELLING = weight if order == "both" else 0.0
                tree_branching.Search._slot = fixed(rank) if order == "attribution" else ours
                words = SolveOptions(gap=0.0, time_limit_s=options.limit)
                rows.append(solve_slots(px.problem(ensemble, budget), words))
            proven = sum(row.status.value == "optimal" for row in rows)
            print(f"{shape:9}{budget:9}{order:13}{proven:>7}{np.mean([r.nodes for r in rows]):>9.0f}"
                  f"{np.mean([r.seconds for r in rows]):>8.2f}", flush=True)  # fmt: skip


def by_attribution(found: Any, booster: Any, columns: np.ndarray) -> list[int]:
    """Slots, greatest mean |SHAP| first."""
    shap = np.abs(booster.predict(columns[:1000], pred_contrib=True)[:, :-1]).mean(axis=0)
    total = np.zeros(len(found.slots))
    for feature, share in zip(found.features, shap):
        total[list(feature.slots)] += share / len(feature.slots)
    return [int(slot) for slot in np.argsort(-total, kind="stable")]


def fixed(rank: list[int]) -> Any:
    """The first undecided slot of ``rank``."""

    def slot(self: Any, alive: np.ndarray, own: np.ndarray, bound: float) -> int:
        slots = self.state.slots
        left = (s for s in rank if alive[slots[s][0] : slots[s][1]].sum() > 1)
        return next(left, -1)

    return slot


if __name__ == "__main__":
    main()
