"""Space + objective + budgets -> DesignProblem: every family's formulas put in their places."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

import numpy as np

from mathdesign.devices.sources import Device
from mathdesign.memory.steps import ACTIVATION_BYTES, BYTES, WEIGHT_BYTES, MemoryOptions
from mathdesign.metrics import METRICS, CountingProfile, Product
from mathdesign.metrics.base import Term
from mathdesign.metrics.weight_bytes import weight_bytes
from mathdesign.programs.base import BoolArray, Budget
from mathdesign.programs.chain import DesignProblem
from mathdesign.programs.stages import (
    DEPTH,
    WIDTH,
    Decision,
    DepthPenalty,
    Effectiveness,
    Objective,
    PairRule,
    Repeat,
    Scale,
    Stage,
)
from mathdesign.spaces.convnet.costs import StageCosts, device_costs
from mathdesign.spaces.convnet.space import Space, StageSpace, expanded
from mathdesign.spaces.convnet.volume import VolumeOptions, volume_terms
from mathdesign.spaces.convnet.whole import whole
from mathdesign.spaces.watch import Watch, unwatched

Variant = Literal["tinynas", "paper", "mae_det"]


@dataclass(frozen=True, slots=True)
class EntropyOptions:
    """Which form of the entropy objective is posed. ``None`` means: as the variant has it.

    ``tinynas`` is the published code: half logarithms, ``exp(std)`` over the stages that the code
    keeps, effectiveness at the end of every scale. ``paper``: full logarithms, ``exp(variance)``
    over all depths, effectiveness at the end. ``mae_det``: additive form, no depth penalty.
    """

    variant: Variant = "tinynas"
    weights: tuple[float, ...] | None = None
    depth_penalty: float | None = None
    depth_spread: Literal["std", "variance"] | None = None
    depth_stages: tuple[int, ...] | None = None
    """Body stages (0-based) in the depth penalty."""
    effectiveness_at: Literal["scales", "end"] | None = None
    se_resolution_defect: bool = False
    """Reproduce the published code's resolution of 1 after the first SE unit."""


def pose(
    space: Space,
    *,
    name: str = "design",
    counting: CountingProfile = "macs",
    entropy: EntropyOptions | None = None,
    volume: VolumeOptions | None = None,
    metric_weights: tuple[tuple[str, float], ...] = (),
    budgets: Iterable[Budget] = (),
    effectiveness: float | None = None,
    memory: MemoryOptions | None = None,
    devices: Sequence[Device] = (),
    watch: Watch = unwatched,
) -> DesignProblem:
    """Pose the program; ``watch`` is told how many stages have their rules.

    ``devices`` are metrics too: the costs of all operators on each of them.

    ``entropy``, ``volume`` and ``metric_weights`` are added; ``None`` leaves one out.
    ``effectiveness`` is the upper limit rho0, if any. With ``memory`` there are the metric
    ``weight_bytes`` and the peak ``activation_bytes``.
    """
    options = entropy or EntropyOptions()
    ends = scale_ends(space)
    prefixes = _body_ends(space, ends)
    at_end = (
        options.effectiveness_at or ("end" if options.variant == "paper" else "scales")
    ) == "end"
    objective = (
        _entropy_objective(space, options, prefixes, metric_weights)
        if entropy is not None
        else Objective(metric_weights=metric_weights)
    )
    if volume is not None:
        logs, depths, constant = volume_terms(space, volume)
        objective = replace(objective, logs=logs, depths=depths, constant=constant)
    every, rules = tuple(budgets), tuple(_rules(space, watch))
    return DesignProblem(
        name=name,
        stages=_stages(space, counting, device_costs(space, devices, rules, watch), memory),
        objective=objective,
        budgets=(*_inherent(space), *(b for b in every if b.metric != ACTIVATION_BYTES)),
        ceilings=tuple(b for b in every if b.metric == ACTIVATION_BYTES),
        rules=rules,
        effectiveness=(
            Effectiveness(effectiveness, prefixes[-1:] if at_end else prefixes)
            if effectiveness is not None
            else None
        ),
        input_channels=space.input_channels,
        units={name: metric.unit for name, metric in METRICS.items()}
        | {device.name: device.unit for device in devices}
        | (dict.fromkeys(BYTES, "bytes") if memory else {}),
    )


def _inherent(space: Space) -> tuple[Budget, ...]:
    """What the space is, said by a budget: how many blocks there are in all."""
    if space.blocks is None:
        return ()
    return (Budget("blocks", space.blocks, space.blocks, inherent=True),)


