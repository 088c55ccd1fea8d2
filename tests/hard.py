"""Small programs that are hard on a solver, each by its seed: what soundness is counted on.

:mod:`.nasty` draws for hypothesis, which shrinks what fails; this draws thousands, larger and wilder.
Networks of every family with wide widths, bare chains of 1 to 40 stages, slots and mixes. Costs of
1 to 1e15 and beyond, weights of zero and next to nothing, ties, single choices, user rows, rules;
budgets equal to a design's own value or one beside it, and limits on effectiveness as printed.
"""

from dataclasses import replace

import numpy as np

from mathdesign.programs.base import Budget, Program
from mathdesign.programs.chain import DesignProblem
from mathdesign.programs.mixes import Frame, Group, MixProblem
from mathdesign.programs.slots import PairTable, Slot, SlotObjective, SlotProblem, TableSum
from mathdesign.programs.stages import (
    Decision,
    DepthPenalty,
    DepthTerm,
    Derived,
    Effectiveness,
    LogTerm,
    Objective,
    PairRule,
    Repeat,
    Scale,
    Stage,
    Tabled,
    term,
)
from mathdesign.spaces.convnet.families import BODY_FAMILIES
from mathdesign.spaces.convnet.program import pose
from mathdesign.spaces.convnet.space import Space, UserRow
from tests.slot_problems import random_ensemble, random_features
from tests.strategies import random_entropy, random_space

#: Points of a program, at most: each is looked at in plain Python.
LARGEST = 400
UNITS = (1, 1, 7, 1000, 10**6, 10**9, 10**12, 10**15, 2**50)
WEIGHTS = (0.0, 1e-12, 1e-9, 1e-6, 0.37, 1.0, 1.0, 8.0, 1e6)
#: Of a width that one more block needs before it counts in full.
CHANNELS = (0.0, 1e-6, 0.3, 1.0, 8.0, 8.0, 300.0, 1e9)
EXTREME_DEPTHS = ((1,), (2,), (1, 2), (1, 2, 3), (2, 7, 18), (1, 4, 35), (3, 56), (1, 90))
FORMS = (DesignProblem.form, SlotProblem.form, MixProblem.form)
#: Of each hundred programs: networks, bare chains, slots, mixes.
SHARES = (0.3, 0.3, 0.2, 0.2)


def hard_program(seed: int, logs: bool = True, tables: bool = True) -> Program:
    """The program of a seed; without ``logs`` as before logarithms of choices were drawn.

    Without ``tables`` as before costs in tables were.
    """
    rng = np.random.default_rng(seed)
    apart = np.random.default_rng([seed, 1])  # so that what is drawn here leaves the rest as it is
    maker = (_network, _chain, _slots, _mixes)[int(rng.choice(4, p=SHARES))]
    while True:
        try:
            program = _limited(rng, maker(rng))
            if not logs:
                return program
            program = _deep(seed, _voluminous(apart, program))
            return _measured(seed, program) if tables else program
        except ValueError as error:
            if "can exceed" not in str(error):  # costs that are refused by name: drawn again
                raise


def form_of(seed: int) -> str:
    """The form of the program of a seed, without making it."""
    at = int(np.random.default_rng(seed).choice(len(SHARES), p=SHARES))
    return (DesignProblem.form, *FORMS)[at]


def random_point(rng: np.random.Generator, program: Program) -> tuple[int, ...]:
    """Any point, feasible or not."""
    if not isinstance(program, MixProblem):
        return tuple(int(rng.choice(domain)) for domain in program.decisions.values())
    index = int(rng.integers(len(program.frames)))
    point = [index]
    for group in program.frames[index].groups:
        counts = np.zeros(len(group.values), dtype=int)
        for _ in range(int(rng.integers(group.least, group.most + 1))):
            counts[rng.integers(len(counts))] += 1
        point += counts.tolist()
    return tuple(point)


def _limited(rng: np.random.Generator, program: Program) -> Program:
    """Budgets at, or one beside, what some design has."""
    here = program.costs(random_point(rng, program))
    budgets = []
    for metric in program.metric_names:
        if rng.random() < 0.45:
            continue
        at = (
            here[metric]
            if rng.random() < 0.7
            else program.costs(random_point(rng, program))[metric]
        )
        at += int(rng.choice([0, 0, 0, 0, 1, -1]))
        kind, share = rng.random(), int(abs(at) * rng.uniform(0, 0.5))
        if kind < 0.4:
            budgets.append(Budget(metric, at, at))
        elif kind < 0.6:
            budgets.append(Budget(metric, upper=at))
        elif kind < 0.7:
            budgets.append(Budget(metric, lower=at))
        elif kind < 0.85:
            budgets.append(Budget(metric, at + share, at - share))
        else:
            budgets.append(Budget(metric, 4 * abs(at), at))
    program = program.with_budgets(budgets)
    if isinstance(program, DesignProblem) and rng.random() < 0.3:
        program = _effective(rng, program)
    return program


