"""What a metric is, and the symbolic layer that it counts.

A family states the layers of a block once, with symbols for widths and kernels; a metric says what
one such layer contributes, as a sum of :class:`Product`. :func:`merged` puts the first block of a
stage and its other blocks together, as the terms that a program is posed with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from mathdesign.programs.stages import Repeat

CountingProfile = Literal["macs", "tinynas"]
"""What is counted. ``macs``: multiply-adds of convolutions and linear layers, classifier
included, and all parameters. ``tinynas``: as the published DeepMAD code counts: batch norms
(2 per output value), activations (1 per value), stride-2 shortcut pooling; classifier excluded.
"""

Op = Literal["conv", "linear", "norm", "scale", "act", "add", "pool", "max"]
"""``conv`` and ``linear`` carry weights, ``norm`` two and ``scale`` one per channel; ``max``, the greatest
of a window, is counted by no profile."""


@dataclass(frozen=True, slots=True)
class Product:
    """``coefficient * product(symbol ** power)``: a number of channels, weights or operations.

    Symbols are ``prev`` (the width before the stage), the stage's decisions but ``depth``, and its
    derived symbols. The coefficient is exact, and whole wherever all symbols are known: a plain
    integer where it can be one, since posing adds up thousands.
    """

    coefficient: Fraction | int = 1
    powers: tuple[tuple[str, int], ...] = ()

    def __mul__(self, other: Product | Fraction | int) -> Product:
        if not isinstance(other, Product):
            return Product(self.coefficient * other, self.powers)
        powers = dict(self.powers)
        for symbol, power in other.powers:
            powers[symbol] = powers.get(symbol, 0) + power
        return Product(self.coefficient * other.coefficient, tuple(sorted(powers.items())))

    __rmul__ = __mul__


ONE = Product()


def symbol(name: str) -> Product:
    """The symbol ``name`` as a product."""
    return Product(powers=((name, 1),))


@dataclass(frozen=True, slots=True)
class SymbolicLayer:
    """One operation of a block. A convolution of ``kernel x kernel`` sees ``per_group`` channels.

    ``main_path`` marks the convolutions that enter entropy and effectiveness; ``tinynas`` is false
    for layers whose multiply-adds the published code leaves out (SE units, classifier).
    """

    op: Op
    c_in: Product
    c_out: Product
    area: int
    """Number of output positions (input positions for ``pool``, as the published code counts)."""
    kernel: Product = ONE
    per_group: Product | None = None
    """Input channels that an output channel sees; ``None``: all of them."""
    batch_norm: bool = False
    bias: bool = False
    main_path: bool = False
    tinynas: bool = True

    @property
    def fan_in(self) -> Product:
        """Inputs of one output value, ``c_in k^2 / groups``."""
        seen = self.c_in if self.per_group is None else self.per_group
        return seen * self.kernel * self.kernel

    @property
    def weights(self) -> Product:
        """Weights of a convolution or linear layer, biases left out."""
        return self.fan_in * self.c_out

    @property
    def values(self) -> Product:
        """Output values."""
        return self.c_out * self.area


def no_layer(layer: SymbolicLayer, profile: CountingProfile) -> tuple[Product, ...]:
    """Of a metric to which layers contribute nothing."""
    return ()


@dataclass(frozen=True, slots=True)
class Metric:
    """A sum over layers, or over blocks. Its name is a budget's word and a design's.

    To add one: a module with a record like this one, its line in the registry, and its independent
    recount in ``validators/convnet/recheck.py``. Words, checks and reports read the registry.
    """

    name: str
    unit: str
    meaning: str
    """What it is, as the words of a specification describe it."""
    layer: Callable[[SymbolicLayer, CountingProfile], Sequence[Product]] = no_layer
    """What one layer of one block contributes under a counting profile."""
    block: int = 0
    """What every block of a body stage contributes besides."""
    better: Literal["less", "more"] = "less"
    is_objective: bool = True
    """May be maximised alone, not only weighted."""


Term = tuple[Repeat, Product]
"""How often a product occurs in a stage."""


def merged(first: Iterable[Product], rest: Iterable[Product] | None) -> tuple[Term, ...]:
    """The terms of a stage whose first block sums to ``first`` and each other block to ``rest``.

    What both have in common occurs in each block. ``rest=None``: there is but one block.
    """
    once = _sum(first)
    again = once if rest is None else _sum(rest)
    terms: list[Term] = []
    for powers in {**once, **again}:
        a, b = once.get(powers, 0), again.get(powers, 0)
        parts = ((Repeat.EACH, min(a, b)), (Repeat.FIRST, a - b), (Repeat.REST, b - a))
        terms += [(repeat, Product(c, powers)) for repeat, c in parts if c > 0]
    return tuple(terms)


def _sum(products: Iterable[Product]) -> dict[tuple[tuple[str, int], ...], Fraction | int]:
    """Coefficients by powers, equal powers added up."""
    total: dict[tuple[tuple[str, int], ...], Fraction | int] = {}
    for product in products:
        total[product.powers] = total.get(product.powers, 0) + product.coefficient
    return total