def scale_ends(space: Space) -> tuple[int, ...]:
    """Indices of the last stage of each scale: just before each stride-2 stage, and the end.

    As compute_deepmad.py:32-70; the classifier belongs to no scale.
    """
    last = len(space.stages) - 2
    return (*tuple(s for s in range(last) if space.stages[s + 1].shape.stride > 1), last)


def _body_ends(space: Space, ends: tuple[int, ...]) -> tuple[int, ...]:
    """Scale ends that contain at least one convolution (all of them, in a sane space)."""
    return tuple(e for e in ends if space.stages[e].role != "classifier")


def _stages(
    space: Space,
    counting: CountingProfile,
    devices: Sequence[Mapping[str, StageCosts]],
    memory: MemoryOptions | None,
) -> tuple[Stage, ...]:
    terms = [
        (
            stage.choices,
            _costs(space, s, counting, memory) | {n: tuple(c.terms) for n, c in own.items()},
        )
        for s, (stage, own) in enumerate(zip(space.stages, devices))
    ]
    return tuple(
        Stage(
            name=stage.name,
            decisions=tuple(Decision(d, stage.choices[d]) for d in stage.block.decisions),
            costs={metric: tuple(monomials) for metric, monomials in part.costs.items()},
            layer_widths=stage.block.layer_widths(stage.shape),
            layers_per_block=stage.block.layers_per_block,
            derived=(
                *stage.block.derived(stage.choices, stage.shape),
                *part.derived.values(),
            ),
            tables=tuple(table for costs in own.values() for table in costs.tables),
            alive={ACTIVATION_BYTES: stage.block.alive(stage.shape, memory)} if memory else {},
        )
        for stage, part, own in zip(space.stages, whole(terms, space.input_channels), devices)
    )


def _costs(
    space: Space, index: int, counting: CountingProfile, memory: MemoryOptions | None
) -> dict[str, tuple[Term, ...]]:
    """The terms of every metric: of the stage's layers, of its blocks, and of the user's rows."""
    stage = space.stages[index]
    metrics = dict(METRICS)
    if memory is not None:
        metrics[WEIGHT_BYTES] = weight_bytes(memory.value_bytes, memory.bias_bytes)
    costs = dict(stage.block.costs(stage.shape, counting, metrics))
    for name, metric in METRICS.items():
        if metric.block and stage.role == "body":
            costs[name] += ((Repeat.EACH, Product(metric.block)),)
    for row in space.rows:
        costs[row.name] = tuple(
            _row_term(c, dict(powers)) for s, c, powers in row.terms if s == index
        )
    return costs


def _row_term(coefficient: int, powers: dict[str, int]) -> Term:
    """A product with ``depth`` occurs once a block, without it once a stage."""
    repeat = Repeat.EACH if powers.pop(DEPTH, 0) else Repeat.FIRST
    return repeat, Product(coefficient, tuple(sorted(powers.items())))


def _entropy_objective(
    space: Space,
    options: EntropyOptions,
    ends: tuple[int, ...],
    metric_weights: tuple[tuple[str, float], ...],
) -> Objective:
    weights = options.weights or default_weights(len(ends), options.variant)
    if len(weights) != len(ends):
        raise ValueError(f"{len(ends)} scales need {len(ends)} weights, found {len(weights)}")
    first_se = next(
        (s for s, st in enumerate(space.stages) if "squeeze_excitation" in st.shape.options),
        len(space.stages),
    )
    scales = tuple(
        Scale(
            stage=end,
            weight=float(weight),
            area=(
                1
                if options.se_resolution_defect and end >= first_se
                else space.stages[end].shape.area_out
            ),
        )
        for end, weight in zip(ends, weights)
    )
    return Objective(
        scales=scales,
        log_factor=1.0 if options.variant == "paper" else 0.5,
        combine="sum" if options.variant == "mae_det" else "product",
        depth_penalty=_depth_penalty(space, options),
        metric_weights=metric_weights,
    )


def default_weights(scales: int, variant: Variant) -> tuple[float, ...]:
    """``1, ..., 1, 8``, as every published DeepMAD configuration; MAE-DET: the last scale only."""
    return (0.0 if variant == "mae_det" else 1.0,) * (scales - 1) + (
        1.0 if variant == "mae_det" else 8.0,
    )


