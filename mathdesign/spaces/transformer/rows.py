"""Rows of a table of trained transformers as points of a mix problem.

A row says some words of the space (``stacks[0].width``); a cell may list what each layer takes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from mathdesign.programs.base import IntArray
from mathdesign.programs.slot_space import TableError
from mathdesign.spaces.kind import Cells
from mathdesign.spaces.transformer.pose import LayerOption, Plan, PosedTransformer, ffn_width

WORD = re.compile(r"stacks\[(\d+)\]\.(\w+)")
#: Words of a stack that the program decides and that are properties of a layer.
LAYER_WORDS = ("heads", "head_size", "kv_heads", "ffn")
CHOICES = ("width", "depth", "ffn_ratio", *LAYER_WORDS)


def is_choice(path: str) -> bool:
    """Whether the word at ``path`` of the space is decided by the program."""
    match = WORD.fullmatch(path)
    return match is not None and match[2] in CHOICES


def row_points(posed: PosedTransformer, cells: Cells) -> list[IntArray]:
    """One point a row, shape ``(1, 1 + options)`` each. Raises :class:`TableError`."""
    known: dict[Any, int] = {}
    return [
        np.array([_point(posed, {path: column[row] for path, column in cells.items()}, row, known)])
        for row in range(len(next(iter(cells.values()))))
    ]


def _point(
    posed: PosedTransformer, row: Mapping[str, tuple[Any, ...]], number: int, known: dict[Any, int]
) -> list[int]:
    stacks = posed.spec.space.stacks
    words: list[dict[str, tuple[Any, ...]]] = [{} for _ in stacks]
    for path, cell in row.items():
        match = WORD.fullmatch(path)
        assert match is not None
        words[int(match[1])][match[2]] = cell
    widths = [int(own.get("width", stack.width[:1])[0]) for own, stack in zip(words, stacks)]
    depths = [int(own.get("depth", stack.depth[:1])[0]) for own, stack in zip(words, stacks)]
    fitting = (k for k, plan in enumerate(posed.plans) if _fits(plan, widths, depths, posed))
    frame = next(fitting, None)
    if frame is None:
        raise TableError(f"row {number + 1}: no network of widths {widths} and depths {depths}")
    point = [frame]
    for i, options in enumerate(posed.plans[frame].options):
        counts = [0] * len(options)
        for layer in range(1 if stacks[i].layers == "shared" else depths[i]):
            own = {w: c[layer % len(c)] for w, c in words[i].items()}
            key = (frame, i, *sorted(own.items()))
            if key not in known:
                known[key] = _option(options, own, widths[i], depths[i], number)
            counts[known[key]] += 1
        for word, cell in words[i].items():
            if 1 < len(cell) < depths[i]:
                raise TableError(
                    f"row {number + 1}, stacks[{i}].{word}: {len(cell)} layers listed of {depths[i]}"
                )
        point += counts
    return point


def _fits(
    plan: Plan, widths: Sequence[int], depths: Sequence[int], posed: PosedTransformer
) -> bool:
    """Whether a plan has these widths and can have these depths."""
    return [s.width for s in plan.shell.stacks] == list(widths) and all(
        stack.layers == "shared" or least <= depth <= most
        for stack, depth, (least, most) in zip(posed.spec.space.stacks, depths, plan.depths)
    )


def _option(
    options: Sequence[LayerOption], words: Mapping[str, Any], width: int, depth: int, number: int
) -> int:
    """Which option a layer of these words is."""
    wanted = {w: int(v) for w, v in words.items() if w in LAYER_WORDS}
    if "ffn_ratio" in words:
        wanted["ffn"] = ffn_width(width, Fraction(str(words["ffn_ratio"])))
    found = [
        k
        for k, option in enumerate(options)
        if all(getattr(option.layer, name) == value for name, value in wanted.items())
        and option.copies in (1, depth)
    ]
    if len(found) != 1:
        said = ", ".join(f"{w} {v}" for w, v in words.items())
        raise TableError(f"row {number + 1}: {len(found)} layers of the space are {said}; one is")
    return found[0]
