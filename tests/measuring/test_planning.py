"""What is measured covers what networks have, the most telling first, and can be interpolated between."""

import itertools

from mathdesign.devices.header import Header
from mathdesign.devices.operators import convolution, linear, parse_key, plain
from mathdesign.devices.prices import priced
from mathdesign.devices.table import CostTable, Row
from mathdesign.measuring.planning import FEW, GRID, plan

WIDTHS = range(8, 129, 8)
PAIRS = [convolution(a, 14, 14, b, 3) for a, b in itertools.product(WIDTHS, WIDTHS)]


def test_a_few_operators_are_all_measured():
    few = [linear(8, 1, 10), plain("add", 8, 7, 7), convolution(8, 7, 7, 8, 3), linear(8, 1, 10)]
    assert sorted(plan(few), key=str) == sorted(set(few), key=str)
    assert plan(few) == plan(reversed(few)) and plan([]) == ()


def test_of_many_a_grid_comes_first_its_corners_before_all():
    found = plan(PAIRS)
    assert set(found) == set(PAIRS)  # the grid's channels occur
    corners = {(o.c_in, o.c_out) for o in found[:4]}
    assert corners == {(8, 8), (8, 128), (128, 8), (128, 128)}
    grid = found[: GRID * GRID]
    assert len({o.c_in for o in grid}) == len({o.c_out for o in grid}) == GRID


def test_between_the_points_of_the_grid_everything_has_a_cost():
    grid = plan(PAIRS)[: GRID * GRID]
    table = CostTable(Header("latency", "us"), {o.key: Row(1000 + o.macs) for o in grid})
    prices = priced(table, PAIRS, interpolate=True)
    assert not prices.missing and len(prices.interpolated) == len(PAIRS) - len(grid)
    # Products of channels are bilinear: read off exactly.
    assert all(cost == 1000 + o.macs for o, cost in prices.costs.items())


def test_stopped_early_every_group_has_had_its_turn():
    many = [*PAIRS, *(linear(a, 1, 1000) for a in WIDTHS), plain("add", 8, 7, 7)]
    assert {o.kind for o in plan(many)[:3]} == {"conv", "linear", "add"}


def test_grids_are_only_laid_where_channels_vary_on_their_own():
    heads = [
        parse_key(f"attention-{96 * h}x1x16-{32 * h}-k1x16-g{h}") for h in range(2, 2 + 2 * FEW)
    ]
    deep = [convolution(8 * c, 7, 7, 8 * c, 3, groups=8 * c) for c in range(1, 2 * FEW)]
    assert set(plan([*heads, *deep])) == {*heads, *deep}
    ends = [o.c_in for o in plan(deep)[:3]]
    assert ends[:2] == [8, 8 * (2 * FEW - 1)] and 8 < ends[2] < 8 * (2 * FEW - 1)
