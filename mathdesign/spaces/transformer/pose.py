"""From a specification of transformers to a mix problem, and from a point back to a network.

A frame fixes the widths of all stacks (and image size and patch); a group is a stack, an option one
layer -- or, where layers are shared, a whole stack of equal layers. What a layer adds comes from
:mod:`mathdesign.spaces.transformer.metrics`; what does not depend on the layers (embeddings, head,
projections) is the cost of a network of one layer a stack, less those layers.
"""

from __future__ import annotations

import collections
import functools
import itertools
import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from mathdesign.devices.sources import COARSE, Device, read_devices
from mathdesign.memory.steps import WEIGHT_BYTES
from mathdesign.programs.base import Budget, FloatArray, IntArray, refuse_large
from mathdesign.programs.chain import EFFECTIVENESS
from mathdesign.programs.mixes import Frame, Frames, Group, MixProblem
from mathdesign.spaces.kind import Posed
from mathdesign.spaces.transformer.device_costs import LayerCosts, every_operator
from mathdesign.spaces.transformer.entropy import layer_entropy
from mathdesign.spaces.transformer.metrics import (
    LAYER_TERMS,
    METRICS,
    PEAKS,
    SUMS,
    At,
    PlacedLayers,
    layer_sums,
)
from mathdesign.spaces.transformer.mixers import MIXERS
from mathdesign.spaces.transformer.network import Transformer
from mathdesign.spaces.transformer.network_faults import ArchitectureError
from mathdesign.spaces.transformer.pins import keeps, layer_pins, narrowed
from mathdesign.spaces.transformer.shape import Image, Layer, Stack
from mathdesign.spaces.transformer.volume import layer_width, log_depth
from mathdesign.spaces.transformer.words import REALS, StackSpec, TransformerSpec
from mathdesign.spaces.watch import Watch, unwatched
from mathdesign.spec.faults import SpecError
from mathdesign.spec.pins import words

MOST_FRAMES = 100_000
#: Choices of widths between two looks at the clock.
WATCHED = 100
#: What an entry of a frame's costs takes while it is posed, measured: a number, then arrays of them.
NUMBER_BYTES = 40
#: What posing may take where `solve.memory_limit` says nothing.
MOST_BYTES = 8 << 30


#: Costs and values of a stack's options, by all that they depend on.
_Known = dict[Hashable, tuple[IntArray, FloatArray]]


class NoFrame(ValueError):
    """No choice of widths leaves a network to build; the message says why."""


