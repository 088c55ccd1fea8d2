"""A chain of blocks as PyTorch: as a file that stands alone, and as the same module in memory.

Both come from one place, as those of chains of stages (:mod:`mathdesign.export.convnet`): the classes that
kinds of blocks return are *used* by :func:`build` and *printed* by :func:`source`; the blocks are data, one
row each. No generated text is ever executed here, and printing imports no torch.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from mathdesign.export.picklable import picklable
from mathdesign.export.printed import Printed, printed
from mathdesign.spaces.blocks.network import BlockNetwork
from mathdesign.spaces.blocks.registry import BLOCKS
from mathdesign.spaces.blocks.torch_layers import PRINTED

if TYPE_CHECKING:
    from torch import nn

HEADER = """\
# {name}
# A network for {given} inputs ({axes}) and {classes} classes.
# {params:,} parameters, {macs:,} multiply-adds (convolutions and linear layers).
"""
AXES = {1: "channels x length", 2: "channels x height x width"}

IMPORTS = """\
import torch
from torch import Tensor, nn
"""

TABLE = """\
INPUT = {given}
BLOCKS = (
    # block, what differs from its defaults
{rows}
)
"""

FOOTER = '''\
def build() -> Network:
    """The network, freshly initialised."""
    return Network(BLOCKS)


if __name__ == "__main__":
    network = build().eval()
    with torch.no_grad():
        scores = network(torch.zeros(1, *INPUT))
    print(f"{sum(p.numel() for p in network.parameters()):,} parameters")
    print(f"output shape {tuple(scores.shape)}")
'''


def build(network: BlockNetwork) -> nn.Module:
    """The module of ``network``: input ``(n, channels, *size)``, output ``(n, classes)``.

    Initialised from torch's global generator. Same state dictionary as the exported file's.
    """
    axes = len(network.given.size)
    rows = [(block_class(block.kind, axes), BLOCKS[block.kind].arguments(block, given))
            for block, given in network.steps]  # fmt: skip
    module: nn.Module = whole_class()(rows)
    return module


@functools.cache
def block_class(kind: str, axes: int) -> type[nn.Module]:
    """The class of a kind of block: one a process, so that it pickles."""
    return picklable(BLOCKS[kind].torch_block(axes), block_class, kind, axes)


@functools.cache
def whole_class() -> type[nn.Module]:
    """``Network``."""
    return picklable(_network_class(), whole_class)


def source(network: BlockNetwork, *, objective: float | None = None) -> str:
    """``model.py``: plain ``torch.nn``, importing nothing of ours.

    ``objective`` is mentioned on top if given. Text from users is escaped.
    """
    given = network.given
    axes = len(given.size)
    header = HEADER.format(
        name=repr(network.name), given=given, axes=AXES[axes], classes=network.made.channels,
        **network.counts,
    )  # fmt: skip
    if objective is not None:
        header += f"# Objective {objective:.6f}.\n"
    classes = dict.fromkeys(_text(block.kind).text for block in network.blocks)
    table = TABLE.format(given=(given.channels, *given.size), rows="\n".join(_table_rows(network)))
    parts = [PRINTED.format(axes=axes), *classes, printed(_network_class).text, table, FOOTER]
    return f"{header}\n{IMPORTS}\n" + "\n\n".join(parts)


def _network_class() -> type[nn.Module]:
    """``Network``, the only class that is no kind's."""
    from torch import nn

    class Network(nn.Sequential):
        """Blocks, one after the other."""

        def __init__(self, blocks: tuple) -> None:  # type: ignore[type-arg]
            super().__init__(*(block(**arguments) for block, arguments in blocks))

    return Network


def _text(kind: str) -> Printed:
    return printed(type(BLOCKS[kind]).torch_block)


def _table_rows(network: BlockNetwork) -> Iterable[str]:
    """A line a block, in columns."""
    cells = []
    for block, given in network.steps:
        text = _text(block.kind)
        arguments = BLOCKS[block.kind].arguments(block, given)
        told = {
            k: v for k, v in arguments.items() if k not in text.defaults or v != text.defaults[k]
        }
        cells.append((f"{text.name},", _call(told)))
    width = max(len(name) for name, _ in cells)
    return [f"    ({name.ljust(width)} {call})," for name, call in cells]


def _call(arguments: Mapping[str, Any]) -> str:
    return f"dict({', '.join(f'{key}={value!r}' for key, value in arguments.items())})"
