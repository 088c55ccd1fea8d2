"""Layer-wise spaces: slots whose options are blocks, between a stem and a tail.

An option is a row of blocks, each after the other: none (the input goes on as it is), one, or a stage
of several. Costs are never typed in: they are sums over the operators of the blocks, so that whatever
an operator costs (multiply-adds, weights, measured nanoseconds) is a table of the program:

    cost(x) = constant + sum_i unary_i[x_i] + sum_i pair_i[x_(i-1), x_i]

What an option costs depends on the shape that enters it. Where all options of a slot leave one shape
(FBNet, ProxylessNAS), the next slot's costs are a table over its own options; where widths are chosen,
they are a table over the two slots, which is exact as long as an option decides the shape that leaves
it, whatever entered. Options for which that does not hold are refused: their costs would not be sums of
tables over neighbours.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from mathdesign.programs.slot_space import TableSpace
from mathdesign.programs.slots import PairTable, Slot, TableSum
from mathdesign.spaces.blocks.base import Block, Setting, Value
from mathdesign.spaces.blocks.network import BlockNetwork, after, traced
from mathdesign.spaces.blocks.operators import Operators, Shape, ShapeError, macs, params

Blocks = tuple[Block, ...]
#: What most of them were published for.
IMAGENET = Shape(3, (224, 224))
#: What is counted of the operators of every layer-wise space.
COUNTS: Mapping[str, Callable[[Operators], int]] = {"macs": macs, "params": params}


class SpaceError(ValueError):
    """Options that do not fit where they stand: every finding as (slot, option, reason).

    ``slot`` and ``option`` are ``None`` for the stem, the tail and what is true of all options.
    """

    def __init__(self, findings: Sequence[tuple[str | None, str | None, str]]) -> None:
        self.findings = tuple(findings)
        super().__init__(
            "; ".join(
                ", ".join(part for part in (slot, option) if part) + f": {reason}"
                for slot, option, reason in self.findings
            )
        )


@dataclass(frozen=True, slots=True)
class LayerSlot:
    """One choice: option -> its blocks."""

    name: str
    options: Mapping[str, Blocks]


@dataclass(frozen=True, slots=True)
class Piece:
    """What runs where slot ``slot`` takes option ``option`` after ``previous`` of the slot before.

    ``slot`` ``None``: what runs whatever is chosen. ``previous`` ``None``: whatever that slot takes.
    """

    slot: int | None
    option: int | None
    previous: int | None
    operators: Operators


@dataclass(frozen=True, eq=False)
class LayerSpace:
    """The space. ``rules`` are options of two slots that may occur together.

    Raises :class:`SpaceError` with every option that does not fit.
    """

    name: str
    given: Shape
    stem: Blocks
    slots: tuple[LayerSlot, ...]
    tail: Blocks
    rules: tuple[PairTable, ...] = ()
    counted: tuple[str, ...] = ()
    """Options whose number in a design means something: features of a predictor."""
    counts: Mapping[str, Callable[[Operators], int]] = field(default_factory=lambda: dict(COUNTS))

    def __post_init__(self) -> None:
        if findings := list(self._misfits()):
            raise SpaceError(findings)

    def network(self, name: str, options: Mapping[str, str]) -> BlockNetwork:
        """The network of the chosen options, slot -> option."""
        chosen = [block for slot in self.slots for block in slot.options[options[slot.name]]]
        return BlockNetwork(name, self.given, (*self.stem, *chosen, *self.tail))

    def table_space(self) -> TableSpace:
        """The same as slots with costs."""
        slots = tuple(Slot(slot.name, tuple(slot.options)) for slot in self.slots)
        metrics = {name: self.sums(count) for name, count in self.counts.items()}
        return TableSpace(self.name, slots, metrics, self.counted, self.rules)

    def sums(self, cost: Callable[[Operators], int]) -> TableSum:
        """A cost of lists of operators that adds up, as tables over slots and their neighbours."""
        sizes = [len(slot.options) for slot in self.slots]
        unary = tuple(np.zeros(n, dtype=np.int64) for n in sizes)
        pairs: dict[int, npt.NDArray[np.int64]] = {}
        constant = 0
        for piece in self.pieces:
            value = cost(piece.operators)
            if piece.slot is None or piece.option is None:
                constant += value
            elif piece.previous is None:
                unary[piece.slot][piece.option] += value
            else:
                at = piece.slot
                table = pairs.setdefault(at, np.zeros((sizes[at - 1], sizes[at]), dtype=np.int64))
                table[piece.previous, piece.option] += value
        tables = tuple(PairTable(i - 1, i, table) for i, table in pairs.items())
        return TableSum(constant, unary, tables)

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """The operators of everything that can be chosen; those of a network are a sum of them."""
        entering = self._entering
        found = [Piece(None, None, None, traced(self.stem, self.given))]
        for i, (slot, shapes) in enumerate(zip(self.slots, entering)):
            for k, blocks in enumerate(slot.options.values()):
                found += [Piece(i, k, before, traced(blocks, s)) for before, s in _told(shapes)]
        last = len(self.slots) - 1
        for before, shape in _told(entering[-1]):
            slot_of = None if before is None else last
            found.append(Piece(slot_of, before, None, traced(self.tail, shape)))
        return tuple(found)

    @cached_property
    def _entering(self) -> list[tuple[Shape, ...]]:
        """Slot -> the shape that enters it after each option of the slot before; the tail's last."""
        shapes: tuple[Shape, ...] = (_leaving(self.stem, self.given),)
        found = [shapes]
        for slot in self.slots:
            shapes = tuple(_leaving(blocks, shapes[0]) for blocks in slot.options.values())
            found.append(shapes)
        return found

    def _misfits(self) -> Iterator[tuple[str | None, str | None, str]]:
        """What does not fit; ends at the first slot after which no shape is known."""
        try:
            shapes = {_leaving(self.stem, self.given)}
        except ShapeError as error:
            yield None, None, f"stem: {error}"
            return
        for slot in self.slots:
            leaving: dict[str, set[Shape]] = {}
            for option, blocks in slot.options.items():
                try:
                    leaving[option] = {_leaving(blocks, shape) for shape in shapes}
                except ShapeError as error:
                    yield slot.name, option, str(error)
                    continue
                if len(leaving[option]) > 1:
                    found = " or ".join(sorted(map(str, leaving[option])))
                    reason = f"leaves {found}, by what enters; accepted: an option that decides it"
                    yield slot.name, option, reason
            shapes = set().union(*leaving.values())
            if not shapes:
                return
        for shape in sorted(shapes, key=str):
            try:
                _leaving(self.tail, shape)
            except ShapeError as error:
                yield None, None, f"tail after {shape}: {error}"


