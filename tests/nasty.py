"""Small programs of every form that are hard on a solver: hypothesis strategies.

Ties, single choices, magnitudes from 1e-9 to 2^56, rules that may contradict each other, limits at
a design's own value or one beside it, equal budgets, inherent budgets, distances. What limits a
program is drawn through the protocol, once for all forms.
"""

import numpy as np
from hypothesis import strategies as st

from mathdesign.programs.base import Budget
from mathdesign.programs.chain import DesignProblem
from mathdesign.programs.mixes import Frame, Group, MixProblem
from mathdesign.programs.slots import PairTable, Slot, SlotObjective, SlotProblem, TableSum
from mathdesign.programs.stages import (
    Decision,
    Derived,
    Effectiveness,
    Objective,
    PairRule,
    Repeat,
    Scale,
    Stage,
    term,
)
from mathdesign.programs.union import Union
from tests.points import every_point
from tests.slot_problems import random_ensemble, random_features

#: What all costs of a program are multiples of, and all values. Solvers in doubles take matrices
#: of numbers up to 1e15; exact arithmetic takes costs up to 2^62.
UNITS = (1, 1, 1000, 10**12)
EXACT_UNITS = (*UNITS, 2**50)
SCALES = (1.0, 1.0, 1e-9, 1e-6, 1e9)
METRICS = ("a", "b")
FORMS = (DesignProblem, SlotProblem, MixProblem, Union)


def programs(
    forms: tuple[type, ...] = FORMS, apart: bool = True, units: tuple[int, ...] = EXACT_UNITS
) -> st.SearchStrategy:
    """Programs of some forms with whatever limits, distances among them if ``apart``."""
    return bare(forms, units).flatmap(lambda program: limited(program, apart))


def bare(
    forms: tuple[type, ...] = FORMS, units: tuple[int, ...] = EXACT_UNITS
) -> st.SearchStrategy:
    """Programs of some forms without budgets and distances."""
    made = {DesignProblem: chains, SlotProblem: slot_problems, MixProblem: mix_problems,
            Union: unions}  # fmt: skip
    return st.one_of([made[form](units) for form in forms])


@st.composite
def limited(draw, program, apart: bool = True):
    """``program`` with budgets around designs of its own, some inherent, and distances."""
    points = st.sampled_from(every_point(program))
    budgets = []
    for metric in draw(st.lists(st.sampled_from(METRICS), max_size=3)):
        at = program.costs(draw(points))[metric] + draw(st.sampled_from((0, 0, 0, -1, 1)))
        upper, lower = draw(st.sampled_from(((at, None), (None, at), (at, at), (at + 5, at - 5))))
        budgets.append(Budget(metric, upper, lower, inherent=draw(st.booleans())))
    program = program.with_budgets(budgets)
    for point in draw(st.lists(points, max_size=2 if apart else 0)):
        program = program.apart_from(point, at_least=draw(st.integers(1, 3)))
    return program


@st.composite
def chains(draw, units) -> DesignProblem:
    """One or two stages of two or three decisions; sometimes entropy, derived symbols, rules."""
    unit = draw(st.sampled_from(units))
    stages = tuple(draw(_stage(f"s{s}", unit)) for s in range(draw(st.integers(1, 2))))
    last = len(stages) - 1
    scales = (Scale(last, draw(st.sampled_from(SCALES)), 4),) if draw(st.booleans()) else ()
    weights = draw(st.sampled_from(((), (("a", 1.0),), (("a", -1e-6), ("b", 2.0)))))
    effective = Effectiveness(draw(st.sampled_from((0.1, 1.0, 5.0))), (last,))
    rules = [PairRule(s, "width", s, "depth", draw(_allowed(stages[s], stages[s], "depth")))
             for s in range(last + 1) if draw(st.booleans())]  # fmt: skip
    if last and draw(st.booleans()):
        rules.append(PairRule(0, "width", 1, "width", draw(_allowed(*stages, "width"))))
    return DesignProblem(
        "chain",
        stages,
        Objective(scales, metric_weights=weights),
        rules=tuple(rules),
        effectiveness=effective if draw(st.booleans()) else None,
    )


