"""A network as a chain of blocks: what is counted, exported, trained and written to files."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mathdesign.spaces.blocks.base import LARGEST, Block, BlockKind
from mathdesign.spaces.blocks.operators import Operators, Shape, ShapeError, Trace, macs, params
from mathdesign.spaces.blocks.registry import BLOCKS
from mathdesign.spaces.errors import NetworkError
from mathdesign.spec.faults import near_miss

#: A description of more blocks is refused: they are counted one by one.
MOST_BLOCKS = 2**12


@dataclass(frozen=True, slots=True)
class BlockNetwork:
    """Blocks, one after the other, on an input. Raises :class:`NetworkError` where they do not fit."""

    name: str
    given: Shape
    """One input: channels, and height and width or length."""
    blocks: tuple[Block, ...]

    def __post_init__(self) -> None:
        if not self.blocks or len(self.blocks) > MOST_BLOCKS:
            raise NetworkError([f"{len(self.blocks):,} blocks; accepted: 1 to {MOST_BLOCKS:,}"])
        shape = self.given
        for i, block in enumerate(self.blocks):
            try:
                shape = after(block, shape)
            except ShapeError as error:
                raise NetworkError([f"block {i + 1} ({block.kind}): {error}"]) from None

    @property
    def operators(self) -> Operators:
        """Every operator in the order in which they run."""
        return traced(self.blocks, self.given)

    @property
    def made(self) -> Shape:
        """The output: as many channels as classes."""
        return self.operators[-1].made

    @property
    def counts(self) -> dict[str, int]:
        """``macs`` and ``params``, from the operators."""
        return {"macs": macs(self.operators), "params": params(self.operators)}

    @property
    def steps(self) -> Iterator[tuple[Block, Shape]]:
        """Each block with what it is given."""
        shape = self.given
        for block in self.blocks:
            yield block, shape
            shape = after(block, shape)

    def to_dict(self) -> dict[str, Any]:
        """Words and numbers only: ready for YAML or JSON. Defaults are left out."""
        return {"name": self.name, **network_words(self)}

    @classmethod
    def from_dict(cls, data: object) -> BlockNetwork:
        """Inverse of :meth:`to_dict`. Trusts nothing: raises :class:`NetworkError`."""
        if not isinstance(data, Mapping) or not isinstance(data.get("name"), str):
            raise NetworkError(["name: accepted: text"])
        return network_from(data["name"], {k: v for k, v in data.items() if k != "name"})


def kind_of_block(block: Block) -> BlockKind:
    """The registered kind of a block."""
    return BLOCKS[block.kind]


@functools.lru_cache(maxsize=2**14)
def _alone(block: Block, given: Shape) -> Operators:
    if len(given.size) not in BLOCKS[block.kind].axes:
        raise ShapeError(f"{given} has {len(given.size)} axes; accepted: {BLOCKS[block.kind].axes}")
    on = Trace.of(given)
    BLOCKS[block.kind].run(block, on)
    return tuple(on.operators)


def traced(blocks: Sequence[Block], given: Shape) -> Operators:
    """The operators of blocks in a row. Raises :class:`ShapeError`."""
    found: list[Any] = []
    for block in blocks:
        found += _alone(block, given)
        given = after(block, given)
    return tuple(found)


def after(block: Block, given: Shape) -> Shape:
    """What leaves a block. Raises :class:`ShapeError`."""
    operators = _alone(block, given)
    return operators[-1].made if operators else given


def after_all(blocks: Sequence[Block], given: Shape) -> Shape:
    """What leaves blocks in a row. Raises :class:`ShapeError`."""
    for block in blocks:
        given = after(block, given)
    return given


def network_words(network: BlockNetwork) -> dict[str, Any]:
    """A network without its name, as :func:`network_from` takes it."""
    size = list(network.given.size)
    return {
        "input": {"channels": network.given.channels, "size": size},
        "blocks": [block_words(block) for block in network.blocks],
    }


def block_words(block: Block) -> dict[str, Any]:
    """A block as :func:`block_from` takes it."""
    return {"block": block.kind, **kind_of_block(block).words(block)}


def network_from(name: str, data: object) -> BlockNetwork:
    """A network from words that nobody vouches for. Raises :class:`NetworkError`."""
    if not isinstance(data, Mapping) or set(data) != {"input", "blocks"}:
        raise NetworkError(["accepted: a mapping of input and blocks"])
    given, faults = data["input"], []
    if not isinstance(given, Mapping) or set(given) != {"channels", "size"}:
        raise NetworkError(["input: accepted: a mapping of channels and size"])
    size = given["size"]
    if not isinstance(size, list | tuple) or not 1 <= len(size) <= 2:
        raise NetworkError([f"input.size: found {size!r}, accepted: one or two numbers"])
    for value in (given["channels"], *size):
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LARGEST:
            faults.append(f"input: found {value!r}, accepted: 1 to {LARGEST}")
    if not isinstance(data["blocks"], list | tuple) or len(data["blocks"]) > MOST_BLOCKS:
        raise NetworkError([*faults, f"blocks: accepted: a list of at most {MOST_BLOCKS:,}"])
    blocks = []
    for i, words in enumerate(data["blocks"]):
        found = block_from(words)
        if isinstance(found, Block):
            blocks.append(found)
        else:
            faults += [f"blocks[{i}].{word}: found {what}, accepted: {accepted}"
                       for word, what, accepted, _ in found]  # fmt: skip
    if faults:
        raise NetworkError(faults)
    return BlockNetwork(name, Shape(given["channels"], tuple(size)), tuple(blocks))


def block_from(words: object) -> Block | list[tuple[str, str, str, str]]:
    """A block from its words, or else everything that is wrong with them."""
    if not isinstance(words, Mapping):
        return [("", repr(words), "a mapping of block and its settings", "")]
    name = words.get("block")
    if not isinstance(name, str) or name not in BLOCKS:
        near = near_miss(name, [*BLOCKS]) if isinstance(name, str) else ""
        return [("block", repr(name), ", ".join(BLOCKS), near)]
    settings = {str(word): value for word, value in words.items() if word != "block"}
    faults = list(BLOCKS[name].faults(settings))
    return faults or BLOCKS[name].block(**settings)
