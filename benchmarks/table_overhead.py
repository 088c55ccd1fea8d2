"""What a table costs beyond its solves: overhead a row, two workers, a cluster, resuming.

    python benchmarks/table_overhead.py [--rows 200] [--resume 10000]

Overhead is wall time less the solves' own seconds, over the rows. Speed-up and cluster are measured
on a base of half a million designs.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mathdesign
from mathdesign.tables.build import STORE, Table, build_table
from mathdesign.tables.cluster import ClusterWorkers
from mathdesign.tables.store import Store
from mathdesign.tables.sweep import Sweep, make_sweep
from mathdesign.tables.workers import LocalWorkers, Workers

SMALL = """
name: small
space:
  family: basic
  input: {channels: 1, size: 8}
  classes: 10
  stem: {width: [8, 16], kernel_size: 3, stride: 1}
  stages:
    - {stride: 1, width: 16..32/8, kernel_size: 3, depth: 1..3}
    - {stride: 2, width: 32..64/8, kernel_size: 3, depth: 1..3}
budgets: {macs: 4M, params: 100k}
solve: {gap: 0}
"""
#: Half a million designs, enumerated.
BUSY = """
name: busy
space:
  family: basic
  input: {channels: 3, size: 32}
  classes: 10
  stem: {width: [8, 12, 16], kernel_size: 3, stride: 1}
  stages:
    - {stride: 1, width: 16..32/4, kernel_size: 3, depth: 1..6}
    - {stride: 2, width: 32..64/4, kernel_size: 3, depth: 1..6}
    - {stride: 2, width: 64..128/4, kernel_size: 3, depth: 1..6}
budgets: {macs: 30M, params: 1M}
solve: {gap: 0, backend: brute}
"""


def sweep(text: str, rows: int) -> Sweep:
    base = mathdesign.loads(text).to_dict()
    return make_sweep(base, {"budgets.macs": [2_000_000 + 1000 * n for n in range(rows)]})


def timed(call: Callable[[], Table]) -> tuple[float, Table]:
    start = time.perf_counter()
    found = call()
    return time.perf_counter() - start, found


def warm(place: Workers) -> Workers:
    """Workers that have imported everything: starting them is not the table's overhead."""
    futures = [place.submit(mathdesign.design, mathdesign.loads(SMALL)) for _ in range(8)]
    [future.result() for future in futures]
    return place


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--resume", type=int, default=10_000)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="table-"))
    try:
        overhead(folder, options.rows)
        speed_up(folder)
        resume(folder, options.resume)
    finally:
        shutil.rmtree(folder)


def overhead(folder: Path, rows: int) -> None:
    place = warm(LocalWorkers(1))
    wall, found = timed(
        lambda: build_table(sweep(SMALL, rows), folder / "a", workers=lambda: place)
    )
    solves = sum(entry.result.solve_s for entry in found.entries if entry.result)
    print(f"{rows} small rows: {wall:.2f} s, of which solving {solves:.2f} s: "
          f"{(wall - solves) / rows * 1000:.1f} ms overhead a row (goal 20)")  # fmt: skip


def speed_up(folder: Path) -> None:
    import dask
    from distributed import LocalCluster

    # Dask makes its workers return memory at once; see docs/tables.md.
    dask.config.set({"distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": 1 << 27})
    text, rows, walls = BUSY, 120, {}
    places: dict[str, Any] = {"1 worker": LocalWorkers(1), "2 workers": LocalWorkers(2)}
    for name, place in places.items():
        warm(place)
        walls[name], found = timed(
            lambda place=place, name=name: build_table(
                sweep(text, rows), folder / name, workers=lambda: place, html=False
            )
        )
    solve = sum(entry.result.solve_s for entry in found.entries if entry.result) / rows
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        dask = warm(ClusterWorkers(cluster.scheduler_address))
        walls["Dask, 2 workers"], _ = timed(
            lambda: build_table(
                sweep(text, rows), folder / "dask", workers=lambda: dask, html=False
            )
        )
    for name, wall in walls.items():
        print(f"{rows} rows of {solve:.2f} s, {name}: {wall:.2f} s, "
              f"{walls['1 worker'] / wall:.2f} times one worker")  # fmt: skip
    ratio = walls["Dask, 2 workers"] / walls["2 workers"]
    print(f"Dask against local processes: {ratio:.3f} (goal: within 10%)")
    texts = {(folder / name / "table.csv").read_bytes() for name in (*places, "dask")}
    print("same bytes:", "yes" if len(texts) == 1 else "NO")


def resume(folder: Path, rows: int) -> None:
    wanted = sweep(SMALL, rows)
    wall, _ = timed(lambda: build_table(wanted, folder / "r", jobs=2))
    print(f"{rows} rows from nothing: {wall:.1f} s, {wall / rows * 1000:.1f} ms a row")
    wall, _ = timed(lambda: build_table(wanted, folder / "r", jobs=2))
    size = sum(path.stat().st_size for path in (folder / "r").glob("store*")) / 1e6
    print(f"{rows} rows resumed: {wall:.2f} s (goal 3), store {size:.1f} MB")
    with Store(folder / "r" / STORE) as store:
        assert len(store.finished()) == rows


if __name__ == "__main__":
    main()
