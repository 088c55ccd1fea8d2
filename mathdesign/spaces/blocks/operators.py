"""The operators that a network runs, in order, with all shapes: what every cost is derived from.

Sizes are in positions: ``(height, width)`` of images, ``(length,)`` of sequences. An operator says
which earlier ones it reads, so that a list of them is the whole graph: how long a value lives, what
is added to what. A block writes its operators by running on a :class:`Trace`, as a module runs on a
tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Literal

Size = tuple[int, ...]
Kind = Literal[
    "conv", "linear", "norm", "act", "add", "multiply", "pool", "mean", "moments", "softmax",
    "concat", "slice", "shuffle", "coordinates", "flatten", "zero", "identity",
]  # fmt: skip


class ShapeError(ValueError):
    """A block that does not fit what it is given; the message says why."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What one input is between two operators: channels, and positions along each axis."""

    channels: int
    size: Size

    def __str__(self) -> str:
        return " x ".join(map(str, (self.channels, *self.size)))

    @property
    def values(self) -> int:
        """How many numbers it holds."""
        return self.channels * prod(self.size)


@dataclass(frozen=True, slots=True)
class Operator:
    """One operation on one input. ``conv`` and ``linear`` have weights, ``norm`` two a channel.

    ``reads``: for each of its inputs, how many operators before this one made it (1: the last
    one); counted across blocks, so that lists of operators can be joined. ``form`` tells functions
    of one kind apart: ``relu6``, ``avg``.
    """

    op: Kind
    c_in: int
    c_out: int
    size_in: Size
    size_out: Size
    kernel: Size
    stride: Size
    groups: int = 1
    bias: bool = False
    form: str = ""
    reads: tuple[int, ...] = (1,)
    padding: Size = ()
    """Zeros on each side of each axis, of ``conv`` and ``pool``."""
    dilation: int = 1

    @property
    def given(self) -> Shape:
        """The (first) input."""
        return Shape(self.c_in, self.size_in)

    @property
    def made(self) -> Shape:
        """The output."""
        return Shape(self.c_out, self.size_out)

    @property
    def weights(self) -> int:
        """Entries of the weight of a convolution or linear layer, 0 of others."""
        if self.op not in ("conv", "linear"):
            return 0
        return self.c_in // self.groups * self.c_out * prod(self.kernel)

    @property
    def params(self) -> int:
        """Weights and biases; scale and shift of a norm."""
        if self.op == "norm":
            return 2 * self.c_out
        return self.weights + (self.c_out if self.bias else 0)

    @property
    def macs(self) -> int:
        """Multiply-adds of convolutions and linear layers; what others do is not counted."""
        return self.weights * prod(self.size_out)


Operators = tuple[Operator, ...]
Cost = Callable[[Operators], int]
"""What a list of operators costs: a sum over them."""


@dataclass(frozen=True, slots=True)
class _Window:
    """Where a window stands: positions, its extent, its step, the border."""

    size: Size
    kernel: Size
    stride: Size
    padding: Size


def macs(operators: Sequence[Operator]) -> int:
    """Multiply-adds of one input."""
    return sum(operator.macs for operator in operators)


def macs_with(norm: int = 0, pools: bool = False) -> Cost:
    """Multiply-adds as published tables count them.

    ``norm``: operations for each value of a norm. ``pools``: one for each value of a window and one
    for each mean.
    """

    def count(operators: Operators) -> int:
        total = macs(operators)
        for operator in operators:
            if operator.op == "norm":
                total += norm * operator.made.values
            elif operator.op == "mean" and pools:
                total += operator.given.values + operator.c_out
        return total

    return count


def params(operators: Sequence[Operator]) -> int:
    """Trained numbers."""
    return sum(operator.params for operator in operators)


