"""What operators cost by a table or a model, with everything that is missing listed first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from mathdesign.devices.between import between, grouped
from mathdesign.devices.header import STEP
from mathdesign.devices.model import CostModel
from mathdesign.devices.operators import Operator
from mathdesign.devices.table import CostTable

Source = CostTable | CostModel
"""Where costs come from."""


@dataclass(frozen=True, slots=True)
class Interpolated:
    """A cost that was not measured: its key, and the keys between which it lies."""

    key: str
    between: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Prices:
    """What operators cost, in steps of a table, rounded up; ``base`` a network, once.

    ``missing``: what has no cost, key -> why. Nothing can be summed before it is empty.
    """

    costs: Mapping[Operator, int]
    base: int = 0
    missing: Mapping[str, str] = field(default_factory=dict)
    interpolated: tuple[Interpolated, ...] = ()

    def total(self, operators: Iterable[Operator]) -> int:
        """Of a network. Raises ``KeyError`` for an operator that was not asked for."""
        return self.base + sum(self.costs[operator] for operator in operators)


def priced(
    source: Source,
    operators: Iterable[Operator],
    *,
    interpolate: bool = False,
    step: Fraction | None = None,
) -> Prices:
    """The cost of each distinct operator; all missing ones listed.

    ``step`` is finer than a table's by a whole number, in seconds or joules; ``None``: a table's.
    """
    distinct = dict.fromkeys(operators)
    if isinstance(source, CostModel):
        return _by_model(source, distinct, step or STEP[source.header.quantity])
    found = _by_table(source, distinct, interpolate)
    if step is None or step == STEP[source.header.quantity]:
        return found
    times = int(STEP[source.header.quantity] / step)
    costs = {operator: cost * times for operator, cost in found.costs.items()}
    return Prices(costs, found.base * times, found.missing, found.interpolated)


def _by_model(model: CostModel, operators: Iterable[Operator], step: Fraction) -> Prices:
    costs: dict[Operator, int] = {}
    missing: dict[str, str] = {}
    for operator in operators:
        found = model.steps(operator, step)
        if found is None:
            missing[operator.key] = f"the model has neither {operator.kind} nor default"
        else:
            costs[operator] = found
    return Prices(costs, whole_steps(model.base, step), missing)


def whole_steps(cost: Fraction, step: Fraction) -> int:
    """The least number of steps that is not below ``cost``."""
    return -(-cost // step)


def _by_table(table: CostTable, operators: Iterable[Operator], interpolate: bool) -> Prices:
    costs: dict[Operator, int] = {}
    missing: dict[str, str] = {}
    made: list[Interpolated] = []
    groups = grouped({k: row.cost for k, row in table.rows.items()}) if interpolate else {}
    for operator in operators:
        row = table.rows.get(operator.key)
        if row is not None:
            costs[operator] = row.cost
            continue
        if not interpolate:
            missing[operator.key] = "not measured"
            continue
        found = between(groups, operator)
        if isinstance(found, str):
            missing[operator.key] = found
        else:
            costs[operator], keys = found
            made.append(Interpolated(operator.key, keys))
    return Prices(costs, table.base, missing, tuple(made))


def option_costs(
    table: CostTable, options: Iterable[tuple[str, str]]
) -> tuple[dict[tuple[str, str], int], list[str]]:
    """What options of slots cost, in steps, by the rows ``slot:option``; the keys that are missing."""
    costs: dict[tuple[str, str], int] = {}
    missing = []
    for slot, option in options:
        row = table.rows.get(f"{slot}:{option}")
        if row is None:
            missing.append(f"{slot}:{option}")
        else:
            costs[slot, option] = row.cost
    return costs, missing
