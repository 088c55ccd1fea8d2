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
    widths = range(rules.head_size, rules.most_width + 1, rules.head_size)
    params = np.full((len(widths), rules.most_depth), np.nan)
    for row, width in enumerate(widths):
        one, two = (candidate(rules, width, depth).params() for depth in (1, 2))
        params[row] = one + np.arange(rules.most_depth) * (two - one)  # each layer adds the same
    low, high = rules.aspect
    aspects = np.array(widths)[:, None] / np.arange(1, rules.most_depth + 1)
    allowed = (low <= aspects) & (aspects <= high)
    if not allowed.any():
        raise ValueError(f"no width up to {rules.most_width} has width / depth in {low}..{high}")
    total: FloatArray = np.zeros(params.shape)
    before: list[IntArray] = []
    for step, size in enumerate(sizes):
        miss = np.where(allowed, np.abs(np.log(params / size)), np.inf)
        if step:
            least, where = _least_below(total)
            before.append(where)
            total = least + miss
        else:
            total = miss
    at = int(total.argmin())
    path = [at]
    for back in reversed(before):
        at = int(back.flat[at])
        path.append(at)
    return [
        candidate(rules, widths[row], column + 1)
        for row, column in (divmod(at, rules.most_depth) for at in reversed(path))
    ]


def _least_below(values: FloatArray) -> tuple[FloatArray, IntArray]:
    """At each cell the least of ``values`` over rows and columns up to it, and its flat position.

    Of equal values the one in the earlier row, then column. Linear in the number of cells.
    """
    least, where = np.empty_like(values), np.empty(values.shape, dtype=np.int64)
    columns = np.arange(values.shape[1])
    for row, line in enumerate(values):
        best = np.minimum.accumulate(line)
        falls = np.concatenate(([True], line[1:] < best[:-1]))
        at = row * len(columns) + np.maximum.accumulate(np.where(falls, columns, 0))
        if row:
            above = least[row - 1] <= best
            best = np.where(above, least[row - 1], best)
            at = np.where(above, where[row - 1], at)
        least[row], where[row] = best, at
    return least, where
