r"""Exact dynamic programs along the chain: how large a space is, and what it can reach.

A metric couples neighbouring stages through ``prev`` only, so its extreme value over all points
that satisfy the rules (budgets ignored) is a shortest path over widths:

.. math:: V_s(w) = \min_{v \sim w} \; V_{s-1}(v) + \min_{t} \mathrm{cost}_s(v, w, t)

where :math:`v \sim w` runs over the allowed pairs of neighbouring widths and :math:`t` over the
other decisions of stage :math:`s`. All arithmetic is in exact integers. Monomials have positive
coefficients and exponents, so a decision that no rule mentions takes its smallest (largest)
value in a minimum (maximum): only decisions bound by rules are enumerated.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mathdesign.programs.base import BoolArray, FloatArray, IntArray
from mathdesign.programs.evaluate import Symbols, stage_cost, stage_log_width, stage_peak
from mathdesign.programs.stages import DEPTH, PREV, WIDTH, Chain


@dataclass(frozen=True, slots=True)
class Extreme:
    """The least or greatest reachable value of a metric, and a point that has it."""

    value: int
    point: tuple[int, ...]


def count(problem: Chain) -> int:
    """Number of points that satisfy the rules (budgets ignored), an exact integer."""
    ways: list[int] = [1]
    for s in range(len(problem.stages)):
        inside = _ways_within(problem, s)
        allowed = width_pairs(problem, s)
        ways = [
            sum(n for n, ok in zip(ways, allowed[:, j]) if ok) * inside[j]
            for j in range(len(inside))
        ]
    return sum(ways)


def extreme(problem: Chain, metric: str, *, largest: bool = False) -> Extreme | None:
    """The least (``largest``: greatest) value of a metric or peak under the rules, budgets ignored.

    ``None`` if no point satisfies the rules. Of a peak the path is not the shortest but the lowest:
    the greatest of its steps counts, and all that is said of sums holds for it (it never falls
    along the path, nor in any symbol where its stage's widths are given).
    """
    sign = -1 if largest else 1
    peak = metric in problem.peak_names
    on_the_way = np.add if not peak else np.minimum if largest else np.maximum
    unreachable = np.iinfo(np.int64).max  # above any metric, and never added to
    value: IntArray = np.zeros(1, dtype=np.int64)
    steps: list[tuple[IntArray, IntArray, IntArray]] = []
    for s, stage in enumerate(problem.stages):
        options = _extreme_options(problem, s, largest)
        prev = np.array(problem.prev_domain(s), dtype=np.int64)
        best = np.full(len(stage.domain(WIDTH)), unreachable, dtype=np.int64)
        origin = np.zeros(len(best), dtype=np.int64)
        chosen = np.zeros(len(best), dtype=np.int64)
        allowed = width_pairs(problem, s)
        width_index = np.searchsorted(np.array(stage.domain(WIDTH)), options[WIDTH])
        for i, width_in in enumerate(prev):
            if value[i] >= unreachable:
                continue
            symbols = options | {PREV: np.full_like(options[DEPTH], width_in)}
            problem.add_tables(s, symbols)
            share = (
                stage_peak(stage.heaviest(metric), symbols)
                if peak
                else stage_cost(stage.costs.get(metric, ()), symbols)
            )
            total = on_the_way(value[i], sign * share)
            total = np.where(allowed[i, width_index], total, unreachable)
            order = np.lexsort((total, width_index))
            first = order[np.unique(width_index[order], return_index=True)[1]]
            better = first[total[first] < best[width_index[first]]]
            best[width_index[better]] = total[better]
            origin[width_index[better]] = i
            chosen[width_index[better]] = better
        points = np.stack([options[d.name] for d in stage.decisions], axis=1)
        steps.append((points, origin, chosen))
        value = best
    end = int(np.argmin(value))
    if value[end] >= unreachable:
        return None
    return Extreme(sign * int(value[end]), _traced(steps, end))


def least_effectiveness(problem: Chain) -> float | None:
    """The least reachable effectiveness under the rules (budgets ignored), relative 1e-9.

    The maximum over the problem's prefixes is minimised by bisection: for a limit ``rho0`` the
    greatest log-width is propagated over states (width, layers so far), dropping states that
    break a prefix. Keeping the greatest log-width per state is exact, for what follows depends
    on the state alone and more log-width never hurts. ``None`` if nothing satisfies the rules.
    """
    if problem.effectiveness is None:
        return None
    gains = [_gains(problem, s) for s in range(len(problem.stages))]
    high = _best_effectiveness(problem, gains, math.inf)
    if high is None:
        return None
    low = 0.0
    while high > low * (1 + 1e-9) + 1e-300:
        middle = max(math.sqrt(low * high), high / 16) if low else high / 16
        reached = _best_effectiveness(problem, gains, middle)
        if reached is None:
            low = middle
        else:
            high = min(reached, high)
        if low and high / low < 1 + 1e-9:
            break
    return high


#: For each depth of a stage: the greatest log-width from each width to each, ``-inf`` where none is.
_Gains = Mapping[int, FloatArray]


def _best_effectiveness(problem: Chain, gains: Sequence[_Gains], limit: float) -> float | None:
    """The largest prefix effectiveness of one design within ``limit``, ``None`` if there is none.

    The design follows greatest log-widths, so its value is an upper bound on the optimum.
    """
    assert problem.effectiveness is not None
    states: dict[int, FloatArray] = {0: np.zeros(1)}  # layers so far -> log-width per width
    worst: dict[int, FloatArray] = {0: np.zeros(1)}  # ... -> largest effectiveness on the way
    for s, stage in enumerate(problem.stages):
        states, worst = _advance(stage.layers_per_block, gains[s], states, worst)
        if s in problem.effectiveness.prefixes:
            for layers in list(states):
                value = layers * np.exp(-states[layers] / max(layers, 1))
                value = np.where(np.isfinite(states[layers]), value, np.inf)
                worst[layers] = np.maximum(worst[layers], value)
                states[layers] = np.where(value <= limit, states[layers], -np.inf)
                if not np.isfinite(states[layers]).any():
                    del states[layers], worst[layers]
    reached = [worst[n][np.isfinite(states[n])] for n in states]
    values = np.concatenate(reached) if reached else np.zeros(0)
    return float(values.min()) if len(values) else None


def _gains(problem: Chain, s: int) -> _Gains:
    """What stage ``s`` may add to the log-width: one matrix ``(widths in, widths out)`` a depth.

    The log-width of a choice is affine in its depth, so that two evaluations give all depths.
    """
    stage = problem.stages[s]
    options = _extreme_options(problem, s, largest=True)
    prev = np.array(problem.prev_domain(s), dtype=np.int64)
    widths, depths = np.array(stage.domain(WIDTH)), np.array(stage.domain(DEPTH))
    options = {name: values[order] for order in [np.argsort(options[WIDTH], kind="stable")]
               for name, values in options.items()}  # fmt: skip
    present, starts = np.unique(np.searchsorted(widths, options[WIDTH]), return_index=True)
    gains = np.full((len(depths), len(prev), len(widths)), -np.inf)
    # Where a rule reads the depth, options have depths of their own; else any goes with any.
    own = options[DEPTH] == depths[:, None] if DEPTH in _ruled(problem, s) else None
    for i, width_in in enumerate(prev if len(present) else ()):
        symbols = options | {PREV: np.full_like(options[DEPTH], width_in)}
        once, twice = (
            stage_log_width(stage, symbols | {DEPTH: np.full_like(options[DEPTH], depth)})
            for depth in (1, 2)
        )
        every = once + (depths[:, None] - 1) * (twice - once)
        if own is not None:
            every = np.where(own, every, -np.inf)
        gains[:, i, present] = np.maximum.reduceat(every, starts, axis=1)
    gains[:, ~width_pairs(problem, s)] = -np.inf
    return dict(zip(depths.tolist(), gains))


def _advance(
    layers_per_block: int,
    gains: _Gains,
    states: dict[int, FloatArray],
    worst: dict[int, FloatArray],
) -> tuple[dict[int, FloatArray], dict[int, FloatArray]]:
    """One stage further: for each number of layers and width, the greatest log-width."""
    next_states: dict[int, FloatArray] = {}
    next_worst: dict[int, FloatArray] = {}
    for depth, gain in gains.items():
        for layers, log_width in states.items():
            total = log_width[:, None] + gain
            origin = np.argmax(total, axis=0)
            best = total[origin, np.arange(gain.shape[1])]
            on_the_way = worst[layers][origin]
            key = layers + depth * layers_per_block
            if key in next_states:
                better = best > next_states[key]
                next_states[key] = np.where(better, best, next_states[key])
                next_worst[key] = np.where(better, on_the_way, next_worst[key])
            else:
                next_states[key], next_worst[key] = best, on_the_way
    return next_states, next_worst


def _ruled(problem: Chain, s: int) -> set[str]:
    """Decisions of stage ``s`` that a rule or a table mentions, or a derived symbol reads; the width."""
    names = {WIDTH, *(d.source for d in problem.stages[s].derived)}
    names |= {source for table in problem.stages[s].tables for source in table.sources} - {PREV}
    for rule in problem.rules_within(s):
        names |= {rule.first, rule.second}
    return names


def _extreme_options(problem: Chain, s: int, largest: bool) -> Symbols:
    """Choices of stage ``s`` among which any extreme lies: symbol arrays of one length."""
    stage = problem.stages[s]
    ruled = _ruled(problem, s)
    domains = [
        d.values if d.name in ruled else (d.values[-1 if largest else 0],) for d in stage.decisions
    ]
    return _options(problem, s, dict(zip([d.name for d in stage.decisions], domains)))


def choices(problem: Chain, s: int) -> Symbols:
    """Every choice of stage ``s`` that its own rules allow, in lexicographic order.

    Arrays of one length, the values of each decision and each derived symbol.
    """
    return _options(problem, s, {d.name: d.values for d in problem.stages[s].decisions})


def transitions(problem: Chain, s: int) -> int:
    """Number of allowed pairs of a width that enters stage ``s`` and a choice of the stage."""
    entering = width_pairs(problem, s).sum(axis=0)
    return sum(int(n) * ways for n, ways in zip(entering, _ways_within(problem, s)))


def _options(problem: Chain, s: int, domains: Mapping[str, Sequence[int]]) -> Symbols:
    """The choices of ``domains`` that the stage's rules allow, derived symbols with them."""
    stage, names = problem.stages[s], list(domains)
    parts = list(_within_rules(problem, s, domains))
    options = {name: np.concatenate([part[name] for part in parts]) for name in names}
    order = np.lexsort([options[name] for name in reversed(names)])
    options = {name: values[order] for name, values in options.items()}
    for derived in stage.derived:
        position = np.searchsorted(np.array(stage.domain(derived.source)), options[derived.source])
        options[derived.name] = np.array(derived.values, dtype=np.int64)[position]
    return options


def _within_rules(
    problem: Chain, s: int, domains: Mapping[str, Sequence[int]]
) -> Iterator[Symbols]:
    """The choices of ``domains`` that the rules of stage ``s`` allow, one width after the other.

    A rule such as bottleneck = ratio * width leaves few of the many pairs: they are never all held.
    """
    for width in domains[WIDTH]:
        own = [np.array([width] if n == WIDTH else d, dtype=np.int64) for n, d in domains.items()]
        grid = np.meshgrid(*own, indexing="ij")
        options = {name: g.ravel() for name, g in zip(domains, grid)}
        keep = _rules_hold(problem, s, options)
        yield {name: values[keep] for name, values in options.items()}


def _rules_hold(problem: Chain, s: int, options: Symbols) -> BoolArray:
    keep: BoolArray = np.ones(len(options[WIDTH]), dtype=np.bool_)
    for rule in problem.rules_within(s):
        i = np.searchsorted(np.array(problem.stages[s].domain(rule.first)), options[rule.first])
        j = np.searchsorted(np.array(problem.stages[s].domain(rule.second)), options[rule.second])
        keep &= rule.allowed[i, j]
    return keep


def width_pairs(problem: Chain, s: int) -> BoolArray:
    """Allowed pairs (previous width, width) of stage ``s``."""
    shape = (len(problem.prev_domain(s)), len(problem.stages[s].domain(WIDTH)))
    allowed: BoolArray = np.ones(shape, dtype=np.bool_)
    for rule in problem.rules_into(s):
        allowed &= rule.allowed
    return allowed


def _ways_within(problem: Chain, s: int) -> list[int]:
    """Number of choices of stage ``s`` for each of its widths, under its own rules."""
    stage = problem.stages[s]
    ruled = _ruled(problem, s)
    free = math.prod(len(d.values) for d in stage.decisions if d.name not in ruled)
    domains = {d.name: d.values for d in stage.decisions if d.name in ruled}
    return [free * len(part[WIDTH]) for part in _within_rules(problem, s, domains)]


def _traced(steps: list[tuple[IntArray, IntArray, IntArray]], end: int) -> tuple[int, ...]:
    """The point whose path ends in width index ``end``."""
    parts: list[tuple[int, ...]] = []
    for points, origin, chosen in reversed(steps):
        parts.append(tuple(int(v) for v in points[chosen[end]]))
        end = int(origin[end])
    return tuple(itertools.chain.from_iterable(reversed(parts)))
