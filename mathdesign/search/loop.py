"""The loop: some random designs, then batches of the models' best, until the queries are spent.

Every measurement is appended to a log at once (one JSON line, flushed to the disk), so that a
killed search goes on where it was. A failed query is a line with its reason; it is never asked again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from mathdesign.programs.slot_space import TableSpace
from mathdesign.programs.slots import SlotObjective, SlotProblem, TableSum
from mathdesign.search.proposing import SCORED_AT_ONCE, every_point, propose
from mathdesign.solvers.base import SolveOptions
from mathdesign.solvers.portfolio import solve

Point = tuple[int, ...]
#: A random design that keeps the budgets is sought this often before giving up.
MOST_DRAWS = 100_000
TOURNAMENT, POPULATION = 10, 100


class QueryFailed(Exception):
    """A design could not be measured; the message says why."""


class LogError(ValueError):
    """A log that belongs to another search, or is damaged."""


@dataclass(frozen=True, slots=True)
class Query:
    """One measurement: the design, its value or why there is none, and who proposed it."""

    point: Point
    value: float | None
    reason: str = ""
    proposed_by: str = "start"


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """``start`` random designs, then batches of ``batch``, ``queries`` in all; ``jobs`` at once."""

    queries: int = 200
    start: int = 40
    batch: int = 5
    jobs: int = 1
    seed: int = 0
    minimise: bool = False

    def score(self, query: Query) -> float:
        """A measured value as one that is maximised."""
        assert query.value is not None
        return -query.value if self.minimise else query.value

    def best(self, queries: Sequence[Query]) -> Query | None:
        """The best of the measured, the first of equals."""
        good = [query for query in queries if query.value is not None]
        return max(good, key=self.score) if good else None


def search(
    problem: SlotProblem,
    space: TableSpace,
    measure: Callable[[Point], float],
    options: SearchOptions,
    *,
    log: Path | None = None,
    method: str = "models",
    on_query: Callable[[int, Query], None] = lambda *_: None,
    done: Callable[[Query], bool] = lambda _: False,
    known: Sequence[Query] = (),
) -> list[Query]:
    """Measure designs until ``options.queries`` are spent, none is left, or ``done`` says so.

    ``method`` is ``models``, or the baselines ``random`` and ``evolution`` (regularised evolution,
    arXiv 1802.01548: population 100, tournaments of 10, one slot changed). Values are maximised
    (``options.minimise``: minimised). ``known`` are designs measured elsewhere: the search starts
    from them, and neither asks for them again nor counts them. Raises :class:`LogError`.
    """
    queries = _read(log, space) if log is not None else []
    # Designs measured elsewhere stand for as many random ones.
    random = replace(options, start=max(0, options.start - len(known)))
    start = _start(problem, random) if random.start else []
    while len(queries) < options.queries:
        every = [*known, *queries]
        seen = [query.point for query in every]
        wanted = min(options.batch, options.queries - len(queries))
        batch, who = _next(problem, space, every, seen, start, wanted, options, method)
        if not batch:
            break
        for query in _measured(batch, who, measure, options.jobs):
            queries.append(query)
            if log is not None:
                _append(log, query)
            on_query(len(queries), query)
            if done(query):
                return queries
    return queries


def _next(
    problem: SlotProblem, space: TableSpace, queries: Sequence[Query], seen: list[Point],
    start: list[Point], wanted: int, options: SearchOptions, method: str,
) -> tuple[list[Point], str]:  # fmt: skip
    """What to measure now, and who says so."""
    known = set(seen)
    rng = np.random.default_rng([options.seed, len(seen)])
    fresh = [point for point in start if point not in known]
    if fresh:
        return fresh[:wanted], "start"
    if method == "random":
        return _random(problem, rng, wanted, known), method
    if method == "evolution":
        return _mutated(problem, rng, queries, known, options), method
    good = [query for query in queries if query.value is not None]
    if len(good) < 10 or len({query.value for query in good}) < 2:
        return _random(problem, rng, wanted, known), "random"
    worst = min(map(options.score, good))  # failures count as that
    points = np.array(seen, dtype=np.int64)
    scores = [worst if query.value is None else options.score(query) for query in queries]
    labels = np.array(scores, dtype=float)
    return propose(problem, space, points, labels, seen, wanted, options.seed + len(seen)), method


def _measured(
    batch: list[Point], who: str, measure: Callable[[Point], float], jobs: int
) -> list[Query]:
    """The batch in its order, ``jobs`` at a time (measuring is another process's work)."""

    def one(point: Point) -> Query:
        try:
            value = float(measure(point))
        except QueryFailed as error:
            return Query(point, None, str(error), who)
        if not np.isfinite(value):
            return Query(point, None, f"the value {value!r} is not finite", who)
        return Query(point, value, "", who)

    if jobs == 1:
        return [one(point) for point in batch]
    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(one, batch))


