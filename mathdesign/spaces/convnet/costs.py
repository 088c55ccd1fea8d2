r"""Costs on a device as terms of a chain: products where they are sums, else tables over choices.

A model whose operators cost :math:`o + a \cdot \text{macs} + b \cdot \text{bytes}` in whole steps is a sum
of monomials, posed like any metric. Measured costs and rooflines are no such sums. There every
operator is a function of at most three choices (the width before, width, inner width, kernel, group
width), and a table over them is a symbol of its own (:class:`~mathdesign.programs.stages.Tabled`):
operators of the same choices share one. Both are exact: the metric of a point is the sum of the
costs of its operators, to the step.

A table holds positive numbers, but an addition that is there only where a block keeps its width
costs nothing elsewhere: what it needs is moved there from what is always paid beside it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mathdesign.devices.model import DEFAULT, CostModel
from mathdesign.devices.operators import Operator
from mathdesign.devices.sources import Device, costs_of
from mathdesign.metrics.base import Product, Term
from mathdesign.programs.base import BoolArray, IntArray
from mathdesign.programs.stages import DEPTH, PREV, WIDTH, PairRule, Repeat, Tabled
from mathdesign.spaces.convnet.space import Space, StageSpace
from mathdesign.spaces.convnet.symbolic import SymbolicOperator, block_operators
from mathdesign.spaces.watch import Watch, unwatched

#: Tables of more entries than this, all together, are refused.
MOST_ENTRIES = 3_000_000

Sources = tuple[str, ...]
Counted = tuple[Repeat, SymbolicOperator]


@dataclass(slots=True)
class StageCosts:
    """What one device adds to a stage: terms, and the tables that they name."""

    terms: list[Term] = field(default_factory=list)
    tables: list[Tabled] = field(default_factory=list)


def device_costs(
    space: Space,
    devices: Sequence[Device],
    rules: Sequence[PairRule],
    watch: Watch = unwatched,
) -> list[dict[str, StageCosts]]:
    """By stage and device. Raises ``SpecError`` with all operators that have no cost.

    ``watch`` is asked before the operators of each stage are listed.
    """
    grids = [_Grid(space, s, rules) for s in range(len(space.stages))]
    counted = [list(_counted(stage)) for stage in space.stages]
    found: list[dict[str, StageCosts]] = [{} for _ in space.stages]
    for device in devices:
        for s, costs in enumerate(_of_device(device, grids, counted, watch)):
            found[s][device.name] = costs
    return found


def _counted(stage: StageSpace) -> Iterator[Counted]:
    """The operators of a stage with how often they occur in it."""
    first = block_operators(stage, first=True)
    if stage.block.one_block or stage.choices[DEPTH] == (1,):
        yield from ((Repeat.FIRST, operator) for operator in first)
        return
    rest = block_operators(stage, first=False)
    for operator in first:
        if operator in rest:
            rest.remove(operator)
            yield Repeat.EACH, operator
        else:
            yield Repeat.FIRST, operator
    yield from ((Repeat.REST, operator) for operator in rest)


def _of_device(
    device: Device,
    grids: Sequence[_Grid],
    counted: Sequence[Sequence[Counted]],
    watch: Watch,
) -> list[StageCosts]:
    rates = _sums(device, counted)
    if rates is not None:
        found = [_as_sums(device, grid, own, rates) for grid, own in zip(grids, counted)]
    else:
        found = _as_tables(device, grids, counted, watch)
    base = device.prices(()).base
    if base:
        found[0].terms.append((Repeat.FIRST, Product(base)))
    return found


# ---- sums of products ----------------------------------------------------------------------------


def _sums(
    device: Device, counted: Sequence[Sequence[Counted]]
) -> Mapping[str, tuple[int, int, int]] | None:
    """Whole rates, where costs are sums by them; all kinds that are needed have some."""
    model = device.source
    if type(model) is not CostModel or model.form != "additive":
        return None
    rates = model.whole_rates(device.step)
    kinds = {kind for own in counted for _, operator in own for kind in _kinds(operator)}
    return rates if rates is not None and (DEFAULT in rates or kinds <= rates.keys()) else None


def _kinds(operator: SymbolicOperator) -> tuple[str, ...]:
    """The kinds that it may turn out to be, by its channels."""
    if operator.kind != "conv" or operator.per_group is None:
        return (operator.kind,)
    return ("depthwise",) if operator.per_group == Product() else ("conv", "depthwise")


def _as_sums(
    device: Device,
    grid: _Grid,
    counted: Sequence[Counted],
    rates: Mapping[str, tuple[int, int, int]],
) -> StageCosts:
    """Products for the operators whose kind is known, a table for the others."""
    model = device.source
    assert type(model) is CostModel
    batch, size = model.header.batch, model.header.value_bytes
    found, others = StageCosts(), list[Counted]()
    giving = _giving(grid, counted, rates)
    for repeat, operator in counted:
        kinds = _kinds(operator)
        own = {rates.get(kind, rates.get(DEFAULT)) for kind in kinds}
        channels = grid.values(operator.c_in)
        alone = kinds == ("depthwise",) and 1 in channels  # one channel: no group of its own
        if operator.kept_width or alone or len(own) > 1 or (repeat, operator) == giving:
            others.append((repeat, operator))
            continue
        (three,) = own
        assert three is not None
        overhead, per_mac, per_byte = three
        parts = [Product(overhead)]
        if operator.macs is not None:
            parts.append(operator.macs * (per_mac * batch))
        parts += [value * (per_byte * batch * size) for value in operator.values]
        if operator.weights is not None:
            parts.append(operator.weights * (per_byte * size))
        found.terms += [(repeat, part) for part in parts if part.coefficient]
    _add_tables(device, grid, found, others)
    return found


def _giving(
    grid: _Grid, counted: Sequence[Counted], rates: Mapping[str, tuple[int, int, int]]
) -> Counted | None:
    """What an addition that is not always there takes from, where no overhead is always paid.

    The operator of the first block with the smallest table that has multiply-adds; ``None``: nothing
    takes.
    """
    if not any(operator.kept_width for _, operator in counted):
        return None
    paid = [(r, op) for r, op in counted if r is not Repeat.REST and op.macs is not None]
    kinds = [_kinds(op)[0] for _, op in paid if len(_kinds(op)) == 1]
    if any(rates.get(kind, rates.get(DEFAULT, (0,)))[0] > 1 for kind in kinds):
        return None
    first = [(r, op) for r, op in paid if r is Repeat.FIRST] or paid
    sizes = [math.prod(len(grid.domain(s)) for s in grid.sources(op)) for _, op in first]
    return first[sizes.index(min(sizes))] if first else None


# ---- tables --------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Grid:
    """The choices of one stage, and which of them go together."""

    space: Space
    index: int
    rules: Sequence[PairRule]

    @property
    def stage(self) -> StageSpace:
        return self.space.stages[self.index]

    def domain(self, source: str) -> tuple[int, ...]:
        """The values of ``prev`` or of a decision."""
        if source == PREV:
            before = self.space.stages[self.index - 1].choices[WIDTH] if self.index else None
            return before or (self.space.input_channels,)
        return self.stage.choices[source]

    def derived(self) -> dict[str, tuple[str, dict[int, int]]]:
        """Symbol -> the decision that it is a function of, and the function."""
        made = self.stage.block.derived(self.stage.choices, self.stage.shape)
        return {d.name: (d.source, dict(zip(self.domain(d.source), d.values))) for d in made}

    def sources(self, operator: SymbolicOperator) -> Sources:
        """The choices that an operator depends on, in one order."""
        derived = self.derived()
        return tuple(sorted({derived[s][0] if s in derived else s for s in operator.symbols}))

    def values(self, product: Product) -> set[int]:
        """All that a product of one symbol may be."""
        if len(product.powers) != 1 or product.powers[0][0] in self.derived():
            return set()
        ((name, power),) = product.powers
        return {int(product.coefficient * v**power) for v in self.domain(name)}

    def sum(self, operator: SymbolicOperator, parts: Sequence[Product]) -> IntArray | None:
        """A sum of products by the choices of an operator; ``None``: 64 bits may not hold it."""
        sources, derived = self.sources(operator), self.derived()
        axes = {}
        for i, source in enumerate(sources):
            shape = [1] * len(sources)
            shape[i] = -1
            domain = self.domain(source)
            axes[source] = np.array(domain, dtype=np.int64).reshape(shape)
            for name, (origin, of) in derived.items():
                if origin == source:
                    own = np.array([of[v] for v in domain], dtype=np.int64)
                    axes[name] = own.reshape(shape)
        largest = 0
        total = np.zeros(tuple(len(self.domain(s)) for s in sources), dtype=np.int64)
        for part in parts:
            top = part.coefficient.numerator
            value = np.full((1,) * len(sources), top, dtype=np.int64) if top < 2**62 else None
            for name, power in part.powers:
                top *= int(axes[name].max()) ** power
                value = None if value is None or top >= 2**62 else value * axes[name] ** power
            if value is None:
                return None
            largest += top
            total = total + value // part.coefficient.denominator
        return total if largest < 2**62 else None

    def allowed(self, sources: Sources) -> BoolArray:
        """Which combinations of values can occur in a design, as far as pairs of them tell."""
        shape = tuple(len(self.domain(source)) for source in sources)
        held = np.ones(shape, dtype=np.bool_)
        for (i, a), (j, b) in itertools.combinations(enumerate(sources), 2):
            table = self._pair(a, b)
            spread = [1] * len(sources)
            spread[i], spread[j] = table.shape
            held &= table.reshape(spread)
        return held

    def _pair(self, a: str, b: str) -> BoolArray:
        """Which values of two choices go together, by rules between them or through the width."""
        held = self._rule(a, b)
        if WIDTH not in (a, b):
            through = self._rule(a, WIDTH).astype(int) @ self._rule(WIDTH, b).astype(int)
            held = held & (through > 0)
        return held

    def _rule(self, a: str, b: str) -> BoolArray:
        held = np.ones((len(self.domain(a)), len(self.domain(b))), dtype=np.bool_)
        for rule in self.rules:
            if rule.second_stage != self.index:
                continue
            first = PREV if rule.first_stage < self.index else rule.first
            if (first, rule.second) == (a, b):
                held &= rule.allowed
            elif (first, rule.second) == (b, a):
                held &= rule.allowed.T
        return held


def _as_tables(
    device: Device,
    grids: Sequence[_Grid],
    counted: Sequence[Sequence[Counted]],
    watch: Watch,
) -> list[StageCosts]:
    _refuse_many(device, grids, counted)
    found, cells = [], []
    needed: dict[Operator, None] = {}
    for s, (grid, own) in enumerate(zip(grids, counted)):
        watch("costs on devices: stages", s, len(grids))
        arrays = [_by_formula(device, grid, operator) for _, operator in own]
        listed = [
            _cells(grid, operator) if array is None else []
            for (_, operator), array in zip(own, arrays)
        ]
        for at in listed:
            needed |= dict.fromkeys(op for op in at if op is not None)
        cells.append((arrays, listed))
    prices = costs_of(device, needed)
    for grid, own, (arrays, listed) in zip(grids, counted, cells):
        costs = StageCosts()
        known = [
            _array(grid, operator, at, prices.costs) if array is None else array
            for (_, operator), array, at in zip(own, arrays, listed)
        ]
        _fill(device.name, grid, costs, own, known)
        found.append(costs)
    return found


def _refuse_many(
    device: Device, grids: Sequence[_Grid], counted: Sequence[Sequence[Counted]]
) -> None:
    """Raise ``ValueError`` before tables are made that nobody would wait for."""
    entries = sum(
        math.prod(len(grid.domain(s)) for s in grid.sources(operator))
        for grid, own in zip(grids, counted)
        for _, operator in own
    )
    if entries > MOST_ENTRIES:
        raise ValueError(
            f"{device.name}: tables of {entries:,} combinations of choices, accepted: "
            f"{MOST_ENTRIES:,}; coarsen the choices, or use a model of the form additive"
        )


def _by_formula(device: Device, grid: _Grid, operator: SymbolicOperator) -> IntArray | None:
    """Costs by choices of a model with whole rates, all at once; ``None``: one by one instead.

    Where a kind depends on the numbers of channels, or a sum may leave 64 bits.
    """
    model, kinds = device.source, _kinds(operator)
    rates = model.whole_rates(device.step) if type(model) is CostModel else None
    if (
        rates is None
        or len(kinds) > 1
        or (kinds == ("depthwise",) and 1 in grid.values(operator.c_in))
    ):
        return None
    own = rates.get(kinds[0], rates.get(DEFAULT))
    if own is None:
        return None
    assert type(model) is CostModel
    overhead, per_mac, per_byte = own
    batch, size = model.header.batch, model.header.value_bytes
    macs = [] if operator.macs is None else [operator.macs * (per_mac * batch)]
    moved = [value * (per_byte * batch * size) for value in operator.values]
    if operator.weights is not None:
        moved.append(operator.weights * (per_byte * size))
    compute, moving = grid.sum(operator, macs), grid.sum(operator, moved)
    if compute is None or moving is None:
        return None
    both = np.maximum(compute, moving) if model.form == "roofline" else compute + moving
    values = overhead + both
    if operator.kept_width:
        same = np.equal.outer(np.array(grid.domain(PREV)), np.array(grid.domain(WIDTH)))
        values = np.where(same, values, 0)  # sources are prev and width, in this order
    return np.where(grid.allowed(grid.sources(operator)), values, values.max(initial=0))


def _add_tables(device: Device, grid: _Grid, found: StageCosts, counted: Sequence[Counted]) -> None:
    """The same for the few operators that are no sums."""
    cells = [_cells(grid, operator) for _, operator in counted]
    needed = dict.fromkeys(op for own in cells for op in own if op is not None)
    prices = costs_of(device, needed)
    arrays = [_array(grid, operator, own, prices.costs)
              for (_, operator), own in zip(counted, cells)]  # fmt: skip
    _fill(device.name, grid, found, counted, arrays)


def _cells(grid: _Grid, operator: SymbolicOperator) -> list[Operator | None]:
    """The operator at each combination of its choices, ``None`` where none can be there."""
    sources = grid.sources(operator)
    allowed = grid.allowed(sources).ravel()
    derived = grid.derived()
    found: list[Operator | None] = []
    for fine, combination in zip(
        allowed.tolist(), itertools.product(*(grid.domain(s) for s in sources))
    ):
        if not fine:
            found.append(None)
            continue
        values = dict(zip(sources, combination))
        values |= {n: f[values[s]] for n, (s, f) in derived.items() if s in values}
        found.append(operator.at(values))
    return found


def _array(
    grid: _Grid,
    operator: SymbolicOperator,
    cells: Iterable[Operator | None],
    costs: Mapping[Operator, int],
) -> IntArray:
    """Costs by choices; 0 where there is no operator, the dearest where no design is."""
    sources = grid.sources(operator)
    shape = tuple(len(grid.domain(s)) for s in sources)
    numbers = [0 if op is None else costs[op] for op in cells]
    values = np.array(numbers, dtype=np.int64).reshape(shape)
    return np.where(grid.allowed(sources), values, values.max(initial=0))


def _fill(
    name: str,
    grid: _Grid,
    found: StageCosts,
    counted: Sequence[Counted],
    arrays: Sequence[IntArray],
) -> None:
    """Put costs of equal choices together, and each sum into the stage as a table or a number."""
    sums: dict[tuple[Repeat, Sources], IntArray] = {}
    for (repeat, operator), values in zip(counted, arrays):
        key = (repeat, grid.sources(operator))
        sums[key] = sums[key] + values if key in sums else values
    _lift_zeros(sums, found)
    for i, ((repeat, sources), values) in enumerate(sums.items()):
        if values.size == 1 or values.min() == values.max():
            if values.flat[0]:
                found.terms.append((repeat, Product(int(values.flat[0]))))
            continue
        symbol = f"{name}_{i + 1}"
        found.tables.append(Tabled(symbol, sources, values))
        found.terms.append((repeat, Product(powers=((symbol, 1),))))


def _lift_zeros(sums: dict[tuple[Repeat, Sources], IntArray], found: StageCosts) -> None:
    """Move what tables with zeros need from costs that are always paid as often.

    What each block pays is paid by the first and by all others: it can be taken apart for that.
    """
    apart = False
    while key := next((k for k, v in sums.items() if v.min() == 0 < v.max()), None):
        if moved := _taken(sums, found, key):
            sums[key] = sums[key] + moved
        elif not apart:
            _take_apart(sums, found)
            apart = True
        else:
            raise ValueError(
                "an operator that costs something for some of its choices only, beside others that all "
                "cost nothing; accepted: an overhead for one of them"
            )


def _taken(
    sums: dict[tuple[Repeat, Sources], IntArray], found: StageCosts, key: tuple[Repeat, Sources]
) -> int:
    """Half of what the dearest other cost of the same repeat is at least, taken from it; 0: none."""
    others = [k for k, v in sums.items() if k != key and k[0] is key[0] and v.min() > 1]
    if others:
        giver = max(others, key=lambda k: int(sums[k].min()))
        moved = int(sums[giver].min()) // 2
        sums[giver] = sums[giver] - moved
        return moved
    for i, (repeat, part) in enumerate(found.terms):
        if repeat is key[0] and not part.powers and part.coefficient > 1:
            moved = int(part.coefficient) // 2
            found.terms[i] = (repeat, Product(part.coefficient - moved))
            return moved
    return 0


def _take_apart(sums: dict[tuple[Repeat, Sources], IntArray], found: StageCosts) -> None:
    """Costs of each block as those of the first and of all others."""
    for key in [key for key in sums if key[0] is Repeat.EACH]:
        values = sums.pop(key)
        for repeat in (Repeat.FIRST, Repeat.REST):
            own = (repeat, key[1])
            sums[own] = sums[own] + values if own in sums else values
    parts = (Repeat.FIRST, Repeat.REST)
    found.terms[:] = [
        (each, part) for repeat, part in found.terms
        for each in (parts if repeat is Repeat.EACH and not part.powers else (repeat,))
    ]  # fmt: skip
