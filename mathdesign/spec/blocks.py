"""Words that specifications of every kind share: numbers and choices, blocks of keys, budgets, limits."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from html import escape
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)

from mathdesign.spec import quantities, values
from mathdesign.spec.pins import Pin

TEXT_OR_NUMBER = {"anyOf": [{"type": "string"}, {"type": "number"}]}

LIMITS_SCHEMA = {"anyOf": [*TEXT_OR_NUMBER["anyOf"], {"type": "object"}]}

_choice_item = {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string"}]}

_ratio_item = {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string"}]}

Choices = Annotated[
    tuple[int, ...],
    BeforeValidator(values.choices),
    PlainSerializer(values.compact),
    WithJsonSchema({"anyOf": [*_choice_item["anyOf"], {"type": "array", "items": _choice_item}]}),
]

Ratios = Annotated[
    tuple[Fraction, ...],
    BeforeValidator(values.ratios),
    PlainSerializer(lambda ratios: [values.number_text(r) for r in ratios]),
    WithJsonSchema({"anyOf": [*_ratio_item["anyOf"], {"type": "array", "items": _ratio_item}]}),
]

Ratio = Annotated[
    Fraction,
    BeforeValidator(values.ratio),
    PlainSerializer(values.number_text),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0}),
]

Interval = Annotated[
    tuple[Fraction, Fraction],
    BeforeValidator(values.interval),
    PlainSerializer(lambda pair: [values.number_text(r) for r in pair]),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "number"}}]}),
]

Finite = Annotated[float, Field(allow_inf_nan=False)]

Count = Annotated[int, BeforeValidator(quantities.count), WithJsonSchema(TEXT_OR_NUMBER)]

Cost = Annotated[
    quantities.Amount,
    BeforeValidator(quantities.cost),
    PlainSerializer(lambda amount: amount.written),
    WithJsonSchema(TEXT_OR_NUMBER),
]

Seconds = Annotated[float, BeforeValidator(quantities.seconds), WithJsonSchema(TEXT_OR_NUMBER)]

Bytes = Annotated[int, BeforeValidator(quantities.size_bytes), WithJsonSchema(TEXT_OR_NUMBER)]

Share = Annotated[float, BeforeValidator(quantities.share), WithJsonSchema(TEXT_OR_NUMBER)]

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]

Weight = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]


class Block(BaseModel):
    """Frozen; unknown keys are faults; a number is no text and a text no number."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class Limits(Block):
    """Both sides of a budget."""

    min: Count | None = None
    max: Count | None = None


def _limits(value: Any) -> Any:
    return value if isinstance(value, dict | Limits | CostLimits) else {"max": value}


def _in_units(value: Any) -> Any:
    """Limits of metrics in bytes marked as such, on whichever sides they have."""
    if not isinstance(value, dict):
        return value
    return {
        metric: _marked(limit, quantities.InBytes) if in_bytes(metric) else limit
        for metric, limit in value.items()
    }


def _whole_in_units(value: Any) -> Any:
    """The same of whole numbers, where a time or an energy can only be a device's."""
    if not isinstance(value, dict):
        return value
    marked = {m: _marked(x, _of_device) if m in USUAL else x for m, x in value.items()}
    return _in_units(marked)


def _of_device(limit: str) -> quantities.OfDevice:
    return quantities.OfDevice(limit, EXAMPLE)


#: Metrics that need a device, wherever no costs of the user's own have their names; how one is named.
USUAL = ("latency", "energy")
EXAMPLE = "{max: ..., table: FILE}, or `model: FILE`"


def in_bytes(metric: object) -> bool:
    """Whether a metric counts bytes: its name says so."""
    return isinstance(metric, str) and metric.endswith("_bytes")


def _marked(limit: Any, mark: Callable[[str], Any]) -> Any:
    if isinstance(limit, dict):
        return {side: _marked(bound, mark) for side, bound in limit.items()}
    if isinstance(limit, list | tuple):
        return [_marked(part, mark) for part in limit]
    return mark(limit) if isinstance(limit, str) else limit


Budget = Annotated[
    Limits,
    BeforeValidator(_limits),
    WithJsonSchema(LIMITS_SCHEMA),
]


def _limits_in_bytes(value: Any) -> Any:
    sides = _limits(value)
    if not isinstance(sides, dict):
        return sides
    numbers = (str, int, float)
    return {s: quantities.InBytes(v) if isinstance(v, numbers) else v for s, v in sides.items()}


ByteBudget = Annotated[
    Limits,
    BeforeValidator(_limits_in_bytes),
    WithJsonSchema(LIMITS_SCHEMA),
]
"""A budget on a metric in bytes: 320 KiB, 1 MB."""


Budgets = Annotated[
    dict[str, Budget],
    BeforeValidator(_whole_in_units),
]
"""Limits by metric; those of metrics in bytes take units of bytes."""


class CostLimits(Block):
    """Both sides of a budget on costs that may have decimals and units."""

    min: Cost | None = None
    max: Cost | None = None


CostBudgets = Annotated[
    dict[str, Annotated[CostLimits, BeforeValidator(_limits), WithJsonSchema(LIMITS_SCHEMA)]],
    BeforeValidator(_in_units),
]

CostLists = Annotated[dict[str, tuple[Cost, ...]], BeforeValidator(_in_units)]


#: Words of a device that name a file of costs.
COST_FILES = ("table", "model")
DeviceName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,31}$")]
_PATH = "Path from the working directory, inside it."