def _leaving(blocks: Blocks, shape: Shape) -> Shape:
    for block in blocks:
        shape = after(block, shape)
    return shape


def _told(shapes: Sequence[Shape]) -> list[tuple[int | None, Shape]]:
    """Options of the slot before with the shape that they leave; one for all if that is one."""
    if len(set(shapes)) == 1:
        return [(None, shapes[0])]
    return list(enumerate(shapes))


@dataclass(frozen=True, slots=True)
class Preset:
    """A layer-wise space that has a name: its words, and how it is made of them.

    ``make(given, classes, **settings)`` gives the space; ``given`` is the input that was published.
    """

    name: str
    summary: str
    make: Callable[..., LayerSpace]
    given: Shape = IMAGENET
    classes: int = 1000
    settings: tuple[Setting, ...] = ()
    small: Shape | None = None
    """An input on which a module is made and run in a blink; ``None``: ``given`` is."""

    def space(
        self, given: Shape | None = None, classes: int | None = None, **settings: Value
    ) -> LayerSpace:
        """The space; what is not told is as published. Raises :class:`SpaceError`."""
        told = {s.name: settings.get(s.name, s.default) for s in self.settings}
        return _made(self.make, given or self.given, classes or self.classes, tuple(told.items()))

    def table_space(self) -> TableSpace:
        """Slots and costs as published."""
        return self.space().table_space()


@functools.lru_cache(maxsize=32)
def _made(
    make: Callable[..., LayerSpace],
    given: Shape,
    classes: int,
    settings: tuple[tuple[str, Value], ...],
) -> LayerSpace:
    return make(given, classes, **dict(settings))
