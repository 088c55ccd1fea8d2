"""The choices of a chain that change every cost: one specification for each of their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mathdesign.spaces.convnet.network import Network
from mathdesign.spaces.convnet.pose import to_space
from mathdesign.spaces.convnet.words import Spec
from mathdesign.spec.pins import Choices

#: What the size of the input is called where it is decided.
RESOLUTION = "resolution"


def members(spec: Spec) -> Sequence[tuple[Mapping[str, int], Spec]]:
    """Labels and words of each member, sizes of the input in rising order; its own words if one."""
    sizes = spec.space.input.sizes
    if len(sizes) == 1:
        return [({}, spec)]
    return [({RESOLUTION: size}, _sized(spec, size)) for size in sizes]


def labels(network: Network) -> Mapping[str, int]:
    """What a network holds of all that may be a label."""
    return {RESOLUTION: network.input_size}


def choices(spec: Spec) -> Choices:
    """What is decided, by name, over all members: numbers in rising order, as they are written."""
    found: dict[str, set[int]] = {}
    sizes = spec.space.input.sizes
    found[RESOLUTION] = set(sizes)
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


def _sized(spec: Spec, size: int) -> Spec:
    image = spec.space.input.model_copy(update={"sizes": (size,)})
    return spec.model_copy(update={"space": spec.space.model_copy(update={"input": image})})