class DeviceSpec(Block):
    """A device: costs of operators in a table or by a model, and limits on their sum."""

    table: str | None = Field(None, min_length=1, max_length=4096, description=_PATH)
    model: str | None = Field(None, min_length=1, max_length=4096, description=_PATH)
    overhead: Cost | None = Field(None, description="Of each operator: 5 us, 1 nJ.")
    per_mac: Cost | None = Field(None, description="Of each multiply-add: 50 ps, 4.6 pJ.")
    per_byte: Cost | None = Field(None, description="Of each byte read or written: 20 pJ.")
    dtype: Literal["float64", "float32", "float16", "bfloat16", "int16", "int8"] | None = Field(
        None, description="Of numbers, where costs are said here; default: float32."
    )
    interpolate: bool = Field(False, description="Costs between measured ones, by channels.")
    margin: Share = Field(0.0, description="Limits hold with so much added: 5%.")
    min: Cost | None = None
    max: Cost | None = None

    @property
    def source(self) -> str:
        """Which of :data:`COST_FILES` says the costs; empty: they are said here."""
        return next((name for name in COST_FILES if getattr(self, name) is not None), "")


def _bytes_or_none(value: Any) -> int:
    return 0 if value == 0 and not isinstance(value, bool) else quantities.size_bytes(value)


FewBytes = Annotated[int, BeforeValidator(_bytes_or_none), WithJsonSchema(TEXT_OR_NUMBER)]
"""A number of bytes that may be 0."""


class MemorySpec(Block):
    """What the network's memory is counted in (docs/memory.md)."""

    dtype: Literal["int8", "float16", "float32"] = Field(
        "float32", description="Of activations and weights; biases of int8 take 4 bytes."
    )
    in_place_depthwise: bool = Field(
        False,
        description="Depthwise convolutions write over their input where nothing else reads it.",
    )
    overhead_per_operator: FewBytes = Field(
        0, description="What the runtime keeps for each operator; told beside the arena."
    )


class SolveSpec(Block):
    """How it is solved."""

    backend: str = Field(
        "auto", pattern=r"^[a-z_]+(:[A-Za-z0-9_.-]+)?$", description="auto, or a backend's name."
    )
    gap: Share = Field(1e-3, description="Stop at this relative gap: 0.1%, or 0 for optimal.")
    time_limit: Seconds = Field(60.0, description="60 s, 2 min, ...")
    seed: int = Field(0, ge=0, lt=2**31, strict=True)
    threads: int = Field(1, ge=1, le=256, strict=True)
    memory_limit: Bytes | None = Field(None, description="512 MiB, 2 GB, ...")


class TrainingSpec(Block):
    """A short training run that shows that the network learns."""

    data: str = Field("digits", min_length=1, max_length=4096, description="digits, or a path.")
    size: int | None = Field(None, ge=1, le=1024, strict=True, description="Pixels.")
    epochs: int = Field(5, ge=1, le=10_000, strict=True)
    batch_size: int = Field(64, ge=2, le=65536, strict=True)
    learning_rate: float | None = Field(None, gt=0, le=100, allow_inf_nan=False)
    seed: int = Field(0, ge=0, lt=2**31, strict=True)
    limit: int | None = Field(None, ge=1, strict=True, description="At most so many images.")
    optimizer: Literal["adamw", "sgd"] | None = None
    weight_decay: float | None = Field(None, ge=0, le=10, allow_inf_nan=False)
    label_smoothing: float | None = Field(None, ge=0, lt=1, allow_inf_nan=False)
    warm_up: float | None = Field(None, ge=0, le=1, description="A share of all steps.")
    device: Literal["auto", "cpu", "cuda"] | None = None
    compile: bool | None = Field(None, description="With torch.compile.")


class TextTrainingSpec(Block):
    """A short training run on text, counted in steps."""

    data: str = Field("python", min_length=1, max_length=4096, description="python, or a path.")
    steps: int = Field(200, ge=2, le=1_000_000, strict=True)
    batch_size: int = Field(8, ge=1, le=65536, strict=True)
    length: int | None = Field(None, ge=2, le=65536, strict=True, description="Tokens.")
    learning_rate: float = Field(2e-3, gt=0, le=100, allow_inf_nan=False)
    seed: int = Field(0, ge=0, lt=2**31, strict=True)


class Specification(Block):
    """What specifications of every kind have; a kind adds its ``space`` and more."""

    version: Literal[1] = 1
    name: Name = Field("design", description="Letters, digits, `.`, `_`, `-`: names the output.")
    devices: dict[DeviceName, DeviceSpec] | None = Field(
        None, max_length=16, description="Costs on devices, by the name of their metric."
    )
    solve: SolveSpec = SolveSpec()
    pins: dict[str, Pin] | None = Field(
        None, max_length=4096, description="Decisions that are made already: `stage2.width: 64`."
    )

    def limits(self) -> dict[str, Limits]:
        """The budgets that are asked for, by metric."""
        raise NotImplementedError

    def __repr__(self) -> str:
        limits = ((name, both.min, both.max) for name, both in self.limits().items())
        words = [
            " <= ".join(
                f"{part:,}" if isinstance(part, int) else str(part)
                for part in (low, name, high)
                if part is not None
            )
            for name, low, high in limits
        ]
        return f"<{type(self).__name__} {self.name}: {', '.join(words) or 'no budgets'}>"

    def _repr_html_(self) -> str:
        return f"<pre>{escape(self.to_yaml())}</pre>"

    def to_dict(self) -> dict[str, Any]:
        """The canonical form: everything set is spelled out, choices in their shortest writing."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def to_yaml(self) -> str:
        """The canonical form as YAML; reading it gives an equal specification."""
        from mathdesign.files import yaml_text

        return yaml_text(self.to_dict())

    def content_hash(self) -> str:
        """SHA-256 of the canonical form, hexadecimal."""
        import hashlib
        import json

        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()
