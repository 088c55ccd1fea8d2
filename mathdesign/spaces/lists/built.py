"""The blocks that options stand for, in every space that knows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mathdesign.spaces.blocks.base import Value
from mathdesign.spaces.blocks.network import BlockNetwork
from mathdesign.spaces.blocks.operators import Shape
from mathdesign.spaces.blocks.registry import BLOCKS
from mathdesign.spaces.blocks.shorthand import classifier, conv
from mathdesign.spaces.lists import nasbench201, nats_size
from mathdesign.spaces.lists.words import ListSpec


def blocks_of(spec: ListSpec, name: str, options: Mapping[str, str]) -> BlockNetwork | None:
    """The network of the chosen options; ``None`` where nothing says what they are."""
    layers = spec.layers()
    if layers is not None:
        return layers.network(name, options)
    return CELLS[spec.space.family](name, options) if spec.space.family in CELLS else None


def cells_of_201(name: str, options: Mapping[str, str]) -> BlockNetwork:
    """The network of a cell of NAS-Bench-201: five of it at each of three widths."""
    edges = {edge: options[edge] for edge in nasbench201.EDGES}
    blocks = [conv(nasbench201.CHANNELS[0], 3, activation="identity")]
    for stage, width in enumerate(nasbench201.CHANNELS):
        if stage:
            blocks.append(BLOCKS["residual201"].block(width=width))
        blocks += [BLOCKS["cell201"].block(width=width, **edges)] * nasbench201.CELLS
    tail = (BLOCKS["norm"].block(), classifier(10))
    return BlockNetwork(name, Shape(3, (32, 32)), (*blocks, *tail))


#: The cell of the size space: a skip from the input to the output, 3x3s elsewhere.
SIZE_CELL = {"e01": "nor_conv_3x3", "e02": "nor_conv_3x3", "e12": "nor_conv_3x3",
             "e03": "skip_connect", "e13": "nor_conv_3x3", "e23": "nor_conv_3x3"}  # fmt: skip


def sizes_of_nats(name: str, options: Mapping[str, str]) -> BlockNetwork:
    """The network of five widths of NATS-Bench."""
    widths = [int(options[slot]) for slot in nats_size.SLOTS]
    blocks = [conv(widths[0], 3, activation="identity")]
    for i, width in enumerate(widths):
        if i % 2:
            blocks.append(BLOCKS["residual201"].block(width=width))
        else:
            blocks.append(BLOCKS["cell201"].block(width=width, **SIZE_CELL))
    tail = (BLOCKS["norm"].block(), classifier(10))
    return BlockNetwork(name, Shape(3, (32, 32)), (*blocks, *tail))


def cells_of_101(name: str, options: Mapping[str, str]) -> BlockNetwork:
    """The network of a cell of NAS-Bench-101: three of it at each of three widths."""
    settings: dict[str, Value] = {
        slot: option == "1" if slot.startswith("e") else option for slot, option in options.items()
    }
    blocks = [conv(128, 3)]
    for stage in range(3):
        if stage:
            blocks.append(BLOCKS["pool"].block(kernel=2, stride=2))
        blocks += [BLOCKS["cell101"].block(width=128 * 2**stage, **settings)] * 3
    return BlockNetwork(name, Shape(3, (32, 32)), (*blocks, classifier(10)))


CELLS: Mapping[str, Callable[[str, Mapping[str, str]], BlockNetwork]] = {
    "nasbench101": cells_of_101, "nasbench201": cells_of_201, "nats_size": sizes_of_nats,
}  # fmt: skip
"""Spaces whose costs stand in tables of their own, and whose designs are built all the same."""


def blocks_asked(request: Any, name: str, options: Mapping[str, str]) -> BlockNetwork | None:
    """The same for a design of before, which says its request and not its blocks.

    ``None`` as well for a request or options that are unsound: they are told of elsewhere.
    """
    try:
        return blocks_of(ListSpec.model_validate(dict(request)), name, options)
    except (TypeError, ValueError, KeyError):
        return None


COUNTED_OTHERWISE = ("nasbench201",)
"""Those whose tables count more than convolutions and linear layers as multiply-adds."""
