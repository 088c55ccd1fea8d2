r"""An answer counted again, layer by layer, from the definitions.

Shares no arithmetic with the solvers, the vectorised evaluator or the closed-form monomials: it
walks the unrolled layers of :meth:`Family.layers` in Python integers, and computes entropy and
effectiveness by their definitions (DeepMAD, arXiv 2303.02165, section 3; published code:
compute_deepmad.py:32-70, cnnnet.py:255-272, strategy.py:134-151):

.. math:: E_s = f \sum_{l \le s} \ln \frac{c_l k_l^2}{g_l}, \qquad
          H = \sum_i \alpha_i \ln(r_i^2 w_i) \, E_{s_i}, \qquad
          \rho_s = D_s \exp\Bigl(-\frac{1}{D_s} \sum_{l \le s} \ln \frac{c_l k_l^2}{g_l}\Bigr)

and the log-volume as the logarithm of one product a stage (docs/objective.md).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from mathdesign.devices.sources import Device
from mathdesign.memory.figures import Held
from mathdesign.memory.steps import MemoryOptions
from mathdesign.metrics.base import CountingProfile
from mathdesign.programs.base import LARGEST_OBJECTIVE, Budget, keeps_effectiveness
from mathdesign.spaces.convnet.families.base import UnrolledLayer
from mathdesign.spaces.convnet.network import Network, NetworkStage
from mathdesign.spaces.convnet.operators import operators
from mathdesign.spaces.convnet.program import EntropyOptions
from mathdesign.spaces.convnet.space import Space, StageSpace, UserRow
from mathdesign.spaces.convnet.volume import VolumeOptions
from mathdesign.spaces.errors import NetworkError
from mathdesign.validators.convnet.memory import held, stored
from mathdesign.validators.devices import device_costs
from mathdesign.validators.errors import (
    BudgetExceeded,
    EffectivenessExceeded,
    ObjectiveMismatch,
    OutsideSpace,
)

#: An objective may differ from the recount by this much, relative to max(1, |objective|).
OBJECTIVE_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Recheck:
    """What a network counts. Integers are exact.

    ``counts[profile]`` holds ``params``, ``macs`` and ``blocks`` under both counting profiles and
    ``metrics`` repeats those of the profile asked for. ``log_widths`` and ``layers`` accumulate
    from the input to the end of each stage. ``effectiveness`` is the maximum over the prefixes
    that the options name; ``objective = entropy - penalty + volume + weighted metrics``.
    """

    metrics: Mapping[str, int]
    counts: Mapping[CountingProfile, Mapping[str, int]]
    log_widths: tuple[float, ...]
    layers: tuple[int, ...]
    effectiveness: float
    entropy: float
    penalty: float
    volume: float
    objective: float
    held: Held | None = None
    """Where memory is counted: the peak, its place, the tensors."""


def recheck(
    network: Network,
    *,
    counting: CountingProfile = "macs",
    entropy: EntropyOptions | None = None,
    volume: VolumeOptions | None = None,
    metric_weights: Iterable[tuple[str, float]] = (),
    memory: MemoryOptions | None = None,
) -> Recheck:
    """Count everything about ``network``; the keywords mean what they mean for ``pose``."""
    options = entropy or EntropyOptions()
    profiles: tuple[CountingProfile, ...] = ("macs", "tinynas")
    counts = {profile: count(network, profile) for profile in profiles}
    log_widths, layers = _prefixes(network)
    ends = _scale_ends(network)
    at_end = options.effectiveness_at or ("end" if options.variant == "paper" else "scales")
    score = penalty = 0.0
    if entropy is not None:
        score = _entropy(network, options, ends, log_widths)
        penalty = _penalty(network, options)
    logs = 0.0 if volume is None else _volume(network, volume)
    metrics, found = counts[counting], None
    if memory is not None:
        found = held(network, memory)
        metrics = {**metrics, **count_memory(network, memory, found)}
    weighted = math.fsum(weight * metrics[metric] for metric, weight in metric_weights)
    return Recheck(
        metrics=metrics,
        counts=counts,
        log_widths=log_widths,
        layers=layers,
        effectiveness=max(
            _effectiveness(layers[s], log_widths[s])
            for s in (ends[-1:] if at_end == "end" else ends)
        ),
        entropy=score,
        penalty=penalty,
        volume=logs,
        objective=max(
            min(score - penalty + logs + weighted, LARGEST_OBJECTIVE), -LARGEST_OBJECTIVE
        ),
        held=found,
    )


def verify(
    space: Space,
    point: Sequence[int],
    *,
    counting: CountingProfile = "macs",
    entropy: EntropyOptions | None = None,
    volume: VolumeOptions | None = None,
    metric_weights: Iterable[tuple[str, float]] = (),
    budgets: Iterable[Budget] = (),
    effectiveness: float | None = None,
    memory: MemoryOptions | None = None,
    devices: Iterable[Device] = (),
    objective: float | None = None,
) -> Recheck:
    """Recount ``point`` and hold it to every rule, budget and claim; keywords as for ``pose``.

    ``objective`` is what the solver claims. Raises :class:`OutsideSpace`,
    :class:`BudgetExceeded`, :class:`EffectivenessExceeded` or :class:`ObjectiveMismatch`.
    """
    try:
        network = Network.from_point(space, point, "recheck")
    except NetworkError as error:
        raise OutsideSpace(str(error)) from error
    for broken in broken_rules(space, network):
        raise OutsideSpace(broken)
    result = recheck(
        network,
        counting=counting,
        entropy=entropy,
        volume=volume,
        metric_weights=tuple(metric_weights),
        memory=memory,
    )
    own = {row.name: sum(_row_terms(row, network)) for row in space.rows}
    own |= device_costs(devices, operators(network))
    result = replace(result, metrics={**result.metrics, **own})
    for budget in budgets:
        _hold_budget(budget, result.metrics[budget.metric])
    if effectiveness is not None and not keeps_effectiveness(result.effectiveness, effectiveness):
        raise EffectivenessExceeded(
            f"effectiveness is {result.effectiveness:.9g}, above its limit {effectiveness:.9g}"
        )
    if objective is not None and not _same(objective, result.objective):
        raise ObjectiveMismatch(
            f"objective is {result.objective!r} by recount, {objective!r} by claim"
        )
    return result


def count(network: Network, counting: CountingProfile) -> dict[str, int]:
    """Every metric of the unrolled layers, and ``blocks``: exact integers."""
    layers = [layer for _, layer in unrolled(network)]
    found = {
        name: sum(of_layer(layer, counting) for layer in layers)
        for name, of_layer in LAYER_COUNTS.items()
    }
    blocks = sum(s.choice["depth"] for s in network.stages if s.role == "body")
    return {**found, "blocks": blocks}


def count_memory(
    network: Network, memory: MemoryOptions, found: Held | None = None
) -> dict[str, int]:
    """The peak and the weights of a network, in bytes."""
    found = found or held(network, memory)
    weights = stored((layer for _, layer in unrolled(network)), memory)
    return {"weight_bytes": weights, "activation_bytes": found.peak}


def _row_terms(row: UserRow, network: Network) -> Iterator[int]:
    """The products of a user's row, one by one."""
    for s, coefficient, powers in row.terms:
        stage = network.stages[s]
        values = {**stage.choice, "prev": stage.prev}
        yield coefficient * math.prod(values[symbol] ** power for symbol, power in powers)


