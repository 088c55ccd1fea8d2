"""The words of a specification over option lists: the space, its budgets, the predictor.

```yaml
space: {family: nasbench201}
objective: {predictor: runs/model, uncertainty: 0.5}
budgets: {macs: 40M}
```

Family ``slots`` spells the space out: each slot has options and, per metric, a cost for each. Family
``layers`` does so in blocks (:mod:`mathdesign.spaces.lists.own_layers`): costs follow from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from mathdesign.programs.base import Budget as BudgetRow
from mathdesign.programs.slot_space import TableSpace
from mathdesign.programs.slots import Slot, TableSum
from mathdesign.spaces.blocks.base import LARGEST
from mathdesign.spaces.blocks.operators import Shape
from mathdesign.spaces.lists.layer_volume import LayerVolume
from mathdesign.spaces.lists.layerwise import LayerSpace
from mathdesign.spaces.lists.named import PRESETS, SPACES
from mathdesign.spaces.lists.own_layers import OwnLayers, block_schema
from mathdesign.spec.blocks import (
    Block,
    CostBudgets,
    CostLists,
    MemorySpec,
    Name,
    Specification,
    TrainingSpec,
    Weight,
)
from mathdesign.spec.quantities import Amount, Steps

#: In steps (see :class:`mathdesign.spec.quantities.Steps`).
LARGEST_COST = 2**53
#: The family of a user's own blocks.
LAYERS = "layers"
NOTHING = Amount(Fraction(0))
#: Pixels a side, or positions of a sequence.
LARGEST_SIZE = 8192


def _option(value: Any) -> Any:
    """YAML's truth as a word of its own: pydantic would make numbers of it."""
    return str(value).lower() if isinstance(value, bool) else value


def _size(value: Any) -> Any:
    """One number of pixels a side, or height and width."""
    given = value if isinstance(value, list | tuple) else (value, value)
    sound = [type(n) is int and 1 <= n <= LARGEST_SIZE for n in given]
    if len(given) != 2 or not all(sound):
        raise ValueError(f"1 to {LARGEST_SIZE} pixels, or [height, width]")
    return tuple(given)


def _option_name(value: Any) -> Any:
    """An option as it is named: numbers and truth as their words."""
    return str(_option(value)) if isinstance(value, bool | int | float) else value