def _voluminous(rng: np.random.Generator, program: Program) -> Program:
    """Half of the chains with logarithms of choices, half of those with nothing else."""
    if not isinstance(program, DesignProblem) or rng.random() < 0.5:
        return program
    objective = Objective() if rng.random() < 0.5 else program.objective
    logs = random_logs(rng, program)
    constant = float(rng.choice([0.0, 0.0, 1.0, -1e6]))
    return replace(program, objective=replace(objective, logs=logs, constant=constant))


def _deep(seed: int, program: Program) -> Program:
    """Half of the chains with logarithms also have depths that count by width."""
    rng = np.random.default_rng([seed, 2])
    if not isinstance(program, DesignProblem) or not program.objective.logs or rng.random() < 0.5:
        return program
    terms = [
        DepthTerm(s, float(rng.choice(WEIGHTS)), float(rng.choice(CHANNELS)))
        for s in range(len(program.stages))
        if rng.random() < 0.6
    ]
    return replace(program, objective=replace(program.objective, depths=tuple(terms)))


def _measured(seed: int, program: Program) -> Program:
    """A third of the chains also have costs in tables over several choices, ``prev`` among them."""
    rng = np.random.default_rng([seed, 3])
    if not isinstance(program, DesignProblem) or rng.random() < 0.67:
        return program
    drawn = replace(
        program, stages=tuple(_with_table(rng, program, s) for s in range(len(program.stages)))
    )
    wanted = {budget.metric for budget in program.budgets}
    here = drawn.costs(random_point(rng, drawn))
    return drawn.with_budgets(
        replace(b, upper=here[b.metric] + int(rng.choice([0, 0, 1, -1])), lower=None)
        if b.metric in wanted and rng.random() < 0.7
        else b
        for b in program.budgets
    )


def _with_table(rng: np.random.Generator, program: DesignProblem, s: int) -> Stage:
    """The stage, perhaps with one more symbol in one of its costs: smooth, wild, or all the same."""
    stage, metrics = program.stages[s], list(program.metric_names)
    sources = ["prev", *(d.name for d in stage.decisions if d.name != "depth")]
    chosen = [x for x in sources if rng.random() < 0.6][:3]
    if not chosen or not metrics or rng.random() < 0.3:
        return stage
    shape = tuple(len(program.domain_of(s, x)) for x in chosen)
    unit, kind = int(rng.choice((1, 1, 7, 1000, 10**6))), rng.random()
    if kind < 0.4:
        values = rng.integers(1, 20, shape) * unit
    elif kind < 0.6:
        values = np.full(shape, unit)
    else:  # about a product of its sources, with steps
        logs = [np.log(np.array(program.domain_of(s, x), dtype=float)) for x in chosen]
        total = sum(np.ix_(*logs))
        values = (unit * np.exp(total) * rng.uniform(0.8, 1.2, shape)).astype(np.int64) + 1
    metric = str(rng.choice(metrics))
    repeat = list(Repeat)[int(rng.integers(3))]
    costs = dict(stage.costs)
    costs[metric] = (*costs.get(metric, ()), term(int(rng.integers(1, 4)), repeat, measured=1))
    table = Tabled("measured", tuple(chosen), values.astype(np.int64))
    return replace(stage, costs=costs, tables=(table,))


def random_logs(rng: np.random.Generator, program: DesignProblem) -> tuple[LogTerm, ...]:
    """Terms of about half of the decisions, one of them at least; weights of either sign."""
    terms = [
        LogTerm(s, name, float(rng.choice(WEIGHTS) * rng.choice([1, 1, 1, -1])))
        for s, name in program.variables
        if rng.random() < 0.6
    ]
    return tuple(terms) or (LogTerm(0, "width", 1.0),)