@dataclass(frozen=True, slots=True)
class LayerOption:
    """``copies`` equal layers; 1 where each layer is chosen by itself."""

    layer: Layer
    copies: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A frame in words: ``options[i]`` are those of stack ``i``; ``shell`` has no final layers."""

    shell: Transformer
    options: tuple[tuple[LayerOption, ...], ...]
    depths: tuple[tuple[int, int], ...]
    """Least and most options taken, by stack."""


@dataclass(frozen=True, eq=False)
class PosedTransformer(Posed[TransformerSpec]):
    """A mix problem and what its points mean: a plan a frame."""

    program: MixProblem
    plans: tuple[Plan, ...]
    devices: tuple[Device, ...] = ()

    def network(self, point: Sequence[int]) -> Transformer:
        """The network of a point; the order of a stack's layers is :func:`arranged`'s."""
        plan = self.plans[int(point[0])]
        stacks = []
        for asked, stack, options, counts in zip(
            self.spec.space.stacks, plan.shell.stacks, plan.options, self.program.counts(point)
        ):
            layers = [o.layer for o, k in zip(options, counts) for _ in range(k * o.copies)]
            stacks.append(replace(stack, layers=arranged(layers, asked.softmax_every)))
        return replace(plan.shell, name=self.spec.name, stacks=tuple(stacks))

    def point(self, network: Transformer) -> tuple[int, ...] | None:
        """The point of a network, whatever it is called; ``None``: the space has no such network."""
        for index, plan in enumerate(self.plans):
            counts = _taken(plan, network)
            if counts is None:
                continue
            point = (index, *counts)
            try:
                same = replace(self.network(point), name=network.name) == network
            except ValueError:  # not as many layers as the plan takes
                continue
            if same:
                return point
        return None


def _taken(plan: Plan, network: Transformer) -> list[int] | None:
    """How often a network takes each option of a plan, stack by stack; ``None``: others."""
    if len(plan.shell.stacks) != len(network.stacks):
        return None
    found: list[int] = []
    for options, stack in zip(plan.options, network.stacks):
        have = collections.Counter(stack.layers)
        taken = [have[o.layer] // o.copies if have[o.layer] % o.copies == 0 else 0 for o in options]
        # Equal layers in one option: only that of the stack's own depth.
        if any(option.copies > 1 for option in options):
            depth = len(stack.layers)
            taken = [n if o.copies == depth else 0 for n, o in zip(taken, options)]
        if sum(n * o.copies for n, o in zip(taken, options)) != len(stack.layers):
            return None
        found += taken
    return found


def pose(spec: TransformerSpec, watch: Watch = unwatched) -> PosedTransformer:
    """The solver-free program. Raises :class:`SpecError` where nothing can be built."""
    try:
        return to_mix_problem(spec, watch)
    except NoFrame as error:
        raise SpecError.plain(f"space: {error}", "choices of which at least one fits") from None


def to_mix_problem(spec: TransformerSpec, watch: Watch = unwatched) -> PosedTransformer:
    """The solver-free program of a specification. Raises :class:`NoFrame`."""
    plans = tuple(_plans(spec, watch))
    limit = spec.effectiveness_limit()
    devices = read_devices(spec.devices, COARSE)
    costs = tuple(LayerCosts(device, spec.at.length) for device in devices)
    needed = every_operator(
        [(p.shell, [[o.layer for o in own] for own in p.options]) for p in plans if devices],
        spec.at.length,
    )
    for own in costs:
        own.ask(needed)
    names = [*spec.columns(), *(device.name for device in devices)]
    rows = [*spec.budget_rows(), *(d.budget for d in devices if d.budget is not None)]
    if limit is not None:
        names.append("effectiveness")
        rows.append(Budget("effectiveness", upper=0, inherent=True))
    every = {i: s.softmax_every for i, s in enumerate(spec.space.stacks) if s.softmax_every}
    for i, m in every.items():
        names.append(f"softmax_every_{i}")
        rows.append(Budget(f"softmax_every_{i}", upper=m - 1, inherent=True))
    known: _Known = {}
    frames = []
    for done, plan in enumerate(plans):
        if done % WATCHED == 0:
            watch("costs of widths", done, len(plans))
        frames.append(_frame(spec, plan, limit, every, costs, known))
    units = {name: metric.unit for name, metric in METRICS.items() if name in names}
    units |= {WEIGHT_BYTES: "bytes"} if WEIGHT_BYTES in spec.budgets else {}
    units |= {device.name: device.unit for device in devices}
    problem = MixProblem(spec.name, tuple(names), Frames(frames), tuple(rows), units=units)
    return PosedTransformer(spec, problem, plans, devices)


def least_peak(posed: PosedTransformer) -> int:
    """The least activation bytes that any network of the space needs."""
    at = posed.spec.at

    def alone(plan: Plan, stack: int, option: LayerOption) -> int:
        """The peak where stack number ``stack`` has two such layers and the others none."""
        stacks = tuple(
            replace(s, layers=(option.layer,) * 2 if j == stack else ())
            for j, s in enumerate(plan.shell.stacks)
        )
        shell = replace(plan.shell, stacks=stacks)
        return shell.activation_bytes(at.batch, at.length, at.value_bytes)

    return min(
        max(
            min(alone(plan, i, option) for option in options)
            for i, options in enumerate(plan.options)
        )
        for plan in posed.plans
    )


def least_effectiveness(posed: PosedTransformer) -> Fraction:
    """The least depth / width, summed over stacks, that any network of the space has."""
    return min(
        sum(
            (
                Fraction(depth[0] * min(option.copies for option in options), stack.width)
                for stack, options, depth in zip(plan.shell.stacks, plan.options, plan.depths)
            ),
            Fraction(0),
        )
        for plan in posed.plans
    )


def arranged(layers: Sequence[Layer], every: int | None = None) -> tuple[Layer, ...]:
    """Layers in the order in which they are built: as given, softmax ones spread evenly.

    ``s`` softmax layers cut ``L - s`` others into ``s + 1`` runs that differ by one at most, so
    that every ``m`` consecutive layers hold one if and only if ``L <= m s + m - 1``. Kinds that are
    closed by a softmax layer, one in ``every``, come in runs of ``m - 1`` with one after each; the
    same condition is needed and enough.
    """
    softmax = [layer for layer in layers if layer.attention == "softmax"]
    other = [layer for layer in layers if layer.attention != "softmax"]
    if every is not None and any(MIXERS[layer.attention].closed for layer in other):
        return _closed(softmax, other, every - 1)
    runs, found = len(softmax) + 1, list[Layer]()
    for i in range(runs):
        found += other[i * len(other) // runs : (i + 1) * len(other) // runs]
        found += softmax[i : i + 1]
    return tuple(found)


def _closed(softmax: list[Layer], other: list[Layer], run: int) -> tuple[Layer, ...]:
    """Runs of others, a softmax layer after each; what is left of either comes last."""
    found = list[Layer]()
    for i, closing in enumerate(softmax):
        found += [*other[i * run : (i + 1) * run], closing]
    return (*found, *other[len(softmax) * run :])


# ---- frames --------------------------------------------------------------------------------------


def _plans(spec: TransformerSpec, watch: Watch) -> Iterator[Plan]:
    spec = narrowed(spec)
    space, reasons, count = spec.space, dict[str, None](), 0
    images: list[Image | None] = [None]
    if space.image is not None:
        pairs = itertools.product(space.image.size, space.image.patch)
        images = [Image(space.image.channels, s, p) for s, p in pairs if s % p == 0]
    alone = spec.objective.metric == "volume"  # the depth that counts is no sum over layers
    runs = [_depth_runs(stack, alone=alone) for stack in space.stacks]
    known = [
        {
            width: tuple(o for o in _options(spec, stack, width) if keeps(o.layer, own))
            for width in stack.width
        }
        for stack, own in zip(space.stacks, layer_pins(spec))
    ]
    others = len(images) * math.prod(map(len, runs))
    total = _refuse_many(spec, others, known)
    depth_choices = list(itertools.product(*runs))
    choices = _widths(known, ordered=space.monotone_width)
    for done, (image, widths, depths) in enumerate(
        (image, widths, depths)
        for image in images for widths in choices for depths in depth_choices
    ):  # fmt: skip
        if done % WATCHED == 0:
            watch("widths", done, total)
        options = [of[width] for of, width in zip(known, widths)]
        stacks = tuple(
            Stack(width, (choice[0].layer,), stack.pool)
            for stack, width, choice in zip(space.stacks, widths, options)
        )
        try:
            shell = Transformer(name=spec.name, stacks=stacks, image=image, **space.frame)
        except ArchitectureError as error:
            reasons |= dict.fromkeys(error.faults)
            continue
        count += 1
        if count > MOST_FRAMES:
            raise NoFrame(f"more than {MOST_FRAMES:,} {_coarsen(spec)}")
        kept = _below_peak(spec, shell, options)
        if kept is not None:
            yield Plan(shell, kept, depths)
    if not count:
        why = "; ".join(reasons) or "no heads divide any width"
        under = f" with what is pinned ({words(spec.pins)})" if spec.pins else ""
        raise NoFrame(f"no network can be built{under}: {why}")


def _widths(
    known: Sequence[Mapping[int, tuple[LayerOption, ...]]], *, ordered: bool
) -> list[tuple[int, ...]]:
    """Choices of a width a stack that leave options everywhere, in the order of the choices.

    ``ordered``: no width below the one before it. Nothing is made that is not kept.
    """
    found: list[tuple[int, ...]] = [()]
    for of in known:
        usable = [width for width, options in of.items() if options]
        found = [
            (*widths, width)
            for widths in found
            for width in usable
            if not (ordered and widths and width < widths[-1])
        ]
    return found


def _coarsen(spec: TransformerSpec, many: str = "") -> str:
    """What there are too many of, and the way out."""
    if spec.objective.metric != "volume":
        return f"choices of widths{many}; coarsen them"
    out = "`objective: {metric: entropy}` needs no plan for each depth"
    return f"choices of widths and depths{many}; coarsen them, or {out}"


def _refuse_many(
    spec: TransformerSpec, others: int, known: Sequence[Mapping[int, tuple[LayerOption, ...]]]
) -> int:
    """Raise :class:`NoFrame` before anything is built that memory or patience would not hold.

    ``others``: choices of image and depth beside each choice of widths. Gives the number of all.
    """
    # Choices of widths that leave options everywhere: by the last width, so that rules can be kept.
    ways = {0: 1}
    for of in known:
        usable = sorted(width for width, options in of.items() if options)
        if spec.space.monotone_width:
            ways = {w: sum(n for v, n in ways.items() if v <= w) for w in usable}
        else:
            ways = dict.fromkeys(usable, sum(ways.values()))
    count = others * sum(ways.values())
    if count > MOST_FRAMES:
        raise NoFrame(f"more than {MOST_FRAMES:,} {_coarsen(spec, f' ({count:.3g})')}")
    options = sum(max(map(len, of.values()), default=0) for of in known)
    needed = count * options * (len(spec.columns()) + 2) * NUMBER_BYTES
    limit = spec.solve.memory_limit or MOST_BYTES
    if needed > limit:
        raise NoFrame(
            f"{count:,} choices of widths with up to {options:,} layers to choose from need about "
            f"{needed / 2**30:.1f} GiB, accepted: {limit / 2**30:.1f} (solve.memory_limit); "
            "coarsen them"
        )
    return count


def _depth_runs(stack: StackSpec, *, alone: bool = False) -> list[tuple[int, int]]:
    """Depths as runs of consecutive values, or each ``alone``; shared layers take their depth with
    the option.
    """
    if stack.layers == "shared":
        return [(1, 1)]
    runs: list[tuple[int, int]] = []
    for depth in stack.depth:
        if runs and depth == runs[-1][1] + 1 and not alone:
            runs[-1] = (runs[-1][0], depth)
        else:
            runs.append((depth, depth))
    return runs


def _options(spec: TransformerSpec, stack: StackSpec, width: int) -> Iterator[LayerOption]:
    """Every layer that a stack of ``width`` may take, in the order of the choices."""
    even = spec.space.frame["positions"] == "rotary"
    gated = spec.space.is_gated(stack)
    ffns = stack.ffn or tuple(ffn_width(width, r) for r in stack.ffn_ratio or ())
    copies = stack.depth if stack.layers == "shared" else (1,)
    for (heads, size), ffn, kind, memory in itertools.product(
        _heads(stack, width), ffns, stack.attention, stack.memory_layers
    ):
        if (even and size % 2) or ffn < 1:
            continue
        for kv in stack.kv_heads or (heads,):
            if heads % kv == 0:
                own = {option: getattr(stack, option) for option in MIXERS[kind].options}
                layer = Layer(heads, kv, size, ffn, gated, kind, memory_layers=memory, **own)
                yield from (LayerOption(layer, n) for n in copies)


def layers_of(spec: TransformerSpec) -> list[list[Layer]]:
    """By stack, every layer that any of its widths allows."""
    return [
        [option.layer for width in stack.width for option in _options(spec, stack, width)]
        for stack in spec.space.stacks
    ]


def ffn_width(width: int, ratio: Fraction) -> int:
    """The feed-forward width that a ratio says, rounded to the nearest (ties up)."""
    return math.floor(width * ratio + Fraction(1, 2))


def _heads(stack: StackSpec, width: int) -> list[tuple[int, int]]:
    """Number and size of heads."""
    if stack.heads is None:
        return [(width // s, s) for s in stack.head_size or () if width % s == 0]
    if stack.head_size is None:
        return [(h, width // h) for h in stack.heads if width % h == 0]
    return [(h, s) for s in stack.head_size for h in stack.heads]


def _below_peak(
    spec: TransformerSpec, shell: Transformer, options: list[tuple[LayerOption, ...]]
) -> tuple[tuple[LayerOption, ...], ...] | None:
    """The options that keep the budgets on peaks; ``None``: a stack is left without.

    A layer is counted as one of several (what enters the stack is alive beside it).
    """
    budgets = {name: spec.budgets[name].max for name in PEAKS if name in spec.budgets}
    limits = {name: limit for name, limit in budgets.items() if limit is not None}
    if not limits:
        return tuple(options)
    at, kept = _at(spec), []
    for i, choices in enumerate(options):
        good = []
        for option in choices:
            stacks = [replace(s, layers=()) for s in shell.stacks]
            stacks[i] = replace(shell.stacks[i], layers=(option.layer,) * 2)
            trial = replace(shell, stacks=tuple(stacks))
            if all(METRICS[name].whole(trial, at) <= limits[name] for name in limits):
                good.append(option)
        kept.append(tuple(good))
    return tuple(kept) if all(kept) else None


# ---- costs ---------------------------------------------------------------------------------------


def _frame(
    spec: TransformerSpec, plan: Plan, limit: Fraction | None, every: dict[int, int],
    devices: Sequence[LayerCosts], known: _Known,
) -> Frame:  # fmt: skip
    """A frame; ``known`` are costs of stacks that may well be the same in other frames."""
    shell, at = plan.shell, _at(spec)
    whole = [METRICS[name].whole(shell, at) for name in SUMS]
    for i, stack in enumerate(shell.stacks):
        own = layer_sums(PlacedLayers(shell, i, stack.layers[0], 1, at))
        whole = [total - part for total, part in zip(whole, own)]
    scale = 1 if limit is None else math.lcm(*(s.width for s in shell.stacks))
    groups = []
    for i, options in enumerate(plan.options):
        # All that a stack's layers cost depends on: see PlacedLayers.
        place = PlacedLayers(shell, i, shell.stacks[i].layers[0], 1, at)
        # The log-volume of a layer is its share of a mean over so many.
        depth = plan.depths[i] if spec.objective.metric == "volume" else None
        key = (i, place.width, place.memory_width, shell.image, options, depth)
        if key not in known:
            known[key] = _priced(spec, plan, i, options, devices)
        rows, values = known[key]
        copies = [option.copies for option in options]
        columns = [rows]
        if limit is not None:
            share = scale // shell.stacks[i].width * limit.denominator
            columns.append(_column([n * share for n in copies]))
        for j, m in every.items():
            soft = [m * (option.layer.attention == "softmax") for option in options]
            columns.append(_column([n * (1 - k) * (i == j) for n, k in zip(copies, soft)]))
        costs_ = np.hstack(columns) if len(columns) > 1 else rows
        groups.append(Group(costs_, values, *plan.depths[i]))
    constants = whole + [
        _linear(m.terms, dict(zip(SUMS, whole)) | {"constant": 1, "width": shell.width})
        for m in spec.weighted
    ]
    constants += [_frame_cost(shell, own) for own in devices]
    if limit is not None:
        constants.append(-limit.numerator * scale)
    constants += [0] * len(every)
    value = _metric_value(spec, constants) + _frame_volume(spec, plan) + _seen(spec, shell)
    return Frame(_int64(spec, [constants])[0], value, tuple(groups))


def _priced(
    spec: TransformerSpec, plan: Plan, stack: int, options: Sequence[LayerOption],
    devices: Sequence[LayerCosts],
) -> tuple[IntArray, FloatArray]:  # fmt: skip
    """Costs, shape ``(options, columns)``, and values of a stack's options."""
    found = [_option(spec, plan, stack, option) for option in options]
    rows = [
        row + [option.copies * own.layer(plan.shell, stack, option.layer) for own in devices]
        for option, (row, _) in zip(options, found)
    ]
    return _int64(spec, rows), np.array([value for _, value in found])


