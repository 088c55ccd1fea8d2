"""What is wrong with a specification over option lists as a whole: everything at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mathdesign.devices.sources import device_faults
from mathdesign.files import is_inside
from mathdesign.memory.steps import ACTIVATION_BYTES, BYTES, WEIGHT_BYTES, MemoryOptions
from mathdesign.programs.slot_space import TableSpace
from mathdesign.spaces.blocks.alive import NotHeld, most_alive
from mathdesign.spaces.lists.layer_faults import layer_faults
from mathdesign.spaces.lists.named import PRESETS, SPACES
from mathdesign.spaces.lists.words import LARGEST_COST, LAYERS, ListSpec, SlotSpec
from mathdesign.spec.devices import needs_device
from mathdesign.spec.faults import CrossFault, near_miss
from mathdesign.spec.quantities import Amount, QuantityError, Steps
from mathdesign.spec.shared import peak_faults

OBJECTIVES = ("predictor", "metric", "log_values", "entropy", "volume")
#: The families whose slots stand in the file.
OWN = ("slots", LAYERS)
#: The families whose cells have an entropy.
CELLS = "nasbench201"


def list_faults(spec: ListSpec) -> Iterator[CrossFault]:
    """Every fault of ``spec`` as a whole."""
    faults = [*_slot_faults(spec), *_cost_faults(spec), *layer_faults(spec)]
    yield from faults
    objective = spec.objective
    given = [k for k in OBJECTIVES if getattr(objective, k) is not None]
    if len(given) != 1 and given != ["predictor", "log_values"]:
        found = " and ".join(given) or "none"
        accepted = f"one of {', '.join(OBJECTIVES)}, or predictor with log_values"
        yield ("objective",), found, accepted, ""
    if objective.pick is not None and objective.predictor is None:
        yield ("objective", "pick"), "a pick", "beside `predictor`", ""
    if objective.pick == "sound" and objective.uncertainty:
        yield ("objective", "pick"), "sound beside uncertainty", "one of the two", ""
    if objective.predictor is not None and not is_inside(objective.predictor):
        accepted = "a folder below the working directory (run the command from one that holds it)"
        yield ("objective", "predictor"), repr(objective.predictor), accepted, ""
    if faults:
        return
    space = spec.table_space()
    if objective.entropy and space.untrained is None:
        yield ("objective", "entropy"), f"family {spec.space.family}", f"family {CELLS}", ""
    if objective.volume and spec.layers() is None:
        found = f"family {spec.space.family}"
        yield ("objective", "volume"), found, f"family {', '.join((*PRESETS, LAYERS))}", ""
    yield from _without_faults(spec, space)
    yield from _log_faults(spec, space)
    fitted = list(_metric_faults(spec, space))
    yield from fitted
    if fitted:
        return
    own = tuple(spec.metrics(space))
    yield from _memory_faults(spec, own)
    told = BYTES if spec.layers() is None else (ACTIVATION_BYTES,)
    if spec.layers() is not None:
        own += (WEIGHT_BYTES,)
    yield from device_faults(spec.devices, own)
    known = (*own, *(spec.devices or ()))
    wanted = [(("budgets", m), m) for m in spec.budgets]
    if objective.metric is not None:
        wanted.append((("objective", "metric"), objective.metric))
    for path, metric in wanted:
        if metric not in known and not (path[0] == "budgets" and metric in told):
            meant = near_miss(metric, known) or needs_device(path)
            counted = (*known, *(told if path[0] == "budgets" and spec.layers() else ()))
            yield path, repr(metric), ", ".join(counted) or "none", meant


def _memory_faults(spec: ListSpec, own: Sequence[str]) -> Iterator[CrossFault]:
    """Memory of options that nobody can execute, or whose operators nobody knows; lower limits."""
    layers = spec.layers()
    asked: list[tuple[str, ...]] = [
        ("budgets", name) for name in BYTES if name in spec.budgets and name not in own
    ]
    asked += [("memory",)] if spec.memory is not None else []
    if layers is None:
        for path in asked:
            accepted = "nothing: no blocks say what the options of this space execute"
            yield path, f"memory of family {spec.space.family}", accepted, ""
        return
    yield from peak_faults(spec, (ACTIVATION_BYTES,))
    options = MemoryOptions()
    try:
        for piece in layers.pieces if asked else ():
            most_alive(piece.operators, piece.given, options)
    except NotHeld as error:
        yield asked[0], str(error), "blocks of known operators", ""


def _cost_faults(spec: ListSpec) -> Iterator[CrossFault]:
    """Units that do not go together, and numbers that programs do not hold."""
    slots = spec.space.slots or ()
    for metric in dict.fromkeys(m for slot in slots for m in slot.costs):
        first = next(i for i, slot in enumerate(slots) if metric in slot.costs)
        path = ("space", "slots", first, "costs", metric)
        costs = [cost for slot in slots for cost in slot.costs.get(metric, ())]
        try:
            steps = Steps.of(costs)
        except QuantityError as error:
            yield path, " and ".join(map(str, _unlike(costs))), str(error), ""
            continue
        if any(steps.below(cost) > LARGEST_COST for cost in costs):
            most = f"0 to {LARGEST_COST}" + (f" steps of {steps.unit}" if steps.unit else "")
            yield path, "a cost out of range", most, ""
        for side in ("min", "max"):
            limit = getattr(spec.budgets.get(metric), side, None)
            if limit is not None and not steps.holds(limit):
                accepted = f"a number of {steps.base}" if steps.base else "a plain number"
                yield ("budgets", metric), str(limit), f"{accepted}, as its costs are", ""
    for metric, limits in spec.budgets.items():
        if not slots and any(
            s and (s.unit or s.value.denominator > 1) for s in (limits.min, limits.max)
        ):
            own = ("budgets", metric)
            yield own, str(limits.max or limits.min), "a whole number", needs_device(own)


def _unlike(costs: Sequence[Amount]) -> list[Amount]:
    """The first cost of each unit, or else the one of the most decimals."""
    found = {cost.unit: cost for cost in reversed(costs) if cost.value}
    return [*found.values()] if len(found) > 1 else [max(costs, key=lambda c: c.value.denominator)]


def _log_faults(spec: ListSpec, space: TableSpace) -> Iterator[CrossFault]:
    weights, slots = spec.objective.log_values, space.slots
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
    if not space.positive:
        yield path, "a space with unordered options", "slots of positive numbers", ""


def _slot_faults(spec: ListSpec) -> Iterator[CrossFault]:
    slots = spec.space.slots
    if (slots is None) == (spec.space.family in OWN):
        accepted = f"`slots:` with family {' or '.join(OWN)}, and only there"
        yield ("space", "slots"), "nothing" if slots is None else "slots", accepted, ""
    yield from _each_slot("slots", slots or (), ())
    named = [s.name for s in slots or ()]
    if slots is None and spec.space.family not in OWN:
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
        if slot.ordered and any(isinstance(o, str | dict) for o in slot.options):
            yield (*path, "options"), "a word", "numbers, or `ordered: false`", ""
        if slot.name in {*taken, *(s.name for s in slots[:i])}:
            yield (*path, "name"), f"{slot.name!r} twice", "each name once", ""
        for metric, costs in slot.costs.items():
            if len(costs) != len(slot.options):
                accepted = f"{len(slot.options)}, one for each option"
                yield (*path, "costs", metric), f"{len(costs)} numbers", accepted, ""


def _metric_faults(spec: ListSpec, space: TableSpace) -> Iterator[CrossFault]:
    slots = {slot.name: len(slot.options) for slot in space.slots}
    taken = [*space.metrics]
    for i, metric in enumerate(spec.linear_metrics or ()):
        path = ("linear_metrics", i)
        if metric.name in taken:
            yield (*path, "name"), f"{metric.name!r} twice", "names not taken by other metrics", ""
        taken.append(metric.name)
        for name, costs in metric.slots.items():
            if name not in slots:
                accepted = ", ".join(slots)
                yield (*path, "slots", name), repr(name), accepted, near_miss(name, list(slots))
            elif len(costs) != slots[name]:
                accepted = f"{slots[name]}, one for each option"
                yield (*path, "slots", name), f"{len(costs)} numbers", accepted, ""
            if any(not 0 <= cost <= LARGEST_COST for cost in costs):
                yield (*path, "slots", name), "a cost out of range", f"0 to {LARGEST_COST}", ""


def _without_faults(spec: ListSpec, space: TableSpace) -> Iterator[CrossFault]:
    slots = {slot.name: slot.options for slot in space.slots}
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
