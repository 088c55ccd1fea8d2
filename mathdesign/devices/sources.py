"""A device in words -> its table or model, read, with everything that is wrong said at once."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from mathdesign.devices.header import Header, Quantity
from mathdesign.devices.model import DEFAULT, CostModel, Rates, read_model
from mathdesign.devices.operators import Operator
from mathdesign.devices.prices import Prices, Source, priced
from mathdesign.devices.table import read_table
from mathdesign.files import is_inside
from mathdesign.programs.base import Budget
from mathdesign.spec.blocks import COST_FILES, DeviceSpec
from mathdesign.spec.devices import INLINE, SOURCES
from mathdesign.spec.faults import CrossFault, Fault, SpecError
from mathdesign.spec.quantities import Amount

#: So many faults of one file, and so many missing operators, are listed; the rest are counted.
MOST_LISTED = 20
#: Steps of programs whose costs are numbers of layers, and of those whose costs are formulas of
#: multiply-adds; in seconds or joules, and as :func:`mathdesign.spec.quantities.counted` says them.
COARSE = {"latency": Fraction(1, 10**9), "energy": Fraction(1, 10**12)}
FINE = {"latency": Fraction(1, 10**15), "energy": Fraction(1, 10**15)}
SHOWN = {"latency": ("ms", Fraction(1, 1000)), "energy": ("mJ", Fraction(1, 1000))}
BASE = {"latency": "s", "energy": "J"}


@dataclass(frozen=True, eq=False)
class Device:
    """A metric of costs on a device. ``step``: what one of the program's integers is, s or J."""

    name: str
    words: DeviceSpec
    source: Source
    step: Fraction

    @property
    def quantity(self) -> Quantity:
        """Its unit is of seconds or joules."""
        return self.source.header.quantity

    @property
    def unit(self) -> str:
        """Its step in words, for reports: ``0.000001 ms``."""
        return unit_of(self.quantity, self.step)

    def prices(self, operators: Iterable[Operator]) -> Prices:
        """What operators cost in steps, and what has no cost."""
        return priced(
            self.source, operators, interpolate=self.words.interpolate, step=self.step
        )  # fmt: skip

    def total(self, operators: Iterable[Operator]) -> int:
        """Steps of a network. Raises ``KeyError`` for an operator without a cost."""
        every = tuple(operators)
        return self.prices(every).total(every)

    @property
    def budget(self) -> Budget | None:
        """The limits, in steps: an upper one leaves room for the margin. ``None``: there are none."""
        most, least = self.words.max, self.words.min
        if most is None and least is None:
            return None
        room = 1 + Fraction(repr(self.words.margin))
        upper = None if most is None else most.value / room // self.step
        return Budget(self.name, upper, None if least is None else -(-least.value // self.step))

    def notes(self) -> Iterator[str]:
        """What a reader ought to know of its costs."""
        yield from self.source.notes()


def unit_of(quantity: str, step: Fraction) -> str:
    """A step in the unit that reports use: ``0.000001 ms``."""
    shown, size = SHOWN[quantity]
    zeros = len(str(int(size / step))) - 1
    return f"0.{'0' * (zeros - 1)}1 {shown}"


def read_devices(
    words: Mapping[str, DeviceSpec] | None, steps: Mapping[str, Fraction]
) -> tuple[Device, ...]:
    """The devices of a specification without faults; ``steps`` by quantity."""
    found = []
    for name, own in (words or {}).items():
        source = _source(own)
        found.append(Device(name, own, source, steps[source.header.quantity]))
    return tuple(found)


def device_faults(
    words: Mapping[str, DeviceSpec] | None, taken: Iterable[str]
) -> Iterator[CrossFault]:
    """Everything wrong with devices: names that are ``taken``, sources, files, limits."""
    taken = set(taken)
    for name, own in (words or {}).items():
        path = ("devices", name)
        if name in taken:
            yield path, f"{name!r}, a metric of the space", "a name of its own", ""
        given = [word for word in SOURCES if getattr(own, word) is not None]
        files = [word for word in given if word in COST_FILES]
        if not given or (files and len(given) > 1):
            accepted = f"one of table and model, or {', '.join(INLINE)}"
            yield path, " and ".join(given) or "no costs", accepted, ""
            continue
        if own.interpolate and own.source != "table":
            yield (*path, "interpolate"), "true", "beside a table: a model knows every operator", ""
        if own.dtype is not None and files:
            yield (*path, "dtype"), own.dtype, f"nothing: the {own.source} says it", ""
        yield from _source_faults(path, own)


def _source_faults(path: tuple[str | int, ...], own: DeviceSpec) -> Iterator[CrossFault]:
    place = (*path, own.source) if own.source else path
    file = getattr(own, own.source) if own.source else ""
    if own.source and not is_inside(file):
        accepted = "a file below the working directory (run the command from one that holds it)"
        yield place, repr(file), accepted, ""
        return
    if not own.source and len({a.unit for w in INLINE if (a := getattr(own, w)) and a.value}) != 1:
        accepted = "times such as 50 ps, or energies such as 4.6 pJ, of one kind and not all 0"
        yield (
            path,
            " and ".join(str(getattr(own, w)) for w in INLINE if getattr(own, w)),
            accepted,
            "",
        )
        return
    try:
        source = _source(own)
    except OSError as error:
        yield place, f"{file}: {error.strerror or error}", "a readable file", ""
        return
    except SpecError as error:
        for fault in error.faults[:MOST_LISTED]:
            at = f"{fault.file}:{fault.line}: {fault.path + ': ' if fault.path else ''}"
            yield place, f"{at}{fault.found}", fault.accepted, fault.suggestion
        if (more := len(error.faults) - MOST_LISTED) > 0:
            yield place, f"{more:,} more faults in {file}", "", ""
        return
    yield from _limit_faults(path, own, source.header.quantity)


def _limit_faults(
    path: tuple[str | int, ...], own: DeviceSpec, quantity: Quantity
) -> Iterator[CrossFault]:
    example = {"latency": "a time such as 25 ms", "energy": "an energy such as 3 mJ"}[quantity]
    for side in ("min", "max"):
        limit: Amount | None = getattr(own, side)
        if limit is not None and limit.unit != BASE[quantity]:
            yield (*path, side), str(limit), f"{example}: these are costs of {quantity}", ""
    if own.min is not None and own.max is not None and own.min.value > own.max.value:
        yield path, f"min {own.min} above max {own.max}", "min <= max", ""


def _source(own: DeviceSpec) -> Source:
    """Raises ``SpecError`` and ``OSError``."""
    if not own.source:
        return _inline(own)
    path = getattr(own, own.source)
    stat = Path(path).stat()
    return _read(own.source, path, stat.st_mtime_ns, stat.st_size)


@functools.lru_cache(maxsize=8)
def _read(kind: str, path: str, changed: int, size: int) -> Source:
    """The file as it is now: read once while it stays so."""
    return read_table(path) if kind == "table" else read_model(path)


def _inline(own: DeviceSpec) -> CostModel:
    amounts: dict[str, Any] = {word: getattr(own, word) for word in INLINE}
    unit = next(a.unit for a in amounts.values() if a is not None and a.value)
    quantity: Quantity = "latency" if unit == "s" else "energy"
    numbers = [Fraction(0) if a is None else a.value for a in amounts.values()]
    header = Header(quantity, unit, dtype=own.dtype or "float32")
    return CostModel(header, {DEFAULT: Rates(*numbers)})


class MissingCosts(SpecError):
    """Operators of a space without a cost. ``operators`` are all that the space may need."""

    def __init__(self, faults: Iterable[Fault], operators: tuple[Operator, ...]) -> None:
        super().__init__(faults)
        self.operators = operators


def missing_costs(device: Device, missing: Mapping[str, str], what: str = "operators") -> SpecError:
    """Everything of a space that has no cost, key -> why: a sorted list, capped, with the way out."""
    keys = sorted(missing)
    reasons = [f"{key}: {missing[key]}" for key in keys[:MOST_LISTED]]
    more = [f"and {len(keys) - MOST_LISTED:,} more"] if len(keys) > MOST_LISTED else []
    where = getattr(device.words, device.words.source) if device.words.source else "its costs"
    cure = f"costs for all {what} of the space"
    if what == "operators" and device.words.source == "table" and not device.words.interpolate:
        cure += ", or `interpolate: true`"
    return SpecError.plain(
        f"{len(keys):,} {what} of the space without a cost in {where} ({device.name}): "
        + "; ".join([*reasons, *more]),
        cure,
    )


def costs_of(device: Device, operators: Iterable[Operator]) -> Prices:
    """The prices of everything that a space may need. Raises :class:`SpecError` for what is missing."""
    needed = tuple(operators)
    prices = device.prices(needed)
    if prices.missing:
        raise MissingCosts(missing_costs(device, prices.missing).faults, needed)
    return prices
