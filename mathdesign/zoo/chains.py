"""Words that the requests of chains have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Words = Mapping[str, Any]


def chain(
    family: str, stages: Sequence[Words], stem: Words, size: int = 224, **rest: Any
) -> dict[str, Any]:
    """The request of a chain for colour images of ``size`` pixels a side and 1,000 classes."""
    image = {"channels": 3, "size": size}
    space = {
        "family": family, "input": image, "classes": 1000, "stem": dict(stem),
        "stages": [dict(stage) for stage in stages], **rest,
    }  # fmt: skip
    return {"space": space}
