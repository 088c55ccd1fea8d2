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

from mathdesign.metrics import METRICS
from mathdesign.programs.slot_space import Columns, TableSpace
from mathdesign.programs.slots import Feature, PairTable, Slot, TableSum
from mathdesign.spaces.blocks.base import Block, Setting, Value
from mathdesign.spaces.blocks.network import BlockNetwork, after, after_all, traced
from mathdesign.spaces.blocks.operators import Operators, Shape, ShapeError, macs, params
from mathdesign.spec.faults import MOST_SHOWN

Blocks = tuple[Block, ...]
#: How the names of counts of multiply-adds end.
MACS = "macs"
#: What most of them were published for.
IMAGENET = Shape(3, (224, 224))
#: Where a table could leave the integers of a machine.
LARGEST_SUM = 2**62
#: Tables over two slots hold no more, and no more options are tried on what enters them.
MOST_ENTRIES, MOST_WALKS = 4_000_000, 500_000
#: What is counted of the operators of every layer-wise space.
COUNTS: Mapping[str, Callable[[Operators], int]] = {"macs": macs, "params": params}


class SpaceError(ValueError):
    """Options that do not fit where they stand: every finding as (slot, option, reason).

    ``slot`` and ``option`` are ``None`` for the stem, the tail and what is true of all options.
    """

    def __init__(self, findings: Sequence[tuple[str | None, str | None, str]]) -> None:
        self.findings = tuple(findings)
        told = [
            ", ".join(part for part in (slot, option) if part) + f": {reason}"
            for slot, option, reason in self.findings[:MOST_SHOWN]
        ]
        if more := len(self.findings) - len(told):
            told.append(f"and {more:,} more")
        super().__init__("; ".join(told))


@dataclass(frozen=True, slots=True)
class LayerSlot:
    """One choice: option -> its blocks."""

    name: str
    options: Mapping[str, Blocks]


