"""The words of a specification over option lists: the space, its budgets, the predictor.

```yaml
space: {family: nasbench201}
objective: {predictor: runs/model, uncertainty: 0.5}
budgets: {macs: 40M}
```

Family ``slots`` spells the space out: each slot has options and, per metric, a cost for each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import Literal

import numpy as np
from pydantic import Field

from mathdesign.programs.base import Budget as BudgetRow
from mathdesign.programs.slot_space import TableSpace
from mathdesign.programs.slots import Slot, TableSum
from mathdesign.spaces.lists.named import SPACES
from mathdesign.spec.blocks import Block, Budget, Name, Specification, Weight
from mathdesign.spec.faults import near_miss

LARGEST_COST = 2**53


class SlotSpec(Block):
    """One choice of the user's own space."""

    name: Name
    options: tuple[str | int | float, ...] = Field(..., min_length=1, max_length=1000)
    ordered: bool = Field(False, description="The options are numbers with an order.")
    costs: dict[str, tuple[int, ...]] = Field(
        default_factory=dict, description="By metric: one whole number for each option."
    )


class ListSpaceSpec(Block):
    """What may be chosen."""

    family: Literal["nasbench101", "nasbench201", "nats_size", "proxyless", "slots"]
    slots: tuple[SlotSpec, ...] | None = Field(None, min_length=1, max_length=1000)
    recipe: tuple[SlotSpec, ...] | None = Field(
        None,
        min_length=1,
        max_length=100,
        description="Choices of the training (optimizer, rate, epochs) beside those of the "
        "network, as in FBNetV3 (arXiv 2006.02049): they cost nothing.",
    )
    without: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="Options that may not be taken, by slot."
    )


class PredictorSpec(Block):
    """What is maximised: a trained predictor, or a metric."""

    predictor: str | None = Field(
        None, min_length=1, max_length=4096, description="Folder that `mathdesign fit` wrote."
    )
    uncertainty: float = Field(
        0.0, ge=0, le=1000, allow_inf_nan=False,
        description="Added standard deviations of the predictor's ensemble.",
    )  # fmt: skip
    metric: str | None = Field(None, description="Maximise this instead.")
    log_values: tuple[Weight, ...] | None = Field(
        None,
        min_length=1,
        description="The entropy of widths: the sum of weight * ln(value), one weight a slot, "
        "alone or added to the predictor's score; `mathdesign calibrate` finds weights.",
    )


class ListSpec(Specification):
    """A whole specification over option lists."""

    space: ListSpaceSpec
    objective: PredictorSpec
    budgets: dict[str, Budget] = Field(default_factory=dict)

    def table_space(self) -> TableSpace:
        """The space that it names or spells out, with the slots of the recipe at its end."""
        if self.space.slots is None:
            space = SPACES[self.space.family]()
        else:
            slots = tuple(map(_slot, self.space.slots))
            metrics = {}
            for metric in dict.fromkeys(m for s in self.space.slots for m in s.costs):
                unary = tuple(
                    np.array(s.costs.get(metric, (0,) * len(s.options)), dtype=np.int64)
                    for s in self.space.slots
                )
                metrics[metric] = TableSum(0, unary)
            space = TableSpace("slots", slots, metrics)
        return space if self.space.recipe is None else _with_recipe(space, self.space.recipe)

    def removed(self) -> dict[int, set[int]]:
        """``space.without`` as positions: slot -> options."""
        slots = self.table_space().slots
        at = {slot.name: i for i, slot in enumerate(slots)}
        return {
            at[name]: {slots[at[name]].options.index(option) for option in options}
            for name, options in self.space.without.items()
        }

    def budget_rows(self) -> tuple[BudgetRow, ...]:
        """The budgets as rows of the program, after those that the space always has."""
        asked = tuple(BudgetRow(m, b.max, b.min) for m, b in sorted(self.budgets.items()))
        return (*self.table_space().always, *asked)


def _slot(words: SlotSpec) -> Slot:
    values = tuple(float(o) for o in words.options) if words.ordered else None
    return Slot(words.name, tuple(map(str, words.options)), values)


def _with_recipe(space: TableSpace, recipe: tuple[SlotSpec, ...]) -> TableSpace:
    added = tuple(map(_slot, recipe))
    free = tuple(np.zeros(len(s.options), dtype=np.int64) for s in added)
    metrics = {m: replace(t, unary=(*t.unary, *free)) for m, t in space.metrics.items()}
    name = "+".join([space.name, *(s.name for s in added)])
    return replace(space, name=name, slots=(*space.slots, *added), metrics=metrics)


