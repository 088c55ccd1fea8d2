"""What can be wrong with a network description of any kind."""

from __future__ import annotations

from collections.abc import Iterable


class NetworkError(ValueError):
    """A network description that describes no network; ``faults`` lists everything wrong."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(self.faults))
