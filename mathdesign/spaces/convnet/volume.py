r"""The log-volume of a chain: logarithms of its choices, weighted more towards the end.

.. math:: V = \omega \sum_{s=1}^{S} \Bigl(\frac{s}{S}\Bigr)^{p} \bigl[a \ln D_s + b \ln m_s
          + e \ln \tfrac{m_s}{w_s} + u \ln w_s + c \ln k_s + g \ln q_s + \ln \sigma_s\bigr]
          + \omega h \ln r,
          \qquad D_s = 1 \Big/ \Bigl(\frac{1}{d_s} + \frac{K}{w_s}\Bigr)

over the body stages, with depth :math:`d`, channels per block :math:`K`, inner width :math:`m` (the bottleneck, or the width of
a family that has none), width :math:`w`, kernel size :math:`k`, group width :math:`q`, and
:math:`\sigma` for a squeeze-and-excitation unit, and the size :math:`r` of the input, whose weight
:math:`h` is 0 unless it is given. With :math:`a = b = 1` a bracket is the logarithm
of the sum over the stage's blocks that count of :math:`m k^c \sigma`: its volume.
docs/objective.md says why.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import log

from mathdesign.programs.stages import DEPTH, WIDTH, DepthTerm, LogTerm
from mathdesign.spaces.convnet.space import Space, StageSpace

PerStage = float | tuple[float, ...]
"""One number for all body stages, or one for each."""

SQUEEZE = "squeeze_excitation"


@dataclass(frozen=True, slots=True)
class VolumeOptions:
    """Weights of logarithms. The defaults are read off measured tables (docs/objective.md)."""

    weight: float = 1.0
    """Of the whole, beside entropy and metrics."""
    rise: float = 1.0
    """Body stage s of S counts ((s / S) ** rise)."""
    weights: tuple[float, ...] | None = None
    """One more factor for each body stage."""
    depth: PerStage = 1.0
    per_block: float = 8.0
    """K, channels of a stage that one more block needs before it counts in full; 0: all count."""
    inner: PerStage = 1.0
    expansion: PerStage = 0.0
    width: PerStage = 0.0
    kernel_size: PerStage = 0.5
    group_width: PerStage = 0.0
    squeeze_excitation: PerStage = 1.35
    """A block with such a unit counts as so many without."""
    resolution: float | None = None
    """Weight of the logarithm of the input's size, which no choice of a chain changes."""

    def factor(self, index: int, stages: int) -> float:
        """How often what body stage ``index`` of ``stages`` adds up counts."""
        found: float = self.weight * ((index + 1) / stages) ** self.rise
        return found if self.weights is None else found * of_stage(self.weights, index, stages)


def volume_terms(
    space: Space, options: VolumeOptions
) -> tuple[tuple[LogTerm, ...], tuple[DepthTerm, ...], float]:
    """The terms of the program, one a decision; depths that count by width; what no choice changes.

    Raises ``ValueError`` where a list has not one number for each body stage. A depth that counts
    by width needs a weight not below 0: the program refuses others.
    """
    body = [(s, stage) for s, stage in enumerate(space.stages) if stage.role == "body"]
    terms: list[LogTerm] = []
    depths: list[DepthTerm] = []
    constant = 0.0
    for i, (s, stage) in enumerate(body):
        factor = options.factor(i, len(body))
        weights: dict[str, float] = {}
        for decision, weight in _weights(stage, options, i, len(body)):
            weights[decision] = weights.get(decision, 0.0) + factor * weight
        if options.per_block:
            depths.append(DepthTerm(s, weights.pop(DEPTH), options.per_block))
        terms += [LogTerm(s, decision, w) for decision, w in weights.items() if w]
        if SQUEEZE in stage.shape.options:
            constant += factor * log(of_stage(options.squeeze_excitation, i, len(body)))
    if options.resolution:
        constant += options.weight * options.resolution * log(space.input_size)
    return tuple(terms), tuple(d for d in depths if d.weight), constant


def of_stage(given: PerStage, index: int, stages: int) -> float:
    """The number of body stage ``index`` of ``stages``."""
    if not isinstance(given, tuple):
        return given
    if len(given) != stages:
        raise ValueError(f"{stages} body stages need {stages} weights, found {len(given)}")
    return given[index]


def _weights(
    stage: StageSpace, options: VolumeOptions, index: int, stages: int
) -> Iterator[tuple[str, float]]:
    """Weights of decisions; a ratio is a difference of two logarithms."""
    inner = stage.block.inner
    yield DEPTH, of_stage(options.depth, index, stages)
    yield inner, of_stage(options.inner, index, stages)
    yield inner, of_stage(options.expansion, index, stages)
    yield WIDTH, of_stage(options.width, index, stages) - of_stage(options.expansion, index, stages)
    for decision in ("kernel_size", "group_width"):
        if decision in stage.choices:
            yield decision, of_stage(getattr(options, decision), index, stages)
