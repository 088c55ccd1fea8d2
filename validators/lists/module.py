"""What the built module of a chain of blocks shows: counted by torch, run, exported.

The counts that a design claims come from tables, the tables from operators; torch knows neither. It
counts what the module runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from mathdesign.spaces.blocks.network import BlockNetwork, kind_of_block
from mathdesign.validators.convnet.checks import Finding, onnx_words
from mathdesign.validators.convnet.recount import (
    ModuleCount,
    RecountError,
    check_gradients,
    recount,
)
from mathdesign.validators.training.onnx_check import OnnxMismatch

if TYPE_CHECKING:
    from torch import nn


def check_blocks(
    network: BlockNetwork, module: nn.Module, claimed: Mapping[str, int]
) -> ModuleCount:
    """Hold ``module`` to what is ``claimed`` of ``macs`` and ``params``, and to its output's shape.

    Raises :class:`RecountError` naming what differs.
    """
    found = recount(module, network.given.channels, network.given.size)
    for metric in ("params", "macs"):
        counted = getattr(found, metric)
        if metric in claimed and claimed[metric] != counted:
            raise RecountError(
                f"{metric}: torch counts {counted:,} on the built module, "
                f"{claimed[metric]:,} were designed"
            )
    if found.output_shape != (1, network.made.channels):
        raise RecountError(
            f"output shape is {found.output_shape}, expected (1, {network.made.channels})"
        )
    return found


def idle_names(network: BlockNetwork) -> str:
    """A regular expression of parameters that have no influence by design; empty: there are none."""
    found = [
        re.escape(f"{i}.{start}")
        for i, block in enumerate(network.blocks)
        for start in kind_of_block(block).idle(block)
    ]
    return f"^({'|'.join(found)})" if found else ""


def module_checks(
    network: BlockNetwork, module: nn.Module, claimed: Mapping[str, int]
) -> Iterator[Finding]:
    """Each check in turn; the first that fails is the last."""
    channels, size = network.given.channels, network.given.size
    try:
        found = check_blocks(network, module, claimed)
        counted = f"{found.params:,} params, {found.macs:,} macs: agree to the unit"
        yield "torch flop counter", True, counted
        check_gradients(module, channels, size, idle_by_design=idle_names(network))
        yield "forward and backward", True, "finite outputs and gradients"
        yield "onnxruntime", True, onnx_words(module, channels, size)
    except (RecountError, OnnxMismatch) as error:
        yield "built module", False, str(error)
