"""Small spaces that several tests share, built by hand so that a reader sees every choice."""

from mathdesign.programs.base import Budget
from mathdesign.programs.chain import DesignProblem
from mathdesign.spaces.convnet.families import StageShape
from mathdesign.spaces.convnet.program import EntropyOptions, pose
from mathdesign.spaces.convnet.space import Space, StageSpace, WidthRules


def two_stages(family: str = "bottleneck", rules: WidthRules | None = None) -> Space:
    """A stem, two body stages and a classifier for 3x32x32 inputs; a few thousand designs."""
    widths = (16, 32, 48)
    inner = {} if family == "basic" else {"bottleneck": (8, 16, 24)}
    se = frozenset({"squeeze_excitation"} if family == "inverted_residual" else ())
    return Space(
        3,
        32,
        (
            StageSpace(
                "stem", "stem", "conv", StageShape(2, 32, 16),
                {"width": (8, 16), "kernel_size": (3,), "depth": (1,)},
            ),
            StageSpace(
                "stage1", "body", family, StageShape(2, 16, 8, options=se),
                {"width": widths, **inner, "kernel_size": (3, 5), "depth": (1, 2, 3)},
            ),
            StageSpace(
                "stage2", "body", family, StageShape(2, 8, 4, options=se),
                {"width": widths, **inner, "kernel_size": (3, 5), "depth": (1, 2, 3, 4)},
            ),
            StageSpace(
                "classifier", "classifier", "classifier", StageShape(1, 4, 1),
                {"width": (10,), "depth": (1,)},
            ),
        ),
        rules or WidthRules(),
    )  # fmt: skip


def two_stage_problem(
    family: str = "bottleneck",
    rules: WidthRules | None = None,
    budgets: tuple[Budget, ...] = (Budget("params", 30_000), Budget("macs", 2_000_000)),
    effectiveness: float | None = 0.3,
) -> DesignProblem:
    """That space with the published code's objective."""
    return pose(
        two_stages(family, rules),
        entropy=EntropyOptions(),
        budgets=budgets,
        effectiveness=effectiveness,
    )
