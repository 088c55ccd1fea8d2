"""The least arena: against every placement of small buffers, and on the hard ones of MiniMalloc."""

import csv

import numpy as np
import pytest

from mathdesign.memory.arena import Arena, Buffer, overlapping
from mathdesign.solvers.arena import allocate as allocating
from mathdesign.solvers.arena import packing
from mathdesign.solvers.arena.allocate import allocate
from mathdesign.solvers.arena.kernels import placing
from tests.places import ROOT

MINIMALLOC = ROOT.parent / "shared/data/minimalloc"


def random_buffers(rng, count: int) -> list[Buffer]:
    found = []
    for k in range(count):
        first = int(rng.integers(0, 6))
        end = first + int(rng.integers(1, 4))
        found.append(Buffer(str(k), first, end, int(rng.integers(1, 6))))
    return found


def fits(buffers: list[Buffer], arena: int, placed: tuple[int, ...] = ()) -> bool:
    """Whether an arena holds them, by trying every whole offset of each in turn."""
    if len(placed) == len(buffers):
        return True
    new = buffers[len(placed)]
    met = [
        (at, at + b.size)
        for b, at in zip(buffers, placed)
        if b.first < new.end and new.first < b.end
    ]
    return any(
        fits(buffers, arena, (*placed, at))
        for at in range(arena - new.size + 1)
        if all(at >= top or at + new.size <= low for low, top in met)
    )


def least(buffers: list[Buffer]) -> int:
    return next(size for size in range(1, 200) if fits(buffers, size))


#: Full at every moment, and no placement without a gap: one more is needed.
GAPS = (
    ((0, 1, 3), (0, 2, 3), (1, 3, 2), (2, 3, 2), (1, 4, 1), (2, 4, 1), (4, 5, 2), (3, 6, 4),
     (5, 6, 1), (5, 6, 1)),
    ((0, 1, 4), (0, 2, 3), (1, 3, 2), (2, 3, 1), (1, 4, 1), (2, 4, 1), (1, 5, 1), (2, 5, 1),
     (3, 5, 3), (4, 5, 2)),
)  # fmt: skip


@pytest.mark.parametrize("seed", range(12))
def test_the_least_arena_of_few_buffers(seed, monkeypatch):
    monkeypatch.setattr(allocating, "_compiled", lambda: placing.place)
    buffers = random_buffers(np.random.default_rng(seed), 6)
    arena = allocate(buffers)
    assert not overlapping(buffers, arena)
    assert arena.proven and arena.size == least(buffers)


@pytest.mark.parametrize("lives", GAPS)
def test_where_the_sum_alive_is_no_arena(lives, monkeypatch):
    monkeypatch.setattr(allocating, "_compiled", lambda: placing.place)
    buffers = [Buffer(str(k), *life) for k, life in enumerate(lives)]
    alive = max(sum(b.size for b in buffers if b.first <= t < b.end) for t in range(8))
    arena = allocate(buffers)
    assert arena.proven and arena.size == least(buffers) == alive + 1
    assert not overlapping(buffers, arena)


def test_the_example_of_the_documentation():
    buffers = [Buffer("a", 0, 3, 4), Buffer("b", 2, 5, 8), Buffer("c", 4, 6, 4)]
    arena = allocate(buffers)
    assert arena.size == 12 and arena.proven and not overlapping(buffers, arena)


def test_nothing_to_place():
    assert allocate([]) == Arena(0, 0, ())
    assert allocate([Buffer("empty", 0, 3, 0), Buffer("dead", 2, 2, 5)]).size == 0


def test_overlaps_are_seen():
    buffers = [Buffer("a", 0, 3, 4), Buffer("b", 2, 5, 8)]
    assert overlapping(buffers, Arena(12, 12, (0, 3))) == [("b", "a")]
    assert overlapping(buffers, Arena(11, 11, (0, 4))) == [("b", "arena")]
    assert overlapping(buffers, Arena(12, 12, (-1, 4))) == [("a", "arena")]


def test_a_limit_of_nodes_leaves_a_bound(monkeypatch):
    monkeypatch.setattr(allocating, "_searched", lambda *_: None)
    rng = np.random.default_rng(3)
    for _ in range(20):
        buffers = random_buffers(rng, 8)
        arena = allocate(buffers)
        assert not overlapping(buffers, arena) and arena.bound <= arena.size


def read(name: str) -> list[Buffer]:
    with (MINIMALLOC / name).open(newline="") as file:
        return [
            Buffer(row["id"], int(row["lower"]), int(row["upper"]), int(row["size"]))
            for row in csv.DictReader(file)
        ]


@pytest.mark.skipif(not MINIMALLOC.is_dir(), reason="no instances of MiniMalloc")
def test_minimallocs_own_example():
    """The hard ones take minutes: benchmarks/arenas.py."""
    buffers = read("input.12.csv")
    arena = allocate(buffers)
    assert (arena.size, arena.proven) == (12, True) and not overlapping(buffers, arena)


def test_rectangles_are_placed_as_our_own_search_places_them():
    """What CP-SAT is asked where our own search leaves a size open."""
    pytest.importorskip("ortools", reason="ortools is not installed")
    rng = np.random.default_rng(3)
    for _ in range(10):
        first = rng.integers(0, 6, 8)
        buffers = [
            Buffer(str(i), int(a), int(a + rng.integers(1, 5)), int(rng.integers(1, 9)) * 16)
            for i, a in enumerate(first)
        ]
        arena = allocate(buffers)
        lives = np.array([[b.first, b.end, b.size] for b in buffers], dtype=np.int64).T
        offsets = packing.packed(lives[0], lives[1], lives[2], arena.size)
        assert offsets is not None
        assert not overlapping(buffers, Arena(arena.size, arena.bound, tuple(offsets.tolist())))
        if arena.proven:
            assert packing.packed(lives[0], lives[1], lives[2], arena.size - 16) is None