@dataclass(slots=True)
class Trace:
    """A run without numbers: ``operators`` so far, ``now`` which of their outputs comes next.

    Outputs are counted from 0; ``-1`` is the input ``given``.
    """

    given: Shape
    operators: list[Operator]
    now: int = -1

    @classmethod
    def of(cls, given: Shape) -> Trace:
        """At the input."""
        return cls(given, [])

    @property
    def shape(self) -> Shape:
        """Of what comes next."""
        return self.shape_of(self.now)

    @property
    def channels(self) -> int:
        """Channels of what comes next."""
        return self.shape.channels

    @property
    def size(self) -> Size:
        """Positions of what comes next."""
        return self.shape.size

    @property
    def axes(self) -> int:
        """2 for images, 1 for sequences."""
        return len(self.given.size)

    def shape_of(self, output: int) -> Shape:
        """Of an output, or of the input."""
        return self.given if output < 0 else self.operators[output].made

    def conv(
        self, c_out: int, kernel: int | Size = 1, stride: int | Size = 1, *, groups: int = 1,
        padding: int | Size | None = None, dilation: int = 1, bias: bool = False,
    ) -> None:  # fmt: skip
        """A convolution, zeros at the borders: half the kernel on each side unless ``padding``."""
        if self.channels % groups or c_out % groups:
            raise ShapeError(
                f"{self.channels} -> {c_out} channels do not divide by {groups} groups"
            )
        window = self._window(kernel, stride, padding, dilation)
        self._run("conv", c_out, window, groups=groups, bias=bias, dilation=dilation)

    def pool(
        self, form: str, kernel: int | Size, stride: int | Size = 1, *,
        padding: int | Size | None = None, ceil: bool = False,
    ) -> None:  # fmt: skip
        """The average (``avg``) or greatest (``max``) of a window, half of it beyond the border.

        ``ceil``: what is left at the end makes a window as well.
        """
        window = self._window(kernel, stride, padding, 1, ceil)
        self._run("pool", self.channels, window, form=form)

    def linear(self, c_out: int, *, bias: bool = True) -> None:
        """A linear layer over channels, at each position."""
        self._run("linear", c_out, bias=bias)

    def norm(self) -> None:
        """Scale and shift of each channel."""
        self._run("norm", self.channels)

    def act(self, form: str) -> None:
        """A function of each value; ``identity`` is none."""
        if form != "identity":
            self._run("act", self.channels, form=form)

    def mean(self) -> None:
        """The mean over all positions."""
        self.plain("mean", Shape(self.channels, (1,) * self.axes))

    def flatten(self) -> None:
        """Positions as channels."""
        self.plain("flatten", Shape(self.shape.values, (1,) * self.axes))

    def plain(self, op: Kind, made: Shape, form: str = "", others: Sequence[int] = ()) -> None:
        """Any operator without weights that reads what comes next, and ``others``."""
        ones = (1,) * self.axes
        window = _Window(made.size, ones, ones, ())
        self._run(op, made.channels, window, form=form, others=others)

    def add(self, other: int) -> None:
        """The sum with another output."""
        if self.shape_of(other) != self.shape:
            raise ShapeError(f"{self.shape} and {self.shape_of(other)} cannot be added")
        self.plain("add", self.shape, others=(other,))

    def multiply(self, other: int) -> None:
        """The values of ``other``, each times that of its channel here."""
        if self.shape_of(other).channels != self.channels:
            raise ShapeError(f"{self.shape_of(other)} and {self.channels} gates")
        self.plain("multiply", self.shape_of(other), others=(other,))

    def concat(self, others: Sequence[int]) -> None:
        """``others`` and what comes next, channel after channel."""
        if any(self.shape_of(other).size != self.size for other in others):
            raise ShapeError("maps of different sizes cannot be joined")
        channels = self.channels + sum(self.shape_of(other).channels for other in others)
        self.plain("concat", Shape(channels, self.size), others=others)

    def _each(self, value: int | Size) -> Size:
        if isinstance(value, int):
            return (value,) * self.axes
        if len(value) != self.axes:
            raise ShapeError(f"{len(value)} numbers for {self.axes} axes")
        return value

    def _window(
        self, kernel: int | Size, stride: int | Size, padding: int | Size | None, dilation: int,
        ceil: bool = False,
    ) -> _Window:  # fmt: skip
        """Where a window fits. Raises :class:`ShapeError` where it does not."""
        kernels, strides = self._each(kernel), self._each(stride)
        pads = tuple(dilation * (k // 2) for k in kernels) if padding is None else None
        pads = pads or self._each(padding or 0)
        size = tuple(
            (n + 2 * p - dilation * (k - 1) - 1 + (s - 1 if ceil else 0)) // s + 1
            for n, k, s, p in zip(self.size, kernels, strides, pads)
        )
        if min(size) < 1:
            raise ShapeError(f"a window of {kernels} does not fit into {self.size}")
        return _Window(size, kernels, strides, pads)

    def _run(
        self, op: Kind, c_out: int, window: _Window | None = None, *, groups: int = 1,
        bias: bool = False, form: str = "", others: Sequence[int] = (), dilation: int = 1,
    ) -> None:  # fmt: skip
        at, given, ones = len(self.operators), self.shape, (1,) * self.axes
        window = window or _Window(given.size, ones, ones, ())
        reads = tuple(at - output for output in (self.now, *others))
        self.operators.append(
            Operator(op, given.channels, c_out, given.size, window.size, window.kernel,
                     window.stride, groups, bias, form, reads, window.padding, dilation)
        )  # fmt: skip
        self.now = at
