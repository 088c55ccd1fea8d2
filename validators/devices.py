"""Costs on devices, summed again over the operators of the finished network, one by one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from mathdesign.devices.operators import Operator
from mathdesign.devices.sources import Device
from mathdesign.validators.errors import BudgetExceeded, RecheckError


def device_costs(devices: Iterable[Device], operators: Sequence[Operator]) -> dict[str, int]:
    """By device, in its steps. Raises ``KeyError`` for an operator that has no cost."""
    found = {}
    for device in devices:
        prices = device.prices(operators)
        total = prices.base
        for operator in operators:
            total += prices.costs[operator]
        found[device.name] = total
    return found


def verify_devices(
    devices: Iterable[Device], operators: Sequence[Operator], claimed: Mapping[str, int]
) -> dict[str, int]:
    """The costs, held to what is claimed and to the limits. Raises :class:`RecheckError`."""
    devices = tuple(devices)
    found = device_costs(devices, operators)
    hold_claims(devices, found, claimed)
    return found


def option_total(device: Device, options: Mapping[str, str]) -> int:
    """The cost of ``options`` (slot -> option) on a device: the sum of its rows of the table."""
    return sum(option_parts(device, options).values())


def option_parts(device: Device, options: Mapping[str, str]) -> dict[str, int]:
    """The cost of each slot's option, and what every network costs once. A missing row is 0."""
    rows = getattr(device.source, "rows", {})
    names = {slot: f"{slot}:{option}" for slot, option in options.items()}
    found = {slot: rows[key].cost for slot, key in names.items() if key in rows}
    return found | ({"base": rows["base"].cost} if "base" in rows else {})


def hold_claims(
    devices: Iterable[Device], found: Mapping[str, int], claimed: Mapping[str, int]
) -> None:
    """Hold what was counted to claims and limits. Raises :class:`RecheckError`."""
    for device in devices:
        used = found[device.name]
        if device.name in claimed and claimed[device.name] != used:
            raise RecheckError(f"{device.name}: claimed {claimed[device.name]:,}, counted {used:,}")
        budget = device.budget
        if budget is not None and not budget.admits(used):
            raise BudgetExceeded(f"{device.name}: {used:,} is outside of its limits {budget}")