CrossFault = tuple[tuple[str | int, ...], str, str, str]


def list_faults(spec: ListSpec) -> Iterator[CrossFault]:
    """Every fault of ``spec`` as a whole."""
    faults = list(_slot_faults(spec))
    yield from faults
    objective = spec.objective
    given = [k for k in ("predictor", "metric", "log_values") if getattr(objective, k) is not None]
    if len(given) != 1 and given != ["predictor", "log_values"]:
        found = " and ".join(given) or "none"
        accepted = "one of predictor, metric and log_values, or predictor with log_values"
        yield ("objective",), found, accepted, ""
    if objective.predictor is not None and not _inside(objective.predictor):
        accepted = "a folder below the working directory"
        yield ("objective", "predictor"), repr(objective.predictor), accepted, ""
    if faults:
        return
    yield from _without_faults(spec)
    yield from _log_faults(spec)
    known = tuple(spec.table_space().metrics)
    wanted = [(("budgets", m), m) for m in spec.budgets]
    if objective.metric is not None:
        wanted.append((("objective", "metric"), objective.metric))
    for path, metric in wanted:
        if metric not in known:
            yield path, repr(metric), ", ".join(known) or "none", near_miss(metric, known)


def _log_faults(spec: ListSpec) -> Iterator[CrossFault]:
    weights, slots = spec.objective.log_values, spec.table_space().slots
    path = ("objective", "log_values")
    if weights is None:
        return
    if len(weights) != len(slots):
        yield path, f"{len(weights)} weights", f"{len(slots)}, one for each slot", ""
    if any(slot.values is None or min(slot.values) <= 0 for slot in slots):
        yield path, "a space with unordered options", "slots of positive numbers", ""


def _slot_faults(spec: ListSpec) -> Iterator[CrossFault]:
    slots = spec.space.slots
    if (slots is None) == (spec.space.family == "slots"):
        accepted = "`slots:` with family slots, and only there"
        yield ("space", "slots"), "nothing" if slots is None else "slots", accepted, ""
    yield from _each_slot("slots", slots or (), ())
    named = [s.name for s in slots or ()]
    if slots is None and spec.space.family != "slots":
        named = [s.name for s in SPACES[spec.space.family]().slots]
    recipe = spec.space.recipe or ()
    yield from _each_slot("recipe", recipe, named)
    for i, slot in enumerate(recipe):
        if slot.costs:
            yield ("space", "recipe", i, "costs"), "costs", "none: a recipe costs nothing", ""


def _each_slot(where: str, slots: Sequence[SlotSpec], taken: Sequence[str]) -> Iterator[CrossFault]:
    """What is wrong with one list of slots; ``taken`` are names that others have."""
    for i, slot in enumerate(slots):
        path = ("space", where, i)
        if len(set(map(str, slot.options))) < len(slot.options):
            yield (*path, "options"), "an option twice", "each option once", ""
        if slot.ordered and any(isinstance(o, str) for o in slot.options):
            yield (*path, "options"), "a word", "numbers, or `ordered: false`", ""
        if slot.name in {*taken, *(s.name for s in slots[:i])}:
            yield (*path, "name"), f"{slot.name!r} twice", "each name once", ""
        for metric, costs in slot.costs.items():
            if len(costs) != len(slot.options):
                accepted = f"{len(slot.options)}, one for each option"
                yield (*path, "costs", metric), f"{len(costs)} numbers", accepted, ""
            if any(not 0 <= cost <= LARGEST_COST for cost in costs):
                yield (*path, "costs", metric), "a cost out of range", f"0 to {LARGEST_COST}", ""


def _without_faults(spec: ListSpec) -> Iterator[CrossFault]:
    slots = {slot.name: slot.options for slot in spec.table_space().slots}
    for name, options in spec.space.without.items():
        path = ("space", "without", name)
        if name not in slots:
            yield path, repr(name), ", ".join(slots), near_miss(name, list(slots))
            continue
        for option in options:
            if option not in slots[name]:
                accepted = ", ".join(slots[name])
                yield path, repr(option), accepted, near_miss(option, slots[name])
        if set(slots[name]) <= set(options):
            yield path, "every option", "at least one option left", ""
    if spec.space.without and len(slots) < 2:
        yield ("space", "without"), "a space of one slot", "leave the options out of the slot", ""


def _inside(folder: str) -> bool:
    path = PurePath(folder)
    return not path.is_absolute() and ".." not in path.parts
