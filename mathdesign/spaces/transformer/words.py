"""The words of a specification of transformers.

```yaml
space:
  family: decoder_lm
  vocabulary: 256
  context: 256
  stacks:
    - {width: 64..256/32, depth: 2..16, head_size: 32, heads: [2, 4, 8], kv_heads: [1, 2, 4],
       ffn_ratio: [2, 3, 4], gated: true}
budgets: {params: 2M, kv_cache_bytes: 1M}
```

A stack's layers may each take their own options (``layers: free``, the default) or are all alike
(``layers: shared``).
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)

from mathdesign.memory.steps import WEIGHT_BYTES
from mathdesign.programs.base import Budget as BudgetRow
from mathdesign.programs.base import Limit
from mathdesign.spaces.transformer.metrics import LAYER_TERMS, METRICS, PEAKS, SUMS
from mathdesign.spaces.transformer.mixers import MIXERS
from mathdesign.spaces.transformer.norms import SCHEMES
from mathdesign.spaces.transformer.presets import SPACES, expanded
from mathdesign.spaces.transformer.shape import GENERATES, VISION, Kind, Norm, Positions, Style
from mathdesign.spec import values
from mathdesign.spec.blocks import (
    Block,
    Budgets,
    Choices,
    Finite,
    Limits,
    Name,
    Ratios,
    Specification,
    TextTrainingSpec,
)

__all__ = ["METRICS", "PEAKS"]

#: Objectives that are no metric: real numbers.
REALS = ("entropy", "volume")
OBJECTIVES = (*REALS, *SUMS)
DEFAULT = "default"
#: What a linear metric may weigh.
TERMS = ("constant", "width", *SUMS, *LAYER_TERMS)
#: Limits on depth / width are read as fractions of at most this: no rounding excludes a network
#: whose own value is written, and rows stay within int64.
LARGEST_DENOMINATOR = 10**6
#: Depth / width above which a network counts as too thin unless told otherwise (decision 0030).
DEFAULT_EFFECTIVENESS = Fraction(1, 16)


#: Tokens of the longest context.
LARGEST_CONTEXT = 2**22


def _in_tokens(value: Any) -> tuple[int, ...]:
    """One context, 0 where nothing is read in tokens, or a choice of several."""
    found: set[int] = set()
    for part in value if isinstance(value, list | tuple) else [value]:
        whole = isinstance(part, int) and not isinstance(part, bool)
        found.update((part,) if whole else values.choices(part))
    if not found or max(found) > LARGEST_CONTEXT:
        raise ValueError(f"less than or equal to {LARGEST_CONTEXT}")
    if min(found) < (len(found) > 1):
        raise ValueError(f"greater than or equal to {int(len(found) > 1)}")
    return tuple(sorted(found))


Contexts = Annotated[
    tuple[int, ...],
    BeforeValidator(_in_tokens),
    PlainSerializer(values.compact),
    WithJsonSchema(
        {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string"}, {"type": "array"}]}
    ),
]


def _listed(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


if TYPE_CHECKING:
    Attention = str
    ExtraNorm = str
else:
    Attention = Literal[tuple(MIXERS)]
    ExtraNorm = Literal[tuple(SCHEMES)]
Attentions = Annotated[tuple[Attention, ...], BeforeValidator(_listed), Field(min_length=1)]


class ImageChoices(Block):
    """Square images cut into square patches, pixels."""

    channels: int = Field(3, ge=1, le=4096, strict=True)
    size: Choices = (224,)
    patch: Choices = (16,)


class StackSpec(Block):
    """Layers of one width. Every value may be a range, a list or one value."""

    width: Choices = Field(..., description="Channels of the residual stream.")
    depth: Choices = Field(..., description="Number of layers.")
    heads: Choices | None = Field(None, description="Query heads; default: width / head_size.")
    head_size: Choices | None = Field(None, description="Channels; default: width / heads.")
    kv_heads: Choices | None = Field(None, description="Key/value heads; default: as heads.")
    ffn: Choices | None = Field(None, description="Feed-forward width, channels.")
    ffn_ratio: Ratios | None = Field(None, description="Feed-forward width / width.")
    gated: bool | None = Field(None, description="Three matrices; default: decoders yes.")
    attention: Attentions = ("softmax",)
    window: int = Field(0, ge=0, le=2**20, strict=True, description="Tokens, for `window`.")
    features: int = Field(1, ge=1, le=8, strict=True, description="Linear: cosFormer has 2.")
    memory_layers: Choices = Field((1,), description="Decoder of a pair: encoder layers read.")
    softmax_every: int | None = Field(
        None, ge=1, le=4096, strict=True, description="At least one softmax layer in so many."
    )
    layers: Literal["free", "shared"] = "free"
    pool: int = Field(1, ge=1, le=64, strict=True, description="hierarchical_vit: 4 tokens in 1.")


def _with_preset(schema: dict[str, Any]) -> None:
    """A word that is gone before the model sees it: the preset's own words are there instead."""
    names = {"enum": [*SPACES], "description": "A published space; words beside it overrule it."}
    schema["properties"]["preset"] = names