def broken_rules(space: Space, network: Network) -> Iterator[str]:
    """Every choice outside its domain and every rule between choices that does not hold."""
    for stage, built in zip(space.stages, network.stages):
        for decision, value in built.choice.items():
            if value not in stage.choices[decision]:
                yield f"stage {stage.name!r}: {decision} {value} is not among its choices"
        if stage.role == "body":
            yield from _broken_widths(space, stage, built, first=stage is space.stages[0])
    depth = sum(built.choice["depth"] for built in network.stages if built.role == "body")
    if space.blocks is not None and depth != space.blocks:
        yield f"{depth} blocks where the space has {space.blocks}"


def unrolled(network: Network) -> Iterator[tuple[int, UnrolledLayer]]:
    """Every layer with the index of its stage, from input to output."""
    for s, stage in enumerate(network.stages):
        for block in stage.block.layers(stage.prev, stage.choice, stage.shape):
            yield from ((s, layer) for layer in block)


def _params(layer: UnrolledLayer, counting: CountingProfile) -> int:
    """Weights, biases and two per normalised channel. ``tinynas`` leaves the classifier out."""
    if layer.op in ("norm", "scale"):
        return layer.c_out * (2 if layer.op == "norm" else 1)
    if layer.op not in ("conv", "linear") or (counting == "tinynas" and layer.op == "linear"):
        return 0
    weights = layer.c_in * layer.c_out * layer.kernel_size**2 // layer.groups
    return weights + (layer.bias + 2 * layer.batch_norm) * layer.c_out


