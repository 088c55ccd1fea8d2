"""Costs on devices of option lists: tables keyed ``slot:option``, else sums over operators of blocks.

Where options are blocks, any table or model of operators costs them: what a network costs is a sum of
tables over slots and their neighbours (:mod:`.layerwise`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from mathdesign.devices.prices import option_costs
from mathdesign.devices.sources import Device, costs_of, missing_costs
from mathdesign.devices.table import CostTable
from mathdesign.programs.slot_space import TableSpace
from mathdesign.programs.slots import TableSum
from mathdesign.spaces.blocks.base import Block
from mathdesign.spaces.blocks.executed import block_operators, executed
from mathdesign.spaces.blocks.network import after
from mathdesign.spaces.blocks.operators import Operators, Shape
from mathdesign.spaces.lists.layerwise import LayerSpace, Piece
from mathdesign.spec.faults import SpecError

Removed = Mapping[int, set[int]]
"""Slot -> options that may not be taken."""


def device_sums(
    space: TableSpace,
    layers: LayerSpace | None,
    devices: Sequence[Device],
    removed: Removed,
    free: Sequence[str] = (),
) -> dict[str, TableSum]:
    """The metric of each device. ``removed`` options need no cost, nor do the slots ``free`` of it.

    ``layers``: the blocks of the space, where its options are blocks. Raises ``SpecError`` with every
    option or operator that has no cost.
    """
    found = {}
    for device in devices:
        if by_options(device, space):
            found[device.name] = _of_options(space, device, removed, free)
        elif layers is None:
            raise SpecError.plain(
                f"{device.name}: costs of operators, for options that are names alone",
                "a table of rows slot:option",
            )
        else:
            found[device.name] = _of_blocks(space, layers, device, removed)
    return found


def by_options(device: Device, space: TableSpace) -> bool:
    """Whether a device's costs are those of options: a table with rows of the space's slots."""
    if type(device.source) is not CostTable:
        return False
    slots = {slot.name for slot in space.slots}
    return any(key.partition(":")[0] in slots for key in device.source.rows if ":" in key)


def _of_options(
    space: TableSpace, device: Device, removed: Removed, free: Sequence[str]
) -> TableSum:
    table = device.source
    assert type(table) is CostTable
    wanted = [
        (slot.name, option)
        for i, slot in enumerate(space.slots)
        for k, option in enumerate(slot.options)
        if k not in removed.get(i, ())
    ]
    costs, missing = option_costs(table, wanted)
    needed = {key: "not measured" for key in missing if key.partition(":")[0] not in free}
    if needed:
        raise missing_costs(device, needed, "options")
    unary = tuple(
        np.array([costs.get((slot.name, option), 0) for option in slot.options], dtype=np.int64)
        for slot in space.slots
    )
    return TableSum(table.base, unary)


def _of_blocks(space: TableSpace, layers: LayerSpace, device: Device, removed: Removed) -> TableSum:
    pairs = {pair: None for piece in _possible(layers, removed) for pair in _blocks(piece)}
    needed = dict.fromkeys(op for pair in pairs for op in block_operators(*pair))
    prices = costs_of(device, needed)

    def cost(operators: Operators) -> int:
        """What cannot be taken may lack a cost."""
        return sum(prices.costs.get(op, 0) for op in executed(operators))

    sums = layers.sums(cost)
    more = tuple(
        np.zeros(len(slot.options), dtype=np.int64) for slot in space.slots[len(sums.unary) :]
    )
    return replace(sums, constant=sums.constant + prices.base, unary=(*sums.unary, *more))


def _possible(layers: LayerSpace, removed: Removed) -> Iterator[Piece]:
    """The pieces that some design has."""
    for piece in layers.pieces:
        gone = piece.slot is not None and piece.option in removed.get(piece.slot, ())
        before = set() if piece.slot is None else removed.get(piece.slot - 1, set())
        if not gone and (piece.previous is None or set(piece.previous) - before):
            yield piece


def _blocks(piece: Piece) -> Iterator[tuple[Block, Shape]]:
    """Each block with what it is given."""
    given = piece.given
    for block in piece.blocks:
        yield block, given
        given = after(block, given)
