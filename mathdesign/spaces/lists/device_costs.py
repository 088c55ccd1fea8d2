"""Costs on devices of option lists: tables keyed ``slot:option``, as sums over slots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mathdesign.devices.prices import option_costs
from mathdesign.devices.sources import Device, missing_costs
from mathdesign.devices.table import CostTable
from mathdesign.programs.slot_space import TableSpace
from mathdesign.programs.slots import TableSum
from mathdesign.spec.faults import SpecError


def device_sums(
    space: TableSpace,
    devices: Sequence[Device],
    removed: Mapping[int, set[int]],
    free: Sequence[str] = (),
) -> dict[str, TableSum]:
    """The metric of each device. ``removed`` options need no cost, nor do the slots ``free`` of it.

    Raises ``SpecError`` with every option that has no cost.
    """
    return {device.name: _sums(space, device, removed, free) for device in devices}


def _sums(
    space: TableSpace, device: Device, removed: Mapping[int, set[int]], free: Sequence[str]
) -> TableSum:
    table = device.source
    if type(table) is not CostTable:
        raise SpecError.plain(
            f"{device.name}: a model, which costs operators", "a table of rows slot:option"
        )
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