def _effective(rng: np.random.Generator, program: DesignProblem) -> DesignProblem:
    """A limit at what some design has: exactly, as printed, or a little beside."""
    ends = sorted(
        int(s) for s in rng.choice(len(program.stages), min(2, len(program.stages)), False)
    )
    rule = Effectiveness(1.0, tuple(ends))
    watched = replace(program, effectiveness=rule)
    value = float(watched.scores(random_point(rng, program)).effectiveness[0])
    if not value:
        return program
    printed = (value, float(f"{value:.9g}"), float(f"{value:.6g}"), value * (1 + 1e-6))
    return replace(program, effectiveness=replace(rule, limit=printed[rng.integers(4)]))


def _network(rng: np.random.Generator) -> DesignProblem:
    """A network of any families, posed as a specification is."""
    while True:
        family = str(rng.choice(BODY_FAMILIES)) if rng.random() < 0.5 else None
        space = random_space(rng, family)
        if rng.random() < 0.5:
            space = _widened(rng, space)
        if rng.random() < 0.3:
            space = replace(space, rows=(_user_row(rng, space),))
        options = random_entropy(rng, space)
        if rng.random() < 0.4 and options.weights:
            options = replace(
                options, weights=tuple(map(float, rng.choice(WEIGHTS, len(options.weights))))
            )
        weights = (("params", -float(rng.choice(WEIGHTS))),) if rng.random() < 0.2 else ()
        counting = "tinynas" if rng.random() < 0.5 else "macs"
        program = pose(space, counting=counting, entropy=options, metric_weights=weights)
        if program.size <= LARGEST:
            return program


def _widened(rng: np.random.Generator, space: Space) -> Space:
    """Widths and depths that make costs of 1e9 to 1e13 and depths of very different size."""
    factor, stages = int(rng.choice([8, 37, 64])), []
    for stage in space.stages:
        choices = dict(stage.choices)
        if stage.role == "body" and not stage.ratios and "group_width" not in choices:
            if not stage.shape.identity_shortcut:
                choices["width"] = tuple(factor * w for w in choices["width"])
            choices["depth"] = tuple(EXTREME_DEPTHS[int(rng.integers(len(EXTREME_DEPTHS)))])
        stages.append(replace(stage, choices=choices))
    return replace(space, stages=tuple(stages))


def _user_row(rng: np.random.Generator, space: Space) -> UserRow:
    terms = []
    for s in range(len(space.stages)):
        if rng.random() < 0.7 or not terms:
            powers = (("width", 1),) if rng.random() < 0.5 else (("depth", 1), ("width", 1))
            terms.append((s, int(rng.choice(UNITS[:5])), powers))
    return UserRow("row", tuple(terms))


def _chain(rng: np.random.Generator) -> DesignProblem:
    """One to forty stages, most of them of one choice where there are many."""
    count = int(rng.choice([1, 2, 3, 4, 6, 10, 20, 40]))
    unit, left, stages = int(rng.choice(UNITS)), LARGEST, []
    for s in range(count):
        stage = _stage(rng, f"s{s}", unit if rng.random() < 0.6 else 1, left)
        left //= stage.choices
        stages.append(stage)
    scales = tuple(
        Scale(s, float(rng.choice(WEIGHTS)), int(rng.choice([1, 4, 900])))
        for s in sorted(set(rng.integers(0, count, 2).tolist()))
    )
    penalised = tuple(sorted(set(rng.integers(0, count, int(rng.integers(1, 5))).tolist())))
    penalty = DepthPenalty(
        float(rng.choice([1e-9, 1.0, 10.0])), str(rng.choice(["std", "variance"])), penalised
    )  # type: ignore[arg-type]
    weights = ((), (), (("a", 1.0),), (("a", -1e-6), ("b", 2.0)))[int(rng.integers(4))]
    rules = [
        PairRule(s, "width", s + 1, "width", _table(rng, stages[s], stages[s + 1]))
        for s in range(count - 1)
        if rng.random() < 0.2
    ]
    return DesignProblem(
        "chain",
        tuple(stages),
        Objective(
            scales if rng.random() < 0.8 else (),
            float(rng.choice([0.5, 1.0])),
            str(rng.choice(["product", "sum"])),  # type: ignore[arg-type]
            penalty if rng.random() < 0.4 else None,
            weights,
        ),
        rules=tuple(rules),
        input_channels=int(rng.choice([1, 3])),
    )


