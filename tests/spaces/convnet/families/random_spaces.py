"""Random small spaces over all families, for properties that must hold everywhere."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import strategies as st

from mathdesign.spaces.convnet.families import BODY_FAMILIES, FAMILIES, StageShape
from mathdesign.spaces.convnet.space import Space, StageSpace, WidthRules, expanded

MULTIPLES = st.sampled_from([8, 16, 24, 32, 48])
EXPANSIONS = (Fraction(1), Fraction(3, 2), Fraction(2), Fraction(7, 2))


def domain(values: st.SearchStrategy[int]) -> st.SearchStrategy[tuple[int, ...]]:
    return st.lists(values, min_size=1, max_size=3, unique=True).map(lambda v: tuple(sorted(v)))


WORDS = {"group_width": st.sampled_from([1, 2, 4, 8, 16])}
#: Families whose shortcut is the identity wherever it can be: there is none to ask for.
ALWAYS_KEEP = ("inverted_residual", "depthwise_separable")
KERNELS = domain(st.sampled_from([1, 3, 5, 7]))
DEPTHS = domain(st.integers(1, 6))
SIZES = st.integers(1, 65)


def _single(role: str, family: str, shape: StageShape, **choices: tuple[int, ...]) -> StageSpace:
    return StageSpace(role, role, family, shape, choices)  # type: ignore[arg-type]


@st.composite
def body_stages(draw, name: str, resolution: int, prev: tuple[int, ...]) -> StageSpace:
    family = draw(st.sampled_from(BODY_FAMILIES))
    widths = draw(domain(MULTIPLES))
    stride = draw(st.sampled_from([1, 2]))
    keeps = family not in ALWAYS_KEEP and stride == 1 and bool(set(widths) & set(prev))
    shape = StageShape(
        stride=stride,
        resolution_in=resolution,
        resolution_out=-(-resolution // stride),
        identity_shortcut=keeps and draw(st.booleans()),
        options=frozenset(o.name for o in FAMILIES[family].options if draw(st.booleans())),
    )
    choices = {"width": widths, "kernel_size": draw(KERNELS), "depth": draw(DEPTHS)}
    ratios = {}
    for decision in sorted({word.sets for word in FAMILIES[family].words}):
        words = [word for word in FAMILIES[family].words if word.sets == decision]
        if draw(st.sampled_from(words)).kind == "ratios":
            ratios[decision] = draw(st.sets(st.sampled_from(EXPANSIONS), min_size=1).map(tuple))
            inner = {expanded(width, ratio) for width in widths for ratio in ratios[decision]}
            choices[decision] = tuple(sorted(inner))
        else:
            choices[decision] = draw(domain(WORDS.get(decision, MULTIPLES)))
    return StageSpace(name, "body", family, shape, choices, ratios)


@st.composite
def spaces(draw, sizes: st.SearchStrategy[int] = SIZES) -> Space:
    """Stem, one to four body stages, sometimes a head, classifier; odd sizes included."""
    channels, size = draw(st.sampled_from([1, 3, 4])), draw(sizes)
    family = draw(st.sampled_from(["conv", "conv", "patchify", "pooled_conv"]))
    stride = draw(st.sampled_from(FAMILIES[family].strides))
    resolution = -(-size // stride)
    one = (1,)
    kernels = (stride,) if family == "patchify" else draw(KERNELS)
    stem = _single(
        "stem", family, StageShape(stride, size, resolution),
        width=draw(domain(MULTIPLES)), kernel_size=kernels, depth=one,
    )  # fmt: skip
    stages = [stem]
    for index in range(draw(st.integers(1, 4))):
        stage = draw(body_stages(f"stage{index}", resolution, stages[-1].choices["width"]))
        stages.append(stage)
        resolution = stage.shape.resolution_out
    if draw(st.booleans()):
        shape = StageShape(1, resolution, resolution)
        stages.append(
            _single(
                "head", "conv", shape, width=draw(domain(MULTIPLES)), kernel_size=one, depth=one
            )
        )
    classifier = StageShape(1, resolution, 1)
    classes = (draw(st.integers(2, 20)),)
    end = draw(st.sampled_from(["classifier", "normed_classifier"]))
    stages.append(_single("classifier", end, classifier, width=classes, depth=one))
    return Space(channels, size, tuple(stages), draw(width_rules()))


@st.composite
def width_rules(draw) -> WidthRules:
    ratio = (Fraction(1, draw(st.integers(2, 4))), Fraction(draw(st.integers(1, 3))))
    return WidthRules(
        monotone=draw(st.booleans()),
        growth=draw(st.sampled_from([None, Fraction(3, 2), Fraction(4)])),
        bottleneck_ratio=draw(st.sampled_from([None, ratio])),
    )


@st.composite
def points(draw, space: Space) -> tuple[int, ...]:
    """Any point of the product space; rules may be broken, shortcuts excepted.

    A stage with an identity shortcut gets the width before it where its domain has it.
    """
    values: list[int] = []
    prev = space.input_channels
    for stage in space.stages:
        for decision in stage.block.decisions:
            choices = stage.choices[decision]
            if decision == "width":
                if stage.shape.identity_shortcut and prev in choices:
                    choices = (prev,)
                prev = draw(st.sampled_from(choices))
                values.append(prev)
            else:
                values.append(draw(st.sampled_from(choices)))
    return tuple(values)
