"""Classes made inside functions, so that their instances can be pickled all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn


def picklable(made: type[nn.Module], maker: Any, *arguments: Any) -> type[nn.Module]:
    """``made``, whose instances are remembered by how to make their class, and by their state."""

    def reduce(self: nn.Module) -> tuple[Any, ...]:
        return _empty, (maker, *arguments), self.__dict__

    made.__reduce__ = reduce  # type: ignore[method-assign,assignment]
    return made


def _empty(maker: Any, *arguments: Any) -> Any:
    """A module to be filled by its state, as ``pickle`` makes one."""
    made = maker(*arguments)
    return made.__new__(made)
