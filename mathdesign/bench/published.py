"""The published DeepMAD programs, posed with the library's own parts: what solvers are measured on.

Budgets and spaces: the configurations ``deepmad_R18/R34/R50`` and ``deepmad_29M/50M/89M`` of the
published code (commit 8ccaf88), with its mutator's limits made explicit.
"""

from __future__ import annotations

from fractions import Fraction

from mathdesign.programs.base import Budget
from mathdesign.programs.chain import DesignProblem
from mathdesign.spaces.convnet.families.base import StageShape
from mathdesign.spaces.convnet.program import EntropyOptions, pose
from mathdesign.spaces.convnet.space import Space, StageSpace, WidthRules, resolutions
from mathdesign.spaces.convnet.volume import VolumeOptions

#: name -> (MACs as the published code counts them, parameters)
RESNET_BUDGETS = {
    "R18": (1_820_000_000, 11_690_000),
    "R34": (3_680_000_000, 21_800_000),
    "R50": (4_130_000_000, 25_550_000),
}
INVERTED_BUDGETS = {
    "29M": (4_500_000_000, 29_000_000),
    "50M": (8_700_000_000, 50_000_000),
    "89M": (15_400_000_000, 89_000_000),
}
#: Of the five stages of each published network: 29M spends its first at full resolution.
RESNET_STRIDES = (2, 2, 2, 1, 2)
INVERTED_STRIDES = {"29M": (1, 2, 2, 2, 2), "50M": (2, 2, 2, 2, 1), "89M": (2, 2, 2, 2, 1)}
#: Optima that a prototype proved to a relative gap of 1e-6.
KNOWN_OPTIMA = {"R18": 36409.395, "R34": 48537.943, "R50": 51989.128}


def multiples(low: int, high: int, step: int = 8) -> tuple[int, ...]:
    """``low, low + step, ..., high``."""
    return tuple(range(low, high + 1, step))


def resnet(
    macs: int,
    params: int,
    *,
    deepest: int = 60,
    first_deepest: int = 3,
    step: int = 8,
    widest: int = 2048,
    entropy: EntropyOptions | None = None,
    volume: VolumeOptions | None = None,
    effectiveness: float = 0.3,
    strides: tuple[int, ...] = RESNET_STRIDES,
    name: str = "resnet",
) -> DesignProblem:
    """Five bottleneck stages on 224 x 224 images, every width on a grid."""
    sizes = resolutions(224, (2, *strides))
    widths = multiples(step, widest, step)
    stages = [_conv("stem", "stem", 2, sizes[0], sizes[1], multiples(8, 32), 3)]
    for i, stride in enumerate(strides):
        depth = tuple(range(1, (first_deepest if i == 0 else deepest) + 1))
        choices = {"width": widths, "bottleneck": widths, "kernel_size": (3, 5), "depth": depth}
        shape = StageShape(stride, sizes[i + 1], sizes[i + 2])
        stages.append(StageSpace(f"stage{i + 1}", "body", "bottleneck", shape, choices))
    rules = WidthRules(True, Fraction(4), (Fraction(1, 10), Fraction(1)))
    return _posed(name, stages, sizes[-1], rules, macs, params, effectiveness, entropy, volume)


def inverted(
    macs: int,
    params: int,
    *,
    defect: bool = False,
    deepest: int = 40,
    entropy: EntropyOptions | None = None,
    volume: VolumeOptions | None = None,
    effectiveness: float = 0.5,
    strides: tuple[int, ...] = RESNET_STRIDES,
    name: str = "inverted",
) -> DesignProblem:
    """Five inverted residual stages with squeeze-and-excitation, and a head, on 224 x 224."""
    sizes = resolutions(224, (2, *strides, 1))
    stages = [_conv("stem", "stem", 2, sizes[0], sizes[1], multiples(16, 64), 3)]
    for i, stride in enumerate(strides):
        choices = {
            "width": multiples(8, 1280),
            "bottleneck": multiples(16, 7680),
            "kernel_size": (3, 5, 7),
            "depth": tuple(range(1, deepest + 1)),
        }
        shape = StageShape(
            stride, sizes[i + 1], sizes[i + 2], options=frozenset({"squeeze_excitation"})
        )
        stages.append(StageSpace(f"stage{i + 1}", "body", "inverted_residual", shape, choices))
    head = (1280, 1536, 1792, 2048, 2560)
    stages.append(_conv("head", "head", 1, sizes[-2], sizes[-1], head, 1))
    rules = WidthRules(True, Fraction(4), (Fraction(3, 2), Fraction(6)))
    options = entropy or EntropyOptions(se_resolution_defect=defect)
    return _posed(name, stages, sizes[-1], rules, macs, params, effectiveness, options, volume)


def named(name: str, **options: object) -> DesignProblem:
    """A problem by its name: ``R18``, ``R34``, ``R50``, ``29M``, ``50M``, ``89M`` (``-defect``).

    Each with the strides of the published network that it is compared with. ``-volume``: the
    log-volume under the same budgets, without a limit on effectiveness.
    """
    base, *variants = name.split("-")
    if "volume" in variants:
        options.setdefault("volume", VolumeOptions())
    if base in RESNET_BUDGETS:
        return resnet(*RESNET_BUDGETS[base], name=name, **options)  # type: ignore[arg-type]
    return inverted(
        *INVERTED_BUDGETS[base],
        name=name,
        defect="defect" in variants,
        strides=INVERTED_STRIDES[base],
        **options,  # type: ignore[arg-type]
    )


def _conv(
    name: str, role: str, stride: int, size_in: int, size_out: int, widths: tuple[int, ...], k: int
) -> StageSpace:
    choices = {"width": widths, "kernel_size": (k,), "depth": (1,)}
    shape = StageShape(stride, size_in, size_out)
    return StageSpace(name, role, "conv", shape, choices)  # type: ignore[arg-type]


def _posed(
    name: str,
    stages: list[StageSpace],
    size: int,
    rules: WidthRules,
    macs: int,
    params: int,
    effectiveness: float,
    entropy: EntropyOptions | None,
    volume: VolumeOptions | None,
) -> DesignProblem:
    """With a ``volume`` that alone is the objective, and effectiveness has no limit."""
    end = StageShape(1, size, 1)
    classifier = {"width": (1000,), "depth": (1,)}
    stages = [*stages, StageSpace("classifier", "classifier", "classifier", end, classifier)]
    return pose(
        Space(3, 224, tuple(stages), rules),
        name=name,
        counting="tinynas",
        entropy=None if volume else entropy or EntropyOptions(),
        volume=volume,
        budgets=[Budget("macs", macs), Budget("params", params)],
        effectiveness=None if volume else effectiveness,
    )


#: name -> objective of the published network under ``variant: tinynas``, recounted from the
#: structures in the public repository; those with squeeze-and-excitation under the code's
#: resolution defect. R18 exceeds its own MACs budget by 0.95% and is no feasible point of it.
PUBLISHED_OBJECTIVES = {
    "R18": 32085.397,
    "R34": 43107.866,
    "R50": 48884.470,
    "29M-defect": 11870.703,
    "50M-defect": 14644.160,
    "89M-defect": 17746.366,
}