def _frame_cost(shell: Transformer, own: LayerCosts) -> int:
    """What a network costs on a device beside its layers."""
    layers = sum(own.layer(shell, i, stack.layers[0]) for i, stack in enumerate(shell.stacks))
    return own.whole(shell) - layers


def _column(numbers: Sequence[int]) -> IntArray:
    """Shape ``(numbers, 1)`` of what bears on the effectiveness. Raises ``ValueError`` beyond int64."""
    refuse_large(EFFECTIVENESS, max(map(abs, numbers)))
    return np.array(numbers, dtype=np.int64)[:, None]


def _int64(spec: TransformerSpec, rows: list[list[int]]) -> IntArray:
    """Rows of costs as int64. Raises ``ValueError`` with the metric that exceeds it."""
    try:
        return np.array(rows, dtype=np.int64)
    except OverflowError:
        names = (*spec.columns(), *(spec.devices or ()), EFFECTIVENESS)
        for name, column in zip(names, zip(*rows)):
            refuse_large(name, max(map(abs, column)))
        raise


def _at(spec: TransformerSpec) -> At:
    return At(spec.at.length, spec.at.batch, spec.at.value_bytes)


def _option(
    spec: TransformerSpec, plan: Plan, stack: int, option: LayerOption
) -> tuple[list[int], float]:
    """One row of ``spec.columns()`` and the objective of one option."""
    shell = plan.shell
    place = PlacedLayers(shell, stack, option.layer, option.copies, _at(spec))
    row = layer_sums(place)
    known = dict(zip(SUMS, row)) | {name: term(place) for name, term in LAYER_TERMS.items()}
    row += [_linear(m.terms, known) for m in spec.weighted]
    if spec.objective.metric == "volume":
        return row, _option_volume(spec, plan, stack, option)
    if spec.objective.metric != "entropy":
        return row, _metric_value(spec, row)
    pair = shell.kind == "encoder_decoder"
    tokens = shell.stack_tokens(spec.at.length)[0 if pair else stack]
    added = layer_entropy(place.width, place.layer, tokens, place.memory_width)
    return row, _sign(spec) * place.copies * added


