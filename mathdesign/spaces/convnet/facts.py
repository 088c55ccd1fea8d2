"""Small facts that follow from a specification's words alone."""

from __future__ import annotations

from mathdesign.spaces.convnet.families import FAMILIES
from mathdesign.spaces.convnet.words import Spec

#: The families that stand before and after the body unless others are named.
STEM, HEAD, CLASSIFIER = "conv", "conv", "classifier"
#: Inputs of at least this many pixels are halved by the stem unless told otherwise.
STEM_HALVES_FROM = 64


def stem_stride(spec: Spec) -> int:
    """The stem's stride: as given, else 2 for inputs of 64 pixels or more."""
    given = spec.space.stem.stride
    return given if given is not None else 2 if spec.space.input.size >= STEM_HALVES_FROM else 1


def stem_family(spec: Spec) -> str:
    """The family of the first stage."""
    return spec.space.stem.family or STEM


def stage_name(index: int) -> str:
    """The name of body stage ``index`` (from 0) in tables and messages."""
    return f"stage{index + 1}"


def first_stage(spec: Spec) -> int:
    """Stages before the first body stage that a member of a choice has none of: 1 where the map is
    halved before the first block, else 0.
    """
    split = spec.space.downsample
    return 0 if split is None else max(split.at + 1 - len(spec.space.stages), 0)


def stage_names(spec: Spec) -> list[str]:
    """The names of the body stages."""
    first = first_stage(spec)
    return [stage_name(first + i) for i in range(len(spec.space.stages))]


def row_symbols(spec: Spec) -> dict[str, set[str]]:
    """What the products of a row may name, by stage: ``prev`` and the decisions of its family."""
    stages = spec.space.stages
    missing = [stages[0]] * first_stage(spec)  # counts nothing where it is not there
    body = {
        stage_name(i): stage.family or spec.space.family
        for i, stage in enumerate((*missing, *stages))
    }
    families = {"stem": stem_family(spec), **body} | ({"head": HEAD} if spec.space.head else {})
    return {name: {"prev", *FAMILIES[family].decisions} for name, family in families.items()}


def scale_names(spec: Spec) -> list[str]:
    """Names of the stages that end a scale: before each stage of stride 2, and the last."""
    stages = spec.space.stages
    names = stage_names(spec)
    before = ["stem", *names[:-1]]
    last = names[-1] if spec.space.head is None else "head"
    return [*(name for name, stage in zip(before, stages) if stage.stride == 2), last]