@st.composite
def slot_problems(draw, units) -> SlotProblem:
    """One to three slots of one to three options; sometimes pairs, rules, trees."""
    sizes = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    pairs = [(i, j) for i in range(len(sizes)) for j in range(i)]
    slots = tuple(Slot(f"s{i}", tuple("abc"[:n])) for i, n in enumerate(sizes))
    unit, scale = draw(st.sampled_from(units)), draw(st.sampled_from(SCALES))
    metrics = {name: draw(_sums(sizes, pairs, unit, np.int64)) for name in METRICS}
    ensembles = ()
    if draw(st.booleans()):
        rng = np.random.default_rng(draw(st.integers(0, 99)))
        ensembles = ((scale, random_ensemble(rng, random_features(rng, slots, True))),)
    rules = tuple(
        PairTable(i, j, draw(_matrix(sizes[i], sizes[j], st.booleans())).astype(bool))
        for i, j in pairs
        if draw(st.booleans())
    )
    objective = SlotObjective(draw(_sums(sizes, pairs, scale, np.float64)), ensembles)
    return SlotProblem("slots", slots, objective, metrics, rules=rules)


@st.composite
def mix_problems(draw, units) -> MixProblem:
    """One to three frames, of different shape, of up to two groups."""
    unit, scale = draw(st.sampled_from(units)), draw(st.sampled_from(SCALES))
    frames = []
    for _ in range(draw(st.integers(1, 3))):
        groups = []
        for _ in range(draw(st.integers(1, 2))):
            options, least = draw(st.integers(1, 3)), draw(st.integers(0, 2))
            costs = draw(_matrix(options, len(METRICS), st.integers(-2, 2))) * unit
            values = draw(_matrix(options, 1, st.integers(-2, 2)))[:, 0] * scale
            groups.append(Group(costs, values, least, least + draw(st.integers(0, 2))))
        constant = draw(_matrix(len(METRICS), 1, st.integers(-2, 2)))[:, 0] * unit
        frames.append(Frame(constant, draw(st.integers(-2, 2)) * scale, tuple(groups)))
    return MixProblem("mixes", METRICS, tuple(frames))


@st.composite
def unions(draw, units) -> Union:
    """One to three programs of any form, labelled or not, perhaps two of one label."""
    made = st.one_of(chains(units), slot_problems(units), mix_problems(units))
    found = [draw(made) for _ in range(draw(st.integers(1, 3)))]
    # A limit on a real number is asked of all members or of none.
    free = [p._with(effectiveness=None) if p.form == "chain" else p for p in found]
    labels = draw(st.sampled_from(({}, {"size": 8}, {"size": 8, "at": 1})))
    return Union.of(
        "union", [({k: v + i for k, v in labels.items()}, p) for i, p in enumerate(free)]
    )


@st.composite
def _stage(draw, name: str, unit: int) -> Stage:
    widths = _domain((1, 2, 3, 6))
    decisions = [Decision("width", draw(widths)), Decision("depth", draw(_domain((1, 2, 3))))]
    derived, symbol = (), "width"
    if draw(st.booleans()):
        decisions.append(Decision("inner", draw(widths)))
        symbol = "inner"
    if draw(st.booleans()):
        # Not monotone on purpose: a derived symbol may fall where its source rises.
        source = decisions[-1]
        values = tuple(draw(st.integers(1, 4)) for _ in source.values)
        derived = (Derived("odd", source.name, values),)
        symbol = "odd"
    repeat = st.sampled_from(tuple(Repeat))
    costs = {
        "a": (term(unit, draw(repeat), prev=1, width=1), term(unit, draw(repeat), **{symbol: 2})),
        "b": (term(1, draw(repeat), **{symbol: 1}),),
    }
    return Stage(name, tuple(decisions), costs, (term(9, Repeat.EACH, prev=1),), 1, derived)


def _domain(values: tuple[int, ...]) -> st.SearchStrategy:
    some = st.lists(st.sampled_from(values), min_size=1, max_size=3, unique=True)
    return some.map(lambda chosen: tuple(sorted(chosen)))


def _allowed(first: Stage, second: Stage, decision: str) -> st.SearchStrategy:
    rows, columns = len(first.domain("width")), len(second.domain(decision))
    likely = st.sampled_from((True, True, True, False))
    return _matrix(rows, columns, likely).map(lambda table: table.astype(bool))


def _matrix(rows: int, columns: int, entry: st.SearchStrategy) -> st.SearchStrategy:
    row = st.lists(entry, min_size=columns, max_size=columns)
    return st.lists(row, min_size=rows, max_size=rows).map(lambda t: np.array(t, dtype=np.int64))


@st.composite
def _sums(draw, sizes, pairs, unit, dtype) -> TableSum:
    entry = st.integers(-2, 2)
    unary = tuple((draw(_matrix(n, 1, entry))[:, 0] * unit).astype(dtype) for n in sizes)
    tables = tuple(
        PairTable(i, j, (draw(_matrix(sizes[i], sizes[j], entry)) * unit).astype(dtype))
        for i, j in pairs
        if draw(st.booleans())
    )
    return TableSum(draw(entry) * unit, unary, tables)
