"""From a specification over option lists to a slot problem."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mathdesign.devices.sources import COARSE, Device, read_devices
from mathdesign.memory.steps import ACTIVATION_BYTES, BYTES, WEIGHT_BYTES, MemoryOptions
from mathdesign.metrics import METRICS
from mathdesign.programs.base import Budget
from mathdesign.programs.slot_space import TableSpace
from mathdesign.programs.slots import PairTable, SlotObjective, SlotProblem, TableSum
from mathdesign.spaces.blocks.alive import most_alive, stored
from mathdesign.spaces.kind import Posed
from mathdesign.spaces.lists.device_costs import device_sums
from mathdesign.spaces.lists.layer_volume import volume_of
from mathdesign.spaces.lists.one_shot import OneShot
from mathdesign.spaces.lists.words import ListSpec
from mathdesign.spaces.watch import Watch, unwatched
from mathdesign.spec.blocks import MemorySpec
from mathdesign.spec.faults import SpecError
from mathdesign.surrogate.booster import ModelError
from mathdesign.surrogate.measured import Measured
from mathdesign.surrogate.predictor import Predictor


@dataclass(frozen=True, eq=False)
class PosedList(Posed[ListSpec]):
    """A posed specification: the program, its space, and the predictor that it maximises."""

    program: SlotProblem
    space: TableSpace
    predictor: Predictor | None
    budgets: tuple[Budget, ...]
    """Those of the space, then those that were asked for."""
    one_shot: OneShot | None = None
    """What was measured, where the predictor's folder holds it."""
    devices: tuple[Device, ...] = ()
    memory: MemoryOptions | None = None


def pose(spec: ListSpec, watch: Watch = unwatched) -> PosedList:
    """The solver-free program. Raises :class:`SpecError` where the predictor cannot be used."""
    watch("tables", 0, 2)
    space = spec.table_space()
    watch("tables", 1, 2)
    devices = read_devices(spec.devices, COARSE)
    free = [slot.name for slot in spec.space.recipe or ()]
    sums = device_sums(space, spec.layers(), devices, spec.removed(space), free)
    metrics = spec.metrics(space) | sums
    memory = memory_of(spec)
    alive: dict[str, tuple[PairTable, ...]] = {}
    if memory is not None:
        taken, alive = _held(spec, memory)
        metrics |= taken
    predictor, objective = None, _metric_objective(space, metrics, spec.objective.metric)
    if spec.objective.entropy:
        assert space.untrained is not None
        objective = space.untrained
    if spec.objective.volume is not None:
        objective = _volume_objective(spec, space)
    one_shot = None
    if spec.objective.predictor is not None:
        try:
            predictor = Predictor.load(Path(spec.objective.predictor))
            objective = predictor.objective(space, spec.objective.uncertainty)
            one_shot = _one_shot(spec, space)
        except ModelError as error:
            raise SpecError.plain(
                f"objective.predictor: {error}", "a folder of `mathdesign fit`"
            ) from None
    if (weights := spec.objective.log_weights(space)) is not None:
        logs = log_values(space, weights)
        own = objective.tables
        added = tuple(a + b for a, b in zip(own.unary, logs.unary))
        objective = replace(objective, tables=replace(own, unary=added))
    budgets = (*(replace(b, inherent=True) for b in space.always), *spec.requested())
    budgets += tuple(d.budget for d in devices if d.budget is not None)
    known = {name: METRICS[name].unit for name in space.metrics if name in METRICS}
    units = {**known, **space.units, **{device.name: device.unit for device in devices}}
    units |= dict.fromkeys(BYTES, "bytes") if memory else {}
    inherent = tuple(b for b in budgets if b.inherent)
    problem = SlotProblem(
        spec.name, space.slots, objective, metrics, inherent, space.rules, units=units, alive=alive
    )
    problem = problem.with_budgets([b for b in budgets if not b.inherent])
    problem = problem.barring(spec.removed(space))
    if one_shot is not None:
        problem = one_shot.posed(problem)
    return PosedList(spec, problem, space, predictor, budgets, one_shot, devices, memory)


def memory_of(spec: ListSpec) -> MemoryOptions | None:
    """What bytes are, in spaces made of blocks, where they are asked for or limited."""
    limited = any(name in spec.budgets for name in BYTES)
    if spec.layers() is None or (spec.memory is None and not limited):
        return None
    return MemoryOptions(**dict(spec.memory or MemorySpec()))


def _held(
    spec: ListSpec, memory: MemoryOptions
) -> tuple[dict[str, TableSum], dict[str, tuple[PairTable, ...]]]:
    """The bytes of weights, and of what is alive, as tables over slots; a recipe holds nothing."""
    layers = spec.layers()
    assert layers is not None
    sums = layers.sums(lambda operators: stored(operators, memory))
    recipe = spec.space.recipe or ()
    free = tuple(np.zeros(len(slot.options), dtype=np.int64) for slot in recipe)
    peak = layers.peak(lambda operators, given: most_alive(operators, given, memory))
    return {WEIGHT_BYTES: replace(sums, unary=(*sums.unary, *free))}, {ACTIVATION_BYTES: peak}


def _volume_objective(spec: ListSpec, space: TableSpace) -> SlotObjective:
    """The log-volume; slots of a recipe count for nothing."""
    layers = spec.layers()
    assert layers is not None and spec.objective.volume is not None
    tables = volume_of(layers, spec.objective.volume.options)
    others = (np.zeros(len(slot.options)) for slot in space.slots[len(layers.slots) :])
    return SlotObjective(replace(tables, unary=(*tables.unary, *others)))


def _one_shot(spec: ListSpec, space: TableSpace) -> OneShot | None:
    """What was measured, in the objective's unit. Raises :class:`ModelError`."""
    assert spec.objective.predictor is not None
    found = Measured.load(Path(spec.objective.predictor))
    if found is None:
        return None
    points, worth = found.points(space), np.array(found.scores)
    if (weights := spec.objective.log_weights(space)) is not None:
        worth = worth + log_values(space, weights).at(points)
    return OneShot(points, worth, np.array(found.values), found.margin, spec.objective.guards)


def _metric_objective(
    space: TableSpace, metrics: Mapping[str, TableSum], metric: str | None
) -> SlotObjective:
    if metric is None:  # Replaced by the objective proper.
        return SlotObjective(TableSum(0.0, tuple(np.zeros(len(s.options)) for s in space.slots)))
    sums = metrics[metric]
    pairs = tuple(
        type(pair)(pair.first, pair.second, pair.table.astype(float)) for pair in sums.pairs
    )
    return SlotObjective(
        TableSum(float(sums.constant), tuple(t.astype(float) for t in sums.unary), pairs)
    )


def log_values(space: TableSpace, weights: Sequence[float]) -> TableSum:
    """The sum over slots of ``weight * ln(value)``, nats; slots must be of positive numbers."""
    tables = [w * np.log(np.array(s.values, dtype=float)) for w, s in zip(weights, space.slots)]
    return TableSum(0.0, tuple(tables))
