"""Rows solved on a Dask cluster: the same calls, through ``dask.distributed``.

Results come back through the scheduler to the one process that owns the store; workers need no
common file system. The scheduler retries a call whose worker is lost and gives it up after some
losses (``distributed.scheduler.allowed-failures``), which makes the row a failed one.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

CONNECT_S = 10


class ClusterError(Exception):
    """A scheduler that cannot be reached or has no workers; the message says the way out."""


class ClusterWorkers:
    """The workers of the scheduler at ``address`` (``tcp://host:port``)."""

    def __init__(self, address: str) -> None:
        import distributed

        connect: Any = distributed.Client
        try:
            self.client: Any = connect(address, timeout=CONNECT_S, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            reason = " ".join(str(error).split())
            raise ClusterError(
                f"no Dask scheduler at {address} ({reason}); start one with `dask scheduler` and "
                "workers with `dask worker tcp://host:port`"
            ) from None
        threads = sum(self.client.nthreads().values())
        if not threads:
            self.client.close()
            raise ClusterError(f"{address}: no workers; start some with `dask worker {address}`")
        self.slots = 2 * threads
        self._pool = self.client.get_executor(pure=False, retries=0)

    def submit(self, call: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Run ``call(*arguments)`` on some worker."""
        future: Future[Any] = self._pool.submit(call, *arguments)
        return future

    def restart(self) -> None:
        """Nothing to do: the scheduler replaces lost work itself."""

    def close(self) -> None:
        """Cancel what is running and disconnect; the cluster goes on."""
        self._pool.shutdown(wait=False)  # cancels what is running
        self.client.close()
