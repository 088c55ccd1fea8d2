"""What a predictor was fitted on: the slots with their options, order and values, and its features.

A predictor is a function of options, kept as numbers by position. Numbers fit any space of the same
shape: fitted with options ``[id, conv]`` and used on ``[conv, id]`` they name the worst design best.
So the space is stored with the model, and a space that differs is refused by what differs. Features
are stored too, as the additive costs that they sum and what options say besides their names: a cost
that is edited later changes budgets, and not what the trees were grown on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mathdesign.programs.slot_space import TableSpace
from mathdesign.programs.slots import Feature, Slot, TableSum
from mathdesign.surrogate.features import features_of

#: So many differences are told; the rest are counted.
MOST_TOLD = 5
LARGEST_COST = 2**62
AGAIN = "fit it again on this space"
Described = tuple[str, tuple[int, ...], tuple[tuple[float, ...], ...]]
"""A feature: its name, its slots, and for each a number an option."""


@dataclass(frozen=True, slots=True)
class LearnedSpace:
    """The part of a space that a predictor depends on, as plain values that compare.

    ``costs`` are the metrics that are additive over slots, one table of integers a slot: with
    ``counted`` and ``described`` (name, slots, one table a slot) they are features (:mod:`.features`).
    """

    name: str
    slots: tuple[Slot, ...]
    counted: tuple[str, ...] = ()
    costs: tuple[tuple[str, tuple[tuple[int, ...], ...]], ...] = ()
    described: tuple[Described, ...] = ()

    @classmethod
    def of(cls, space: TableSpace) -> LearnedSpace:
        """What of ``space`` a predictor depends on."""
        costs = tuple(
            (name, tuple(tuple(int(cost) for cost in table) for table in sums.unary))
            for name, sums in space.metrics.items()
            if not sums.pairs
        )
        described = tuple(
            (f.name, f.slots, tuple(tuple(map(float, table)) for table in f.tables))
            for f in space.described
        )
        return cls(space.name, space.slots, space.counted, costs, described)

    def features(self) -> tuple[Feature, ...]:
        """What the predictor sees of a design, as when it was fitted."""
        metrics = {
            name: TableSum(0, tuple(np.array(table, dtype=np.int64) for table in tables))
            for name, tables in self.costs
        }
        described = tuple(
            Feature(name, slots, tuple(map(np.array, tables)))
            for name, slots, tables in self.described
        )
        return features_of(
            TableSpace(self.name, self.slots, metrics, self.counted, described=described)
        )

    def differences(self, space: TableSpace) -> list[str]:
        """How ``space`` differs in what a point means: each slot and option by name; empty: not."""
        if space.name != self.name:
            return [f"trained on space {self.name!r}, asked about {space.name!r}"]
        found = list(_differences(self.slots, space.slots))
        more = len(found) - MOST_TOLD
        return found if more <= 0 else [*found[:MOST_TOLD], f"{more} more differences"]

    def to_dict(self) -> dict[str, Any]:
        """As it is written; ``described`` where there is any."""
        described = [
            {"name": name, "slots": list(slots), "tables": [list(table) for table in tables]}
            for name, slots, tables in self.described
        ]
        return {
            "name": self.name,
            "slots": [
                {"name": s.name, "options": list(s.options),
                 "values": None if s.values is None else list(s.values)}
                for s in self.slots
            ],
            "counted": list(self.counted),
            "costs": {name: [list(table) for table in tables] for name, tables in self.costs},
            **({"described": described} if described else {}),
        }  # fmt: skip

    @classmethod
    def read(cls, data: Any) -> LearnedSpace:
        """Inverse of :meth:`to_dict`. Raises ``ValueError``, ``TypeError`` or ``KeyError``."""
        if not isinstance(data, Mapping):
            raise ValueError("space: accepted: a mapping of name, slots, counted and costs")
        slots = tuple(_slot(k, slot) for k, slot in enumerate(_list("slots", data["slots"])))
        if not slots or len({slot.name for slot in slots}) < len(slots):
            raise ValueError("space.slots: accepted: at least one slot, all of distinct names")
        counted = tuple(_text("counted", option) for option in _list("counted", data["counted"]))
        if not isinstance(data["costs"], Mapping):
            raise ValueError("space.costs: accepted: a mapping of metrics")
        costs = tuple(
            (str(metric), _tables(str(metric), tables, slots))
            for metric, tables in data["costs"].items()
        )
        described = tuple(
            _described(f"space.described[{k}]", feature, slots)
            for k, feature in enumerate(_list("described", data.get("described", [])))
        )
        return cls(_text("name", data["name"]), slots, counted, costs, described)


def _differences(mine: Sequence[Slot], theirs: Sequence[Slot]) -> Iterator[str]:
    names, others = [s.name for s in mine], [s.name for s in theirs]
    lacking = [name for name in names if name not in others]
    added = [name for name in others if name not in names]
    yield from (f"slot {name}: not in the space" for name in lacking)
    yield from (f"slot {name}: the predictor has not seen it" for name in added)
    if not lacking and not added and names != others:
        k = next(k for k, (a, b) in enumerate(zip(names, others)) if a != b)
        yield f"slot {others[k]} stands where {names[k]} stood: put the slots back in their order"
    known = {slot.name: slot for slot in theirs}
    for slot in mine:
        if slot.name in known:
            yield from _option_differences(slot, known[slot.name])


def _option_differences(mine: Slot, theirs: Slot) -> Iterator[str]:
    where = f"slot {mine.name}"
    lacking = [option for option in mine.options if option not in theirs.options]
    added = [option for option in theirs.options if option not in mine.options]
    for option in lacking:
        yield f"{where}: option {option!r} is gone; to leave it out, name it in `space.without`"
    for option in added:
        yield f"{where}: the predictor has not seen option {option!r}"
    if lacking or added:
        return
    for a, b in zip(mine.options, theirs.options):
        if a != b:
            order = ", ".join(map(repr, mine.options[:12]))
            yield f"{where}: option {b!r} stands where {a!r} stood; its order was {order}"
            return
    if (mine.values is None) != (theirs.values is None):
        was = "unordered" if mine.values is None else "ordered"
        yield f"{where}: it was {was} when the predictor was fitted"
        return
    for option, was_worth, worth in zip(mine.options, mine.values or (), theirs.values or ()):
        if was_worth != worth:
            yield f"{where}: option {option!r} was worth {was_worth!r}, it is worth {worth!r} now"


def _slot(k: int, data: Any) -> Slot:
    where = f"space.slots[{k}]"
    if not isinstance(data, Mapping):
        raise ValueError(f"{where}: accepted: a mapping of name, options and values")
    options = [_text(f"{where}.options", option) for option in _list(where, data["options"])]
    values = data["values"]
    if values is None:
        return Slot(_text(where, data["name"]), tuple(options))
    numbers = _numbers(f"{where}.values", values)
    return Slot(_text(where, data["name"]), tuple(options), numbers)


def _numbers(where: str, data: Any) -> tuple[float, ...]:
    numbers = []
    for value in _list(where, data):
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not math.isfinite(value)
        ):
            raise ValueError(f"{where}: found {value!r}, accepted: a finite number")
        numbers.append(float(value))
    return tuple(numbers)


def _described(where: str, data: Any, slots: Sequence[Slot]) -> Described:
    if not isinstance(data, Mapping):
        raise ValueError(f"{where}: accepted: a mapping of name, slots and tables")
    at = _list(f"{where}.slots", data["slots"])
    for k in at:
        if isinstance(k, bool) or not isinstance(k, int) or not 0 <= k < len(slots):
            raise ValueError(f"{where}.slots: found {k!r}, accepted: 0 to {len(slots) - 1}")
    tables = tuple(
        _numbers(f"{where}.tables", table) for table in _list(f"{where}.tables", data["tables"])
    )
    if [len(table) for table in tables] != [len(slots[k].options) for k in at]:
        raise ValueError(f"{where}.tables: accepted: one table a slot, one number an option")
    return _text(where, data["name"]), tuple(at), tables


def _tables(metric: str, tables: Any, slots: Sequence[Slot]) -> tuple[tuple[int, ...], ...]:
    where = f"space.costs.{metric}"
    found = []
    for table in _list(where, tables):
        for cost in _list(where, table):
            whole = isinstance(cost, int) and not isinstance(cost, bool)
            if not whole or abs(cost) > LARGEST_COST:
                raise ValueError(f"{where}: found {cost!r}, accepted: whole numbers up to 2^62")
        found.append(tuple(table))
    if [len(table) for table in found] != [len(slot.options) for slot in slots]:
        raise ValueError(f"{where}: accepted: one table a slot, one cost an option")
    return tuple(found)


def _list(where: str, data: Any) -> list[Any]:
    if not isinstance(data, list):
        raise ValueError(f"{where}: found {data!r:.60}, accepted: a list")
    return data


def _text(where: str, data: Any) -> str:
    if not isinstance(data, str):
        raise ValueError(f"{where}: found {data!r:.60}, accepted: text")
    return data
