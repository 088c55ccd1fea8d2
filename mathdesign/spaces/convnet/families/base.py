"""What a family of blocks declares: its layers, its words, its faults, its builder.

One module per family. Two descriptions of a block stand side by side in it on purpose: *symbolic
layers*, from which the metrics derive the monomials that the program is posed with, and an
*unrolled list of layers*, which the independent checks count one by one. A test holds them equal
on random choices. Everything else that is a family's own is declared beside them, and read by
words, checks, program and network without knowing its name.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from mathdesign.memory.steps import ENTERS, MemoryOptions, Step, alive
from mathdesign.metrics import METRICS, CountingProfile, Metric, SymbolicLayer
from mathdesign.metrics.base import Product, Term, merged, symbol
from mathdesign.programs.stages import Alive, Derived, Monomial, When

if TYPE_CHECKING:
    from fractions import Fraction

    from torch import nn

StageRole = Literal["stem", "body", "head", "classifier"]

COMMON = ("width", "kernel_size", "depth")
"""Decisions whose words every stage accepts."""


@dataclass(frozen=True, slots=True)
class Word:
    """A key of a stage beyond the common ones, which sets one of the family's decisions."""

    name: str
    sets: str
    """The decision."""
    kind: Literal["choices", "ratios"]
    """``choices``: the decision's values. ``ratios``: multiples of the stage's width, rounded to 8."""
    meaning: str
    default: tuple[Fraction, ...] | tuple[int, ...] | None = None
    """What holds where no word sets the decision; ``None``: one has to."""


BOTTLENECK = Word("bottleneck", "bottleneck", "choices", "Inner channels.")
EXPANSION = Word("expansion", "bottleneck", "ratios", "inner / output channels, rounded to 8.")


@dataclass(frozen=True, slots=True)
class Option:
    """A detail of a family that is there or not: a key of a stage, and a flag of a network."""

    name: str
    title: str
    """In a message that says that another family has none."""
    meaning: str
    default: bool = False


@dataclass(frozen=True, slots=True)
class Tie:
    """Which values two decisions of one stage may take together."""

    first: str
    second: str
    holds: Callable[[int, int], bool]
    reason: str


StageFault = tuple[str, str, str, str]
"""Key (empty: the stage), what was found, what is accepted, what was perhaps meant."""


@dataclass(frozen=True, slots=True)
class StageShape:
    """What is fixed about a stage before anything is chosen. Resolutions in pixels."""

    stride: int
    resolution_in: int
    resolution_out: int
    identity_shortcut: bool = False
    """The first block keeps its input (needs stride 1 and equal widths) instead of projecting."""
    options: frozenset[str] = frozenset()
    """Names of the family's options that are there."""

    @property
    def area_in(self) -> int:
        """Input resolution squared."""
        return self.resolution_in**2

    @property
    def area_out(self) -> int:
        """Output resolution squared."""
        return self.resolution_out**2


@dataclass(frozen=True, slots=True)
class Place:
    """Where a symbolic block stands: the first of its stage, or one of the others."""

    shape: StageShape
    first: bool
    same: bool = False
    """The width that enters the first block is the stage's: what some families keep their input for."""

    @property
    def c_in(self) -> Product:
        """The width that enters the block."""
        return symbol("prev" if self.first else "width")

    @property
    def area_in(self) -> int:
        """Positions that enter the block."""
        return self.shape.area_in if self.first else self.shape.area_out

    @property
    def area(self) -> int:
        """Positions that leave it."""
        return self.shape.area_out

    @property
    def projects(self) -> bool:
        """The block's shortcut is a convolution."""
        return self.first and not self.shape.identity_shortcut

    @property
    def keeps(self) -> bool:
        """Its input is added to its output as it is, in families that do so wherever shapes agree."""
        return not self.first or (self.same and self.shape.stride == 1)


def symbolic_conv(
    c_in: Product,
    c_out: Product,
    area: int,
    kernel: Product = Product(),  # noqa: B008 - immutable
    per_group: Product | None = None,
    *,
    main_path: bool = True,
    tinynas: bool = True,
) -> SymbolicLayer:
    """A symbolic convolution followed by batch norm, without bias."""
    return SymbolicLayer(
        "conv", c_in, c_out, area, kernel, per_group,
        batch_norm=True, main_path=main_path, tinynas=tinynas,
    )  # fmt: skip


def symbolic_act(channels: Product, area: int) -> SymbolicLayer:
    """A symbolic elementwise activation over ``channels x area`` values."""
    return SymbolicLayer("act", channels, channels, area)


STRIDED = Option(
    "strided_shortcut",
    "a strided shortcut",
    "the projected shortcut takes the stride itself, as ResNet's; else it averages first "
    "(default: no).",
)


def averages(shape: StageShape) -> bool:
    """Whether a projected shortcut takes means of 2x2 positions before its convolution."""
    return shape.stride == 2 and STRIDED.name not in shape.options


def strided_arguments(shape: StageShape) -> dict[str, int | bool]:
    """What a block with that option is told; nothing where it is off, as in files of before."""
    return {"strided": True} if STRIDED.name in shape.options else {}