class TransformerSpaceSpec(Block):
    """What may be built."""

    model_config = ConfigDict(json_schema_extra=_with_preset)

    family: Kind
    vocabulary: int = Field(0, ge=0, le=2**22, strict=True, description="Tokens; bytes: 256.")
    contexts: Contexts = Field(
        (0,), alias="context",
        description="Longest sequence, tokens; several: the context is a choice.",
    )  # fmt: skip
    classes: int = Field(0, ge=0, le=2**20, strict=True)
    image: ImageChoices | None = None
    positions: Positions | None = Field(None, description="Default: rotary for decoders.")
    tied: bool = Field(True, description="The output head shares the embedding's matrix.")
    norm: Norm | None = Field(None, description="Default: rms for language models.")
    bias: bool | None = Field(None, description="Biases; default: with norm `layer`.")
    qkv_bias: bool | None = None
    norm_first: bool = True
    extra_norms: tuple[ExtraNorm, ...] | None = Field(
        None, max_length=16, description="Norms of queries and keys, or after each part too."
    )
    class_token: bool = True
    token_types: int = Field(0, ge=0, le=1024, strict=True)
    embedding_norm: bool = False
    pooler: bool = False
    monotone_width: bool = Field(False, description="No stack narrower than the one before.")
    stacks: tuple[StackSpec, ...] = Field(..., min_length=1, max_length=16)

    @model_validator(mode="before")
    @classmethod
    def _preset(cls, data: Any) -> Any:
        """A published space's words where a preset is named and nothing else is said."""
        return expanded(data)

    @property
    def context(self) -> int:
        """The context of a space that has one. Raises ``ValueError`` where it is a choice of several."""
        (tokens,) = self.contexts
        return tokens

    @property
    def frame(self) -> dict[str, Any]:
        """What :class:`~mathdesign.spaces.transformer.network.Transformer` needs beside stacks."""
        vision, decoder = self.family in VISION, self.family in ("decoder_lm", "prefix_lm")
        norm: Norm = self.norm or ("layer" if vision or self.family == "encoder" else "rms")
        bias = self.bias if self.bias is not None else norm == "layer"
        extra = tuple(name for name in SCHEMES if name in (self.extra_norms or ()))
        positions = "rotary" if decoder else "relative" if "pair" in self.kinds else "learned"
        return {
            "kind": self.family,
            "vocabulary": self.vocabulary,
            "context": self.context,
            "positions": self.positions or positions,
            "tied": self.tied,
            "style": Style(norm, bias, self.qkv_bias, self.norm_first, extra),
            "classes": self.classes,
            "class_token": self.class_token,
            "token_types": self.token_types,
            "embedding_norm": self.embedding_norm,
            "pooler": self.pooler,
        }

    @property
    def kinds(self) -> tuple[str, ...]:
        """``pair`` for encoder-decoders, ``vision``, ``generates``: those that apply."""
        found = {
            "pair": self.family == "encoder_decoder",
            "vision": self.family in VISION,
            "generates": self.family in GENERATES,
        }
        return tuple(name for name, holds in found.items() if holds)

    def is_gated(self, stack: StackSpec) -> bool:
        """Whether the stack's feed-forward parts have three matrices."""
        return stack.gated if stack.gated is not None else "generates" in self.kinds


