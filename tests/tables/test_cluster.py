"""A Dask cluster gives the same bytes as this machine, also when a worker is lost."""

import os
import signal

import pytest

import mathdesign
from mathdesign.tables.build import build_table
from mathdesign.tables.cluster import ClusterError, ClusterWorkers
from mathdesign.tables.sweep import make_sweep
from tests.tables.test_build import BASE, GRID

distributed = pytest.importorskip("distributed")


@pytest.fixture
def cluster():
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as found:
        yield found


def test_a_cluster_that_loses_a_worker_writes_the_same_bytes(cluster, tmp_path):
    sweep = make_sweep(mathdesign.loads(BASE).to_dict(), GRID)
    build_table(sweep, tmp_path / "local", html=False)
    killed = []

    def kill_once(report):
        if report.solved >= 1 and not killed:
            worker = next(iter(cluster.workers.values()))
            killed.append(worker.pid)
            os.kill(worker.pid, signal.SIGKILL)

    found = build_table(
        sweep, tmp_path / "cluster", html=False, on_progress=kill_once,
        workers=lambda: ClusterWorkers(cluster.scheduler_address),
    )  # fmt: skip
    assert killed and found.complete
    read = [(tmp_path / name / "table.csv").read_bytes() for name in ("local", "cluster")]
    assert read[0] == read[1]


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense://x"])
def test_a_scheduler_that_is_not_there_is_said_so(address, monkeypatch):
    monkeypatch.setattr("mathdesign.tables.cluster.CONNECT_S", 1)
    with pytest.raises(ClusterError, match="dask scheduler"):
        ClusterWorkers(address)
