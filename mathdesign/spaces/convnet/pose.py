"""Spec -> Space and DesignProblem: the user's words put into the program's terms."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from mathdesign.devices.sources import FINE, Device, read_devices
from mathdesign.memory.steps import MemoryOptions
from mathdesign.programs.base import Budget
from mathdesign.programs.chain import DesignProblem
from mathdesign.spaces.convnet.facts import (
    CLASSIFIER,
    HEAD,
    stage_names,
    stem_family,
    stem_stride,
)
from mathdesign.spaces.convnet.families import FAMILIES, Family, StageShape, Word
from mathdesign.spaces.convnet.program import EntropyOptions, pose, rule_entries
from mathdesign.spaces.convnet.space import (
    Space,
    StageSpace,
    UserRow,
    WidthRules,
    expanded,
    resolutions,
)
from mathdesign.spaces.convnet.volume import VolumeOptions
from mathdesign.spaces.convnet.words import MEMORY, RowSpec, Spec, StageSpec
from mathdesign.spaces.kind import Posed
from mathdesign.spaces.watch import Watch, unwatched
from mathdesign.spec.blocks import Limits, MemorySpec


@dataclass(frozen=True, eq=False)
class PosedChain(Posed[Spec]):
    """A posed specification: the program, and what it was posed from (for independent checks)."""

    program: DesignProblem
    space: Space
    entropy: EntropyOptions | None
    volume: VolumeOptions | None
    memory: MemoryOptions | None
    metric_weights: tuple[tuple[str, float], ...]
    budgets: tuple[Budget, ...]
    effectiveness: float | None
    devices: tuple[Device, ...] = ()


#: What the tables of a space's rules may take where `solve.memory_limit` says nothing, and what an
#: entry takes while they are made.
MOST_BYTES = 8 << 30
ENTRY_BYTES = 24


def to_program(spec: Spec, watch: Watch = unwatched) -> PosedChain:
    """Pose ``spec``. Raises ``ValueError`` where metrics could exceed 2^62, or rules the memory."""
    space = to_space(spec)
    _refuse_large_rules(spec, space)
    devices = read_devices(spec.devices, FINE)
    parts: dict[str, Any] = {
        "devices": devices,
        "entropy": _entropy(spec),
        "volume": _volume(spec),
        "metric_weights": _metric_weights(spec),
        "budgets": (*_budgets(spec), *(d.budget for d in devices if d.budget is not None)),
        "effectiveness": spec.budgets.effectiveness,
        "memory": memory_of(spec),
    }
    problem = pose(space, name=spec.name, counting=spec.counting, watch=watch, **parts)
    return PosedChain(spec, problem, space, **parts)


def _refuse_large_rules(spec: Spec, space: Space) -> None:
    """Raise ``ValueError`` before tables over pairs of choices are made that memory does not hold."""
    entries, most = rule_entries(space)
    limit = spec.solve.memory_limit or MOST_BYTES
    needed = entries + most * ENTRY_BYTES
    if needed > limit:
        raise ValueError(
            f"rules over {entries:,} pairs of choices need about {needed / 2**30:.1f} GiB, accepted: "
            f"{limit / 2**30:.1f} (solve.memory_limit); coarsen the choices"
        )


def to_space(spec: Spec) -> Space:
    """The chain: stem, body stages, head if any, classifier."""
    words = spec.space
    strides = [stem_stride(spec), *(s.stride for s in words.stages), *([1] if words.head else [])]
    sizes = resolutions(words.input.size, strides)
    shapes = [StageShape(*shape) for shape in zip(strides, sizes, sizes[1:])]
    stem = {"width": words.stem.width, "kernel_size": words.stem.kernel_size, "depth": (1,)}
    stages = [StageSpace("stem", "stem", stem_family(spec), shapes[0], stem)]
    stages += [
        _stage(name, stage, FAMILIES[stage.family or words.family], shape)
        for name, stage, shape in zip(stage_names(spec), words.stages, shapes[1:])
    ]
    if words.head is not None:
        head = {"width": words.head.width, "kernel_size": (1,), "depth": (1,)}
        stages.append(StageSpace("head", "head", HEAD, shapes[-1], head))
    classifier = {"width": (words.classes,), "depth": (1,)}
    shape = StageShape(1, sizes[-1], 1)
    end = words.classifier or CLASSIFIER
    stages.append(StageSpace("classifier", "classifier", end, shape, classifier))
    rules = WidthRules(words.rules.monotone_width, words.rules.growth, words.rules.bottleneck_ratio)
    blocks = None if words.downsample is None else words.downsample.blocks
    return Space(
        words.input.channels, words.input.size, tuple(stages), rules, _rows(spec, stages), blocks
    )


def _rows(spec: Spec, stages: list[StageSpace]) -> tuple[UserRow, ...]:
    index = {stage.name: s for s, stage in enumerate(stages)}
    return tuple(
        UserRow(
            row.name,
            # A member without the first stage has none of its terms either.
            tuple((index[s], *t) for s, terms in row.sum.items() if s in index for t in terms),
        )
        for row in spec.rows or ()
    )


def _stage(name: str, stage: StageSpec, family: Family, shape: StageShape) -> StageSpace:
    chosen = {option.name: getattr(stage, option.name) for option in family.options}
    options = {
        option.name
        for option in family.options
        if (option.default if chosen[option.name] is None else chosen[option.name])
    }
    shape = replace(
        shape, identity_shortcut=stage.shortcut == "identity", options=frozenset(options)
    )
    given = {"width": stage.width, "kernel_size": stage.kernel_size, "depth": stage.depth}
    ratios: dict[str, tuple[Fraction, ...]] = {}
    for word, value in _settled(stage, family):
        if word.kind == "choices":
            given[word.sets] = value
        else:
            ratios[word.sets] = value
            inner = {expanded(width, ratio) for width in stage.width for ratio in value}
            given[word.sets] = tuple(sorted(inner))
    choices = {decision: given[decision] for decision in family.decisions}
    return StageSpace(name, "body", family.name, shape, choices, ratios, stage.times)


def _settled(stage: StageSpec, family: Family) -> Iterator[tuple[Word, Any]]:
    """What each decision beyond the common ones is set by, and its values: as given, or default."""
    for decision in dict.fromkeys(word.sets for word in family.words):
        words = [word for word in family.words if word.sets == decision]
        values = [(word, getattr(stage, word.name)) for word in words]
        given = [(word, value) for word, value in values if value is not None]
        yield (given or [(word, word.default) for word in words if word.default is not None])[0]


def memory_of(spec: Spec) -> MemoryOptions | None:
    """What bytes are, where they are asked for or limited."""
    limited = any(getattr(spec.budgets, name) is not None for name in MEMORY)
    if spec.memory is None and not limited:
        return None
    return MemoryOptions(**dict(spec.memory or MemorySpec()))


def _entropy(spec: Spec) -> EntropyOptions | None:
    words = spec.objective.entropy
    if words is None:
        return None
    stages: tuple[int, ...] | None = None
    if words.depth_stages is not None:
        body = range(len(spec.space.stages))
        if words.depth_stages == "all":
            stages = tuple(body)
        elif words.depth_stages == "last3":
            stages = tuple(body[-3:])
        else:
            assert not isinstance(words.depth_stages, str)
            stages = tuple(s - 1 for s in words.depth_stages)
    return EntropyOptions(
        variant=words.variant,
        weights=words.weights,
        depth_penalty=words.depth_penalty,
        depth_spread=words.depth_spread,
        depth_stages=stages,
        effectiveness_at=words.effectiveness_at,
        se_resolution_defect=words.se_resolution_defect,
    )


def _volume(spec: Spec) -> VolumeOptions | None:
    words = spec.objective.volume
    return None if words is None else VolumeOptions(**dict(words))


def _metric_weights(spec: Spec) -> tuple[tuple[str, float], ...]:
    weights = {str(metric): weight for metric, weight in spec.objective.metric_weights.items()}
    if spec.objective.metric is not None:
        weights[spec.objective.metric] = weights.get(spec.objective.metric, 0.0) + 1.0
    return tuple(sorted((m, w) for m, w in weights.items() if w))


def _budgets(spec: Spec) -> tuple[Budget, ...]:
    sides: list[tuple[str, Limits | RowSpec]] = [*spec.limits().items()]
    sides += [(row.name, row) for row in spec.rows or ()]
    return tuple(Budget(metric, side.max, side.min) for metric, side in sides)
