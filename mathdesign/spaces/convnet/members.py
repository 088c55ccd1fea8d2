"""The choices of a chain that change every cost: one specification for each of their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mathdesign.spaces.convnet.network import Network
from mathdesign.spaces.convnet.words import Spec

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


def _sized(spec: Spec, size: int) -> Spec:
    image = spec.space.input.model_copy(update={"sizes": (size,)})
    return spec.model_copy(update={"space": spec.space.model_copy(update={"input": image})})
