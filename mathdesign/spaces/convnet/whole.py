r"""Terms with exact fractions -> monomials with whole coefficients.

A layer may be a share of a width: a squeeze unit of a quarter of its input has
:math:`2 \cdot \tfrac14 \, prev \cdot b + \tfrac14 \, prev` weights. A program is made of whole
coefficients, so the denominator :math:`q` of a term goes into one of its symbols:

.. math:: \tfrac{a}{q} \, x \, y \cdots \;=\; a \, x' y \cdots, \qquad x' = x / q

with the derived symbol :math:`x'`, where :math:`q` divides every value that :math:`x` may take. A
term in ``prev`` alone is no function of a decision of its stage: it is one of the stage before,
whose ``width`` it is, and is counted there. Only totals have a meaning: nothing else moves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mathdesign.metrics.base import Product, Term
from mathdesign.programs.stages import PREV, WIDTH, Derived, Monomial, Repeat

Domains = Mapping[str, tuple[int, ...]]


@dataclass(slots=True)
class Whole:
    """The monomials of one stage, and the derived symbols that they need."""

    domains: Domains
    costs: dict[str, list[Monomial]] = field(default_factory=dict)
    derived: dict[str, Derived] = field(default_factory=dict)

    def add(self, metric: str, repeat: Repeat, product: Product) -> None:
        """Add a term in the stage's own symbols. Raises ``ValueError`` where it cannot be whole."""
        parts = product.coefficient.denominator
        powers = dict(product.powers)
        if parts > 1:
            source = next((s for s in sorted(powers) if self._divides(parts, s)), None)
            if source is None:
                symbols = " and ".join(sorted(powers)) or "a constant"
                raise ValueError(f"{metric}: {symbols} must be divisible by {parts}")
            name = f"{source}_over_{parts}"
            values = tuple(value // parts for value in self.domains[source])
            self.derived[name] = Derived(name, source, values)
            powers[source] -= 1
            powers[name] = powers.get(name, 0) + 1
        monomial = Monomial(
            product.coefficient.numerator,
            repeat,
            tuple(sorted((s, power) for s, power in powers.items() if power)),
        )
        self.costs.setdefault(metric, []).append(monomial)

    def _divides(self, parts: int, name: str) -> bool:
        return name in self.domains and all(value % parts == 0 for value in self.domains[name])


def whole(
    stages: Iterable[tuple[Domains, Mapping[str, tuple[Term, ...]]]], input_channels: int
) -> list[Whole]:
    """One :class:`Whole` for each stage, in order: its domains and its terms by metric."""
    found: list[Whole] = []
    for domains, costs in stages:
        here = Whole(domains, {metric: [] for metric in costs})
        for metric, terms in costs.items():
            for repeat, product in terms:
                if product.coefficient.denominator == 1 or dict(product.powers).keys() != {PREV}:
                    here.add(metric, repeat, product)
                elif found:
                    assert repeat is Repeat.FIRST
                    ((_, power),) = product.powers
                    before = Product(product.coefficient, ((WIDTH, power),))
                    found[-1].add(metric, Repeat.FIRST, before)
                else:
                    ((_, power),) = product.powers
                    here.add(metric, repeat, Product(product.coefficient * input_channels**power))
        found.append(here)
    return found
