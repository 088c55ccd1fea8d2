"""Queries on a Dask cluster: the same values as here, failures survived."""

import sys

import pytest

from mathdesign.search.evaluating import on_cluster, remote_query
from mathdesign.search.loop import QueryFailed
from mathdesign.spaces.lists.named import SPACES
from mathdesign.tables.cluster import ClusterWorkers

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def workers():
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
    ) as cluster:
        found = ClusterWorkers(cluster.scheduler_address)
        yield found
        found.close()


def command(code: str) -> str:
    return f'{sys.executable} -c "{code}" {{design}}'


SUM = "import json, sys; print(sum(map(int, json.load(open(sys.argv[1])).values())))"


def test_a_query_runs_on_a_worker(workers):
    space = SPACES["nats_size"]()
    measure = on_cluster(command(SUM), space, workers, 60)
    assert measure((0, 1, 2, 3, 4)) == 8 + 16 + 24 + 32 + 40


def test_a_query_that_fails_says_why(workers):
    measure = on_cluster(
        command("import sys; sys.exit('no luck')"), SPACES["nats_size"](), workers, 60
    )
    with pytest.raises(QueryFailed, match="no luck"):
        measure((0, 0, 0, 0, 0))


def test_a_command_without_a_place_for_the_design_is_refused(workers):
    with pytest.raises(ValueError, match="design"):
        on_cluster("train.py", SPACES["nats_size"](), workers, 60)


def test_what_a_worker_does_needs_no_cluster():
    value, reason = remote_query([sys.executable, "-c", "print(3.5)", "{design}"], "{}", 60)
    assert (value, reason) == (3.5, "")
