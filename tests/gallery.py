"""Tiny programs of every form with known optima. Every proving backend must reproduce each of them.

The optima are literals, so that a change in a formula, a counting rule or the oracle itself shows.
Where a program is small enough to work out by hand, the comment beside it does so; a test compares
all of them with plain enumeration. ``None`` means: nothing is feasible.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from mathdesign.programs.base import Budget, Program
from mathdesign.programs.chain import DesignProblem
from mathdesign.programs.mixes import Frame, Group, MixProblem
from mathdesign.programs.slots import (
    Ensemble,
    Feature,
    PairTable,
    Slot,
    SlotObjective,
    SlotProblem,
    TableSum,
    Tree,
)
from mathdesign.programs.stages import Decision, Objective, Repeat, Stage, Tabled, term
from mathdesign.programs.union import Union
from mathdesign.spaces.convnet.families import StageShape
from mathdesign.spaces.convnet.program import EntropyOptions, pose
from mathdesign.spaces.convnet.space import Space, StageSpace, WidthRules
from mathdesign.spaces.convnet.volume import VolumeOptions
from tests.small import two_stages


@dataclass(frozen=True)
class Entry:
    """A program, how to make it, and its greatest objective.

    ``fine``: by less than 1e-9 of a row, what solvers in doubles see, a better point is infeasible.
    They may leave the gap open there, they may not be wrong.
    """

    name: str
    make: Callable[[], Program]
    optimum: float | None
    fine: bool = False


# ---- chains: a convolutional network --------------------------------------------------------------


def _posed(
    family: str = "bottleneck",
    rules: WidthRules | None = None,
    params: int | None = 30_000,
    macs: int | None = 2_000_000,
    rho: float | None = 0.3,
    volume: VolumeOptions | None = None,
    **options: object,
) -> Callable[[], DesignProblem]:
    """With ``volume``, the entropy only where it has options of its own."""

    def make() -> DesignProblem:
        limits = [Budget(m, u) for m, u in (("params", params), ("macs", macs)) if u is not None]
        return pose(
            two_stages(family, rules),
            entropy=None if volume and not options else EntropyOptions(**options),  # type: ignore[arg-type]
            volume=volume,
            budgets=limits,
            effectiveness=rho,
        )

    return make


def _single_choice() -> DesignProblem:
    stage = {"width": (16,), "bottleneck": (8,), "kernel_size": (3,), "depth": (2,)}
    stages = (
        StageSpace("only", "body", "bottleneck", StageShape(1, 8, 8), stage),
        StageSpace(
            "classifier", "classifier", "classifier", StageShape(1, 8, 1),
            {"width": (10,), "depth": (1,)},
        ),
    )  # fmt: skip
    return pose(Space(3, 8, stages), entropy=EntropyOptions(), effectiveness=1.0)


def _lower_budget() -> DesignProblem:
    return pose(
        two_stages("basic"),
        entropy=EntropyOptions(),
        budgets=[Budget("params", 60_000, 55_000)],
        effectiveness=0.3,
    )


def _metric_objective() -> DesignProblem:
    return pose(
        two_stages("inverted_residual"),
        metric_weights=(("params", 1.0),),
        budgets=[Budget("macs", 1_000_000)],
    )


CONVNETS = [
    Entry("bottleneck", _posed(), 1510.07034677625),
    Entry("inverted residual with SE", _posed("inverted_residual"), 657.9019267615048),
    Entry("basic", _posed("basic"), 1514.3857010193417),
    Entry("no budgets", _posed(params=None, macs=None, rho=None), 2734.222960201163),
    Entry("paper form", _posed(variant="paper"), 3012.9578752679095),
    Entry("mae-det form", _posed("basic", variant="mae_det"), 34.23938695269795),
    Entry("standard deviation over all stages", _posed(depth_stages=(0, 1)), 1492.8875284916596),
    Entry("variance", _posed(depth_stages=(0, 1), depth_spread="variance"), 1492.8875284916596),
    Entry("monotone widths", _posed(rules=WidthRules(monotone=True)), 1510.07034677625),
    Entry(
        "growth and bottleneck ratio",
        _posed(rules=WidthRules(False, Fraction(2), (Fraction(1, 4), Fraction(1, 2)))),
        1495.5511944745645,
    ),
    Entry(
        "SE resolution defect",
        _posed("inverted_residual", se_resolution_defect=True),
        379.8585226360153,
    ),
    Entry("weights with zeros", _posed(weights=(0.0, 0.0, 1.0)), 159.2388577869447),
    Entry("lower budget", _lower_budget, 1885.576800555808),
    Entry("most params within macs", _metric_objective, 24994.0),
    Entry("log-volume", _posed(rho=None, volume=VolumeOptions(per_block=0)), 7.036225840971082),
    Entry("depth counts by width", _posed(rho=None, volume=VolumeOptions()), 6.127809287580997),
    Entry(
        "depth counts by width, many channels",
        _posed("basic", rho=None, volume=VolumeOptions(per_block=200.0, depth=(3.0, 0.5))),
        1.0818907105280373,
    ),
    Entry(
        "log-volume with SE and wide stages",
        _posed(
            "inverted_residual",
            rho=None,
            volume=VolumeOptions(rise=0.5, width=0.5, depth=0.6, per_block=0),
        ),
        11.913484101435275,
    ),
    Entry(
        "log-volume by stage",
        _posed(
            "basic",
            rho=None,
            volume=VolumeOptions(rise=0, weights=(2.0, 1.0), depth=(0.4, 1.4), per_block=0),
        ),
        12.890036164976754,
    ),
    Entry(
        "negative weights of logarithms",
        _posed(
            "inverted_residual",
            rho=None,
            volume=VolumeOptions(
                inner=0, expansion=1, width=-0.25, depth=-0.3, kernel_size=-0.5, per_block=0
            ),
        ),
        -0.8053254365032462,
    ),
    Entry(
        "log-volume and effectiveness", _posed(volume=VolumeOptions(per_block=0)), 6.68965225069111
    ),
    Entry(
        "log-volume beside an entropy",
        _posed("basic", variant="mae_det", volume=VolumeOptions(weight=2.0, per_block=0)),
        47.67080745521918,
    ),
    Entry("single choice everywhere", _single_choice, 449.7899309914107),
    Entry("tight effectiveness", _posed(rho=0.2), 1179.734367983223),
    Entry("effectiveness against budgets", _posed(rho=0.12), None),
    Entry("impossible params", _posed(params=1000), None),
    Entry("impossible effectiveness", _posed(rho=1e-6), None),
    Entry(
        "contradictory rules",
        _posed(rules=WidthRules(bottleneck_ratio=(Fraction(4), Fraction(5)))),
        None,
    ),
]


# ---- chains: two stages, one metric ----------------------------------------------------------------


def _chain(unit: int = 1) -> DesignProblem:
    """The most of ``m = unit * (width1 * depth1 + width1 * width2 * depth2)``.

    Widths 2 or 4 and 3 or 5, depths 1 to 3 and 1 or 2: from 8 units to 52.
    """
    first = Stage(
        "first",
        (Decision("width", (2, 4)), Decision("depth", (1, 2, 3))),
        {"m": (term(unit, Repeat.EACH, width=1),)},
    )
    second = Stage(
        "second",
        (Decision("width", (3, 5)), Decision("depth", (1, 2))),
        {"m": (term(unit, Repeat.EACH, prev=1, width=1),)},
    )
    return DesignProblem("tiny", (first, second), Objective(metric_weights=(("m", 1.0),)))


def _within(
    program: Program, upper: int | None, lower: int | None = None, inherent: bool = False
) -> Program:
    """``program`` with one budget on its first metric."""
    return program.with_budgets([Budget(program.metric_names[0], upper, lower, inherent)])


def _measured() -> DesignProblem:
    """The most of ``m`` where the second stage costs what a table says of both widths.

    One of its blocks takes 9 or 2 units behind 2 channels, 4 or 7 behind 4: dearer in the narrow.
    """
    first, second = _chain().stages
    table = Tabled("cost", ("prev", "width"), np.array([[9, 2], [4, 7]]))
    costs = {**second.costs, "t": (term(1, Repeat.EACH, cost=1),)}
    return replace(_chain(), stages=(first, replace(second, costs=costs, tables=(table,))))


def _in_time(upper: int, lower: int | None = None) -> DesignProblem:
    return _measured().with_budgets([Budget("t", upper, lower)])


BEST_CHAIN = (4, 3, 5, 2)

CHAINS = [
    Entry("most", _chain, 52.0),  # 4*3 + 4*5*2
    Entry("least", lambda: _chain().minimising({"m": 1.0}), -8.0),  # 2*1 + 2*3*1
    Entry("ties", lambda: _within(_chain(), 24), 24.0),  # 4*3 + 4*3 = 4*1 + 4*5
    Entry("equal budgets", lambda: _within(_chain(), 32, 32), 32.0),  # 4*3 + 4*5 = 4*2 + 4*3*2
    Entry("no such sum", lambda: _within(_chain(), 9, 9), None),  # 2*(1 + 3) = 8, 2*(2 + 3) = 10
    Entry("inherent", lambda: _within(_chain(), 51, inherent=True), 48.0),  # 4*2 + 4*5*2
    Entry("apart", lambda: _chain().apart_from(BEST_CHAIN), 48.0),
    # Two decisions differ: depth 2 and width 3 give 4*2 + 4*3*2, depths 2 and 1 give 4*2 + 4*5.
    Entry("apart by two", lambda: _chain().apart_from(BEST_CHAIN, at_least=2), 32.0),
    # width1 * (depth1 + width2) <= 22: 4 * (2 + 3).
    Entry("pin in a budget", lambda: _within(_chain(), 22).pinned({"second.depth": 1}), 20.0),
    # A point that the pins exclude is no reason to stay away from anything else.
    Entry(
        "pin and a point beside it",
        lambda: _chain().apart_from(BEST_CHAIN).pinned({"first.depth": 1}),
        44.0,  # 4*1 + 4*5*2
    ),
    # Both blocks in 4 units: only behind 2 channels and 5 wide, 2*3 + 2*5*2.
    Entry("measured", lambda: _in_time(4), 26.0),
    # At most 9 units: 4*3 + 4*5 takes 7; 4*3 + 4*3*2 takes 8 = 2*4; 9 for one block of 2, 3.
    Entry("measured, a wide range", lambda: _in_time(9), 36.0),
    Entry("measured, at least", lambda: _in_time(18, 18), 18.0),  # 2*3 + 2*3*2
    Entry("measured, never", lambda: _in_time(1), None),
    Entry("measured least", lambda: _measured().minimising({"t": 1.0}), -2.0),
    Entry("measured most", lambda: _measured().maximising({"t": 1.0}), 18.0),
    Entry("measured and pinned", lambda: _in_time(9).pinned({"first.width": 2}), 26.0),
    Entry("huge", lambda: _within(_chain(10**12), 51 * 10**12), 48e12),
]


# ---- slots -----------------------------------------------------------------------------------------

Rows = Sequence[Sequence[float]]
Pairs = Mapping[tuple[int, int], Rows]


def _slots(
    values: Rows,
    costs: Rows | None = None,
    value_pairs: Pairs | None = None,
    cost_pairs: Pairs | None = None,
    rules: Pairs | None = None,
    **objective: Any,
) -> SlotProblem:
    """One slot a row of ``values``; the metric is ``cost``, nothing where it is not given."""
    slots = tuple(
        Slot(f"s{i}", tuple(f"o{k}" for k in range(len(r)))) for i, r in enumerate(values)
    )
    costs = costs or [[0] * len(row) for row in values]
    return SlotProblem(
        "tiny",
        slots,
        SlotObjective(_sums(values, value_pairs, np.float64), **objective),
        {"cost": _sums(costs, cost_pairs, np.int64)},
        rules=_tables(rules, np.bool_),
    )


def _sums(rows: Rows, pairs: Pairs | None, dtype: Any) -> TableSum:
    return TableSum(dtype(0), tuple(np.array(row, dtype) for row in rows), _tables(pairs, dtype))


def _tables(pairs: Pairs | None, dtype: Any) -> tuple[PairTable, ...]:
    return tuple(PairTable(i, j, np.array(t, dtype)) for (i, j), t in (pairs or {}).items())


def _tree(*nodes: tuple[int, float, int, int], leaves: Sequence[float]) -> Tree:
    """Nodes are ``(feature, threshold, left, right)``."""
    columns = list(zip(*nodes)) if nodes else [()] * 4
    feature, threshold, left, right = (np.array(column) for column in columns)
    return Tree(feature, threshold.astype(float), left, right, np.array(leaves, dtype=float))


#: Points 00 to 22 are worth 1 2 6, 4 5 9, 6 7 11 and cost 1 3 6, 3 5 8, 5 7 10.
VALUES, COSTS = ((0, 3, 5), (1, 2, 6)), ((0, 2, 4), (1, 3, 6))
BEST_SLOTS = (2, 2)
UNEQUAL = ((0, 1), (1, 0))


def _nine(scale: float = 1.0, unit: int = 1) -> SlotProblem:
    """Two slots of three options."""
    return _slots([[v * scale for v in r] for r in VALUES], [[c * unit for c in r] for r in COSTS])


def _one_slot_trees() -> SlotProblem:
    """2 * (s0 is 0 ? (s1 is 1 ? 2 : 1) : 3), less 5 for s0 = 1, and 0, 0.5 or 1 for s1."""
    features = (
        Feature("s0", (0,), (np.array([0.0, 1.0]),)),
        Feature("s1=1", (1,), (np.array([0.0, 1.0, 0.0]),)),
    )
    tree = _tree((0, 0.0, 1, ~0), (1, 0.5, ~2, ~1), leaves=(3.0, 2.0, 1.0))
    return _slots(
        ((0, -5), (0, 0.5, 1)),
        ((0, 0), (1, 3, 1)),
        ensembles=((2.0, Ensemble(features, (tree,))),),
    )


def _aggregate_tree() -> SlotProblem:
    """Three slots of 0, 1, 2; their sum, and 5 while it is at most 3, else 1."""
    total = Feature("total", (0, 1, 2), (np.arange(3.0),) * 3)
    tree = _tree((0, 3.0, ~0, ~1), leaves=(5.0, 1.0))
    return _slots(((0, 1, 2),) * 3, ensembles=((1.0, Ensemble((total,), (tree,))),))


def _spread() -> SlotProblem:
    """Members agree on option 0 and say 0 and 4 of option 1: a deviation of 2, half of it counts."""
    feature = Feature("s0", (0,), (np.array([0.0, 1.0]),))
    members = tuple(
        Ensemble((feature,), (_tree((0, 0.5, ~0, ~1), leaves=(0.0, high)),)) for high in (0.0, 4.0)
    )
    return _slots(((0, -0.25), (0, 0)), spread=members, spread_weight=0.5)


def _forty_slots() -> SlotProblem:
    """First steps earn 2 for 1, second steps 1 for 1."""
    return _slots([(0, 2, 3)] * 40, [(0, 1, 2)] * 40)


SLOTS = [
    Entry("free", _nine, 11.0),
    Entry("upper budget", lambda: _within(_nine(), 7), 7.0),  # 21; 02 and 20 are worth 6
    Entry("ties", lambda: _within(_nine(), 6), 6.0),  # 02 and 20
    Entry("equal budgets", lambda: _within(_nine(), 5, 5), 6.0),  # 20; 11 is worth 5
    Entry("two-sided budget", lambda: _within(_nine(), 9, 7), 9.0),  # 12
    Entry("no such sum", lambda: _within(_nine(), 2, 2), None),
    Entry("beyond reach", lambda: _within(_nine(), None, 11), None),
    Entry(
        "rules",  # 22 and 12 are out, 21 is left
        lambda: _slots(VALUES, COSTS, rules={(0, 1): ((1, 1, 1), (1, 1, 0), (1, 1, 0))}),
        7.0,
    ),
    Entry(
        "odd cycle",  # of three bits two are equal
        lambda: _slots(((1, 2),) * 3, rules={(0, 1): UNEQUAL, (1, 2): UNEQUAL, (0, 2): UNEQUAL}),
        None,
    ),
    Entry(
        "pairs of values",  # 11: 5 + 5; 22 falls to 3, 12 is worth 9
        lambda: _slots(VALUES, value_pairs={(0, 1): ((0, 0, 0), (0, 5, 0), (0, 0, -8))}),
        10.0,
    ),
    Entry(
        "pairs of costs",  # 12 costs 4 instead of 8
        lambda: _within(
            _slots(VALUES, COSTS, cost_pairs={(0, 1): ((0, 0, 0), (0, 0, -4), (0, 0, 0))}), 5
        ),
        9.0,
    ),
    # 00 to 12 are worth 2 4.5 3, 1 1.5 2.
    Entry("trees", _one_slot_trees, 4.5),
    Entry("trees within a budget", lambda: _within(_one_slot_trees(), 2), 3.0),  # not s1 = 1
    Entry("a tree of a sum", _aggregate_tree, 8.0),  # 3 + 5; 6 + 1
    Entry("a tree of a sum, pinned", lambda: _aggregate_tree().pinned({"s0": 0, "s1": 0}), 7.0),
    Entry("spread", _spread, 0.75),  # 0.5 * 2 - 0.25
    Entry("inherent", lambda: _within(_nine(), 7, inherent=True), 7.0),
    Entry("apart", lambda: _nine().apart_from(BEST_SLOTS), 9.0),  # 12
    Entry("apart by two", lambda: _nine().apart_from(BEST_SLOTS, at_least=2), 5.0),  # 11
    Entry("apart from everything", lambda: _slots(((1, 2),)).apart_from((0,), (1,)), None),
    Entry("one slot", lambda: _within(_slots(((3, -1, 4),), ((1, 5, 9),)), 8), 3.0),
    Entry("one design", lambda: _within(_slots(((-2.5,), (1,)), ((3,), (4,))), 7, 7), -1.5),
    Entry("forty slots", lambda: _within(_forty_slots(), 50), 90.0),  # 40 first steps, 10 second
    Entry("huge costs", lambda: _within(_nine(unit=10**12), 7 * 10**12), 7.0),
    Entry(
        "huge costs, one too many", lambda: _within(_nine(unit=10**12), 7 * 10**12 - 1), 6.0, True
    ),
    Entry("tiny values", lambda: _within(_nine(1e-6), 7), 7e-6),
    Entry(
        "negative values",  # 10 and 01 cost 3; 00 is left
        lambda: _within(_slots(((-5, -1), (-2, -1)), ((0, 3), (0, 3))), 2),
        -7.0,
    ),
    Entry(
        "costs that cancel",  # 00: -3 + 3; the others cost -2, 3, 1
        lambda: _within(_slots(((1, 9), (1, 9)), ((-3, 0), (3, 1))), 0, 0),
        2.0,
    ),
    Entry("pin", lambda: _within(_nine(), 7).pinned({"s0": 1}), 5.0),  # 11
    Entry("pin of the only slot", lambda: _slots(((3, -1, 4),)).pinned({"s0": 1}), -1.0),
    Entry("pins that contradict", lambda: _nine().pinned({"s0": 1}).pinned({"s0": 2}), None),
]


# ---- mixes -----------------------------------------------------------------------------------------


def _group(*options: tuple[int, float], least: int = 1, most: int = 3) -> Group:
    """Options are ``(cost, value)``."""
    costs, values = zip(*options)
    return Group(np.array(costs)[:, None], np.array(values, dtype=float), least, most)


def _frame(cost: int, value: float, *groups: Group) -> Frame:
    return Frame(np.array([cost]), value, groups)


def _mixes(*frames: Frame) -> MixProblem:
    return MixProblem("tiny", ("cost",), frames)


#: Three kinds of layers, of cost and value.
A, B, C = (1, 1.0), (3, 4.0), (2, 2.0)


def _layers(scale: float = 1.0, unit: int = 1, frames: int = 1) -> MixProblem:
    """One to three layers on top of a frame of cost 1 and value 0.5."""
    options = [(cost * unit, value * scale) for cost, value in (A, B, C)]
    return _mixes(*[_frame(unit, 0.5 * scale, _group(*options))] * frames)


def _two_frames() -> MixProblem:
    """A frame of cost 5 and value 10, and one of nothing; one to three layers."""
    return _mixes(_frame(5, 10.0, _group(A, B, C)), _frame(0, 0.0, _group(A, B, C)))


def _two_groups() -> MixProblem:
    """One or two of A and B, and either 5 for 2 or 1 for 1."""
    stack = _group((2, 5.0), (1, 1.0), least=1, most=1)
    return _mixes(_frame(0, 0.0, _group(A, B, most=2), stack))


def _two_metrics() -> MixProblem:
    """Four layers, each 3 for one of ``cost`` or 1 for one of ``kept``."""
    group = Group(np.array([[1, 0], [0, 1]]), np.array([3.0, 1.0]), 4, 4)
    frame = Frame(np.array([0, 0]), 0.0, (group,))
    return MixProblem("tiny", ("cost", "kept"), (frame,), (Budget("kept", lower=2),))


def _forty_layers() -> MixProblem:
    """First steps earn 2 for 1, second steps 1 for 1; nine more kinds of layers that nobody needs."""
    worse = [(3 + k, 1.0) for k in range(9)]
    return _mixes(_frame(0, 0.0, _group((0, 0.0), (1, 2.0), (2, 3.0), *worse, least=40, most=40)))


def _odd() -> MixProblem:
    return _mixes(_frame(0, 0.0, _group((2, 1.0), (4, 2.0), least=0, most=3)))


def _shared_stack() -> MixProblem:
    """One choice for all layers of a stack."""
    return _mixes(_frame(0, 0.0, _group((10, 3.0), (20, 9.0), (15, 7.5), least=1, most=1)))


BEST_LAYERS = (0, 0, 3, 0)

MIXES = [
    Entry("free", _layers, 12.5),  # 3 B
    Entry("upper budget", lambda: _within(_layers(), 6), 6.5),  # B + C; B + 2 A is worth as much
    Entry("ties of frames", lambda: _within(_layers(frames=2), 6), 6.5),
    Entry("equal budgets", lambda: _within(_layers(), 4, 4), 4.5),  # B; A + C and 3 A are worth 3
    Entry("two-sided budget", lambda: _within(_layers(), 8, 7), 9.5),  # 2 B + A
    Entry("beyond reach", lambda: _within(_layers(), 1), None),  # the frame alone
    Entry("no such sum", lambda: _within(_odd(), 5, 5), None),
    Entry("two metrics", _two_metrics, 8.0),  # 2 * 3 + 2 * 1
    Entry("frames", lambda: _within(_two_frames(), 6), 11.0),  # A on the first; 2 B are worth 8
    Entry("the lesser frame", lambda: _within(_two_frames(), 5), 6.0),  # B + C
    Entry("two groups", lambda: _within(_two_groups(), 6), 10.0),  # 5 + A + B
    Entry("shared stack", lambda: _within(_shared_stack(), 15, 15), 7.5),
    Entry("inherent", lambda: _within(_layers(), 6, inherent=True), 6.5),
    Entry("apart", lambda: _layers().apart_from(BEST_LAYERS), 10.5),  # 2 B + C
    # 2 B + C differs by 2 (one layer less, one more), B + 2 C by 4, B + C by 3.
    Entry("apart by three", lambda: _layers().apart_from(BEST_LAYERS, at_least=3), 8.5),
    Entry(
        "apart in another frame",
        lambda: _layers(frames=2).apart_from(BEST_LAYERS, at_least=9),
        12.5,
    ),
    Entry("no layers", lambda: _mixes(_frame(2, -1.25, _group(A, B, least=0, most=0))), -1.25),
    Entry("forty layers", lambda: _within(_forty_layers(), 50), 90.0),  # 40 first steps, 10 second
    Entry("huge costs", lambda: _within(_layers(unit=10**12), 6 * 10**12), 6.5),
    Entry(
        "huge costs, one too many", lambda: _within(_layers(unit=10**12), 5 * 10**12 - 1), 4.5, True
    ),
    Entry("tiny values", lambda: _within(_layers(1e-6), 6), 6.5e-6),
    Entry(
        "negative values",  # two layers for 4: 2 C; A + B are worth -5
        lambda: _within(_mixes(_frame(0, 0.0, _group((1, -4), (3, -1), (2, -2), least=2))), 4),
        -4.0,
    ),
    Entry(
        "negative costs",  # B and one that gives 2 back
        lambda: _within(_mixes(_frame(0, 0.0, _group((-2, -1.0), B, least=0))), 1),
        3.0,
    ),
    Entry("pin", lambda: _within(_layers(), 6).pinned({"group0.option2": 2}), 5.5),  # 2 C + A
    Entry("pinned frame", lambda: _within(_two_frames(), 6).pinned({"frame": 1}), 8.0),  # 2 B
    Entry(
        "pins that contradict",
        lambda: _layers(frames=2).pinned({"frame": 0}).pinned({"frame": 1}),
        None,
    ),
    Entry(
        "more than there is",
        lambda: _layers().pinned({"group0.option0": 2, "group0.option1": 2}),
        None,
    ),
]

# ---- unions ----------------------------------------------------------------------------------------


def _sizes(*units: int) -> Union:
    """The chain at several sizes: what it costs and is worth is a multiple of its size."""
    return Union.of("tiny", [({"size": unit}, _chain(unit)) for unit in units])


def _two_forms(*more: MixProblem | SlotProblem) -> Union:
    """Slots worth up to 11 and layers worth up to 12.5, both at a ``cost``."""
    return Union.of("tiny", [({}, program) for program in (_nine(), _layers(), *more)])


UNIONS = [
    Entry("most", lambda: _sizes(1, 3, 2), 156.0),  # 3 * 52
    Entry("upper budget", lambda: _within(_sizes(1, 2), 51), 48.0),  # at size 2 as well: 2 * 24
    Entry("equal budgets", lambda: _within(_sizes(1, 3), 60, 60), 60.0),  # 3 * 4 * (2 + 3)
    Entry("in one member alone", lambda: _within(_sizes(1, 3), 150, 150), None),  # 50 is no sum
    Entry("no member reaches it", lambda: _within(_sizes(1, 3), 157, 157), None),
    Entry("pinned size", lambda: _within(_sizes(1, 2, 3), 60).pinned({"size": 2}), 56.0),
    Entry("pin within", lambda: _sizes(1, 2).pinned({"second.depth": 1}), 64.0),  # 2 * (12 + 20)
    Entry("apart", lambda: _sizes(1, 2).apart_from((1, *BEST_CHAIN)), 96.0),
    Entry("apart in another member", lambda: _sizes(1, 2).apart_from((0, *BEST_CHAIN)), 104.0),
    Entry("forms", _two_forms, 12.5),
    Entry("forms within a budget", lambda: _within(_two_forms(), 7), 8.5),  # 2 B; slots: 7
    Entry("one form is out of reach", lambda: _within(_two_forms(), 1), 1.0),  # slots 00
    Entry("forms beyond reach", lambda: _within(_two_forms(), None, 11), None),
    Entry("ties of members", lambda: _two_forms(_layers()), 12.5),
    Entry("one member", lambda: _within(_sizes(2), 50), 48.0),
    Entry("inherent in one", lambda: Union.of("tiny", [
        ({"size": 1}, _chain()), ({"size": 9}, _within(_chain(9), 100, inherent=True)),
    ]), 90.0),  # 9 * 2 * (2 + 3)
]  # fmt: skip

GALLERY = [*CONVNETS, *CHAINS, *SLOTS, *MIXES, *UNIONS]
