"""A network as PyTorch: as a file that stands alone, and as the same module built in memory.

Both come from one place. The block classes that a family's ``torch_block()`` returns, and the
``Network`` class below, are *used* by :func:`build` and *printed* by :func:`source`; the stages
are data, one row each. No generated text is ever executed here, and printing imports no torch.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from mathdesign.export.picklable import picklable
from mathdesign.export.printed import Printed, printed
from mathdesign.spaces.convnet.families import FAMILIES
from mathdesign.spaces.convnet.network import Network, NetworkStage
from mathdesign.validators.convnet.recheck import count

if TYPE_CHECKING:
    from torch import nn

Arguments = dict[str, int | bool]
Row = tuple[int, NetworkStage, Arguments, Arguments]
"""Depth, stage, arguments of every block, arguments of the first block alone."""

#: The first block of a stage may change resolution and project its shortcut; ``c_in`` is chained.
FIRST_ONLY = ("stride", "project")

HEADER = """\
# {name}
# A convolutional network for {channels} x {size} x {size} images and {classes} classes.
# {params:,} parameters, {macs:,} multiply-adds (convolutions and linear layers).
"""

IMPORTS = """\
import torch
from torch import Tensor, nn
"""

TABLE = """\
CHANNELS = {channels}
SIZE = {size}
CLASSES = {classes}
STAGES = (
    # depth, block, arguments of every block, arguments of the first block alone
{rows}
)
"""

FOOTER = '''\
def build() -> Network:
    """The network, freshly initialised."""
    return Network(CHANNELS, STAGES, CLASSES)


if __name__ == "__main__":
    network = build().eval()
    with torch.no_grad():
        scores = network(torch.zeros(1, CHANNELS, SIZE, SIZE))
    print(f"{sum(p.numel() for p in network.parameters()):,} parameters")
    print(f"output shape {tuple(scores.shape)}")
'''


def build(network: Network) -> nn.Module:
    """The module of ``network``: input ``(n, channels, size, size)``, output ``(n, classes)``.

    Initialised from torch's global generator. Same state dictionary as the exported file's.
    """
    rows = [(depth, _made(stage), every, first) for depth, stage, every, first in _rows(network)]
    last = network.stages[-1]
    whole = whole_class(last.family, last.block.block_maker(last.shape).__name__)
    module: nn.Module = whole(network.input_channels, rows, network.classes)
    return module


@functools.cache
def block_class(family: str, method: str) -> type[nn.Module]:
    """The block that a method of a family defines: one class a process, so that it pickles."""
    block = FAMILIES[family]
    return picklable(getattr(block, method)(), block_class, family, method)


@functools.cache
def whole_class(family: str, method: str) -> type[nn.Module]:
    """``Network`` with that classifier."""
    return picklable(_network_class(block_class(family, method)), whole_class, family, method)


def source(network: Network, *, objective: float | None = None) -> str:
    """``model.py``: plain ``torch.nn``, importing nothing of ours.

    ``objective`` is mentioned on top if given. Text from users is escaped.
    """
    counts = count(network, "macs")
    header = HEADER.format(
        name=repr(network.name),
        channels=network.input_channels,
        size=network.input_size,
        classes=network.classes,
        **counts,
    )
    if objective is not None:
        header += f"# Objective {objective:.6f}.\n"
    classes = dict.fromkeys(_block(stage).text for stage in network.stages)
    table = TABLE.format(
        channels=network.input_channels,
        size=network.input_size,
        classes=network.classes,
        rows="\n".join(_table_rows(_rows(network))),
    )
    parts = [*classes, table, printed(_network_class).text, FOOTER]
    return f"{header}\n{IMPORTS}\n\n" + "\n\n".join(parts)


def _network_class(classifier: Any) -> type[nn.Module]:
    """``Network``, the only class that is no family's."""
    from torch import Tensor, nn

    Classifier = classifier

    class Network(nn.Module):
        """A chain of stages: the first block of each may change resolution, the others repeat."""

        def __init__(self, channels: int, stages: tuple, classes: int) -> None:  # type: ignore[type-arg]
            super().__init__()
            self.stages = nn.Sequential()
            for depth, block, every, first in stages:
                stage = nn.Sequential(block(channels, **every, **first))
                channels = every["c_out"]
                for _ in range(depth - 1):
                    stage.append(block(channels, **every))
                self.stages.append(stage)
            self.classifier = Classifier(channels, classes)

        def forward(self, x: Tensor) -> Tensor:
            return self.classifier(self.stages(x))  # type: ignore[no-any-return]

    return Network


def _rows(network: Network) -> list[Row]:
    """The stage table, without the classifier."""
    return [_row(stage) for stage in network.stages if stage.role != "classifier"]


def _row(stage: NetworkStage) -> Row:
    """A stage's blocks as one row. Raises ``ValueError`` if its blocks are not of that form."""
    first, *rest = stage.block.block_arguments(stage.prev, stage.choice, stage.shape)
    every = {k: v for k, v in first.items() if k not in ("c_in", *FIRST_ONLY)}
    alone = {k: first[k] for k in FIRST_ONLY if k in first}
    defaults = _block(stage).defaults
    repeated = {"c_in": first["c_out"], **every, **{name: defaults[name] for name in alone}}
    if any(arguments != repeated for arguments in rest):
        raise ValueError(f"stage {stage.name!r}: its later blocks are not all alike")
    return 1 + len(rest), stage, every, alone


def _made(stage: NetworkStage) -> Any:
    """The class of a stage's block."""
    return block_class(stage.family, stage.block.block_maker(stage.shape).__name__)


def _block(stage: NetworkStage) -> Printed:
    """A stage's block as text."""
    return printed(stage.block.block_maker(stage.shape))


def _table_rows(rows: list[Row]) -> Iterable[str]:
    """The table's lines, in columns."""
    cells = [
        (
            f"{depth}, ",
            f"{_block(stage).name}, ",
            f"{_call(every)}, ",
            f"{_call(first)}",
        )
        for depth, stage, every, first in rows
    ]
    widths = [max(map(len, column)) for column in zip(*cells)]
    for row in cells:
        aligned = [cell.ljust(width) for cell, width in zip(row, widths)]
        yield f"    ({aligned[0].rjust(widths[0])}" + "".join(aligned[1:]).rstrip() + "),"


def _call(arguments: Mapping[str, Any]) -> str:
    return f"dict({', '.join(f'{key}={value!r}' for key, value in arguments.items())})"