def _depth_penalty(space: Space, options: EntropyOptions) -> DepthPenalty | None:
    default = 0.0 if options.variant == "mae_det" else 10.0
    weight = default if options.depth_penalty is None else options.depth_penalty
    body = [s for s, stage in enumerate(space.stages) if stage.role == "body"]
    if not weight or not body:
        return None
    if options.depth_stages is not None:
        chosen = [body[i] for i in options.depth_stages]
    elif options.variant == "tinynas" and all(space.stages[s].family == "bottleneck" for s in body):
        # strategy.py:134-151 slices the list of depths twice for K1KXK1: stages 3, 4, 5 remain.
        chosen = body[2:] or body[-1:]
    else:
        chosen = body
    spread = options.depth_spread or ("variance" if options.variant == "paper" else "std")
    return DepthPenalty(float(weight), spread, tuple(chosen))


def rule_entries(space: Space) -> tuple[int, int]:
    """Entries of all tables that the rules may make, and of the largest."""
    every = [0]
    for s, stage in enumerate(space.stages):
        if stage.role != "body":
            continue
        widths = len(stage.choices[WIDTH])
        before = len(space.stages[s - 1].choices[WIDTH]) if s else 1
        inner = [len(stage.choices[name]) for name in stage.choices if name != WIDTH]
        every += [widths * before, widths * max(inner, default=0)]
        every += [
            len(stage.choices[t.first]) * len(stage.choices[t.second]) for t in stage.block.ties
        ]
    return sum(every), max(every)


def _rules(space: Space, watch: Watch) -> Iterable[PairRule]:
    rules = space.rules
    for s, stage in enumerate(space.stages):
        watch("rules of stages", s, len(space.stages))
        if stage.role != "body":
            continue
        widths = np.array(stage.choices[WIDTH])
        for decision in stage.ratios:
            yield _ratio_rule(s, stage, decision)
        for tie in stage.block.ties:
            first, second = (stage.choices[name] for name in (tie.first, tie.second))
            held = []
            for a in first:
                watch("rules of stages", s, len(space.stages))
                held.append([tie.holds(a, b) for b in second])
            allowed = np.array(held)
            yield PairRule(s, tie.first, s, tie.second, allowed, tie.reason)
        if (
            "bottleneck" not in stage.ratios
            and rules.bottleneck_ratio is not None
            and "bottleneck" in stage.choices
        ):
            low, high = rules.bottleneck_ratio
            inner = np.array(stage.choices["bottleneck"])
            allowed = _within(widths, inner, low, high)
            yield PairRule(
                s, WIDTH, s, "bottleneck", allowed, f"bottleneck / width in {low}..{high}"
            )
        prev = space.stages[s - 1].choices.get(WIDTH) if s else (space.input_channels,)
        assert prev is not None
        if stage.shape.identity_shortcut:
            allowed = np.equal.outer(np.array(prev), widths)
            if s:
                yield PairRule(s - 1, WIDTH, s, WIDTH, allowed, "identity shortcut: equal widths")
            elif not allowed.all():
                raise ValueError("an identity shortcut at the input: widths must be its channels")
        if stage.times is not None:
            allowed = _within(np.array(prev), widths, stage.times, stage.times)
            if s:
                yield PairRule(s - 1, WIDTH, s, WIDTH, allowed, f"width times {stage.times}")
            elif not allowed.any():
                raise ValueError("a multiple of the input's channels: no choice is one")
        if s and (rules.monotone or rules.growth is not None):
            low = Fraction(1) if rules.monotone else Fraction(0)
            allowed = _within(np.array(prev), widths, low, rules.growth)
            yield PairRule(s - 1, WIDTH, s, WIDTH, allowed, "width growth")


def _within(base: np.ndarray, value: np.ndarray, low: Fraction, high: Fraction | None) -> BoolArray:
    """``low <= value / base <= high`` for all pairs, in exact integers."""
    terms = [low.numerator, low.denominator, *(() if high is None else high.as_integer_ratio())]
    largest = max(int(base.max()), int(value.max())) * max(terms)
    kind = np.int64 if largest < 2**62 else object  # else Python's own integers, slower by far
    b, v = base[:, None].astype(kind), value[None, :].astype(kind)
    allowed = v * low.denominator >= b * low.numerator
    if high is not None:
        allowed = allowed & (v * high.denominator <= b * high.numerator)
    return np.asarray(allowed, dtype=np.bool_)


def _ratio_rule(s: int, stage: StageSpace, decision: str) -> PairRule:
    """The values of a decision that are one of its ratios times the width."""
    inner = stage.choices[decision]
    allowed = np.zeros((len(stage.choices[WIDTH]), len(inner)), dtype=np.bool_)
    for i, width in enumerate(stage.choices[WIDTH]):
        for ratio in stage.ratios[decision]:
            allowed[i, inner.index(expanded(width, ratio))] = True
    return PairRule(s, WIDTH, s, decision, allowed, "expansion")