def _start(problem: SlotProblem, options: SearchOptions) -> list[Point]:
    rng = np.random.default_rng(options.seed)
    return _random(problem, rng, min(options.start, options.queries), set())


def _random(
    problem: SlotProblem, rng: np.random.Generator, count: int, known: set[Point]
) -> list[Point]:
    """Distinct feasible designs outside ``known``, uniformly; all there are if too few."""
    sizes = [len(slot.options) for slot in problem.slots]
    if problem.size <= SCORED_AT_ONCE:
        points = every_point(problem)
        order = rng.permutation(np.flatnonzero(problem.feasible_rows(points)))
        found = (tuple(map(int, points[i])) for i in order)
        return [point for point in found if point not in known][:count]
    taken: list[Point] = []
    for _ in range(MOST_DRAWS):
        point = tuple(int(rng.integers(n)) for n in sizes)
        if point not in known and problem.feasible_rows(np.array([point]))[0]:
            taken.append(point)
            known = known | {point}
        if len(taken) == count:
            return taken
    return taken + _scattered(problem, rng, count - len(taken), known)


def _scattered(
    problem: SlotProblem, rng: np.random.Generator, count: int, known: set[Point]
) -> list[Point]:
    """Where drawing hardly ever keeps the rules: designs that maximise random tables."""
    taken: list[Point] = []
    for _ in range(2 * count):
        tables = tuple(rng.normal(size=len(slot.options)) for slot in problem.slots)
        asked = replace(problem, objective=SlotObjective(TableSum(0.0, tables)))
        point = solve(asked, SolveOptions(gap=0.05, time_limit_s=5.0)).point
        if point is not None and tuple(point) not in known:
            taken.append(tuple(point))
            known = known | {tuple(point)}
        if len(taken) == count:
            break
    return taken


def _mutated(
    problem: SlotProblem, rng: np.random.Generator, queries: Sequence[Query], known: set[Point],
    options: SearchOptions,
) -> list[Point]:  # fmt: skip
    """One child of the best of a tournament among the youngest; known children are redrawn."""
    alive = [q for q in queries if q.value is not None][-POPULATION:]
    for _ in range(1000):
        if not alive:
            break
        chosen = rng.integers(0, len(alive), min(TOURNAMENT, len(alive)))
        parent = max((alive[i] for i in chosen), key=options.score).point
        slot = int(rng.integers(len(parent)))
        child = (
            *parent[:slot],
            int(rng.integers(len(problem.slots[slot].options))),
            *parent[slot + 1 :],
        )
        if child not in known and problem.feasible_rows(np.array([child]))[0]:
            return [child]
    return _random(problem, rng, 1, known)


def _append(path: Path, query: Query) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(query), allow_nan=False) + "\n")
        file.flush()
        os.fsync(file.fileno())


def _read(path: Path, space: TableSpace) -> list[Query]:
    """The measurements so far; a last line that a kill cut short is dropped, also from the file."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        path.write_text(whole, encoding="utf-8")
    queries = []
    for number, line in enumerate(whole.splitlines(), 1):
        try:
            data = json.loads(line)
            query = Query(
                tuple(map(int, data["point"])), data["value"], data["reason"], data["proposed_by"]
            )
            space.words(query.point)
            if len(query.point) != len(space.slots):
                raise LogError(f"{path}:{number}: a design of another space; name another --out")
        except (ValueError, KeyError, TypeError, IndexError) as error:
            if isinstance(error, LogError):
                raise
            raise LogError(
                f"{path}:{number}: not a measurement ({error}); name another --out"
            ) from None
        queries.append(query)
    return queries