def _option_volume(spec: TransformerSpec, plan: Plan, stack: int, option: LayerOption) -> float:
    """What a layer adds to the log-volume: its share of the mean over its stack's layers.

    A stack of layers that may differ has one depth in each plan; one of equal layers has its depth,
    and what that counts, in the option.
    """
    width = plan.shell.stacks[stack].width
    value = layer_width(width, option.layer)
    if spec.space.stacks[stack].layers == "shared":
        value += log_depth(option.copies, width)
    else:
        value /= plan.depths[stack][0]
    return _sign(spec) * (stack + 1) / len(plan.options) * value


def _frame_volume(spec: TransformerSpec, plan: Plan) -> float:
    """What the depths of stacks whose layers may differ add to the log-volume."""
    if spec.objective.metric != "volume":
        return 0.0
    asked = zip(spec.space.stacks, plan.shell.stacks, plan.depths)
    terms = [
        (i + 1) / len(plan.options) * log_depth(depth[0], stack.width)
        for i, (words, stack, depth) in enumerate(asked)
        if words.layers != "shared"
    ]
    return _sign(spec) * math.fsum(terms)


def _seen(spec: TransformerSpec, shell: Transformer) -> float:
    """What the size of the image and the context are worth beside a real metric, if anything."""
    words, total = spec.objective, 0.0
    if words.resolution and shell.image is not None:
        total += words.resolution * math.log(shell.image.size)
    if words.context and shell.context:
        total += words.context * math.log(shell.context)
    return _sign(spec) * total


def _sign(spec: TransformerSpec) -> float:
    return -1.0 if spec.objective.minimise else 1.0


def _metric_value(spec: TransformerSpec, row: Sequence[int]) -> float:
    if spec.objective.metric in REALS:
        return 0.0
    return _sign(spec) * float(row[spec.columns().index(spec.objective.metric)])


def _linear(terms: dict[str, float], known: dict[str, int]) -> int:
    """A weighted sum of what is known here, rounded up; the weights as they are written."""
    weights, denominator = _whole(tuple(terms.items()))
    return -(-sum(weight * known.get(term, 0) for term, weight in weights) // denominator)


@functools.lru_cache(maxsize=64)
def _whole(terms: tuple[tuple[str, float], ...]) -> tuple[tuple[tuple[str, int], ...], int]:
    """The weights over one denominator: integers, and the denominator."""
    exact = [(term, Fraction(repr(weight))) for term, weight in terms]
    denominator = math.lcm(*(weight.denominator for _, weight in exact))
    return tuple((term, int(weight * denominator)) for term, weight in exact), denominator
