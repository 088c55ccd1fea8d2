"""Batch norms folded into the convolutions before them, as inference runtimes do.

A norm that reads what a convolution has just given, in evaluation mode, is a factor and a summand of
each channel: the convolution's own. Which norm follows which convolution is seen in one pass; that
nothing else was changed, in another.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn

#: Outputs of the folded network, relative to the largest: rounding, no more.
TOLERANCE = 1e-3


def folded(module: nn.Module, inputs: tuple[Tensor, ...]) -> nn.Module:
    """A copy of ``module`` in evaluation mode with its batch norms folded; itself if that fails.

    ``inputs``: what one pass reads.
    """
    import torch
    from torch import nn
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    whole = copy.deepcopy(module).eval()
    pairs = _pairs(whole, inputs)
    if not pairs:
        return whole
    with torch.no_grad():
        before = whole(*inputs)
        plain = copy.deepcopy(whole)
        names = {part: name for name, part in whole.named_modules()}
        for norm, conv in pairs.items():
            _put(whole, names[conv], fuse_conv_bn_eval(conv, norm))
            _put(whole, names[norm], nn.Identity())
        after = whole(*inputs)
    return whole if _agree(before, after) else plain


def _pairs(module: nn.Module, inputs: tuple[Tensor, ...]) -> dict[Any, Any]:
    """Batch norm -> the convolution that it follows, each of both once."""
    import torch
    from torch import nn

    given: dict[int, tuple[nn.Module, Tensor]] = {}
    pairs: dict[nn.Module, nn.Module] = {}
    twice: set[nn.Module] = set()

    def after(part: nn.Module, read: Any, gave: Any) -> None:
        given[id(gave)] = (part, gave)  # kept alive: ids are not used again

    def before(part: nn.Module, read: Any) -> None:
        conv = given.get(id(read[0]), (None,))[0]
        if conv is not None and part not in pairs and conv not in pairs.values():
            pairs[part] = conv
        else:
            twice.add(part)

    convs = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
    norms = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
    handles = []
    for part in module.modules():
        if isinstance(part, convs):
            handles.append(part.register_forward_hook(after))
        if isinstance(part, norms):
            handles.append(part.register_forward_pre_hook(before))
    try:
        with torch.no_grad():
            module(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    return {norm: conv for norm, conv in pairs.items() if norm not in twice}


def _put(module: nn.Module, name: str, part: nn.Module) -> None:
    parent, _, last = name.rpartition(".")
    setattr(module.get_submodule(parent), last, part)


def _agree(before: Any, after: Any) -> bool:
    pairs = list(zip(before, after)) if isinstance(before, tuple) else [(before, after)]
    return all(
        float((a - b).abs().max()) <= TOLERANCE * max(float(a.abs().max()), 1e-6) for a, b in pairs
    )
