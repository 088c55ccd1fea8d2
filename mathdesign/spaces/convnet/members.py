r"""The choices of a chain that change every cost: one specification for each of their values.

*The size of the input* is a factor of all costs. *Where to downsample* (:class:`DownsampleSpec`): ``at``
of ``blocks`` blocks of one kind are preceded by a halving of the map, which doubles the channels; that
is, the blocks are split into ``at + 1`` stages of depths

.. math:: L_1 + L_2 + \dots + L_{a+1} = n, \qquad L_1 \ge 0, \quad L_2, \dots, L_{a+1} \ge 1,

since block :math:`L_1 + 1` is the first that is preceded by one: :math:`\binom{n}{a}` ways. For
:math:`L_1 \ge 1` they are one chain, whose depths are decided and whose number of blocks is given; the
ways with :math:`L_1 = 0` are another, without its first stage.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mathdesign.spaces.convnet.families import FAMILIES
from mathdesign.spaces.convnet.network import Network
from mathdesign.spaces.convnet.pose import to_space
from mathdesign.spaces.convnet.words import (
    EntropySpec,
    ObjectiveSpec,
    Spec,
    StageSpec,
    VolumeSpec,
)
from mathdesign.spec.pins import Choices

#: What the size of the input is called where it is decided.
RESOLUTION = "resolution"
#: Blocks before the first halving, which a member without a first stage has none of.
FIRST_DEPTH = "stage1.depth"

Member = tuple[Mapping[str, int], Spec]


def members(spec: Spec) -> Sequence[Member]:
    """Labels and words of each member, sizes of the input in rising order; its own words if one."""
    return [
        ({**sized, **split}, _split(_sized(spec, size), first))
        for (sized, size), (split, first) in itertools.product(_sizes(spec), _splits(spec))
    ]


def labels(network: Network) -> Mapping[str, int]:
    """What a network holds of all that may be a label."""
    first = [stage.choice["depth"] for stage in network.stages if stage.name == "stage1"]
    return {RESOLUTION: network.input_size, FIRST_DEPTH: sum(first)}


def choices(spec: Spec) -> Choices:
    """What is decided, by name, over all members: numbers in rising order, as they are written."""
    found: dict[str, set[int]] = {RESOLUTION: set(spec.space.input.sizes)}
    for own_labels, own in members(spec):
        for name, value in own_labels.items():
            found.setdefault(name, set()).add(value)
        for stage in to_space(own).stages:
            for decision, values in stage.choices.items():
                if stage.role != "classifier":
                    found.setdefault(f"{stage.name}.{decision}", set()).update(values)
    return {name: tuple(map(str, sorted(values))) for name, values in found.items()}


def held(network: Network) -> dict[str, str]:
    """What a network holds of each of :func:`choices`."""
    found = {name: str(value) for name, value in labels(network).items()}
    for stage in network.stages:
        found |= {f"{stage.name}.{name}": str(value) for name, value in stage.choice.items()}
    return found


# ---- the size of the input -----------------------------------------------------------------------


def _sizes(spec: Spec) -> list[tuple[dict[str, int], int]]:
    sizes = spec.space.input.sizes
    return [({RESOLUTION: size} if len(sizes) > 1 else {}, size) for size in sizes]


def _sized(spec: Spec, size: int) -> Spec:
    if spec.space.input.sizes == (size,):
        return spec
    image = spec.space.input.model_copy(update={"sizes": (size,)})
    return spec.model_copy(update={"space": spec.space.model_copy(update={"input": image})})


# ---- where to downsample -------------------------------------------------------------------------


def sound(spec: Spec) -> bool:
    """Whether the one stage of a choice of where to downsample can be split."""
    split, stages = spec.space.downsample, spec.space.stages
    return split is not None and len(stages) == 1 and split.at <= split.blocks


def _splits(spec: Spec) -> Iterator[tuple[dict[str, int], bool | None]]:
    """Labels, and whether the member has a first stage; ``None``: nothing is to be split."""
    split = spec.space.downsample
    if split is None or not sound(spec):
        yield {}, None
        return
    if split.at < split.blocks:
        yield {}, True
    yield {FIRST_DEPTH: 0}, False


def _split(spec: Spec, first: bool | None) -> Spec:
    """The stages of a member, and its objective in the terms of all stages that there may be."""
    split = spec.space.downsample
    if first is None or split is None:
        return spec
    (template,) = spec.space.stages
    most = split.blocks - (split.at if first else split.at - 1)
    depth = {"depth": tuple(range(1, most + 1))}
    stages = [template.model_copy(update=depth)] if first else []
    for s in range(1, split.at + 1):
        doubled = _doubled(template, FAMILIES[template.family or spec.space.family], 2**s)
        times = {"times": 2} if stages else {}
        stages.append(template.model_copy(update={**doubled, **depth, **times, "stride": 2}))
    space = spec.space.model_copy(update={"stages": tuple(stages)})
    objective = spec.objective if first else without_first(spec.objective, split.at + 1)
    return spec.model_copy(update={"space": space, "objective": objective})


def _doubled(template: StageSpec, family: Any, times: int) -> dict[str, tuple[int, ...]]:
    """The words of a stage that count channels, so many times: widths, and inner widths."""
    names = [
        "width",
        *(w.name for w in family.words if w.kind == "choices" and w.sets == "bottleneck"),
    ]
    given = {name: getattr(template, name) for name in names}
    return {n: tuple(times * v for v in values) for n, values in given.items() if values}


def without_first(objective: ObjectiveSpec, stages: int) -> ObjectiveSpec:
    """What is maximised, of networks that lack the first of ``stages``: what it would add is nothing.

    The log-volume counts the other stages as it does where there is a first one. A depth penalty is
    about the stages that there are.
    """
    changes: dict[str, Any] = {}
    if objective.volume is not None:
        changes["volume"] = _later(objective.volume, stages)
    if objective.entropy is not None:
        changes["entropy"] = _later_depths(objective.entropy)
    return objective.model_copy(update=changes)


def _later(volume: VolumeSpec, stages: int) -> VolumeSpec:
    rising = [((s + 1) / stages) ** volume.rise for s in range(stages)]
    weights = volume.weights or (1.0,) * stages
    lists = {name: v[1:] for name, v in dict(volume).items() if isinstance(v, tuple)}
    own = tuple(a * b for a, b in zip(rising, weights))[1:]
    return volume.model_copy(update={**lists, "weights": own, "rise": 0.0})


def _later_depths(entropy: EntropySpec) -> EntropySpec:
    given = entropy.depth_stages
    if not isinstance(given, tuple):
        return entropy
    left = tuple(s - 1 for s in given if s > 1)
    return entropy.model_copy(
        update={"depth_stages": left} if left else {"depth_stages": None, "depth_penalty": 0.0}
    )
