"""Who waits while a program is posed: told how far it is, and may end it."""

from __future__ import annotations

from typing import Protocol


class Watch(Protocol):
    """Told now and then how far posing is; what it raises ends the posing."""

    def __call__(self, what: str, done: int, of: int) -> None:
        """``done`` of ``of`` are posed: widths, stages."""


def unwatched(what: str, done: int, of: int) -> None:
    """The watch of those who wait."""