def _stage(rng: np.random.Generator, name: str, unit: int, left: int) -> Stage:
    def domain(among: tuple[int, ...], most: int) -> tuple[int, ...]:
        size = int(min(rng.integers(1, 4), max(most, 1)))
        return tuple(sorted(rng.choice(among, size, replace=False).tolist()))

    widths = domain((1, 2, 3, 6, 8, 9), left)
    depths = domain((1, 2, 3, 5, 56), left // len(widths))
    decisions, derived, symbol = [Decision("width", widths), Decision("depth", depths)], (), "width"
    if rng.random() < 0.4:
        inner = domain((1, 2, 5, 6), left // (len(widths) * len(depths)))
        decisions.append(Decision("inner", inner))
        symbol = "inner"
    if rng.random() < 0.3:
        values = tuple(int(v) for v in rng.integers(1, 5, len(decisions[-1].values)))
        derived, symbol = (Derived("odd", decisions[-1].name, values),), "odd"

    def repeat() -> Repeat:
        return list(Repeat)[int(rng.integers(3))]

    costs = {
        "a": (term(unit, repeat(), prev=1, width=1), term(unit, repeat(), **{symbol: 2})),
        "b": (term(1, repeat(), **{symbol: 1}), term(int(rng.integers(1, 9)), Repeat.EACH)),
    }
    return Stage(name, tuple(decisions), costs, (term(9, Repeat.EACH, prev=1),), 1, derived)


def _table(rng: np.random.Generator, first: Stage, second: Stage) -> np.ndarray:
    return rng.random((len(first.domain("width")), len(second.domain("width")))) < 0.8


def _slots(rng: np.random.Generator) -> SlotProblem:
    """One to forty slots, most of them of one option where there are many."""
    count, left, sizes = int(rng.choice([1, 2, 3, 5, 8, 40, 70])), LARGEST, []
    for _ in range(count):
        sizes.append(int(min(rng.integers(1, 5), left)))
        left //= sizes[-1]
    slots = tuple(Slot(f"s{i}", tuple("abcd"[:n])) for i, n in enumerate(sizes))
    unit, scale = int(rng.choice(UNITS)), float(rng.choice([1.0, 1.0, 1e-9, 1e-6, 1e9]))
    metrics = {name: _sums(rng, sizes, unit if name == "a" else 1, np.int64) for name in "abc"}
    ensembles = ()
    if rng.random() < 0.3:
        features = random_features(rng, slots, True)
        ensembles = ((scale, random_ensemble(rng, features)),)
    rules = tuple(
        PairTable(i, j, rng.random((sizes[i], sizes[j])) < 0.85)
        for i in range(1, min(count, 6))
        for j in range(i)
        if rng.random() < 0.3
    )
    objective = SlotObjective(_sums(rng, sizes, scale, np.float64), ensembles)
    return SlotProblem("slots", slots, objective, metrics, rules=rules)


def _sums(rng: np.random.Generator, sizes: list[int], unit: float, dtype: type) -> TableSum:
    few = rng.random() < 0.5  # ties

    def entries(*shape: int) -> np.ndarray:
        drawn = rng.integers(-2, 3, shape) if few else rng.integers(-1000, 1001, shape)
        return (drawn * unit).astype(dtype)

    pairs = tuple(
        PairTable(i, j, entries(sizes[i], sizes[j]))
        for i in range(1, min(len(sizes), 6))
        for j in range(i)
        if rng.random() < 0.25
    )
    constant = entries(1)[0]
    return TableSum(constant, tuple(entries(n) for n in sizes), pairs)


def _mixes(rng: np.random.Generator) -> MixProblem:
    """One to five frames of up to three groups."""
    unit, scale = int(rng.choice(UNITS)), float(rng.choice([1.0, 1.0, 1e-9, 1e-6, 1e9]))
    few = rng.random() < 0.5
    units = np.array([unit, 1, max(unit // 1000, 1)])

    def costs(*shape: int) -> np.ndarray:
        return rng.integers(-2, 3, shape) if few else rng.integers(-1000, 1001, shape)

    while True:
        frames = []
        for _ in range(int(rng.integers(1, 6))):
            groups = []
            for _ in range(int(rng.integers(1, 4))):
                options, least = int(rng.integers(1, 4)), int(rng.integers(0, 4))
                most = least + int(rng.integers(0, 4))
                groups.append(Group(costs(options, 3) * units, costs(options) * scale, least, most))
            frames.append(Frame(costs(3) * units, float(costs(1)[0] * scale), tuple(groups)))
        program = MixProblem("mixes", ("a", "b", "c"), tuple(frames))
        if program.points <= LARGEST:
            return program
