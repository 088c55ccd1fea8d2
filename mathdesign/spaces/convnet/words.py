"""The words of a specification of convolutional stages: pydantic models, one per block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, TypeVar, cast

from pydantic import (
    BeforeValidator,
    Field,
    PlainSerializer,
    WithJsonSchema,
    create_model,
    model_validator,
)

from mathdesign.metrics import METRICS
from mathdesign.spaces.convnet.families import (
    BODY_FAMILIES,
    FAMILIES,
    OPTIONS,
    WORDS,
    families_with,
    named_for,
)
from mathdesign.spec import values
from mathdesign.spec.blocks import (
    Block,
    Budget,
    ByteBudget,
    Choices,
    Count,
    Finite,
    Interval,
    Limits,
    MemorySpec,
    Name,
    Ratio,
    Ratios,
    Specification,
    TrainingSpec,
    Weight,
)

if TYPE_CHECKING:
    FamilyName: TypeAlias = str
    StemName: TypeAlias = str
    ClassifierName: TypeAlias = str
    MetricName: TypeAlias = str
    ObjectiveName: TypeAlias = str
    StemStride: TypeAlias = int
else:  # what the registries hold
    FamilyName, StemName, ClassifierName = (
        Literal[named_for(role)] for role in ("body", "stem", "classifier")
    )
    ObjectiveName = Literal[tuple(m.name for m in METRICS.values() if m.is_objective)]
    MetricName = Literal[tuple(METRICS)]
    _strides = {stride for name in named_for("stem") for stride in FAMILIES[name].strides}
    StemStride = Literal[tuple(sorted(_strides))]

Model = TypeVar("Model", bound=Block)


def extended(base: type[Model], fields: dict[str, Any], order: tuple[str, ...]) -> type[Model]:
    """``base`` with further optional fields, the fields named in ``order`` last and in it.

    The canonical form writes fields in the order in which they are declared. Statically the result
    is ``base``: the further fields are read by name.
    """
    own: dict[str, Any] = {
        name: (field.annotation, field) for name, field in base.model_fields.items()
    }
    names = [*(name for name in own if name not in order), *order]
    every: Any = {name: own.get(name) or fields[name] for name in names}
    label, doc = base.__name__.lstrip("_"), base.__doc__
    model: Any = create_model(label, __base__=Block, __doc__=doc, __module__=__name__, **every)
    return cast("type[Model]", model)


#: Pixels a side of the largest input.
LARGEST_SIZE = 8192
_product_item = {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string"}]}


def _in_pixels(value: Any) -> tuple[int, ...]:
    """One size or a choice of several; of one that is too large or small the limit is told alone."""
    found = (
        values.choices(value) if not isinstance(value, int) or isinstance(value, bool) else (value,)
    )
    if found[-1] > LARGEST_SIZE:
        raise ValueError(f"less than or equal to {LARGEST_SIZE}")
    if found[0] < 1:
        raise ValueError("greater than or equal to 1")
    return found


class InputSpec(Block):
    """One image, as the network sees it."""

    channels: int = Field(3, ge=1, le=4096, strict=True, description="Channels.")
    sizes: Annotated[Choices, BeforeValidator(_in_pixels)] = Field(
        (224,), alias="size",
        description="Height and width, pixels; several: the resolution is a choice.",
    )  # fmt: skip

    @property
    def size(self) -> int:
        """The size of a space that has one. Raises ``ValueError`` where it is a choice of several."""
        (size,) = self.sizes
        return size


class StemSpec(Block):
    """The first convolution."""

    family: StemName | None = Field(None, description="Default: conv.")
    width: Choices = Field((32,), description="Output channels.")
    kernel_size: Choices = Field((3,), description="Odd kernel sizes, pixels.")
    stride: StemStride | None = Field(
        None, description="Default: 2 for inputs of 64 pixels or more, else 1."
    )


class HeadSpec(Block):
    """A last 1x1 convolution before pooling."""

    width: Choices = Field(..., description="Output channels.")


class _StageSpec(Block):
    """A stage: ``depth`` blocks of one width. Every value may be a range, a list or one value."""

    family: FamilyName | None = Field(None, description="Instead of the space's family.")
    stride: Literal[1, 2] = Field(1, description="Of the first block.")
    width: Choices = Field(..., description="Output channels of every block.")
    kernel_size: Choices = Field((3,), description="Odd kernel sizes, pixels.")
    times: Ratio | None = Field(None, description="Exactly so many times the width before.")
    depth: Choices = Field((1,), description="Number of blocks.")
    shortcut: Literal["projection", "identity"] = Field(
        "projection", description="identity: equal widths, stride 1, nothing to count."
    )


def _family_words() -> dict[str, Any]:
    """The words and options that families declare, as optional fields."""
    types = {"choices": Choices, "ratios": Ratios}
    kinds = {name: types[word.kind] for name, word in WORDS.items()} | dict.fromkeys(OPTIONS, bool)
    return {
        name: (kind | None, Field(None, description=_meanings(name)))
        for name, kind in kinds.items()
    }


def _meanings(name: str) -> str:
    """What a word or an option is, in each family that has it."""
    said: dict[str, list[str]] = {}
    for family in families_with(name):
        said.setdefault(FAMILIES[family].declared[name].meaning, []).append(family)
    return " ".join(f"{', '.join(named)}: {meaning}" for meaning, named in said.items())


if TYPE_CHECKING:
    StageSpec = _StageSpec
else:
    StageSpec = extended(
        _StageSpec, _family_words(), (*WORDS, "kernel_size", "depth", "shortcut", *OPTIONS)
    )


class DownsampleSpec(Block):
    """Where to halve the maps, among blocks of one kind: one stage stands for all of them."""

    blocks: int = Field(..., ge=1, le=1000, strict=True, description="Blocks in all.")
    at: int = Field(
        ..., ge=1, le=16, strict=True,
        description="Before so many of them the map is halved and the channels are doubled.",
    )  # fmt: skip


class RulesSpec(Block):
    """Rules between choices."""

    monotone_width: bool = Field(False, description="No stage narrower than the one before.")
    growth: Ratio | None = Field(None, description="At most this multiple of the width before.")
    bottleneck_ratio: Interval | None = Field(
        None, description="Bounds on bottleneck / width, e.g. 0.1..1."
    )


class SpaceSpec(Block):
    """What may be built."""

    family: FamilyName = Field(..., description="`mathdesign families` lists them.")
    input: InputSpec = InputSpec()
    classes: int = Field(1000, ge=1, le=65536, strict=True, description="Classes to tell apart.")
    stem: StemSpec = StemSpec()
    stages: tuple[StageSpec, ...] = Field(
        ..., min_length=1, max_length=64, description="Omitted: the family's preset."
    )
    downsample: DownsampleSpec | None = Field(
        None, description="Where to downsample is decided: the one stage is split."
    )
    head: HeadSpec | None = None
    classifier: ClassifierName | None = Field(None, description="Default: classifier.")
    rules: RulesSpec = RulesSpec()

    @model_validator(mode="before")
    @classmethod
    def _preset(cls, data: Any) -> Any:
        """Stages of the family's preset where none are given."""
        if not isinstance(data, dict) or not isinstance(data.get("family"), str):
            return data
        if "stages" not in data and data["family"] in BODY_FAMILIES:
            return {**data, "stages": [dict(s) for s in FAMILIES[data["family"]].preset]}
        return data


