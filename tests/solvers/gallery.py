"""Tiny problems with enumerated optima. Every proving backend must reproduce each of them.

The optima are literals, found by enumeration and written down, so that a change in a formula, a
counting rule or the oracle itself shows. ``None`` means: proven infeasible.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from mathdesign.programs.base import Budget
from mathdesign.programs.chain import DesignProblem
from mathdesign.spaces.convnet.families import StageShape
from mathdesign.spaces.convnet.program import EntropyOptions, pose
from mathdesign.spaces.convnet.space import Space, StageSpace, WidthRules
from tests.small import two_stages


@dataclass(frozen=True)
class Entry:
    name: str
    make: Callable[[], DesignProblem]
    optimum: float | None


def _posed(
    family: str = "bottleneck",
    rules: WidthRules | None = None,
    params: int | None = 30_000,
    macs: int | None = 2_000_000,
    rho: float | None = 0.3,
    **options: object,
) -> Callable[[], DesignProblem]:
    def make() -> DesignProblem:
        limits = [Budget(m, u) for m, u in (("params", params), ("macs", macs)) if u is not None]
        return pose(
            two_stages(family, rules),
            entropy=EntropyOptions(**options),  # type: ignore[arg-type]
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


GALLERY = [
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
