"""A block of a network as plain data, and what a kind of block declares.

A :class:`Block` says what kind it is and its settings, never what enters it: widths and sizes follow
from the chain. Its kind describes it twice, on purpose: the *operators* that every cost is derived
from, and a *torch module* that is built, printed and trained. An independent count of the module
holds the two together (:mod:`mathdesign.validators.blocks`).
"""

from __future__ import annotations

import abc
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from mathdesign.spaces.blocks.operators import Shape, ShapeError, Trace
from mathdesign.spec.faults import near_miss

if TYPE_CHECKING:
    from torch import nn

Value = int | float | str | bool

#: No layer comes near it.
LARGEST = 2**20
#: What an activation is called here -> its class in ``torch.nn``.
ACTIVATIONS: Mapping[str, str] = {
    "relu": "ReLU", "relu6": "ReLU6", "silu": "SiLU", "hard_swish": "Hardswish", "gelu": "GELU",
    "tanh": "Tanh", "sigmoid": "Sigmoid", "hard_sigmoid": "Hardsigmoid", "identity": "Identity",
}  # fmt: skip


class Settings(Mapping[str, Value]):
    """The settings of a block: an immutable, hashable mapping in the order of its kind."""

    __slots__ = ("_hash", "_values")

    def __init__(self, values: Mapping[str, Value]) -> None:
        self._values = dict(values)
        self._hash = hash(frozenset(self._values.items()))  # asked for each shape that enters

    def __getitem__(self, name: str) -> Value:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Settings) and self._values == other._values

    def __repr__(self) -> str:
        return f"Settings({self._values!r})"


@dataclass(frozen=True, slots=True)
class Setting:
    """A word of a block. ``default`` ``None``: the word must be there.

    ``choices``: the only values; else whole numbers from ``least`` to 2^20, or (a ``float``
    default) positive numbers, or (a ``bool``) true and false.
    """

    name: str
    default: Value | None
    meaning: str
    least: int = 1
    choices: tuple[Value, ...] = ()
    odd: bool = False

    @property
    def accepted(self) -> str:
        """What may stand there, in words."""
        if self.choices:
            return ", ".join(map(str, self.choices))
        if isinstance(self.default, bool):
            return "true or false"
        if isinstance(self.default, float):
            return f"a number above 0, at most {LARGEST}"
        return f"{'an odd' if self.odd else 'a'} whole number, {self.least} to {LARGEST}"

    def accepts(self, value: object) -> bool:
        """Whether ``value`` may stand there."""
        if self.choices:
            return value in self.choices and type(value) is type(self.choices[0])
        if isinstance(self.default, bool) or isinstance(value, bool):
            return isinstance(value, bool) and isinstance(self.default, bool)
        if isinstance(self.default, float):
            return isinstance(value, int | float) and 0 < value <= LARGEST
        whole = isinstance(value, int) and self.least <= value <= LARGEST
        return whole and not (self.odd and int(value) % 2 == 0)  # type: ignore[call-overload]

    def schema(self) -> dict[str, Any]:
        """The same for editors."""
        if self.choices:
            found: dict[str, Any] = {"enum": list(self.choices)}
        elif isinstance(self.default, bool):
            found = {"type": "boolean"}
        elif isinstance(self.default, float):
            found = {"type": "number", "exclusiveMinimum": 0, "maximum": LARGEST}
        else:
            found = {"type": "integer", "minimum": self.least, "maximum": LARGEST}
        return {**found, "description": self.meaning}


WIDTH = Setting("width", None, "Channels that leave the block.")
KERNEL = Setting("kernel", 3, "Extent of the kernel, in positions.", odd=True)
STRIDE = Setting("stride", 1, "Step of the kernel, in positions.")
ACTIVATION = Setting("activation", "relu", "After norms.", choices=tuple(ACTIVATIONS))
PADDING = Setting("padding", -1, "Zeros on each side; -1: half the kernel.", least=-1)


@dataclass(frozen=True, slots=True)
class Block:
    """One block: its kind and all its settings (:meth:`BlockKind.block` fills in defaults)."""

    kind: str
    settings: Settings

    def __getitem__(self, name: str) -> Any:
        return self.settings[name]


