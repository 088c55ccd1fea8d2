"""Which operators of a space are measured, in which order: so that stopping early loses the least.

Operators that differ in channels alone are a *group*. Of a group with many members a grid of a few
channels in and out is measured, the corners first: what lies between can be interpolated, and no model
has to go beyond what was measured. Then those that networks really have, the ones far from what is
measured first. Groups take turns.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace

from mathdesign.devices.between import alike
from mathdesign.devices.operators import OPERATOR_KINDS, Operator, OperatorError

#: Channels in and channels out of a grid.
GRID = 4
#: A group of fewer operators is measured as it is.
FEW = GRID * GRID


def plan(seen: Iterable[Operator]) -> tuple[Operator, ...]:
    """All distinct operators of ``seen`` and the grids around them, the most telling first."""
    groups: dict[Hashable, list[Operator]] = {}
    for operator in dict.fromkeys(seen):
        groups.setdefault(alike(operator), []).append(operator)
    orders = [
        _order(sorted(group, key=_channels)) for _, group in sorted(groups.items(), key=_first)
    ]
    turns = itertools.zip_longest(*orders)
    return tuple(operator for turn in turns for operator in turn if operator is not None)


def _first(group: tuple[Hashable, list[Operator]]) -> str:
    return min(operator.key for operator in group[1])


def _channels(operator: Operator) -> tuple[int, int]:
    return operator.c_in, operator.c_out


def _order(group: Sequence[Operator]) -> list[Operator]:
    grid = _grid(group) if len(group) > FEW else []
    first = grid or [group[0], group[-1]]
    return _apart(list(dict.fromkeys(first)), list(group))


def _grid(group: Sequence[Operator]) -> list[Operator]:
    """Channels that occur, from the least to the most, about equally far apart as ratios."""
    one = group[0]
    if OPERATOR_KINDS[one.kind].keeps or one.groups > 1 or one.kind.endswith("attention"):
        return []
    inner = _spaced(sorted({o.c_in for o in group}))
    outer = _spaced(sorted({o.c_out for o in group}))
    found = []
    for a, b in itertools.product(inner, outer):
        try:
            found.append(replace(one, c_in=a, c_out=b))
        except OperatorError:  # a depthwise convolution has as many
            continue
    ends = (inner[0], inner[-1]), (outer[0], outer[-1])
    return sorted(found, key=lambda o: (o.c_in not in ends[0]) + (o.c_out not in ends[1]))


def _spaced(values: Sequence[int]) -> list[int]:
    if len(values) <= GRID:
        return list(values)
    ratio = values[-1] / values[0]
    wanted = [values[0] * ratio ** (i / (GRID - 1)) for i in range(GRID)]
    return sorted({min(values, key=lambda v: (abs(math.log(v / w)), v)) for w in wanted})


def _apart(chosen: list[Operator], others: list[Operator]) -> list[Operator]:
    """``chosen``, then all others: always the one farthest from those before it, as ratios."""
    places = {o: (math.log(o.c_in), math.log(o.c_out)) for o in (*chosen, *others)}
    left = [o for o in others if o not in set(chosen)]
    near = {o: min(math.dist(places[o], places[c]) for c in chosen) for o in left}
    while left:
        best = max(left, key=lambda o: near[o])
        left.remove(best)
        chosen.append(best)
        for o in left:
            near[o] = min(near[o], math.dist(places[o], places[best]))
    return chosen
