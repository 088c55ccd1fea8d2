"""Scaling ladders: designs at log-spaced sizes, growing together, as one joint program.

``K`` decoders whose non-embedding or total params hit ``K`` log-spaced targets: width is a multiple
of the head size, width / depth lies in a band, and no step is narrower or shallower than the one
before it. The program minimises the summed distance of log params to log targets; since a step
meets only its predecessor, it is a shortest path through the grid of (width, depth), solved
exactly by dynamic programming.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from mathdesign.programs.base import FloatArray, IntArray
from mathdesign.spaces.transformer.network import Transformer
from mathdesign.spaces.transformer.shape import Layer, Stack


@dataclass(frozen=True, slots=True)
class LadderRules:
    """What every step keeps."""

    head_size: int = 64
    aspect: tuple[float, float] = (24.0, 128.0)
    """Least and greatest width / depth."""
    ffn_ratio: Fraction = Fraction(4)
    gated: bool = False
    vocabulary: int = 50257
    context: int = 2048
    most_width: int = 16384
    most_depth: int = 128


def targets(smallest: int, largest: int, count: int) -> list[int]:
    """``count`` log-spaced numbers of params, both ends included."""
    if count < 2 or not 0 < smallest < largest:
        raise ValueError("a ladder needs two steps or more, from fewer to more params")
    ratio = largest / smallest
    return [round(smallest * ratio ** (i / (count - 1))) for i in range(count)]


def candidate(rules: LadderRules, width: int, depth: int) -> Transformer:
    """One step."""
    heads = width // rules.head_size
    layer = Layer(heads, heads, rules.head_size, math.floor(width * rules.ffn_ratio), rules.gated)
    stack = (Stack(width, (layer,) * depth),)
    name = f"d{width}-l{depth}"
    return Transformer(name, "decoder_lm", stack, rules.vocabulary, rules.context)


def scaling_ladder(sizes: list[int], rules: LadderRules = LadderRules()) -> list[Transformer]:
    """One decoder for each of ``sizes`` (params, ascending). Raises ``ValueError`` where none fits.

    Ties go to the narrower, then the shallower.
    """
    low, high = rules.aspect
    shapes = [
        (d, n)
        for d in range(rules.head_size, rules.most_width + 1, rules.head_size)
        for n in range(1, rules.most_depth + 1)
        if low <= d / n <= high
    ]
    if not shapes:
        raise ValueError(f"no width up to {rules.most_width} has width / depth in {low}..{high}")
    grid = np.array(shapes)
    params = np.array([_params(rules, d, n) for d, n in shapes], dtype=float)
    grows = (grid[:, None, 0] <= grid[None, :, 0]) & (grid[:, None, 1] <= grid[None, :, 1])
    total: FloatArray = np.zeros(len(shapes))
    before: list[IntArray] = []
    for step, size in enumerate(sizes):
        miss: FloatArray = np.abs(np.log(params / size)).astype(np.float64)
        if step:
            reach = np.where(grows, total[:, None], np.inf)
            before.append(reach.argmin(axis=0))
            total = np.asarray(reach.min(axis=0) + miss, dtype=np.float64)
        else:
            total = miss
    at = int(total.argmin())
    path = [at]
    for back in reversed(before):
        at = int(back[at])
        path.append(at)
    return [candidate(rules, *shapes[i]) for i in reversed(path)]


def _params(rules: LadderRules, width: int, depth: int) -> int:
    """Params of a step: those of one layer more, ``depth`` times over."""
    one, two = (candidate(rules, width, n).params() for n in (1, 2))
    return one + (depth - 1) * (two - one)
