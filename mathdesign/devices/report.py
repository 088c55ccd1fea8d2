"""What is told of a design's costs on devices: where they come from, and the share of each kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mathdesign.devices.operators import Operator
from mathdesign.devices.sources import COARSE, FINE, Device, unit_of

#: The key of a design file.
DEVICES = "devices"
#: What the integers of a device's metric may be steps of.
UNITS_OF_STEPS = tuple(
    dict.fromkeys(
        unit_of(quantity, step) for steps in (COARSE, FINE) for quantity, step in steps.items()
    )
)
#: So many shares are named in one line; the rest are added up.
MOST_SHARES = 5


def device_figures(
    devices: Iterable[Device], operators: Sequence[Operator]
) -> dict[str, dict[str, Any]]:
    """By device: what is counted in which steps, its source, and each kind's share of the cost."""
    return {device.name: _figures(device, operators) for device in devices}


def _figures(device: Device, operators: Sequence[Operator]) -> dict[str, Any]:
    prices = device.prices(operators)
    total = prices.total(operators)
    by_kind: dict[str, int] = {}
    for operator in operators:
        by_kind[operator.kind] = by_kind.get(operator.kind, 0) + prices.costs[operator]
    if prices.base:
        by_kind["base"] = prices.base
    made = {one.key: list(one.between) for one in prices.interpolated}
    return about(device, by_kind, total) | ({"interpolated": made} if made else {})


def about(device: Device, parts: Mapping[str, int], total: int) -> dict[str, Any]:
    """The figures of one device, ``parts`` of its ``total`` in steps."""
    order = sorted(parts, key=lambda part: (-parts[part], part))
    shares = {part: round(parts[part] / total, 4) if total else 0.0 for part in order}
    found: dict[str, Any] = {
        "quantity": device.quantity,
        "unit": device.unit,
        "source": device.source.header.about(),
        "sha256": device.source.sha256,
        "shares": shares,
    }
    if device.words.margin:
        found["margin"] = device.words.margin
    if notes := list(device.notes()):
        found["notes"] = notes
    return found


def figures_of(data: Mapping[str, Any]) -> dict[str, Any]:
    """:data:`DEVICES` of a design file, where it is there. Raises ``ValueError`` for what is none."""
    given = data.get(DEVICES)
    if given is None:
        return {}
    for name, own in given.items():
        if not isinstance(own, Mapping) or not isinstance(own.get("shares"), Mapping):
            raise ValueError(f"{DEVICES}.{name}: accepted: a mapping with shares")
        if own.get("unit") not in UNITS_OF_STEPS:
            raise ValueError(f"{DEVICES}.{name}.unit: accepted: {', '.join(UNITS_OF_STEPS)}")
        if not isinstance(own.get("interpolated", {}), Mapping):
            raise ValueError(f"{DEVICES}.{name}.interpolated: accepted: a mapping")
        for part, share in own["shares"].items():
            if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
                raise ValueError(f"{DEVICES}.{name}.shares.{part}: accepted: a share from 0 to 1")
    return {DEVICES: {str(name): dict(own) for name, own in given.items()}}


def device_rows(figures: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Label and text of each device: shares of the cost, greatest first, and where costs are from."""
    rows = []
    for name, own in figures.get(DEVICES, {}).items():
        shares = list(own["shares"].items())
        words = [f"{part} {share:.1%}" for part, share in shares[:MOST_SHARES]]
        if rest := sum(share for _, share in shares[MOST_SHARES:]):
            words.append(f"others {rest:.1%}")
        notes = [str(own.get("source", ""))]
        if own.get("margin"):
            notes.append(f"limit less a margin of {own['margin']:.4g}")
        notes += [str(note) for note in own.get("notes", ())]
        if own.get("interpolated"):
            notes.append(f"{len(own['interpolated'])} costs interpolated")
        rows.append((f"{name} by", ", ".join(words) + f" ({'; '.join(n for n in notes if n)})"))
    return rows


def device_units(figures: Mapping[str, Any]) -> dict[str, str]:
    """The unit of each device's metric."""
    return {name: str(own["unit"]) for name, own in figures.get(DEVICES, {}).items()}
