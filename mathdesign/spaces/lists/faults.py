"""What is wrong with a specification over option lists as a whole: everything at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath

from mathdesign.spaces.lists.named import SPACES
from mathdesign.spaces.lists.words import LARGEST_COST, ListSpec, SlotSpec
from mathdesign.spec.faults import CrossFault, near_miss


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
    names = [slot.name for slot in slots]
    if isinstance(weights, Mapping):
        for name in weights:
            if name not in names:
                yield (*path, name), repr(name), ", ".join(names), near_miss(name, names)
        if missing := [name for name in names if name not in weights]:
            yield path, f"no weight for {', '.join(missing)}", "one for each slot, by its name", ""
    elif len(weights) != len(slots):
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