def symbolic_projection(at: Place) -> Iterator[SymbolicLayer]:
    """A shortcut that averages 2x2 positions where the stride is 2, then projects, then is added."""
    if at.projects:
        width = symbol("width")
        if averages(at.shape):
            yield SymbolicLayer("pool", at.c_in, at.c_in, at.area_in)
        yield symbolic_conv(at.c_in, width, at.area, main_path=False)
        yield SymbolicLayer("add", width, width, at.area)


def shortcut_steps(at: Place, before: str, *, pooled: bool = True) -> Iterator[Step]:
    """The sum of the tensor ``before`` and the block's input, projected where it has to be.

    ``pooled``: a stride of 2 is a pooling in front of the projection, not the projection's own.
    """
    width, kept = symbol("width") * at.area, ENTERS
    if at.projects:
        if pooled and averages(at.shape):
            yield Step("pool of the shortcut", (ENTERS,), "pooled", at.c_in * at.area)
            kept = "pooled"
        yield Step("projection", (kept,), "kept", width)
        kept = "kept"
    yield Step("sum", (before, kept), "sum", width)


def squeeze_steps(at: Place, before: str, inner: Product, squeeze: Product) -> Iterator[Step]:
    """A squeeze-and-excitation unit on the tensor ``before``; it writes ``excited``."""
    yield Step("pool of the unit", (before,), "means", inner)
    yield Step("squeeze", ("means",), "squeezed", squeeze)
    yield Step("excitation", ("squeezed",), "factors", inner)
    yield Step("product", (before, "factors"), "excited", inner * at.area)


@dataclass(frozen=True, slots=True)
class UnrolledLayer:
    """One operation of the unrolled network, as the independent checks see it.

    ``conv``/``linear`` carry weights, ``norm`` and ``scale`` a few per channel; ``act``, ``add``
    and ``pool`` only channels. ``main_path`` marks the convolutions that enter entropy and
    effectiveness. ``tinynas`` is false for layers whose multiply-adds the published code leaves
    out (SE units, classifier).
    """

    op: Literal["conv", "linear", "norm", "scale", "act", "add", "pool", "max"]
    c_in: int
    c_out: int
    area: int
    """Number of output positions (input positions for ``pool``, as the published code counts)."""
    kernel_size: int = 1
    groups: int = 1
    batch_norm: bool = False
    bias: bool = False
    main_path: bool = False
    tinynas: bool = True


def conv(
    c_in: int, c_out: int, area: int, kernel_size: int = 1, groups: int = 1, **flags: bool
) -> UnrolledLayer:
    """A convolution followed by batch norm, without bias."""
    return UnrolledLayer("conv", c_in, c_out, area, kernel_size, groups, batch_norm=True, **flags)


def act(channels: int, area: int) -> UnrolledLayer:
    """An elementwise activation over ``channels x area`` values."""
    return UnrolledLayer("act", channels, channels, area)


def projection(c_in: int, width: int, shape: StageShape) -> list[UnrolledLayer]:
    """The shortcut of a stage's first block: 2x2 means where the stride is 2, 1x1, the addition."""
    pool = [UnrolledLayer("pool", c_in, c_in, shape.area_in)] if averages(shape) else []
    add = UnrolledLayer("add", width, width, shape.area_out)
    return [*pool, conv(c_in, width, shape.area_out), add]