@dataclass(frozen=True, slots=True)
class Piece:
    """Blocks that run where slot ``slot`` takes option ``option``, on what enters them.

    ``slot`` ``None``: whatever is chosen. ``previous``: after which options of the slot before;
    ``None``: after any.
    """

    slot: int | None
    option: int
    previous: tuple[int, ...] | None
    blocks: Blocks
    given: Shape

    @property
    def operators(self) -> Operators:
        """What runs."""
        return traced(self.blocks, self.given)


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
    free: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Slots at the end that build and cost nothing: choices of a training."""
    columns: Mapping[str, Columns] = field(default_factory=dict)
    """How tables write the slots, where they have several columns a slot."""
    described: tuple[Feature, ...] = ()
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
        return self._tables

    @cached_property
    def _tables(self) -> TableSpace:
        slots = tuple(Slot(slot.name, tuple(slot.options)) for slot in self.slots)
        slots += tuple(Slot(name, options) for name, options in self.free.items())
        metrics = {name: self.sums(count) for name, count in self.counts.items()}
        return TableSpace(
            self.name, slots, metrics, self.counted, self.rules, columns=self.columns,
            units={name: METRICS[MACS].unit for name in metrics if name.endswith(MACS)},
            described=self.described,
        )  # fmt: skip

    def sums(self, cost: Callable[[Operators], int]) -> TableSum:
        """A cost of lists of operators that adds up, as tables over slots and their neighbours."""
        sizes = [
            len(options) for options in (*(s.options for s in self.slots), *self.free.values())
        ]
        unary = tuple(np.zeros(n, dtype=np.int64) for n in sizes)
        pairs: dict[int, npt.NDArray[np.int64]] = {}
        constant, total, known = 0, 0, _Known(cost)
        for piece in self.pieces:
            value = known.of(piece.blocks, piece.given)
            total += abs(value) * len(piece.previous or (0,))
            if total > LARGEST_SUM:
                raise OverflowError("costs above 2^62")
            at = piece.slot
            if at is None:
                constant += value
            elif piece.previous is None:
                unary[at][piece.option] += value
            else:
                if at not in pairs:
                    pairs[at] = np.zeros((sizes[at - 1], sizes[at]), dtype=np.int64)
                pairs[at][list(piece.previous), piece.option] += value
        tables = tuple(PairTable(i - 1, i, table) for i, table in pairs.items())
        return TableSum(constant, unary, tables)

    def peak(self, alive: Callable[[Operators, Shape], int]) -> tuple[PairTable, ...]:
        """What is the greatest over pieces, as tables over slots and their neighbours."""
        sizes = [len(slot.options) for slot in self.slots]
        always, tables = 0, dict[tuple[int, int], npt.NDArray[np.int64]]()
        for piece in self.pieces:
            value, at = alive(piece.operators, piece.given), piece.slot
            if at is None:
                always = max(always, value)
                continue
            before = at - 1 if at else min(1, len(sizes) - 1)
            table = tables.setdefault(
                (before, at), np.zeros((sizes[before], sizes[at]), dtype=np.int64)
            )
            rows = slice(None) if piece.previous is None else list(piece.previous)
            table[rows, piece.option] = np.maximum(table[rows, piece.option], value)
        for table in tables.values():
            np.maximum(table, always, out=table)
        return tuple(PairTable(*pair, table) for pair, table in tables.items())

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """All that can be chosen; the operators of a network are those of its pieces."""
        entering = self._entering
        found = [Piece(None, 0, None, self.stem, self.given)]
        for i, (slot, shapes) in enumerate(zip(self.slots, entering)):
            for previous, shape in _told(shapes):
                found += [
                    Piece(i, k, previous, blocks, shape)
                    for k, blocks in enumerate(slot.options.values())
                ]
        last = len(self.slots) - 1
        for previous, shape in _told(entering[-1]):
            if previous is None:
                found.append(Piece(None, 0, None, self.tail, shape))
            else:  # what the last slot takes decides what the tail costs
                found += [Piece(last, k, None, self.tail, shape) for k in previous]
        return tuple(found)

    @cached_property
    def _entering(self) -> list[tuple[Shape, ...]]:
        """Slot -> the shape that enters it after each option of the slot before; the tail's last."""
        shapes: tuple[Shape, ...] = (after_all(self.stem, self.given),)
        found = [shapes]
        for slot in self.slots:
            shapes = tuple(after_all(blocks, shapes[0]) for blocks in slot.options.values())
            found.append(shapes)
        return found

    def _misfits(self) -> Iterator[tuple[str | None, str | None, str]]:
        """What does not fit; ends at the first slot after which no shape is known."""
        try:
            shapes = {after_all(self.stem, self.given)}
        except ShapeError as error:
            yield None, None, f"stem: {error}"
            return
        before, entries, walks = 0, 0, 0
        for slot in self.slots:
            entries += len(slot.options) * (before if len(shapes) > 1 else 0)
            walks += len(slot.options) * len(shapes)
            if entries > MOST_ENTRIES or walks > MOST_WALKS:
                found = f"{entries:,} entries of tables over neighbours, {walks:,} shapes"
                yield slot.name, None, f"{found}; accepted: {MOST_ENTRIES:,} and {MOST_WALKS:,}"
                return
            leaving: dict[str, set[Shape]] = {}
            for option, blocks in slot.options.items():
                try:
                    leaving[option] = {after_all(blocks, shape) for shape in shapes}
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
            before = len(slot.options)
        for shape in sorted(shapes, key=str):
            try:
                after_all(self.tail, shape)
            except ShapeError as error:
                yield None, None, f"tail after {shape}: {error}"


def _told(shapes: Sequence[Shape]) -> list[tuple[tuple[int, ...] | None, Shape]]:
    """Each shape with the options of the slot before that leave it; ``None``: all do."""
    if len(set(shapes)) == 1:
        return [(None, shapes[0])]
    return [
        (tuple(k for k, other in enumerate(shapes) if other == shape), shape)
        for shape in dict.fromkeys(shapes)
    ]


class _Known:
    """A cost of blocks, each counted once on what it is given."""

    def __init__(self, cost: Callable[[Operators], int]) -> None:
        self._cost = cost
        self._known: dict[tuple[Block, Shape], tuple[int, Shape]] = {}

    def of(self, blocks: Blocks, given: Shape) -> int:
        """Of blocks in a row."""
        total = 0
        for block in blocks:
            if (block, given) not in self._known:
                cost = self._cost(traced((block,), given))
                self._known[block, given] = cost, after(block, given)
            cost, given = self._known[block, given]
            total += cost
        return total


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
