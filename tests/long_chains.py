"""Long chains of few choices by their seed, and a table that solves the bare ones.

The table is a plain dynamic program over width and cost used so far; it shares no code with any
backend and none with the programs' own evaluator.
"""

import numpy as np

from mathdesign.programs import reach
from mathdesign.programs.base import Budget
from mathdesign.programs.chain import DesignProblem
from mathdesign.programs.stages import (
    DEPTH,
    PREV,
    WIDTH,
    Decision,
    Derived,
    Objective,
    PairRule,
    Repeat,
    Scale,
    Stage,
    term,
)
from mathdesign.spaces.convnet.families import StageShape
from mathdesign.spaces.convnet.program import EntropyOptions, pose
from mathdesign.spaces.convnet.space import Space, StageSpace, WidthRules
from tests.points import product, times

SHORTEST, LONGEST = 20, 63


def chain(seed: int) -> DesignProblem:
    """A bare chain whose budget is small enough for a table."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(SHORTEST, LONGEST + 1))
    stages = tuple(_stage(rng, f"s{s}") for s in range(count))
    rules = tuple(
        PairRule(s, WIDTH, s + 1, WIDTH, _pairs(rng, stages[s], stages[s + 1]))
        for s in range(count - 1)
        if rng.random() < 0.3
    )
    if rng.random() < 0.5:
        ends = sorted({*rng.integers(0, count, 4).tolist(), count - 1})
        scales = tuple(Scale(s, float(rng.choice([0.37, 1.0, 8.0])), 1) for s in ends)
        objective = Objective(scales, 0.5, "sum")
    else:
        objective = Objective((Scale(count - 1, 1.0, int(rng.choice([4, 49, 900]))),), 0.5)
    problem = DesignProblem("chain", stages, objective, rules=rules)
    at = problem.costs(_some_point(rng, problem))["a"]
    sides = ((at, at), (at, None), (at, at - at // 20), (at, at))[int(rng.integers(4))]
    return problem.with_budgets([Budget("a", *sides)])


def network(seed: int) -> DesignProblem:
    """A convolutional network of many stages, budgets at a random design's own values."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(SHORTEST, LONGEST + 1))
    family = str(rng.choice(["basic", "bottleneck", "inverted_residual"]))
    size, stages = 224, []
    stem = {"width": (16, 24, 32), "kernel_size": (3,), "depth": (1,)}
    stages.append(StageSpace("stem", "stem", "conv", StageShape(2, size, size // 2), stem))
    size //= 2
    strided = set(rng.choice(count, 4, replace=False).tolist())
    width = 24
    for s in range(count):
        stride = 2 if s in strided else 1
        width = int(width * rng.choice([1.0, 1.0, 1.0, 1.3]))
        widths = tuple(sorted({max(8, round(width * f / 8) * 8) for f in (0.75, 1.0, 1.25)}))
        choices = {"width": widths, "kernel_size": (3, 5), "depth": (1, 2, 3)[: rng.integers(1, 4)]}
        if family != "basic":
            choices["bottleneck"] = tuple(sorted({max(8, width // 4), max(8, width // 2)}))
        shape = StageShape(stride, size, size // stride)
        stages.append(StageSpace(f"stage{s + 1}", "body", family, shape, choices))
        size //= stride
    end = {"width": (1000,), "depth": (1,)}
    stages.append(StageSpace("classifier", "classifier", "classifier", StageShape(1, size, 1), end))
    space = Space(3, 224, tuple(stages), WidthRules(monotone=bool(rng.random() < 0.5)))
    variant = str(rng.choice(["tinynas", "paper", "mae_det"]))
    problem = pose(space, entropy=EntropyOptions(variant=variant))  # type: ignore[arg-type]
    point = _some_point(rng, problem)
    costs = problem.costs(point)
    budgets = [Budget("params", costs["params"]), Budget("macs", costs["macs"])]
    if rng.random() < 0.4:
        budgets.append(Budget("blocks", costs["blocks"], costs["blocks"]))
    limit = float(rng.uniform(0.3, 3.0)) if rng.random() < 0.4 else None
    return pose(
        space,
        entropy=EntropyOptions(variant=variant),  # type: ignore[arg-type]
        budgets=budgets,
        effectiveness=limit,
    )


def _some_point(rng: np.random.Generator, problem: DesignProblem) -> tuple[int, ...]:
    """A random point that keeps the rules, stage by stage; any point where that ends nowhere."""
    for _ in range(200):
        point: list[int] = []
        at = 0
        for s, stage in enumerate(problem.stages):
            listed = reach.choices(problem, s)
            widths = np.searchsorted(np.array(stage.domain(WIDTH)), listed[WIDTH])
            good = np.flatnonzero(reach.width_pairs(problem, s)[at, widths])
            if not len(good):
                break
            k = int(rng.choice(good))
            point += [int(listed[d.name][k]) for d in stage.decisions]
            at = int(widths[k])
        else:
            return tuple(point)
    return tuple(domain[0] for domain in problem.decisions.values())


def _stage(rng: np.random.Generator, name: str) -> Stage:
    def domain(among: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(sorted(rng.choice(among, int(rng.integers(1, 4)), replace=False).tolist()))

    decisions = [
        Decision(WIDTH, domain((8, 12, 16, 24, 32, 40))),
        Decision(DEPTH, domain((1, 2, 3, 5))),
    ]
    derived, symbol = (), WIDTH
    if rng.random() < 0.4:
        decisions.append(Decision("inner", domain((4, 8, 12, 20))))
        symbol = "inner"
    if rng.random() < 0.3:
        values = tuple(int(v) for v in rng.integers(1, 5, len(decisions[-1].values)))
        derived, symbol = (Derived("odd", decisions[-1].name, values),), "odd"
    repeat = list(Repeat)[int(rng.integers(3))]
    costs = {"a": (term(1, repeat, prev=1, width=1), term(1, Repeat.EACH, **{symbol: 2}))}
    widths = (term(9, Repeat.EACH, prev=1), term(1, Repeat.REST, **{symbol: 1}))
    return Stage(name, tuple(decisions), costs, widths, 1, derived)


def _pairs(rng: np.random.Generator, first: Stage, second: Stage) -> np.ndarray:
    """Pairs of widths that may follow each other; each may be followed by one at least."""
    shape = len(first.domain(WIDTH)), len(second.domain(WIDTH))
    allowed = rng.random(shape) < 0.8
    allowed[np.arange(shape[0]), rng.integers(0, shape[1], shape[0])] = True
    return allowed


def table(problem: DesignProblem) -> float | None:
    """The optimum by a table over width and cost: greatest worth of what was chosen so far.

    The worth of log-width is one number from each stage on (a sum), or known when all is chosen (one
    scale at the end): then the table holds log-widths. One layer, choice by choice, in plain terms.
    """
    objective, (budget,) = problem.objective, problem.budgets
    most = budget.upper
    assert most is not None
    additive = objective.combine == "sum"
    factor = [0.0] * (len(problem.stages) + 1)
    for s in range(len(problem.stages) - 1, -1, -1):
        here = sum(c.weight for c in objective.scales if c.stage == s)
        factor[s] = factor[s + 1] + here * objective.log_factor
    best = {problem.input_channels: np.concatenate([[0.0], np.full(most, -np.inf)])}
    for s, stage in enumerate(problem.stages):
        following: dict[int, np.ndarray] = {}
        for values in _choices(stage):
            for width, so_far in best.items():
                if not _allowed(problem, s, width, values[WIDTH]):
                    continue
                known = {**values, PREV: width}
                cost = sum(times(m, known) * product(m, known) for m in stage.costs["a"])
                if cost > most:
                    continue
                gain = sum(times(m, known) * np.log(product(m, known)) for m in stage.layer_widths)
                if additive:
                    gain = factor[s] * gain + sum(
                        c.weight * np.log(values[WIDTH]) for c in objective.scales if c.stage == s
                    )
                row = following.setdefault(values[WIDTH], np.full(most + 1, -np.inf))
                np.maximum(row[cost:], so_far[: most + 1 - cost] + gain, out=row[cost:])
        best = following
    ends = []
    for width, row in best.items():
        worth = row[max(budget.lower or 0, 0) :].max(initial=-np.inf)
        if np.isfinite(worth):
            last = objective.scales[-1]
            scale = last.weight * objective.log_factor * np.log(last.area * width)
            ends.append(float(worth if additive else scale * worth))
    return max(ends, default=None)


def _choices(stage: Stage) -> list[dict[str, int]]:
    found: list[dict[str, int]] = [{}]
    for decision in stage.decisions:
        found = [{**part, decision.name: v} for part in found for v in decision.values]
    for derived in stage.derived:
        at = stage.domain(derived.source)
        found = [{**p, derived.name: derived.values[at.index(p[derived.source])]} for p in found]
    return found


def _allowed(problem: DesignProblem, s: int, before: int, width: int) -> bool:
    return all(
        rule.allowed[
            problem.stages[s - 1].domain(WIDTH).index(before),
            problem.stages[s].domain(WIDTH).index(width),
        ]
        for rule in problem.rules_into(s)
    )
