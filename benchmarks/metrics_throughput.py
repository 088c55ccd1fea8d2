"""How many candidates a second the vectorised evaluator counts, on one core.

    python benchmarks/metrics_throughput.py

Prints params + macs alone and the full evaluation (entropy, effectiveness, budgets), per family,
beside the limit of this machine for the same memory traffic (one fused multiply-add per monomial
and candidate in numpy) and a plain Python loop over layers.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import time
from collections.abc import Callable

import numpy as np

from mathdesign.kinds.quick import quick
from mathdesign.programs.evaluate import CHUNK, Evaluator
from mathdesign.spaces.convnet.network import Network
from mathdesign.spaces.convnet.pose import to_program
from mathdesign.validators.convnet.recheck import count

CANDIDATES = 1_000_000


def rate(work: Callable[[], object], candidates: int) -> float:
    """Candidates a second, best of three."""
    best = np.inf
    for _ in range(3):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return candidates / best


def measure(family: str) -> str:
    """One row of the table."""
    program = to_program(quick(family, "3x224x224", {"macs": "1.8G"}))
    problem, rng = program.program, np.random.default_rng(0)
    domains = [np.array(problem.stages[s].domain(name)) for s, name in problem.variables]
    points = np.stack([rng.choice(d, CANDIDATES) for d in domains], axis=1)
    evaluator = Evaluator(problem)
    fast = rate(lambda: evaluator.metrics(points), CANDIDATES)
    full = rate(lambda: evaluator(points), CANDIDATES)
    monomials = sum(
        len(stage.costs.get(m, ())) for stage in problem.stages for m in ("params", "macs")
    )
    a, b = np.ones(CHUNK, dtype=np.int64), np.ones(CHUNK, dtype=np.int64)

    def passes() -> None:
        for _ in range(monomials * (CANDIDATES // CHUNK)):
            np.multiply(a, 3, out=b)
            np.add(a, b, out=b)

    limit = rate(passes, CANDIDATES)
    networks = [Network.from_point(program.space, p.tolist(), "n") for p in points[:200]]
    slow = rate(lambda: [count(n, "macs") for n in networks], len(networks))
    return (
        f"{family:<18} {fast:>12,.0f} {full:>12,.0f} {limit:>12,.0f} {slow:>12,.0f}   "
        f"{fast / limit:.2f} of the limit, {fast / slow:,.0f}x the per-layer count"
    )


def main() -> None:
    print(
        f"{'family':<18} {'params+macs':>12} {'full':>12} {'limit':>12} {'per layer':>12}   ratio"
    )
    for family in ("bottleneck", "inverted_residual", "basic"):
        print(measure(family), flush=True)


if __name__ == "__main__":
    main()
