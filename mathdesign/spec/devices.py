"""Words of devices: where the costs of a metric come from, and its limits.

.. code-block:: yaml

    budgets: {latency: {max: 25 ms, table: pixel.csv}}       # one device, or several by name:
    devices:
      phone: {max: 25 ms, table: pixel.csv, margin: 5%}
      board: {max: 40 ms, model: board.yaml}
      energy: {max: 3 mJ, per_mac: 4.6 pJ, per_byte: 20 pJ}

A device's name is that of its metric. What ``budgets:`` says of a device stands with it in the
canonical form.
"""

from __future__ import annotations

from typing import Any

from mathdesign.spec.blocks import COST_FILES, EXAMPLE, USUAL
from mathdesign.spec.document import Document

#: Words that say costs in the specification itself, and all that say where costs come from.
INLINE = ("overhead", "per_mac", "per_byte")
SOURCES = (*COST_FILES, *INLINE)
#: Any of these in a budget makes it a device's.
MARKS = (*SOURCES, "interpolate", "margin", "dtype")


def needs_device(path: tuple[str | int, ...]) -> str:
    """What was perhaps meant by a budget that only a device can count."""
    return EXAMPLE if path[:1] == ("budgets",) and path[-1] in USUAL else ""


def gather(document: Document) -> None:
    """Put what ``budgets:`` says of devices to them, with its positions; other data are left alone."""
    data = document.data
    budgets = data.get("budgets") if isinstance(data, dict) else None
    given = data.get("devices") if isinstance(data, dict) else None
    if not isinstance(budgets, dict) or not isinstance(given, dict | None):
        return
    devices, kept = dict(given or {}), {}
    for name, limit in budgets.items():
        known = devices.get(name)
        marked = isinstance(limit, dict) and any(word in limit for word in MARKS)
        if not marked and not isinstance(known, dict):
            kept[name] = limit
            continue
        if isinstance(known, dict) and isinstance(limit, dict) and set(known) & set(limit):
            word = sorted(set(known) & set(limit))[0]
            path = ("budgets", name, word)
            document.faults.append(
                document.fault(path, f"{word} here and in devices.{name}", "one of the two")
            )
            continue
        plain = limit if isinstance(limit, dict) else {"max": limit}
        devices[name] = {**(known or {}), **plain}
        _move(document, name, () if isinstance(limit, dict) else ("max",))
    if devices:
        document.data = {**data, "budgets": kept, "devices": devices}


def _move(document: Document, name: str, rest: tuple[str, ...]) -> None:
    """Positions of ``budgets.name`` and below hold for ``devices.name`` too."""
    old = ("budgets", name)
    places: list[dict[Any, Any]] = [document.positions, document.given]
    for known in places:
        for path in [p for p in known if p[:2] == old]:
            known.setdefault(("devices", name, *(path[2:] or rest)), known[path])
        if old in known:
            known.setdefault(("devices", name), known[old])