def _macs(layer: UnrolledLayer, counting: CountingProfile) -> int:
    """Multiply-adds. ``tinynas`` adds norms, activations, additions and pools, one by one."""
    products = layer.c_in * layer.c_out * layer.kernel_size**2 // layer.groups * layer.area
    if counting == "macs":
        return products if layer.op in ("conv", "linear") else 0
    if not layer.tinynas:
        return 0
    values = layer.c_out * layer.area
    if layer.op == "max":
        return 0
    if layer.op == "conv":
        return products + 2 * layer.batch_norm * values
    return 2 * values if layer.op == "norm" else values


#: How one layer is counted, by metric. A test holds the names to those of the registry.
LAYER_COUNTS: dict[str, Callable[[UnrolledLayer, CountingProfile], int]] = {
    "params": _params,
    "macs": _macs,
}


def _prefixes(network: Network) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """Log-width and number of main-path convolutions from the input to the end of each stage."""
    logs: list[list[float]] = [[] for _ in network.stages]
    for s, layer in unrolled(network):
        if layer.main_path:
            logs[s].append(math.log(layer.c_in * layer.kernel_size**2 // layer.groups))
    heads = [[log for part in logs[: s + 1] for log in part] for s in range(len(logs))]
    return tuple(math.fsum(head) for head in heads), tuple(len(head) for head in heads)


def _scale_ends(network: Network) -> tuple[int, ...]:
    """Stages whose successor halves the resolution, and the last before the classifier."""
    body = [s for s, stage in enumerate(network.stages) if stage.role != "classifier"]
    return tuple(s for s in body if s == body[-1] or network.stages[s + 1].shape.stride == 2)


def _effectiveness(depth: int, log_width: float) -> float:
    """``D / (geometric mean of the layer widths)``."""
    return depth * math.exp(-log_width / depth) if depth else 0.0


def _entropy(
    network: Network, options: EntropyOptions, ends: Sequence[int], log_widths: Sequence[float]
) -> float:
    additive = options.variant == "mae_det"
    weights = options.weights or [0.0 if additive else 1.0] * (len(ends) - 1) + [
        1.0 if additive else 8.0
    ]
    if len(weights) != len(ends):
        raise ValueError(f"{len(ends)} scales need {len(ends)} weights, found {len(weights)}")
    factor = 1.0 if options.variant == "paper" else 0.5
    total = []
    for end, weight in zip(ends, weights):
        stage, entropy = network.stages[end], factor * log_widths[end]
        if additive:
            total.append(weight * (math.log(stage.width) + entropy))
            continue
        seen_se = any("squeeze_excitation" in s.shape.options for s in network.stages[: end + 1])
        side = 1 if options.se_resolution_defect and seen_se else stage.shape.resolution_out
        total.append(weight * math.log(side**2 * stage.width) * entropy)
    return math.fsum(total)


def _volume(network: Network, options: VolumeOptions) -> float:
    """``sum of weights * ln(depth^a * inner^b * ...)``, blocks counted where they are unrolled."""
    body = [stage for stage in network.stages if stage.role == "body"]
    total = []
    for i, stage in enumerate(body):

        def own(given: float | tuple[float, ...], i: int = i) -> float:
            return given[i] if isinstance(given, tuple) else given

        choice = stage.choice
        inner, width = choice.get("bottleneck", choice["width"]), choice["width"]
        blocks = len(stage.block.layers(stage.prev, choice, stage.shape))
        factors: list[tuple[Fraction | float, float]] = [
            (1 / (Fraction(1, blocks) + Fraction(options.per_block) / width), own(options.depth)),
            (inner, own(options.inner)),
            (Fraction(inner, width), own(options.expansion)),
            (width, own(options.width)),
            (choice.get("kernel_size", 1), own(options.kernel_size)),
            (choice.get("group_width", 1), own(options.group_width)),
        ]
        if "squeeze_excitation" in stage.shape.options:
            factors.append((own(options.squeeze_excitation), 1.0))
        share = math.exp(options.rise * (math.log(i + 1) - math.log(len(body))))
        stage_weight = options.weight * share * (options.weights[i] if options.weights else 1.0)
        total += [stage_weight * power * math.log(base) for base, power in factors if power]
    if options.resolution is not None:
        total.append(options.weight * options.resolution * math.log(network.input_size))
    return math.fsum(total)


def _penalty(network: Network, options: EntropyOptions) -> float:
    """``weight * exp(std)`` (published code) or ``exp(variance)`` (paper) of the body's depths."""
    body = [stage for stage in network.stages if stage.role == "body"]
    weight = options.depth_penalty
    if weight is None:
        weight = 0.0 if options.variant == "mae_det" else 10.0
    if not weight or not body:
        return 0.0
    if options.depth_stages is not None:
        body = [body[i] for i in options.depth_stages]
    elif options.variant == "tinynas" and {stage.family for stage in body} == {"bottleneck"}:
        body = body[2:] or body[-1:]  # strategy.py slices twice for K1KXK1
    variance = statistics.pvariance([Fraction(stage.choice["depth"]) for stage in body])
    spread = options.depth_spread or ("variance" if options.variant == "paper" else "std")
    exponent = float(variance) if spread == "variance" else math.sqrt(variance)
    return min(weight * (math.exp(exponent) if exponent < 709 else math.inf), LARGEST_OBJECTIVE)


def _broken_widths(
    space: Space, stage: StageSpace, built: NetworkStage, first: bool
) -> Iterator[str]:
    """The rules on the widths of one body stage. ``first``: nothing but the input precedes it."""
    rules, width, inner = space.rules, built.width, built.choice.get("bottleneck")
    where = f"stage {stage.name!r}"
    for decision, ratios in stage.ratios.items():
        # Multiples of 8 nearest to width * ratio, ties up, at least 8.
        allowed = {max(8, 8 * math.floor(ratio * width / 8 + Fraction(1, 2))) for ratio in ratios}
        if built.choice[decision] not in allowed:
            yield f"{where}: {decision} {built.choice[decision]} is no expansion of width {width}"
    if (
        "bottleneck" not in stage.ratios
        and rules.bottleneck_ratio is not None
        and inner is not None
    ):
        low, high = rules.bottleneck_ratio
        if not low <= Fraction(inner, width) <= high:
            yield f"{where}: bottleneck / width = {inner}/{width} is outside {low}..{high}"
    if stage.times is not None and width != stage.times * built.prev:
        yield f"{where}: width {width} is not {stage.times} times {built.prev}"
    if first:
        return
    if rules.monotone and width < built.prev:
        yield f"{where}: width {width} is below {built.prev} before it"
    if rules.growth is not None and Fraction(width, built.prev) > rules.growth:
        yield f"{where}: width {width} is more than {rules.growth} times {built.prev}"


def _hold_budget(budget: Budget, used: int) -> None:
    if budget.upper is not None and used > budget.upper:
        raise BudgetExceeded(
            f"{budget.metric} is {used:,}: {used - budget.upper:,} above {budget.upper:,}"
        )
    if budget.lower is not None and used < budget.lower:
        raise BudgetExceeded(
            f"{budget.metric} is {used:,}: {budget.lower - used:,} below {budget.lower:,}"
        )


def _same(claim: float, counted: float) -> bool:
    return abs(claim - counted) <= OBJECTIVE_TOLERANCE * max(1.0, abs(counted))
