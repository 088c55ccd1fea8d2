"""Costs between measured ones: piecewise linear in channels, everything else equal.

Measured points of the same kind, kernel, stride, resolution and grouping are lines in ``c_in`` or in
``c_out``, or rectangles of four; a cost inside is read off, rounded up. Outside of what was measured
nothing is said: a straight line knows no cliff.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Mapping
from fractions import Fraction

from mathdesign.devices.operators import OPERATOR_KINDS, Operator, OperatorError, parse_key

Grid = Mapping[tuple[int, int], tuple[int, str]]
"""Measured points ``(c_in, c_out) -> (cost, key)`` of one group."""
Groups = Mapping[Hashable, Grid]


def between(groups: Groups, operator: Operator) -> tuple[int, tuple[str, ...]] | str:
    """The cost of ``operator`` and the keys it lies between, or why there is none."""
    grid = groups.get(alike(operator), {})
    if not grid:
        return "nothing of its kind, kernel, stride and resolution was measured"
    found = _on_line(grid, operator) or _in_rectangle(grid, operator)
    if found is None:
        inner = sorted({a for a, _ in grid})
        outer = sorted({b for _, b in grid})
        return (
            f"not between measured channels ({inner[0]} to {inner[-1]} in, {outer[0]} to "
            f"{outer[-1]} out, {len(grid)} points)"
        )
    cost, keys = found
    return -(-cost.numerator // cost.denominator), keys


def grouped(costs: Mapping[str, int]) -> Groups:
    """Measured costs by what interpolation keeps fixed."""
    groups: dict[Hashable, dict[tuple[int, int], tuple[int, str]]] = {}
    for key, cost in costs.items():
        try:
            operator = parse_key(key)
        except OperatorError:
            continue  # options of slots, and the base
        own = groups.setdefault(alike(operator), {})
        own[operator.c_in, operator.c_out] = (cost, key)
    return groups


def alike(operator: Operator) -> Hashable:
    """What measured points must have in common with an operator."""
    own: Hashable = 1
    if operator.kind.endswith("attention"):
        size = operator.c_out // operator.groups
        own = (size, Fraction(operator.c_in, operator.c_out))
    elif operator.kind == "depthwise":
        own = Fraction(operator.c_out, operator.c_in)
    elif operator.groups > 1:
        own = (operator.c_in // operator.groups, operator.c_out // operator.groups)
    place = (operator.height, operator.width, operator.kernel, operator.stride)
    return (operator.kind, *place, own)


def _is_line(operator: Operator) -> bool:
    """Whether one number of channels says both."""
    one = OPERATOR_KINDS[operator.kind].keeps or operator.groups > 1
    return one or operator.kind.endswith("attention")


Found = tuple[Fraction, tuple[str, ...]]


def _on_line(grid: Grid, operator: Operator) -> Found | None:
    """Between two points that differ in one number of channels: the nearer pair, by ratio."""
    a, b = operator.c_in, operator.c_out
    if _is_line(operator):
        return _read_off(sorted((x, *p) for (x, _), p in grid.items()), a)
    lines = [
        _read_off(sorted((y, *p) for (x, y), p in grid.items() if x == a), b),
        _read_off(sorted((x, *p) for (x, y), p in grid.items() if y == b), a),
    ]
    found = [line for line in lines if line is not None]
    return min(found, key=lambda f: _apart(f[1])) if found else None


def _read_off(points: list[tuple[int, int, str]], at: int) -> Found | None:
    """On the line through the points ``(channels, cost, key)`` next to ``at``."""
    i = bisect_left(points, (at,))
    if i < len(points) and points[i][0] == at:
        return Fraction(points[i][1]), (points[i][2],)
    if not 0 < i < len(points):
        return None
    (x, low, first), (y, high, second) = points[i - 1], points[i]
    return low + Fraction((high - low) * (at - x), y - x), (first, second)


def _apart(keys: tuple[str, ...]) -> Fraction:
    """How far two measured points lie apart, as a ratio of channels."""
    first, second = parse_key(keys[0]), parse_key(keys[-1])
    return max(Fraction(second.c_in, first.c_in), Fraction(second.c_out, first.c_out))


def _in_rectangle(grid: Grid, operator: Operator) -> Found | None:
    """Between four measured corners, the smallest rectangle first; bilinear."""
    a, b = operator.c_in, operator.c_out
    below = sorted({x for x, _ in grid if x < a}, reverse=True)
    above = sorted({x for x, _ in grid if x > a})
    best: tuple[Fraction, Found] | None = None
    for low in below[:8]:
        for high in above[:8]:
            shared = {y for x, y in grid if x == low} & {y for x, y in grid if x == high}
            under = max((y for y in shared if y < b), default=None)
            over = min((y for y in shared if y > b), default=None)
            if under is None or over is None:
                continue
            size = Fraction(high, low) * Fraction(over, under)
            if best is None or size < best[0]:
                best = (size, _bilinear(grid, (low, a, high), (under, b, over)))
    return None if best is None else best[1]


def _bilinear(grid: Grid, xs: tuple[int, int, int], ys: tuple[int, int, int]) -> Found:
    (low, a, high), (under, b, over) = xs, ys
    s, t = Fraction(a - low, high - low), Fraction(b - under, over - under)
    corners = [(low, under), (low, over), (high, under), (high, over)]
    shares = [(1 - s) * (1 - t), (1 - s) * t, s * (1 - t), s * t]
    cost = sum((share * grid[c][0] for share, c in zip(shares, corners)), Fraction(0))
    return cost, tuple(grid[c][1] for c in corners)
