"""Random small design problems: every family, profile, variant and kind of rule, easy to enumerate.

``random_problem(rng)`` draws one; ``problems()`` is the hypothesis strategy on top of it. Half of
the budgets are drawn around a random design, so that many problems are feasible and tight.
"""

from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from mathdesign.programs.base import Budget
from mathdesign.programs.chain import DesignProblem
from mathdesign.programs.evaluate import Evaluator
from mathdesign.spaces.convnet.families import FAMILIES, StageShape
from mathdesign.spaces.convnet.program import EntropyOptions, pose, scale_ends
from mathdesign.spaces.convnet.space import Space, StageSpace, WidthRules, expanded
from mathdesign.spaces.convnet.volume import PerStage, VolumeOptions

LARGEST = 3_000
FAMILY_NAMES = ("bottleneck", "inverted_residual", "basic", "convnext")


def problems() -> st.SearchStrategy[DesignProblem]:
    """Hypothesis strategy over seeds of :func:`random_problem`."""
    return st.integers(0, 2**32 - 1).map(lambda seed: random_problem(np.random.default_rng(seed)))


def random_problem(
    rng: np.random.Generator,
    family: str | None = None,
    largest: int = LARGEST,
    volume: bool = False,
) -> DesignProblem:
    """A problem with at most ``largest`` points; ``family`` for all stages, or mixed.

    ``volume``: a log-volume beside the entropy, or instead of it.
    """
    while True:
        space = random_space(rng, family)
        options = random_entropy(rng, space)
        counting = "tinynas" if rng.random() < 0.5 else "macs"
        weights = (("params", -float(rng.integers(1, 9)) * 1e-4),) if rng.random() < 0.15 else ()
        logs = random_volume(rng, space) if volume else None
        with_entropy = logs is None or rng.random() < 0.2
        objective = {
            "entropy": options if with_entropy else None,
            "volume": logs,
            "metric_weights": weights,
        }
        free = pose(space, counting=counting, **objective)
        if free.size <= largest:
            break
    budgets, effectiveness = random_budgets(rng, space, free, options)
    if not with_entropy and rng.random() < 0.6:
        effectiveness = None
    return pose(
        space,
        counting=counting,
        **objective,
        budgets=budgets,
        effectiveness=effectiveness,
    )


def random_space(rng: np.random.Generator, family: str | None = None) -> Space:
    """One to three body stages between stem and classifier, sometimes a head."""
    body = int(rng.integers(1, 4))
    size = int(rng.choice([7, 8, 16, 17, 32]))
    stem = StageSpace(
        "stem", "stem", "conv", StageShape(1, size, size),
        {"width": _subset(rng, [4, 8, 12, 16], 2), "kernel_size": (3,), "depth": (1,)},
    )  # fmt: skip
    stages = [stem]
    for index in range(body):
        name = family or str(rng.choice(FAMILY_NAMES))
        stages.append(_body(rng, f"stage{index + 1}", name, stages[-1]))
    here = stages[-1].shape.resolution_out
    if rng.random() < 0.3:
        head = {"width": _subset(rng, [16, 40, 64], 2), "kernel_size": (1,), "depth": (1,)}
        stages.append(StageSpace("head", "head", "conv", StageShape(1, here, here), head))
    classifier = {"width": (10,), "depth": (1,)}
    stages.append(
        StageSpace("classifier", "classifier", "classifier", StageShape(1, here, 1), classifier)
    )
    rules = WidthRules(
        monotone=rng.random() < 0.4,
        growth=Fraction(int(rng.integers(2, 5))) if rng.random() < 0.4 else None,
        bottleneck_ratio=(Fraction(1, 4), Fraction(2)) if rng.random() < 0.3 else None,
    )
    return Space(int(rng.choice([1, 3])), size, tuple(stages), rules)


