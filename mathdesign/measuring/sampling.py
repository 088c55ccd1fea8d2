"""Designs of a space across its whole range, and designs that between them take every option.

Random designs of a space are all of middling size. Here each is drawn in a band of multiply-adds of
its own, the bands equally wide as ratios from the least to the most that the space reaches.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from random import Random
from typing import Any

from mathdesign.kinds import AnyKind
from mathdesign.programs.base import Budget, Program
from mathdesign.solvers.heuristic.draws import ATTEMPTS, Draws, draws
from mathdesign.spaces.kind import Posed

#: What sizes networks.
SIZE = "macs"
#: A band reaches from its middle by this factor down and up, at least.
NARROWEST = 1.1
#: Designs that take options in turn: no more than this.
MOST_COVERING = 400


def across(kind: AnyKind, posed: Posed[Any], count: int, seed: int = 0) -> list[Any]:
    """At most ``count`` different networks from the smallest to the largest; same seed, same ones.

    Raises :class:`UnsupportedProblem` for forms of which no random points are drawn.
    """
    found: dict[tuple[int, ...], Any] = {}
    anywhere = draws(posed.program)
    for number, band in enumerate(_bands(posed.program, count)):
        rng = Random(f"{seed} {number}")
        point = _drawn(draws(band), rng, found) if band is not None else None
        if point is None:
            point = _drawn(anywhere, rng, found)
        if point is not None:
            found[point] = kind.network(posed, point)
    return list(found.values())


def covering(kind: AnyKind, posed: Posed[Any]) -> list[Any]:
    """Networks that between them take every value of every decision, beside many of its neighbours'.

    Decisions take their values in turn, neighbouring ones at a different pace; points that break a rule
    or a budget are left out, and so are forms whose points are no list of decisions.
    """
    values = list(posed.program.decisions.values())
    most = max(map(len, values), default=0)
    steps = itertools.product(range(most), range(most))
    found: dict[tuple[int, ...], Any] = {}
    for first, second in itertools.islice(steps, MOST_COVERING):
        pace = itertools.cycle((first, second))
        point = tuple(own[step % len(own)] for own, step in zip(values, pace))
        if point not in found and _is_feasible(posed.program, point):
            found[point] = kind.network(posed, point)
    return list(found.values())


def _is_feasible(program: Program, point: tuple[int, ...]) -> bool:
    try:
        return program.feasible(point)
    except (ValueError, IndexError):
        return False


def _drawn(draw: Draws, rng: Random, known: dict[tuple[int, ...], Any]) -> tuple[int, ...] | None:
    for _ in range(ATTEMPTS):
        point = draw(rng)
        if point is not None and point not in known:
            return point
    return None


def _bands(program: Program, count: int) -> Iterator[Program | None]:
    """The program within each band; ``None`` where it has no sizes."""
    limits = [b for b in program.budgets if b.metric == SIZE and not b.inherent]
    low, high = _range(program, limits)
    if low is None or high is None or not 0 < low < high:
        yield from itertools.repeat(None, count)
        return
    others = [b for b in program.budgets if b.metric != SIZE and not b.inherent]
    reach = max((high / low) ** (0.5 / max(count, 1)), NARROWEST)
    for number in range(count):
        middle = low * (high / low) ** ((number + 0.5) / count)
        band = Budget(SIZE, min(high, math.ceil(middle * reach)), max(low, int(middle / reach)))
        yield program.with_budgets([*others, band])


def _range(program: Program, limits: list[Budget]) -> tuple[int | None, int | None]:
    """Least and most multiply-adds within the program's own budget on them."""
    if SIZE not in program.metric_names:
        return None, None
    ends = []
    for largest in (False, True):
        found = program.unlimited().reach(SIZE, largest=largest)
        ends.append(None if found is None or found.value is None else int(found.value))
    low, high = ends
    for budget in limits:
        if budget.upper is not None and high is not None:
            high = min(high, budget.upper)
        if budget.lower is not None and low is not None:
            low = max(low, budget.lower)
    return low, high
