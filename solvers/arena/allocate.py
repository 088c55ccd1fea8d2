"""The least arena: a lower bound, placements by several orders, and bisection where they differ.

The greatest sum of sizes alive at one moment bounds every arena from below. Most networks reach it;
where a complete search says that an arena is too small, the next size is asked for by bisection.
A search has a limit of nodes; what it leaves open is told as a bound below the size.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mathdesign.memory.arena import Arena, Buffer
from mathdesign.programs.base import IntArray
from mathdesign.solvers.arena import packing
from mathdesign.solvers.arena.kernels import placing

#: Nodes of one search before the next order is tried, and of the last one.
NODES = 50_000
#: Nodes that are looked at without the compiler, where buffers times moments are at most so many.
FEW, SMALL = 3_000, 40_000
#: Orders that are tried before a size is left open, and how far numbers move in those by chance.
ORDERS, MOVES = 60, 0.08
#: What buffers are ordered by, greatest first: area, length of life, the most alive beside them.
KEYS = ("MLA", "LAM", "MAL")

_Search = Callable[..., int]


@dataclass(frozen=True, slots=True)
class _Moments:
    """Lives in numbers of moments; those that another one covers are left out."""

    first: IntArray
    end: IntArray
    size: IntArray
    count: int


def allocate(
    buffers: Sequence[Buffer], *, capacity: int | None = None, orders: int = ORDERS
) -> Arena:
    """The least arena for ``buffers``, or one of at most ``capacity`` (the first that is found).

    ``bound`` equals ``size`` where none smaller exists; deterministic.
    """
    held = [b for b in buffers if b.size and b.end > b.first]
    if not held:
        return Arena(0, 0, (0,) * len(buffers))
    moments = _moments(held)
    least = max(sum(b.size for b in held if b.first <= t < b.end) for t in {b.first for b in held})
    offsets = _stacked(moments)
    most = _top(moments, offsets)
    unit = int(np.gcd.reduce(moments.size))
    asked = least if capacity is None else max(capacity, least)
    bound, open_below = least, False
    while most > asked:
        found = _within(moments, asked, orders)
        if found is None:
            open_below = True
            break
        if len(found):
            offsets, most = found, _top(moments, found)
        else:
            bound = asked + unit
        if capacity is not None:
            break
        asked = bound + (most - bound) // unit // 2 * unit
    if not open_below and capacity is None:
        bound = most
    placed = iter(offsets.tolist())
    every = tuple(next(placed) if b.size and b.end > b.first else 0 for b in buffers)
    return Arena(most, min(bound, most), every)


def _moments(buffers: Sequence[Buffer]) -> _Moments:
    times = sorted({b.first for b in buffers})
    alive = [frozenset(i for i, b in enumerate(buffers) if b.first <= t < b.end) for t in times]
    kept: list[frozenset[int]] = []
    for here in alive:
        while kept and kept[-1] <= here:
            kept.pop()
        if not kept or not here <= kept[-1]:
            kept.append(here)
    first = [min(k for k, m in enumerate(kept) if i in m) for i in range(len(buffers))]
    end = [max(k for k, m in enumerate(kept) if i in m) + 1 for i in range(len(buffers))]
    sizes = [b.size for b in buffers]
    lives = np.array([first, end, sizes], dtype=np.int64)
    return _Moments(lives[0], lives[1], lives[2], len(kept))


def _top(moments: _Moments, offsets: IntArray) -> int:
    return int((offsets + moments.size).max())


def _stacked(moments: _Moments) -> IntArray:
    """Largest first, each where it first fits: the size that nothing larger is asked for."""
    offsets = np.zeros(len(moments.size), dtype=np.int64)
    done: list[int] = []
    for i in np.argsort(-moments.size, kind="stable").tolist():
        at = 0
        beside = [
            j
            for j in done
            if moments.first[j] < moments.end[i] and moments.first[i] < moments.end[j]
        ]
        for j in sorted(beside, key=lambda j: int(offsets[j])):
            if offsets[j] - at >= moments.size[i]:
                break
            at = max(at, int(offsets[j] + moments.size[j]))
        offsets[i] = at
        done.append(i)
    return offsets


def _within(moments: _Moments, arena: int, orders: int) -> IntArray | None:
    """Offsets within ``arena``, none (empty) where there are none, ``None`` if that stays open."""
    for number, order in enumerate(_orders(moments, orders)):
        few = number == 0 and len(order) * moments.count <= SMALL
        searches = [(placing.place, FEW)] if few else []
        for search, nodes in [*searches, (_compiled(), NODES)]:
            found = _searched(moments, arena, order, search, nodes)
            if found is not None:
                return found
    if packing.installed():
        return packing.packed(moments.first, moments.end, moments.size, arena)
    return None


def _searched(
    moments: _Moments, arena: int, order: IntArray, search: _Search, nodes: int
) -> IntArray | None:
    n = len(order)
    first, end, size = (a[order] for a in (moments.first, moments.end, moments.size))
    twin, seen = np.full(n, -1, dtype=np.int64), dict[tuple[int, int, int], int]()
    for i, key in enumerate(zip(first.tolist(), end.tolist(), size.tolist())):
        twin[i] = seen.get(key, -1)
        seen[key] = i
    offset, near, trail = (np.zeros(n + 1, dtype=np.int64) for _ in range(3))
    low, tried = (np.zeros((n + 2, n), dtype=np.int64) for _ in range(2))
    count = np.array([0, nodes, 0], dtype=np.int64)
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, 2 * n + 1000))
    try:
        result = search(
            0, 0, moments.count, 0, -1, first, end, size, twin, arena,
            low, np.zeros(n, dtype=np.bool_), offset, count, near, tried, trail,
        )  # fmt: skip
    finally:
        sys.setrecursionlimit(before)
    if result == placing.STOPPED:
        return None
    if result == placing.NONE:
        return np.zeros(0, dtype=np.int64)
    found = np.zeros(n, dtype=np.int64)
    found[order] = offset[:n]
    return found


def _orders(moments: _Moments, count: int) -> Iterator[IntArray]:
    """By each of :data:`KEYS`, then the same with numbers moved by chance."""
    load = np.zeros(moments.count, dtype=np.int64)
    for first, end, size in zip(moments.first, moments.end, moments.size):
        load[first:end] += size
    length = moments.end - moments.first
    most = np.array([load[a:b].max() for a, b in zip(moments.first, moments.end)])
    keys = {"A": length * moments.size, "L": length, "M": most}
    rng, n = np.random.default_rng(0), len(length)
    plain = [np.lexsort([-keys[key] for key in reversed(word)]) for word in KEYS]
    for number in range(count):
        order = plain[number % len(plain)]
        if number >= len(plain):
            place = np.empty(n)
            place[order] = np.arange(n)
            order = np.argsort(place + rng.normal(0, MOVES * n, n), kind="stable")
        yield order


def _compiled() -> _Search:
    """The search compiled where that can be, else as it is written."""
    try:
        from mathdesign.solvers.arena.kernels import quick
    except ImportError:
        return placing.place
    return quick.place