_WORD_OR_NUMBER = {"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}]}
Scalar = Annotated[Any, WithJsonSchema(_WORD_OR_NUMBER)]
Option = Annotated[
    str | int | float, BeforeValidator(_option), WithJsonSchema(_WORD_OR_NUMBER)
]  # fmt: skip
BlockWords = Annotated[dict[str, Any], WithJsonSchema(block_schema())]
"""A block and its settings, checked with the space (:mod:`mathdesign.spaces.lists.own_layers`)."""
PixelSize = Annotated[
    tuple[int, int],
    BeforeValidator(_size),
    PlainSerializer(lambda size: size[0] if size[0] == size[1] else list(size)),
    WithJsonSchema(
        {"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]}
    ),
]
OptionName = Annotated[str, BeforeValidator(_option_name), WithJsonSchema(_WORD_OR_NUMBER)]


class SlotSpec(Block):
    """One choice of the user's own space."""

    name: Name
    options: tuple[Option | BlockWords, ...] = Field(..., min_length=1, max_length=1000)
    width: int | None = Field(
        None,
        ge=1,
        le=LARGEST,
        strict=True,
        description="Family layers: of blocks without their own.",
    )
    stride: int | None = Field(
        None,
        ge=1,
        le=LARGEST,
        strict=True,
        description="Family layers: of each option's first block.",
    )
    ordered: bool = Field(False, description="The options are numbers with an order.")
    costs: CostLists = Field(
        default_factory=dict,
        description="By metric: for each option a number, perhaps with decimals or a unit.",
    )


class FittedMetric(Block):
    """A metric beside those of the space, a sum over slots: what `mathdesign latency` fits."""

    name: Name
    constant: int = Field(0, ge=0, le=LARGEST_COST, strict=True)
    slots: dict[str, tuple[int, ...]] = Field(
        ..., min_length=1, description="By slot: one whole number for each option; others cost 0."
    )


class InputSpec(Block):
    """What one input of a network is: an image, or a sequence."""

    channels: int = Field(3, ge=1, le=4096, strict=True)
    size: PixelSize | None = Field(None, description="Pixels a side, or [height, width].")
    length: int | None = Field(
        None, ge=1, le=LARGEST_SIZE, strict=True, description="Positions of a sequence."
    )

    @property
    def shape(self) -> Shape:
        """Channels, and positions along each axis."""
        return Shape(self.channels, self.size or (self.length or 1,))


class ListSpaceSpec(Block):
    """What may be chosen."""

    family: Literal[
        "nasbench101",
        "nasbench201",
        "nats_size",
        "proxyless",
        "proxylessnas",
        "fbnet",
        "fbnetv3",
        "mnasnet",
        "accel_nasbench",
        "ofa_mobilenetv3",
        "efficient_tdnn",
        "slots",
        "layers",
    ]
    input: InputSpec | None = Field(None, description="Of a layer-wise space; else as published.")
    classes: int | None = Field(None, ge=1, le=2**20, strict=True)
    settings: dict[str, Scalar] | None = Field(
        None, description="Details of a named layer-wise space."
    )
    stem: tuple[BlockWords, ...] | None = Field(
        None, max_length=1000, description="Family layers: the blocks before the slots."
    )
    tail: tuple[BlockWords, ...] | None = Field(
        None,
        max_length=1000,
        description="Family layers: the blocks after them, a classifier last.",
    )
    slots: tuple[SlotSpec, ...] | None = Field(None, min_length=1, max_length=1000)
    recipe: tuple[SlotSpec, ...] | None = Field(
        None,
        min_length=1,
        max_length=100,
        description="Choices of the training (optimizer, rate, epochs) beside those of the "
        "network, as in FBNetV3 (arXiv 2006.02049): they cost nothing.",
    )
    without: dict[str, tuple[OptionName, ...]] = Field(
        default_factory=dict, description="Options that may not be taken, by slot."
    )


class LayerVolumeSpec(Block):
    """The log-volume of the chosen blocks (docs/objective.md)."""

    kernel_size: float = Field(
        0.5, ge=0, le=100, allow_inf_nan=False, description="Power of a kernel's extent."
    )
    squeeze_excitation: float = Field(
        1.35,
        gt=0,
        le=1e9,
        allow_inf_nan=False,
        description="A block with such a unit counts as so many.",
    )
    rise: float = Field(
        1.0, ge=0, le=100, allow_inf_nan=False, description="Slot s of S counts (s / S)^rise."
    )

    @property
    def options(self) -> LayerVolume:
        """The same, for the program."""
        return LayerVolume(self.kernel_size, self.squeeze_excitation, self.rise)


class PredictorSpec(Block):
    """What is maximised: a trained predictor, or a metric."""

    predictor: str | None = Field(
        None, min_length=1, max_length=4096, description="Folder that `mathdesign fit` wrote."
    )
    uncertainty: float = Field(
        0.0, ge=0, le=1000, allow_inf_nan=False,
        description="Added standard deviations of the predictor's ensemble.",
    )  # fmt: skip
    pick: Literal["sound", "predicted"] | None = Field(
        None,
        description="sound: the greatest lower bound, measured designs among them (the default, "
        "where the predictor's folder holds what was measured and no `uncertainty` is added); "
        "predicted: the greatest prediction, whatever was measured.",
    )
    metric: str | None = Field(None, description="Maximise this instead.")
    entropy: Literal[True] | None = Field(
        None, description="Maximise the entropy of untrained cells, which needs no measurements."
    )
    volume: LayerVolumeSpec | None = Field(
        None,
        description="Maximise the log-volume of the blocks of a layer-wise space, which needs no "
        "measurements.",
    )
    log_values: tuple[Weight, ...] | dict[str, Weight] | None = Field(
        None,
        min_length=1,
        description="The entropy of widths: the sum of weight * ln(value), one weight a slot, by "
        "its name or in the order of the slots, alone or added to the predictor's score; "
        "`mathdesign calibrate` finds weights.",
    )

    @property
    def guards(self) -> bool:
        """Whether answers are lower bounds, compared with what was measured."""
        return self.pick == "sound" or (self.pick is None and not self.uncertainty)

    def log_weights(self, space: TableSpace) -> tuple[float, ...] | None:
        """The weights of ``log_values`` in the order of the slots."""
        given = self.log_values
        if isinstance(given, Mapping):
            return tuple(given[slot.name] for slot in space.slots)
        return given


class ListSpec(Specification):
    """A whole specification over option lists."""

    space: ListSpaceSpec
    objective: PredictorSpec = PredictorSpec()
    linear_metrics: tuple[FittedMetric, ...] | None = Field(None, max_length=16)
    budgets: CostBudgets = Field(default_factory=dict)
    memory: MemorySpec | None = Field(
        None, description="Of spaces made of blocks: what the bytes of budgets are."
    )
    training: TrainingSpec | None = Field(
        None, alias="validate", description="A short training run, of designs that read images."
    )

    def limits(self) -> dict[str, Any]:
        """The budgets, by metric."""
        return dict(self.budgets)

    def own_layers(self) -> OwnLayers:
        """The blocks of family ``layers``, or what is wrong with them."""
        given, space = self.space.input, self.space
        shape = Shape(3, (32, 32)) if given is None else given.shape
        return OwnLayers(
            shape, space.classes or 10, space.stem or (), space.slots or (), space.tail or ()
        )

    def layers(self) -> LayerSpace | None:
        """The space as blocks, where its designs are made of blocks. Raises :class:`SpaceError`."""
        space, given = self.space, self.space.input
        if space.family == LAYERS:
            return self.own_layers().space
        if space.family not in PRESETS:
            return None
        shape = None if given is None else given.shape
        return PRESETS[space.family].space(shape, space.classes, **space.settings or {})

    def table_space(self) -> TableSpace:
        """The space that it names or spells out, with the slots of the recipe at its end."""
        if (layers := self.layers()) is not None:
            space = layers.table_space()
        elif self.space.slots is None:
            space = SPACES[self.space.family]()
        else:
            slots = tuple(map(_slot, self.space.slots))
            metrics, steps = {}, self.steps()
            for metric, own in steps.items():
                unary = tuple(
                    np.array([own.below(c) for c in s.costs.get(metric, (NOTHING,) * len(s.options))],
                             dtype=np.int64)
                    for s in self.space.slots
                )  # fmt: skip
                metrics[metric] = TableSum(0, unary)
            units = {metric: own.unit for metric, own in steps.items() if own.unit}
            space = TableSpace("slots", slots, metrics, units=units)
        return space if self.space.recipe is None else _with_recipe(space, self.space.recipe)

    def metrics(self, space: TableSpace) -> dict[str, TableSum]:
        """The metrics of :meth:`table_space` and those of ``linear_metrics``."""
        return dict(space.metrics) | {m.name: _sums(m, space) for m in self.linear_metrics or ()}

    def steps(self) -> dict[str, Steps]:
        """What each metric of the user's own slots is counted in."""
        slots = self.space.slots or ()
        names = dict.fromkeys(metric for slot in slots for metric in slot.costs)
        return {m: Steps.of(c for s in slots for c in s.costs.get(m, ())) for m in names}

    def removed(self, space: TableSpace) -> dict[int, set[int]]:
        """``space.without`` as positions in :meth:`table_space`: slot -> options."""
        at = {slot.name: i for i, slot in enumerate(space.slots)}
        return {
            at[name]: {space.slots[at[name]].options.index(option) for option in options}
            for name, options in self.space.without.items()
        }

    def requested(self) -> tuple[BudgetRow, ...]:
        """The budgets as rows of the program."""
        steps = self.steps()
        rows = []
        for metric, limit in sorted(self.budgets.items()):
            own = steps.get(metric, Steps())
            upper = None if limit.max is None else own.below(limit.max)
            rows.append(
                BudgetRow(metric, upper, None if limit.min is None else own.above(limit.min))
            )
        return tuple(rows)


def _slot(words: SlotSpec) -> Slot:
    numbers = (o for o in words.options if not isinstance(o, dict))
    values = tuple(map(float, numbers)) if words.ordered else None
    return Slot(words.name, tuple(map(str, words.options)), values)


def _sums(metric: FittedMetric, space: TableSpace) -> TableSum:
    unary = tuple(
        np.array(metric.slots.get(slot.name, (0,) * len(slot.options)), dtype=np.int64)
        for slot in space.slots
    )
    return TableSum(metric.constant, unary)


def _with_recipe(space: TableSpace, recipe: tuple[SlotSpec, ...]) -> TableSpace:
    added = tuple(map(_slot, recipe))
    free = tuple(np.zeros(len(s.options), dtype=np.int64) for s in added)
    metrics = {m: replace(t, unary=(*t.unary, *free)) for m, t in space.metrics.items()}
    name = "+".join([space.name, *(s.name for s in added)])
    untrained = space.untrained
    if untrained is not None:
        tables = untrained.tables
        zero = tuple(table.astype(float) for table in free)
        untrained = replace(untrained, tables=replace(tables, unary=(*tables.unary, *zero)))
    slots = (*space.slots, *added)
    return replace(space, name=name, slots=slots, metrics=metrics, untrained=untrained)