class Family(abc.ABC):
    """A kind of stage. Subclasses are stateless; one instance each lives in the registry."""

    name: str
    summary: str
    block: str
    """The block in the words of the literature, e.g. ``1x1, kxk, 1x1``."""
    decisions: tuple[str, ...]
    """Decision names in the order in which a point stores them."""
    roles: tuple[StageRole, ...] = ("body",)
    """Where in a network it may stand."""
    strides: tuple[int, ...] = (1, 2)
    one_block: bool = False
    """``depth`` is always 1."""
    keeps_same: bool = False
    """A first block keeps its input where stride is 1 and widths happen to be equal."""
    projects: bool = False
    """A first block whose shortcut is no identity has a convolution there: ``project``."""
    odd: tuple[str, ...] = ("kernel_size",)
    """Decisions whose values are odd: padded kernels."""
    words: tuple[Word, ...] = ()
    """Keys of a stage that set decisions which are not common."""
    options: tuple[Option, ...] = ()
    ties: tuple[Tie, ...] = ()
    preset: tuple[Mapping[str, Any], ...] = ()
    """Default ``stages:`` of a specification that names the family only."""

    @abc.abstractmethod
    def symbolic(self, at: Place) -> Iterator[SymbolicLayer]:
        """The layers of one block, in symbols."""

    @abc.abstractmethod
    def layers(
        self, prev: int, choice: Mapping[str, int], shape: StageShape
    ) -> tuple[tuple[UnrolledLayer, ...], ...]:
        """The same stage unrolled: one tuple of layers per block."""

    @abc.abstractmethod
    def torch_block(self) -> type[nn.Module]:
        """The block as a ``torch.nn.Module`` class (imports torch).

        Its constructor takes ``(c_in, **choice)`` as :meth:`block_arguments` returns them. That
        of a classifier is called ``Classifier`` and takes ``(c_in, classes)``.
        """

    def block_maker(self, shape: StageShape) -> Callable[[Any], type[nn.Module]]:
        """The method that defines the block of such a stage: its text is printed."""
        return type(self).torch_block

    def block_arguments(
        self, prev: int, choice: Mapping[str, int], shape: StageShape
    ) -> tuple[dict[str, int | bool], ...]:
        """Keyword arguments of :meth:`torch_block`, one dictionary per block of the stage.

        The first block changes width and resolution; the others keep both.
        """
        own = self.own_arguments(choice, shape)
        blocks = []
        for index in range(choice["depth"]):
            c_in, stride = (choice["width"], 1) if index else (prev, shape.stride)
            block = {"c_in": c_in, "c_out": choice["width"], **own, "stride": stride}
            if self.projects:
                block["project"] = index == 0 and not shape.identity_shortcut
            blocks.append(block)
        return tuple(blocks)

    def own_arguments(self, choice: Mapping[str, int], shape: StageShape) -> dict[str, int | bool]:
        """What all blocks of a stage are told alike: the decisions beside width and depth."""
        return {name: choice[name] for name in self.decisions if name not in ("width", "depth")}

    def derived(
        self, choices: Mapping[str, tuple[int, ...]], shape: StageShape
    ) -> tuple[Derived, ...]:
        """Symbols that are functions of one decision (none unless overridden)."""
        return ()

    def faults(self, stage: Mapping[str, Any]) -> Iterator[StageFault]:
        """What is wrong with the words of a stage (keys to values, ``prev`` the widths before)."""
        yield from ()

    def misfits(self, prev: int, choice: Mapping[str, int], shape: StageShape) -> Iterator[str]:
        """Why no such stage can be built, beyond :attr:`ties` (nothing unless overridden)."""
        yield from ()

    def adds_input(self, c_in: int, c_out: int, stride: int) -> bool:
        """Whether a block adds what it reads, projected or as it is, to what it gives."""
        return self.projects or ("body" in self.roles and stride == 1 and c_in == c_out)

    @property
    def declared(self) -> dict[str, Word | Option]:
        """The keys of a stage that are the family's own."""
        words: dict[str, Word | Option] = {word.name: word for word in self.words}
        return words | {option.name: option for option in self.options}

    def steps(self, at: Place) -> Iterator[Step]:
        """What a runtime executes of one block, in order; the last one writes what leaves it.

        Raises ``NotImplementedError`` in families that do not say: then there is no memory to limit.
        """
        raise NotImplementedError(self.name)

    def alive(self, shape: StageShape, options: MemoryOptions) -> tuple[Alive, ...]:
        """What is alive at each operator of a stage: first block, with equal widths, later ones."""
        places = [(Place(shape, first=True), When.ALWAYS)]
        if self.keeps_same and shape.stride == 1:
            places.append((Place(shape, first=True, same=True), When.SAME))
        if not self.one_block:
            places.append((Place(shape, first=False), When.AGAIN))
        return tuple(
            held
            for at, when in places
            for held in alive(list(self.steps(at)), at.c_in * at.area_in, when, options)
        )

    def costs(
        self,
        shape: StageShape,
        profile: CountingProfile,
        metrics: Mapping[str, Metric] = METRICS,
    ) -> dict[str, tuple[Term, ...]]:
        """The terms of every metric of the layers, under a counting profile."""
        first, rest = self._blocks(shape)
        found = {}
        for name, metric in metrics.items():
            parts = [
                None if block is None else [p for la in block for p in metric.layer(la, profile)]
                for block in (first, rest)
            ]
            found[name] = merged(parts[0] or (), parts[1])
        return found

    def layer_widths(self, shape: StageShape) -> tuple[Monomial, ...]:
        """Monomials whose product over repeats is the product of ``c_in k^2 / groups``."""
        first, rest = self._blocks(shape)
        wide = [
            None if block is None else [_product(block)] if any(_main(block)) else []
            for block in (first, rest)
        ]
        return tuple(
            Monomial(int(product.coefficient), repeat, product.powers)
            for repeat, product in merged(wide[0] or (), wide[1])
        )

    @property
    def inner(self) -> str:
        """The decision that counts the channels inside a block: its bottleneck, if it has one."""
        return BOTTLENECK.sets if BOTTLENECK.sets in self.decisions else "width"

    @property
    def layers_per_block(self) -> int:
        """Convolutions on the main path of a block."""
        return len(_main(self._blocks(StageShape(1, 1, 1))[0]))

    def _blocks(self, shape: StageShape) -> tuple[list[SymbolicLayer], list[SymbolicLayer] | None]:
        """The first block of a stage and any other; ``None`` where there is no other."""
        first = list(self.symbolic(Place(shape, first=True)))
        return first, None if self.one_block else list(self.symbolic(Place(shape, first=False)))


def _main(block: list[SymbolicLayer]) -> list[SymbolicLayer]:
    return [layer for layer in block if layer.main_path]


def _product(block: list[SymbolicLayer]) -> Product:
    return math.prod((layer.fan_in for layer in _main(block)), start=Product())
