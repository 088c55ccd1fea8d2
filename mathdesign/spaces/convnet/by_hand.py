"""Networks scaled by hand: every width of a known one times one factor, for the design's images.

A network has the design's input and classes, and as many halvings of the resolution as the design.
Rules of the space are the program's own idea of a good network and are not imposed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mathdesign.spaces.convnet.known import (
    DEFAULT_PUBLISHED,
    HAND_SCALED,
    PUBLISHED,
    UNIFORM,
    Known,
    KnownStage,
)
from mathdesign.spaces.convnet.network import Network
from mathdesign.spaces.kind import Ladder

#: Factors of width are multiples of one in so many, up to this.
FACTOR_STEPS, LARGEST_FACTOR = 512, 8


def ladders(ours: Network) -> dict[str, Ladder[Network]]:
    """By name; ``uniform`` and ``published`` are those of the design's family, if there are any."""
    known = {**HAND_SCALED, **PUBLISHED}
    found = {name: _ladder(ours, network) for name, network in known.items()}
    family = next(s.family for s in ours.stages if s.role == "body")
    usual = {"uniform": UNIFORM.get(family), "published": DEFAULT_PUBLISHED.get(family)}
    return {word: found[name] for word, name in usual.items() if name is not None} | found


def _ladder(ours: Network, known: Known) -> Ladder[Network]:
    strides = _strides(ours, known)
    return Ladder(
        known.name,
        LARGEST_FACTOR * FACTOR_STEPS - 1,
        lambda rung: _at(ours, known, strides, rung / FACTOR_STEPS),
        lambda rung: f"{known.name}, widths x {rung / FACTOR_STEPS:.3f}",
    )


def _strides(ours: Network, known: Known) -> list[int]:
    """Of stem and stages, so that the last stage sees the design's resolution.

    Too much downsampling is taken away from the front, as people do for small images; too little
    is added there.
    """
    strides = [2, *(s.stride for s in known.stages)]
    wanted = sum(s.shape.stride == 2 for s in ours.stages if s.role != "classifier")
    for i in range(len(strides)):
        if strides.count(2) > wanted and strides[i] == 2:
            strides[i] = 1
        elif strides.count(2) < wanted and strides[i] == 1:
            strides[i] = 2
    return strides


def _at(ours: Network, known: Known, strides: Sequence[int], factor: float) -> Network:
    """The network with every width times ``factor``, rounded to multiples of 8."""
    document = ours.to_dict()
    stages = [_conv("stem", known.stem, 3, strides[0], factor)]
    for i, (stage, stride) in enumerate(zip(known.stages, strides[1:]), 1):
        stages.append(_body(f"stage{i}", known, stage, stride, factor))
    if known.head:
        stages.append(_conv("head", known.head, 1, 1, factor))
    document |= {"name": known.name, "stages": [*stages, document["stages"][-1]]}
    return Network.from_dict(document)


def _body(name: str, known: Known, stage: KnownStage, stride: int, factor: float) -> dict[str, Any]:
    width = _eights(stage.width * factor)
    words: dict[str, Any] = {
        "name": name, "role": "body", "family": known.family, "stride": stride, "width": width,
        "kernel_size": stage.kernel_size, "depth": stage.depth,
    }  # fmt: skip
    if stage.inner:
        # The ratio is kept exactly where the width was rounded.
        words["bottleneck"] = _eights(width * stage.inner / stage.width)
    if known.squeeze_excitation:
        words["squeeze_excitation"] = True
    return words


def _conv(role: str, width: int, kernel: int, stride: int, factor: float) -> dict[str, Any]:
    return {
        "name": role, "role": role, "family": "conv", "stride": stride,
        "width": _eights(width * factor), "kernel_size": kernel, "depth": 1,
    }  # fmt: skip


def _eights(value: float) -> int:
    return max(8, int(value / 8 + 0.5) * 8)