class EntropySpec(Block):
    """DeepMAD's objective; what is not set is as the variant has it (docs/objective.md)."""

    variant: Literal["tinynas", "paper", "mae_det"] = Field(
        "tinynas", description="The published code's form, the paper's, or MAE-DET's."
    )
    weights: tuple[Weight, ...] | None = Field(None, description="One per scale.")
    depth_penalty: Weight | None = Field(None, description="Weight of exp(spread of depths).")
    depth_spread: Literal["std", "variance"] | None = None
    depth_stages: Literal["all", "last3"] | tuple[int, ...] | None = Field(
        None, description="Stages in the penalty, counted from 1."
    )
    effectiveness_at: Literal["scales", "end"] | None = None
    se_resolution_defect: bool = Field(
        False, description="Reproduce the published code: resolution 1 after an SE unit."
    )


Exponent = Annotated[float, Field(ge=-1e9, le=1e9, allow_inf_nan=False)]
Factor = Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)]
_OF = "Weight of ln({}), or a list with one for each body stage."


class VolumeSpec(Block):
    """The log-volume: logarithms of the choices of the body stages (docs/objective.md)."""

    weight: Exponent = Field(1.0, description="Of the whole, beside entropy and metrics.")
    rise: float = Field(
        1.0, ge=0, le=100, allow_inf_nan=False,
        description="Body stage s of S counts (s / S)^rise; 0 where `weights` are given.",
    )  # fmt: skip
    weights: tuple[Exponent, ...] | None = Field(None, description="One factor per body stage.")
    depth: Exponent | tuple[Exponent, ...] = Field(1.0, description=_OF.format("depth"))
    per_block: float = Field(
        8.0, ge=0, le=1e9, allow_inf_nan=False,
        description="Depth d in a stage of width w counts as 1 / (1/d + per_block / w); 0: as d.",
    )  # fmt: skip
    inner: Exponent | tuple[Exponent, ...] = Field(
        1.0, description=_OF.format("bottleneck, or width where a family has none")
    )
    expansion: Exponent | tuple[Exponent, ...] = Field(0.0, description=_OF.format("inner / width"))
    width: Exponent | tuple[Exponent, ...] = Field(0.0, description=_OF.format("width"))
    kernel_size: Exponent | tuple[Exponent, ...] = Field(0.5, description=_OF.format("kernel size"))
    group_width: Exponent | tuple[Exponent, ...] = Field(0.0, description=_OF.format("group width"))
    squeeze_excitation: Factor | tuple[Factor, ...] = Field(
        1.35, description="A block with such a unit counts as so many; one, or one per body stage."
    )
    resolution: Exponent | None = Field(
        None, description="Weight of ln(size of the input), for a choice of sizes; default: none."
    )

    @model_validator(mode="before")
    @classmethod
    def _given_weights_do_not_rise(cls, data: Any) -> Any:
        """Who gives the weights of stages gives them as they are."""
        if isinstance(data, dict) and data.get("weights") is not None and "rise" not in data:
            return {**data, "rise": 0.0}
        return data