Fault = tuple[str, str, str, str]
"""Word, what was found, what is accepted, what was perhaps meant."""


class BlockKind(abc.ABC):
    """A kind of block: stateless, one instance each in :mod:`mathdesign.spaces.blocks.registry`."""

    name: ClassVar[str]
    summary: ClassVar[str]
    settings: ClassVar[tuple[Setting, ...]]
    axes: ClassVar[tuple[int, ...]] = (1, 2)
    """Of how many axes its inputs may be: 2 images, 1 sequences."""

    @abc.abstractmethod
    def run(self, block: Block, on: Trace) -> None:
        """The operators of a block, on what ``on`` has. Raises :class:`ShapeError`."""

    @abc.abstractmethod
    def torch_block(self, axes: int) -> type[nn.Module]:
        """The block as a class for inputs of so many axes (imports torch).

        ``Conv``, ``Norm`` and ``Pool`` are those of ``axes``: the printed file defines them.
        """

    @abc.abstractmethod
    def arguments(self, block: Block, given: Shape) -> dict[str, Any]:
        """Keyword arguments of the class for a block that is given this."""

    def idle(self, block: Block) -> tuple[str, ...]:
        """How the names of parameters begin that have no influence on the output, by design."""
        return ()

    def misfits(self, block: Block) -> Iterator[Fault]:
        """What is wrong with settings that are each acceptable (nothing unless overridden)."""
        yield from ()

    def block(self, **settings: Value) -> Block:
        """A block of these settings and the defaults. Raises ``ValueError`` with every fault."""
        if faults := list(self.faults(settings)):
            words = (f"{self.name}.{word}: found {found}; accepted: {accepted}"
                     for word, found, accepted, _ in faults)  # fmt: skip
            raise ValueError("; ".join(words))
        return self._filled(settings)

    def faults(self, settings: Mapping[str, object]) -> Iterator[Fault]:
        """Everything that is wrong with the words of a block."""
        known = {setting.name: setting for setting in self.settings}
        count = 0
        for word, value in settings.items():
            if word not in known:
                count += 1
                yield str(word), "an unknown word", ", ".join(known), near_miss(str(word), [*known])
            elif not known[word].accepts(value):
                count += 1
                yield str(word), repr(value), known[word].accepted, ""
        for word, setting in known.items():
            if setting.default is None and word not in settings:
                count += 1
                yield word, "nothing", setting.accepted, ""
        if not count:
            yield from self.misfits(self._filled(settings))  # type: ignore[arg-type]

    def words(self, block: Block) -> dict[str, Value]:
        """The settings that are not the defaults, which :meth:`block` takes."""
        return {s.name: block[s.name] for s in self.settings if block[s.name] != s.default}

    def _filled(self, settings: Mapping[str, Value]) -> Block:
        values = {s.name: settings.get(s.name, s.default) for s in self.settings}
        # 6.0 and 6 are one block, and one text.
        whole = {
            name: int(value) if isinstance(value, float) and value == int(value) else value
            for name, value in values.items()
        }
        return Block(self.name, Settings(whole))  # type: ignore[arg-type]


def padding_of(block: Block) -> int:
    """Zeros on each side of a block's kernel: half of what it spans, or what was told."""
    if block["padding"] >= 0:
        return int(block["padding"])
    return int(block["kernel"]) // 2 * int(block.settings.get("dilation", 1))


def activation_of(block: Block, word: str = "activation") -> str:
    """The class of ``torch.nn``."""
    return ACTIVATIONS[block[word]]


def inner_width(block: Block, c_in: int) -> int:
    """Inner channels: ``inner`` where it is given, else ``expansion * c_in``, a whole number.

    Raises :class:`ShapeError`.
    """
    if block["inner"]:
        return int(block["inner"])
    found = float(block["expansion"]) * c_in
    if found != round(found) or found < 1:
        raise ShapeError(f"expansion {block['expansion']:g} of {c_in} channels is no whole number")
    return round(found)
