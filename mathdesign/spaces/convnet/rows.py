"""Rows of a table of trained networks as points of a chain.

A row says some words of the space (``stages[0].depth``), the rest is the space's own. Where the
blocks of a stage differ, a cell lists them, and the row is the *mean of several chains*: the first
takes each stage's first block throughout, the second its second, and so on round and round until
every block has come equally often. What is linear in what the blocks are (entropies, log-volumes)
is then exactly that of the row.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from mathdesign.programs.base import IntArray
from mathdesign.programs.slot_space import TableError
from mathdesign.programs.stages import DEPTH, WIDTH
from mathdesign.spaces.convnet.facts import stage_name
from mathdesign.spaces.convnet.families import WORDS
from mathdesign.spaces.convnet.pose import PosedChain
from mathdesign.spaces.convnet.space import StageSpace, expanded
from mathdesign.spaces.kind import Cells

WORD = re.compile(r"(?:(stem|head)|stages\[(\d+)\])\.(\w+)")
COMMON = (WIDTH, "kernel_size", DEPTH)
#: A row is the mean of at most so many chains.
MOST_CHAINS = 60


def is_choice(path: str) -> bool:
    """Whether the word at ``path`` of the space is decided by the program."""
    match = WORD.fullmatch(path)
    return match is not None and (match[3] in COMMON or match[3] in WORDS)


def row_points(posed: PosedChain, cells: Cells) -> list[IntArray]:
    """The chains of each row, shape ``(chains, variables)`` each. Raises :class:`TableError`."""
    places = _places(posed)
    return [
        _chains(posed, places, {path: column[row] for path, column in cells.items()}, row)
        for row in range(len(next(iter(cells.values()))))
    ]


def _chains(
    posed: PosedChain, places: Mapping[str, StageSpace], cells: Mapping[str, tuple[Any, ...]],
    row: int,
) -> IntArray:  # fmt: skip
    blocks: dict[str, dict[str, tuple[Any, ...]]] = {}  # stage -> word -> a value a block
    for place, stage in places.items():
        own = blocks[stage.name] = {}
        depth = _single(cells.get(f"{place}.{DEPTH}"), stage.choices[DEPTH])
        for word in (*COMMON, *WORDS):
            given = cells.get(f"{place}.{word}")
            if given is None:
                continue
            if 1 < len(given) < depth:
                raise TableError(
                    f"row {row + 1}, {place}.{word}: {len(given)} blocks listed of {depth}"
                )
            own[word] = given[:depth] if len(given) > 1 else given
    chains = math.lcm(*(len(given) for own in blocks.values() for given in own.values()))
    if chains > MOST_CHAINS:
        raise TableError(f"row {row + 1}: depths whose least multiple exceeds {MOST_CHAINS}")
    found = []
    for turn in range(chains):
        point: list[int] = []
        for stage in posed.space.stages:
            own = blocks.get(stage.name, {})
            point += _values(stage, {w: given[turn % len(given)] for w, given in own.items()})
        found.append(point)
    return np.array(found, dtype=np.int64)


def _places(posed: PosedChain) -> dict[str, StageSpace]:
    """Where the words of each stage stand: ``stem``, ``stages[0]``, ..., ``head``."""
    names = {stage_name(i): f"stages[{i}]" for i in range(len(posed.spec.space.stages))}
    return {
        names.get(stage.name, stage.name): stage
        for stage in posed.space.stages
        if stage.role != "classifier"
    }


def _values(stage: StageSpace, words: dict[str, Any]) -> list[int]:
    """The value of each decision of a stage, in their order."""
    width = int(words.get(WIDTH, stage.choices[WIDTH][0]))
    values = []
    for decision in stage.block.decisions:
        word = next((w for w in words if w in WORDS and WORDS[w].sets == decision), None)
        if decision == WIDTH:
            values.append(width)
        elif word is not None and WORDS[word].kind == "ratios":
            values.append(expanded(width, Fraction(str(words[word]))))
        elif word is not None:
            values.append(int(words[word]))
        elif decision in words:
            values.append(int(words[decision]))
        elif decision in stage.ratios:
            values.append(expanded(width, stage.ratios[decision][0]))
        else:
            values.append(stage.choices[decision][0])
    return values


def _single(given: Sequence[Any] | None, domain: Sequence[int]) -> int:
    return int(given[0]) if given else int(domain[0])
