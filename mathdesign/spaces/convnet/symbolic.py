"""The operators of a block in symbols: what its costs on a device are posed from.

The twin of :mod:`.operators`, which walks through the unrolled layers of a finished network; a test
holds them equal on random choices, and the built module is what both are held to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isqrt

from mathdesign.devices.operators import OPERATOR_KINDS, Operator, convolution
from mathdesign.metrics.base import ONE, Product, SymbolicLayer
from mathdesign.programs.stages import PREV, WIDTH
from mathdesign.spaces.convnet.families.base import Place
from mathdesign.spaces.convnet.space import StageSpace

#: Kinds that hold a matrix; ``depthwise`` is a ``conv`` until its channels are numbers.
MAPS = ("conv", "linear")


@dataclass(frozen=True, slots=True)
class SymbolicOperator:
    """One operator, its numbers of channels and its kernel in symbols; ``side`` in pixels.

    ``kept_width``: it is there only where the block keeps the width that enters its stage.
    """

    kind: str
    c_in: Product
    c_out: Product
    side: int
    kernel: Product = ONE
    stride: int = 1
    per_group: Product | None = None
    """Input channels that an output channel sees; ``None``: all of them."""
    kept_width: bool = False

    @property
    def symbols(self) -> frozenset[str]:
        """What it depends on."""
        parts = (self.c_in, self.c_out, self.kernel, self.per_group or ONE)
        found = {name for part in parts for name, _ in part.powers}
        return frozenset(found | ({PREV, WIDTH} if self.kept_width else set()))

    @property
    def area(self) -> int:
        """Output positions."""
        return 1 if self.kind in ("global_pool", "linear") else (-(-self.side // self.stride)) ** 2

    def at(self, values: Mapping[str, int]) -> Operator | None:
        """The operator where the symbols have ``values``; ``None``: it is not there."""
        if self.kept_width and values[PREV] != values[WIDTH]:
            return None
        c_in, c_out, kernel = (number(p, values) for p in (self.c_in, self.c_out, self.kernel))
        if self.kind == "conv":
            seen = c_in if self.per_group is None else number(self.per_group, values)
            return convolution(
                c_in, self.side, self.side, c_out, kernel, self.stride, c_in // seen
            )  # fmt: skip
        pair = (kernel, kernel), (self.stride, self.stride)
        return Operator(self.kind, c_in, self.side, self.side, c_out, *pair)

    # ---- as sums of products, for costs that are sums of multiply-adds and bytes -------------------

    @property
    def weights(self) -> Product | None:
        """Numbers of its matrix; ``None``: it has none."""
        if self.kind == "norm":
            return self.c_in
        if self.kind not in MAPS:
            return None
        seen = self.c_in if self.per_group is None else self.per_group
        return seen * self.kernel * self.kernel * self.c_out

    @property
    def macs(self) -> Product | None:
        """Multiply-adds; ``None``: none."""
        return None if self.kind not in MAPS or self.weights is None else self.weights * self.area

    @property
    def values(self) -> tuple[Product, ...]:
        """Numbers read and written besides weights."""
        read = self.c_in * self.side**2
        found = [read, self.c_out * self.area]
        if self.kind in ("add", "mul"):
            found[0] = read * 2
        if self.kind == "excite":
            found.append(self.c_in)
        return tuple(found)


def number(product: Product, values: Mapping[str, int]) -> int:
    """The whole number that a product is."""
    total = product.coefficient
    for name, power in product.powers:
        total = total * values[name] ** power
    return int(total)


def block_operators(stage: StageSpace, *, first: bool) -> list[SymbolicOperator]:
    """The first block of a stage, or any other. A classifier begins with its pooling."""
    family, at = stage.block, Place(stage.shape, first)
    side = at.shape.resolution_in if first else at.shape.resolution_out
    layers = list(family.symbolic(at))
    if stage.role == "classifier":
        pool = SymbolicOperator("global_pool", at.c_in, at.c_in, side)
        return [pool, *_walk(layers, at.c_in, 1, 1)]
    stride = at.shape.stride if first else 1
    found = list(_walk(layers, at.c_in, side, stride))
    if "body" not in family.roles or any(operator.kind == "add" for operator in found):
        return found
    # Projected shortcuts are among the layers; what is left are those that keep their input.
    width = Product(powers=((WIDTH, 1),))
    out = at.shape.resolution_out
    if family.projects or not first:
        found.append(SymbolicOperator("add", width, width, out))
    elif stride == 1:
        found.append(SymbolicOperator("add", width, width, out, kept_width=True))
    return found


def _walk(
    layers: Sequence[SymbolicLayer], c_in: Product, side: int, stride: int
) -> Iterator[SymbolicOperator]:
    """Operators of layers, in their order; ``side`` pixels and ``c_in`` channels enter."""
    channels, shortcut, main, squeezed = c_in, side, False, False
    if any(layer.op == "max" for layer in layers):  # which takes half of the stride
        stride //= 2
    for layer in layers:
        out = isqrt(layer.area)
        if layer.op == "conv" and not layer.tinynas:  # a unit of squeeze-and-excitation
            if not squeezed:
                yield SymbolicOperator("global_pool", channels, channels, side)
            yield SymbolicOperator("conv", layer.c_in, layer.c_out, 1)
            if squeezed:
                yield SymbolicOperator("excite", channels, channels, side)
            squeezed = True
        elif layer.op == "conv":
            from_shortcut = main and not layer.main_path
            start = shortcut if from_shortcut else side
            yield SymbolicOperator(
                "conv", layer.c_in, layer.c_out, start, layer.kernel,
                1 if start == out else stride, layer.per_group,
            )  # fmt: skip
            if not from_shortcut:
                main, side, channels = main or layer.main_path, out, layer.c_out
        elif layer.op == "linear":
            yield SymbolicOperator("linear", layer.c_in, layer.c_out, 1)
        elif layer.op == "norm":
            yield SymbolicOperator("norm", layer.c_in, layer.c_in, side)
        elif layer.op == "pool":  # its area is that of its input
            yield SymbolicOperator("pool", layer.c_in, layer.c_in, out, ONE * 2, 2)
            shortcut = -(-out // 2)
        elif layer.op == "max":
            yield SymbolicOperator("pool", channels, channels, side, ONE * 3, 2)
            side = out
        elif layer.op == "add":
            yield SymbolicOperator("add", layer.c_in, layer.c_in, side)


assert {*MAPS, "add", "mul", "excite", "norm", "pool", "global_pool"} <= OPERATOR_KINDS.keys()
