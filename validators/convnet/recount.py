"""Parameters and multiply-adds counted by torch on the built module, and a check that it works.

``torch.utils.flop_counter`` reports two operations per multiply-add and counts convolutions and
matrix products only, as the ``macs`` profile does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mathdesign.spaces.convnet.network import Network
from mathdesign.validators.convnet.recheck import count
from mathdesign.validators.randomised import (
    DoesNotWork,
    axes_of,
    check_influence,
    differing_images,
    gradients,
)

if TYPE_CHECKING:
    from torch import nn


#: Images of a pass with random weights.
IMAGES = 4


class RecountError(Exception):
    """The built module is not the network that was designed."""


@dataclass(frozen=True, slots=True)
class ModuleCount:
    """What torch counts on a module. ``output_shape`` is for one image."""

    params: int
    macs: int
    output_shape: tuple[int, ...]


def recount(module: nn.Module, channels: int, size: int | tuple[int, ...]) -> ModuleCount:
    """Count ``module`` on one input, in evaluation mode: ``size`` pixels a side, or a tuple of axes.

    The module itself is left as it was: a copy without storage (the meta device) is run.
    """
    import copy

    import torch
    from torch.utils.flop_counter import FlopCounterMode

    module = copy.deepcopy(module).to("meta").eval()
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        output = module(torch.empty(1, channels, *axes_of(size), device="meta"))
    flops = counter.get_total_flops()
    if flops % 2:
        raise RecountError(f"torch counts {flops} operations, an odd number")
    params = sum(parameter.numel() for parameter in module.parameters())
    return ModuleCount(params, flops // 2, tuple(output.shape))


def check_module(network: Network, module: nn.Module) -> ModuleCount:
    """Hold ``module`` to the ``macs`` profile of ``network``, to the unit, and to its shapes.

    Raises :class:`RecountError` naming what differs.
    """
    found = recount(module, network.input_channels, network.input_size)
    expected = count(network, "macs")
    for metric in ("params", "macs"):
        if getattr(found, metric) != expected[metric]:
            raise RecountError(
                f"{metric}: torch counts {getattr(found, metric):,} on the built module, "
                f"{expected[metric]:,} were designed"
            )
    if found.output_shape != (1, network.classes):
        raise RecountError(f"output shape is {found.output_shape}, expected (1, {network.classes})")
    return found


def check_gradients(
    module: nn.Module,
    channels: int,
    size: int | tuple[int, ...],
    seed: int = 0,
    idle_by_design: str = "",
) -> None:
    """Forward and backward passes on random images: as the module begins, and with random weights.

    Raises :class:`RecountError` where an output or a gradient is not finite, or a parameter has
    none; and, with random weights, where outputs do not depend on the image, or a parameter never
    changes them, but for those whose names match ``idle_by_design``. Gradients, batch statistics and mode of ``module`` are left as they were.
    """
    import copy

    import torch

    images = torch.randn(2, channels, *axes_of(size), generator=torch.Generator().manual_seed(seed))
    try:
        gradients(copy.deepcopy(module).train(), images)
        check_influence(
            module, lambda n: (differing_images(IMAGES, channels, size, seed + n),), idle_by_design
        )
    except DoesNotWork as error:
        raise RecountError(str(error)) from None
