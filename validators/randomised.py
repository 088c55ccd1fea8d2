"""A module with random weights and statistics, so that what it computes can be compared at all.

Freshly built networks start as their shortcuts, with zeros in their last norms, and may give the
same scores to every image: two programs that agree on those agree on nothing.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

#: Outputs that vary by less than this share of their greatest value count as constant.
LEAST_VARIATION = 1e-3


def randomised(module: nn.Module, images: Tensor, seed: int = 0) -> nn.Module:
    """A copy on the CPU, in evaluation mode: every weight drawn, statistics near those of ``images``.

    Statistics are first those of the images and then moved, since arbitrary ones would let deep
    networks overflow or die out. The module itself is left as it was.
    """
    import torch
    from torch.nn.modules.batchnorm import _BatchNorm

    module = copy.deepcopy(module).cpu()
    generator = torch.Generator().manual_seed(seed)
    norms = [m for m in module.modules() if isinstance(m, _BatchNorm)]
    kept = [m.momentum for m in norms]
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            _draw(name, parameter, generator)
        for norm in norms:
            norm.momentum = 1.0
        if norms:
            module.train()(images)
        for norm, momentum in zip(norms, kept):
            norm.momentum = momentum
            mean, variance = norm.running_mean, norm.running_var
            if mean is not None and variance is not None:
                moved = torch.empty_like(mean).normal_(0, 0.2, generator=generator)
                mean += moved * variance.sqrt()
                variance *= torch.empty_like(mean).uniform_(0.7, 1.4, generator=generator)
    return module.eval()


def _draw(name: str, parameter: Tensor, generator: torch.Generator) -> None:
    """Matrices keep the size of a signal; vectors scale by about one, or shift a little."""
    if parameter.ndim > 1:
        deviation = (2 / max(1, parameter[0].numel())) ** 0.5
        parameter.normal_(0, deviation, generator=generator)
    elif name.endswith("bias"):
        parameter.normal_(0, 0.2, generator=generator)
    else:
        parameter.uniform_(0.5, 1.5, generator=generator)


def differing_images(count: int, channels: int, size: int, seed: int = 0) -> Tensor:
    """Images that differ in their large shapes: of white noise, pooling would leave the same mean."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    shapes = torch.randn(count, channels, 3, 3, generator=generator)
    smooth = torch.nn.functional.interpolate(shapes, size=(size, size), mode="bilinear")
    return smooth + 0.3 * torch.randn(count, channels, size, size, generator=generator)


def variation(outputs: Tensor) -> float:
    """How far outputs lie from their mean over the first axis, at most.

    0.0 where that is below :data:`LEAST_VARIATION` of their greatest value: they are constant.
    """
    spread = float((outputs - outputs.mean(0)).abs().max())
    return spread if spread > LEAST_VARIATION * float(outputs.abs().max()) else 0.0
