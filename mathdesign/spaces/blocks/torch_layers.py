"""The layers of ``torch.nn`` for inputs of one or two axes, by the names that blocks call them."""

from __future__ import annotations

from typing import Any

#: What a printed file says in their place.
PRINTED = "Conv, Norm, Pool = nn.Conv{axes}d, nn.BatchNorm{axes}d, nn.AdaptiveAvgPool{axes}d\n"


def layers_of(axes: int) -> tuple[Any, Any, Any]:
    """Convolution, batch norm and pooling to a given size, for ``(n, c, *axes)``."""
    from torch import nn

    return (
        getattr(nn, f"Conv{axes}d"),
        getattr(nn, f"BatchNorm{axes}d"),
        getattr(nn, f"AdaptiveAvgPool{axes}d"),
    )