def _body(rng: np.random.Generator, name: str, family: str, prev: StageSpace) -> StageSpace:
    resolution = prev.shape.resolution_out
    stride = int(rng.integers(1, 3)) if resolution > 1 else 1
    squeezes = family in ("inverted_residual", "regnet")
    se = {"squeeze_excitation"} if squeezes and rng.random() < 0.5 else set()
    widths = _subset(rng, [8, 12, 16, 24, 32, 48], 3)
    identity = (
        family != "inverted_residual"
        and stride == 1
        and rng.random() < 0.2
        and bool(set(widths) & set(prev.choices["width"]))
    )
    shape = StageShape(stride, resolution, -(-resolution // stride), identity, frozenset(se))
    given = {
        "width": widths,
        "kernel_size": _subset(rng, [1, 3, 5], 2),
        "depth": _subset(rng, [1, 2, 3, 4, 6], 3),
    }
    ratios = {}
    if family == "inverted_residual" and rng.random() < 0.5:
        expansion = tuple(Fraction(int(e), 2) for e in _subset(rng, [2, 3, 6, 12], 2))
        inner = {expanded(w, ratio) for w in widths for ratio in expansion}
        ratios = {"bottleneck": expansion}
        given["bottleneck"] = tuple(sorted(inner))
    elif family != "basic":
        given["bottleneck"] = _subset(rng, [4, 8, 16, 24, 32], 3)
    if "group_width" in FAMILIES[family].decisions:
        given["group_width"] = _subset(rng, [1, 2, 4, 8, 16], 3)
    choices = {decision: given[decision] for decision in FAMILIES[family].decisions}
    return StageSpace(name, "body", family, shape, choices, ratios)


def random_entropy(rng: np.random.Generator, space: Space) -> EntropyOptions:
    """Any variant with random weights (some zero) and any form of the depth penalty."""
    body = sum(stage.role == "body" for stage in space.stages)
    weights = rng.integers(0, 9, len(scale_ends(space))).astype(float)
    weights[-1] += 1.0
    return EntropyOptions(
        variant=str(rng.choice(["tinynas", "paper", "mae_det"])),  # type: ignore[arg-type]
        weights=tuple(weights) if rng.random() < 0.7 else None,
        depth_penalty=[None, 0.0, 1.0, 10.0][int(rng.integers(4))],
        depth_spread=[None, "std", "variance"][int(rng.integers(3))],  # type: ignore[arg-type]
        depth_stages=tuple(range(body)) if rng.random() < 0.5 else None,
        effectiveness_at=[None, "scales", "end"][int(rng.integers(3))],  # type: ignore[arg-type]
        se_resolution_defect=rng.random() < 0.2,
    )


def random_volume(rng: np.random.Generator, space: Space) -> VolumeOptions:
    """Any weights, of either sign now and then, some of them one for each stage."""
    body = sum(stage.role == "body" for stage in space.stages)

    def drawn(*among: float) -> PerStage:
        values = tuple(float(v) for v in rng.choice(among, body))
        return values if rng.random() < 0.3 else values[0]

    plain = rng.random() < 0.4
    return VolumeOptions(
        weight=float(rng.choice([1.0, 1.0, 0.01, 300.0])),
        per_block=0.0 if plain else float(rng.choice([8.0, 0.3, 12.5, 1e4])),
        rise=float(rng.choice([0.0, 0.5, 1.0, 2.0])),
        weights=tuple(rng.uniform(0, 2, body)) if rng.random() < 0.2 else None,
        depth=drawn(1.0, 0.6, 0.0, -0.5 if plain else 0.2),
        inner=drawn(1.0, 0.5, 0.0),
        expansion=drawn(0.0, 0.0, 1.0),
        width=drawn(0.0, 0.5, 1.0, -1.0),
        kernel_size=drawn(0.5, 0.0, -0.5),
        group_width=drawn(0.0, 0.3),
        squeeze_excitation=drawn(1.35, 1.0, 0.5),
    )


def random_budgets(
    rng: np.random.Generator, space: Space, free: DesignProblem, options: EntropyOptions
) -> tuple[list[Budget], float | None]:
    """Budgets and effectiveness around a random design of ``free``; some impossible, some lower."""
    watched = pose(space, entropy=options, effectiveness=1.0)
    point = np.array([rng.choice(free.stages[s].domain(name)) for s, name in free.variables])
    scores = Evaluator(free)(point)
    budgets = []
    for metric in ("params", "macs"):
        here = int(scores.metrics[metric][0])
        kind = rng.random()
        if kind < 0.6:
            budgets.append(Budget(metric, upper=int(here * rng.uniform(0.6, 1.5)) + 1))
        elif kind < 0.75:
            budgets.append(Budget(metric, here, max(1, int(here * rng.uniform(0.3, 0.9)))))
        elif kind < 0.8:
            budgets.append(Budget(metric, upper=max(1, here // 50)))
    if rng.random() < 0.2:
        budgets.append(Budget("blocks", upper=int(scores.metrics["blocks"][0])))
    effectiveness = None
    if rng.random() < 0.6:
        rho = float(Evaluator(watched)(point).effectiveness[0])
        effectiveness = max(1e-3, rho * float(rng.uniform(0.5, 1.6)))
    return budgets, effectiveness


def _subset(rng: np.random.Generator, values: list[int], most: int) -> tuple[int, ...]:
    chosen = rng.choice(values, size=int(rng.integers(1, most + 1)), replace=False)
    return tuple(sorted(int(v) for v in chosen))
