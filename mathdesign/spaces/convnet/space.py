"""What may be built: an ordered chain of stages with finite choices, and rules between them.

A :class:`Space` still speaks the user's words (families, strides, roles); :func:`pose.pose`
turns it into a :class:`~mathdesign.programs.chain.DesignProblem`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from mathdesign.programs.stages import WIDTH
from mathdesign.spaces.convnet.families import FAMILIES, Family, StageShape
from mathdesign.spaces.convnet.families.base import StageRole


@dataclass(frozen=True, slots=True)
class StageSpace:
    """One stage: its family, its fixed shape, and the domain of each decision.

    ``ratios`` ties a decision to multiples of the stage's width, rounded to a multiple of 8 (the
    ``bottleneck`` of inverted residuals to its expansions); its ``choices`` then hold every value
    that some pair gives.
    """

    name: str
    role: StageRole
    family: str
    shape: StageShape
    choices: Mapping[str, tuple[int, ...]]
    ratios: Mapping[str, tuple[Fraction, ...]] = field(default_factory=dict)
    times: Fraction | None = None
    """Its width is exactly so many times the width before; ``None``: whatever its choices are."""

    @property
    def block(self) -> Family:
        """The registered family of this stage."""
        return FAMILIES[self.family]


@dataclass(frozen=True, slots=True)
class WidthRules:
    """Rules on widths; each is off unless set.

    ``monotone``: a body stage is at least as wide as the one before it (paper, guideline 3).
    ``growth``: at most this multiple of the previous width (4 in the published mutator).
    ``bottleneck_ratio``: bounds on bottleneck width / stage width (0.1 to 1 in the published code).
    ``depth_total`` lives in the budgets, as the metric ``blocks``.
    """

    monotone: bool = False
    growth: Fraction | None = None
    bottleneck_ratio: tuple[Fraction, Fraction] | None = None


@dataclass(frozen=True, slots=True)
class UserRow:
    """A metric of the user's own: a sum over stages of ``coefficient * product(symbol^power)``.

    ``terms`` holds ``(index of the stage, coefficient, powers)``; symbols are the decisions of the
    stage and ``prev``; ``depth`` occurs with power 1 at most.
    """

    name: str
    terms: tuple[tuple[int, int, tuple[tuple[str, int], ...]], ...]


@dataclass(frozen=True, slots=True)
class Space:
    """The whole space: input of ``input_channels x input_size x input_size`` pixels and stages."""

    input_channels: int
    input_size: int
    stages: tuple[StageSpace, ...]
    rules: WidthRules = WidthRules()
    rows: tuple[UserRow, ...] = ()
    blocks: int | None = None
    """Blocks of all body stages together; ``None``: as many as there come to be."""

    @property
    def classes(self) -> int:
        """Number of classes of the classifier, the last stage."""
        return self.stages[-1].choices[WIDTH][0]


def resolutions(input_size: int, strides: Sequence[int]) -> list[int]:
    """Resolution before the first and after each stage; odd sizes round up, as padding does."""
    sizes = [input_size]
    for stride in strides:
        sizes.append(-(-sizes[-1] // stride))
    return sizes


def expanded(width: int, ratio: Fraction) -> int:
    """``width * ratio`` rounded to the nearest multiple of 8 (ties up), at least 8."""
    return max(8, int((width * ratio + 4) // 8) * 8)