class AtSpec(Block):
    """What is measured: sequences of ``length`` tokens, ``batch`` of them in memory."""

    length: int | None = Field(None, ge=1, le=2**22, strict=True, description="Default: context.")
    batch: int = Field(1, ge=1, le=2**20, strict=True)
    value_bytes: int = Field(2, ge=1, le=8, strict=True, description="Bytes of a number.")


Weighed = Annotated[float, Field(ge=-1e9, le=1e9, allow_inf_nan=False)] | None


class TransformerObjective(Block):
    """What is maximised."""

    metric: str = Field(
        DEFAULT,
        description=f"One of {', '.join(OBJECTIVES)}; `default`: volume, or entropy where layers "
        "choose among kinds of attention, which the volume does not tell apart.",
    )
    minimise: bool = Field(False, description="The least instead of the greatest.")
    resolution: Weighed = Field(None, description="Weight of ln(image size) beside a real metric.")
    context: Weighed = Field(None, description="Weight of ln(context) beside a real metric.")


class LinearMetric(Block):
    """A metric of the user's own, such as a latency: a weighted sum, each part rounded up."""

    name: Name
    terms: dict[str, Finite] = Field(..., min_length=1, description=f"Of {', '.join(TERMS)}.")


class TransformerSpec(Specification):
    """A whole specification of a transformer."""

    space: TransformerSpaceSpec
    at: AtSpec = AtSpec()
    objective: TransformerObjective = TransformerObjective()
    linear_metrics: tuple[LinearMetric, ...] = Field((), max_length=16)
    budgets: Budgets = Field(default_factory=dict)
    effectiveness: float | None = Field(
        None, gt=0, le=1e6, allow_inf_nan=False,
        description="Greatest depth / width; default 0.0625 where entropy is maximised.",
    )  # fmt: skip

    training: TextTrainingSpec | None = Field(None, alias="validate")

    @model_validator(mode="after")
    def _default_metric(self) -> Self:
        """What is saved says what was maximised, whatever the default will be."""
        if self.objective.metric == DEFAULT:
            chooses = any(len(stack.attention) > 1 for stack in self.space.stacks)
            metric = "entropy" if chooses else "volume"
            objective = self.objective.model_copy(update={"metric": metric})
            object.__setattr__(self, "objective", objective)
        return self

    def limits(self) -> dict[str, Limits]:
        """The budgets, by metric."""
        return dict(self.budgets)

    def peak_limits(self) -> tuple[Limit, ...]:
        """The budgets on what is the greatest over layers: they shape the choices."""
        return tuple(
            Limit(name, "max", budget.max)
            for name, budget in self.budgets.items()
            if name in PEAKS and budget.max is not None
        )

    def effectiveness_limit(self) -> Fraction | None:
        """The limit on depth / width; ``None``: there is none.

        The simplest fraction that is written so: 0.03571428571428571 means 1/28.
        """
        if self.effectiveness is not None:
            return Fraction(repr(self.effectiveness)).limit_denominator(LARGEST_DENOMINATOR)
        return DEFAULT_EFFECTIVENESS if self.objective.metric == "entropy" else None

    def columns(self) -> tuple[str, ...]:
        """Metrics that are sums over layers, the user's own last."""
        return SUMS + tuple(metric.name for metric in self.weighted)

    @property
    def weighted(self) -> tuple[LinearMetric, ...]:
        """The user's own metrics, and the bytes of weights where they are limited."""
        known = {metric.name for metric in self.linear_metrics}
        if WEIGHT_BYTES not in self.budgets or WEIGHT_BYTES in known:
            return self.linear_metrics
        bytes_of = {"params": float(self.at.value_bytes)}
        return (*self.linear_metrics, LinearMetric(name=WEIGHT_BYTES, terms=bytes_of))

    def budget_rows(self) -> tuple[BudgetRow, ...]:
        """The budgets on sums over layers, as rows of the program."""
        return tuple(
            BudgetRow(m, b.max, b.min) for m, b in sorted(self.budgets.items()) if m not in PEAKS
        )