class ObjectiveSpec(Block):
    """What is maximised: entropy, log-volume, and metrics by weight."""

    entropy: EntropySpec | None = None
    volume: VolumeSpec | None = Field(None, description="Logarithms of choices.")
    metric: ObjectiveName | None = Field(None, description="Maximise this instead.")
    metric_weights: dict[MetricName, Finite] = Field(
        default_factory=dict, description="Added to the objective: weight * metric."
    )


class _BudgetsSpec(Block):
    """Hard limits: a number is an upper one, ``{min: ..., max: ...}`` gives both sides."""

    effectiveness: float | None = Field(
        None, gt=0, le=1e6, allow_inf_nan=False, description="Greatest depth / width ratio rho."
    )


#: Budgets on memory, and what they are.
MEMORY = {
    "activation_bytes": "Most bytes alive at once while the network runs (upper limits only).",
    "weight_bytes": "Bytes of weights and biases as they are stored.",
}

if TYPE_CHECKING:
    BudgetsSpec = _BudgetsSpec
else:
    BudgetsSpec = extended(
        _BudgetsSpec,
        {n: (Budget | None, Field(None, description=m.meaning)) for n, m in METRICS.items()}
        | {n: (ByteBudget | None, Field(None, description=said)) for n, said in MEMORY.items()},
        (*METRICS, *MEMORY, "effectiveness"),
    )


Products = Annotated[
    tuple[values.Product, ...],
    BeforeValidator(values.products),
    PlainSerializer(values.product_texts),
    WithJsonSchema(
        {"anyOf": [_product_item, {"type": "array", "items": _product_item}]},
    ),
]


class RowSpec(Block):
    """A limit of the user's own: a sum over stages of products of their choices."""

    name: Name = Field(..., description="Reported as a metric of this name.")
    sum: dict[str, Products] = Field(
        ...,
        min_length=1,
        description="By stage (stem, stage1, ..., head): products of depth, width, prev (the "
        "width before), bottleneck, kernel_size, e.g. `2 * depth * width`.",
    )
    min: Count | None = None
    max: Count | None = None


class Spec(Specification):
    """A whole specification of a chain of convolutional stages, frozen and validated."""

    space: SpaceSpec
    objective: ObjectiveSpec = ObjectiveSpec(volume=VolumeSpec())
    budgets: BudgetsSpec = BudgetsSpec()
    rows: tuple[RowSpec, ...] | None = Field(
        None, min_length=1, max_length=64, description="Limits of your own."
    )
    memory: MemorySpec | None = Field(
        None, description="Set or not where a budget is on bytes: what they are."
    )
    counting: Literal["macs", "tinynas"] = Field("macs", description="What is counted.")
    training: TrainingSpec | None = Field(None, alias="validate")

    def limits(self) -> dict[str, Limits]:
        """The budgets on integers, in the order of the registry, those on memory last."""
        given = {metric: getattr(self.budgets, metric) for metric in (*METRICS, *MEMORY)}
        return {metric: limits for metric, limits in given.items() if limits is not None}
